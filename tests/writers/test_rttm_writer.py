"""RTTM written is read back, the way that diarisation tools read it, with the same turns."""

import dataclasses
import io

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result
from emobridge.writers.rttm_writer import render

PRECISION_S = 1.01e-3
COLUMNS = [
    "type",
    "uri",
    "channel",
    "start_s",
    "duration_s",
    "orthography",
    "subtype",
    "speaker",
    "confidence",
    "lookahead",
]


def read(*results: Result) -> pandas.DataFrame:
    content = render(results)
    types = {"uri": str, "speaker": str, "start_s": float, "duration_s": float}
    options = {"sep": r"\s+", "names": COLUMNS, "dtype": types, "quoting": 3, "keep_default_na": False}
    return pandas.read_csv(io.BytesIO(content), **options)


def test_turns_of_a_conversation(conversation: Result) -> None:
    frame = read(conversation)
    assert frame[["type", "speaker", "start_s", "duration_s"]].values.tolist() == [
        ["SPEAKER", "A", 0.5, 3.5],
        ["SPEAKER", "B", 2.0, 1.123],
        ["SPEAKER", "B", 3.0, 2.0],
        ["NON-SPEECH", "<NA>", 6.0, 1.25],
    ]
    assert set(frame["uri"]) == {"my_call"}
    assert frame["subtype"].tolist() == ["<NA>"] * 3 + ["other"]


def test_recordings_of_one_name_are_told_apart_by_their_paths(conversation: Result) -> None:
    other = dataclasses.replace(conversation, file="b/my call.wav")
    assert set(read(conversation, other)["uri"]) == {"rec/my_call.wav", "b/my_call.wav"}
    assert set(read(conversation, dataclasses.replace(other, file="b.wav"))["uri"]) == {"my_call", "b"}


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_every_line_has_ten_fields_whatever_the_names(
    odd_results: st.SearchStrategy[Result], data: st.DataObject
) -> None:
    result = data.draw(odd_results)
    lines = render([result]).decode().splitlines()
    assert len(lines) == len(result.segments)
    assert all(len(line.split()) == 10 for line in lines)
    starts = [float(line.split()[3]) for line in lines]
    assert starts == pytest.approx(sorted(one.start_s for one in result.segments), abs=PRECISION_S)
    total_s = sum(float(line.split()[4]) for line in lines)
    assert total_s == pytest.approx(sum(one.end_s - one.start_s for one in result.segments), abs=5 * PRECISION_S)
    spoken = {line.split()[7] for line in lines if line.startswith("SPEAKER")}
    assert len(spoken) == len({one.speaker for one in result.segments})
