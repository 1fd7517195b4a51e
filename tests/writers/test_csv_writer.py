"""CSV written is read back by independent parsers with the same values."""

import csv
import io
from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary
from emobridge.writers import write
from emobridge.writers.csv_writer import render


def result(file: str, *segments: Segment) -> Result:
    return Result(file, 2.0, {"name": "toy"}, segments, {}, Summary(0.0))


JUDGED = Segment(
    0.0, 1.5, "A", "hi, you", "sad", {"angry": 1 / 3, "sad": 2 / 3}, {"valence": 0.1, "arousal": 0.7},
    modalities=("acoustic", "linguistic"), flags=("too_short", "silence"),
)  # fmt: skip
SILENT = Segment(1.5, 2.0, flags=("silence",), abstain="silence")


def test_columns_are_those_of_the_shape_that_every_door_has(tmp_path: Path) -> None:
    write([result("a.wav", JUDGED, SILENT)], tmp_path / "a.csv")
    header, first, second = csv.reader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines())
    assert ",".join(header) == (
        "file,start_s,end_s,speaker,text,category,prob_angry,prob_sad,valence,arousal,modalities,flags,abstain"
    )
    assert first == [
        "a.wav", "0.0", "1.5", "A", "hi, you", "sad", repr(1 / 3), repr(2 / 3), "0.1", "0.7", "acoustic+linguistic",
        "too_short+silence", "",
    ]  # fmt: skip
    assert second == ["a.wav", "1.5", "2.0", "", "", "", "", "", "", "", "", "silence", "silence"]


def test_several_recordings_share_one_table(tmp_path: Path) -> None:
    other = Segment(0.0, 1.0, None, "x", "happy", {"happy": 1.0}, {"dominance": 0.5}, modalities=("linguistic",))
    write([result("silent.wav", SILENT), result("a.wav", JUDGED), result("b.wav", other)], tmp_path / "all.csv")
    frame = pandas.read_csv(tmp_path / "all.csv")
    assert frame["file"].tolist() == ["silent.wav", "a.wav", "b.wav"]
    assert frame.columns.tolist()[6:-3] == ["prob_angry", "prob_sad", "prob_happy", "valence", "arousal", "dominance"]
    assert frame["prob_sad"].tolist()[1] == pytest.approx(2 / 3, abs=0)
    assert frame["prob_happy"].isna().tolist() == [True, True, False]


@given(st.text(st.characters(codec="utf-8")), st.floats(0, 1))
def test_any_text_comes_back_and_none_is_a_formula(text: str, value: float) -> None:
    segment = Segment(0.0, 1.0, None, text, "sad", {"sad": value}, {}, modalities=("linguistic",))
    content = render([result("a.wav", segment)]).decode("utf-8")
    _, row = csv.reader(io.StringIO(content, newline=""))
    assert row[4] == (f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text)
    assert float(row[6]) == value


def test_no_recording_is_a_header_alone() -> None:
    assert render([]).decode() == "file,start_s,end_s,speaker,text,category,modalities,flags,abstain\r\n"
