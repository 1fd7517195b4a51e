"""The zip file, unpacked, is a database that audformat loads, with the same values."""

import dataclasses
import io
import zipfile
from pathlib import Path

import audformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary
from emobridge.writers.audformat_writer import render

# audformat loads with a keyword that the newest pandas no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


def load(folder: Path, *results: Result) -> audformat.Database:
    with zipfile.ZipFile(io.BytesIO(render(results))) as archive:
        archive.extractall(folder)
    return audformat.Database.load(str(folder), load_data=True)


def test_audformat_loads_a_conversation(conversation: Result, tmp_path: Path) -> None:
    database = load(tmp_path, conversation)
    frame = database["segments"].get()
    assert frame.index.names == ["file", "start", "end"]
    assert frame.index.get_level_values("end").total_seconds().tolist() == [4.0, 3.123456, 5.0, 7.25]
    rows = conversation.to_rows()
    for name in ("speaker", "text", "category", "flags", "abstain"):
        assert frame[name].astype(object).where(frame[name].notna(), None).tolist() == [row[name] for row in rows]
    assert frame["dominance"].tolist()[:3] == [2 / 3] * 3
    assert frame["prob_angry"].isna().tolist() == [False, False, True, True]
    assert database.schemes["category"].labels == ["angry", "happy", "very sad"]
    assert database.raters["model"].type == "machine"
    assert database["files"].get()["duration"].dt.total_seconds().tolist() == [8.0]


def test_the_same_stretch_of_two_speakers_stands_in_two_tables(tmp_path: Path) -> None:
    segments = (*(Segment(0.0, 1.0, speaker, text="NA") for speaker in "ABC"), Segment(1.0, 2.0, "A"))
    result = Result("a.wav", 2.0, {"name": "toy"}, segments, {}, Summary(0.0))
    database = load(tmp_path, result)
    tables = {name: database[name].get()["speaker"].tolist() for name in database.tables if name != "files"}
    assert tables == {"segments": ["A", "A"], "segments_2": ["B"], "segments_3": ["C"]}
    assert database["segments_2"].get()["text"].tolist() == ["NA"]


def test_a_recording_in_which_nothing_was_found_is_in_the_table_of_files(conversation: Result, tmp_path: Path) -> None:
    silent = dataclasses.replace(conversation, file="b.wav", segments=())
    files = load(tmp_path, conversation, silent)["files"].get()
    assert files.index.tolist() == ["rec/my call.wav", "b.wav"]
    assert files["warnings"].tolist() == ["odd & <loud>"] * 2


def test_the_same_result_gives_the_same_bytes(conversation: Result) -> None:
    assert render([conversation]) == render([conversation])


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_audformat_loads_any_results(
    odd_results: st.SearchStrategy[Result], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    results = data.draw(st.lists(odd_results, max_size=2, unique_by=lambda result: result.file))
    database = load(tmp_path_factory.mktemp("database"), *results)
    frames = [database[name].get() for name in database.tables if name != "files"]
    texts = [text if isinstance(text, str) else None for frame in frames for text in frame["text"]]
    expected = [row["text"] for result in results for row in result.to_rows()]
    assert sorted(texts, key=repr) == sorted(expected, key=repr)
