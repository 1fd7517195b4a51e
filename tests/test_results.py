"""Laws of results: plain values there and back are the identity; rows hold every segment."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emobridge.errors import MissingExtraError, OutputError
from emobridge.results import Result, Segment, Summary, TurningPoint, Word

shares = st.floats(0, 1)
names = st.sampled_from(["angry", "happy", "neutral"])
times = st.floats(0, 1e5)
numbers = st.dictionaries(st.sampled_from(["valence", "arousal", "dominance"]), shares)
texts = st.text(st.characters(codec="utf-8"))
segments = st.builds(
    Segment,
    start_s=times,
    end_s=times,
    speaker=st.none() | texts,
    text=st.none() | texts,
    category=st.none() | names,
    probabilities=st.dictionaries(names, shares),
    dimensions=numbers,
    intervals=st.dictionaries(names, st.tuples(shares, shares)),
    categories_90=st.lists(names).map(tuple),
    modalities=st.sampled_from([(), ("acoustic",), ("linguistic",), ("acoustic", "linguistic")]),
    flags=st.lists(st.sampled_from(["too_short", "silence"])).map(tuple),
    abstain=st.none() | st.sampled_from(["silence", "out_of_domain"]),
    words=st.lists(st.builds(Word, texts, times, times), max_size=3).map(tuple),
)
points = st.builds(TurningPoint, times, names, shares, shares, st.none() | texts)
summaries = st.builds(
    Summary,
    times,
    st.none() | names,
    shares=st.dictionaries(names, shares),
    mean=numbers,
    spread=numbers,
    turning_points=st.lists(points, max_size=2).map(tuple),
)
results = st.builds(
    Result,
    file=texts,
    duration_s=times,
    model=st.just({"name": "toy", "version": "1", "sha256": "0"}),
    segments=st.lists(segments, max_size=4).map(tuple),
    speakers=st.dictionaries(texts, summaries, max_size=2),
    summary=summaries,
    warnings=st.lists(texts, max_size=2).map(tuple),
)
slow = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(results)
def test_a_result_there_and_back_is_itself(result: Result) -> None:
    assert Result.from_dict(result.to_dict()) == result
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_results_written_before_there_were_turning_points_and_words_are_read() -> None:
    result = Result("a.wav", 1.0, {}, (Segment(0.0, 1.0),), {"A": Summary(1.0)}, Summary(1.0))
    old = result.to_dict()
    del old["segments"][0]["words"]
    for summary in (old["summary"], old["speakers"]["A"]):
        del summary["turning_points"]
    assert Result.from_dict(old) == result


@slow
@given(results)
def test_rows_hold_every_segment_with_the_same_columns(result: Result) -> None:
    rows = result.to_rows()
    if not result.segments:
        (row,) = rows
        assert (row["file"], row["start_s"], row["end_s"]) == (result.file, 0.0, result.duration_s)
        assert {value for name, value in row.items() if name not in ("file", "start_s", "end_s")} == {None, ""}
        return
    assert len(rows) == len(result.segments)
    assert len({tuple(row) for row in rows}) <= 1
    for row, segment in zip(rows, result.segments, strict=True):
        assert (row["file"], row["start_s"], row["text"]) == (result.file, segment.start_s, segment.text)
        assert {name: row[f"prob_{name}"] for name in segment.probabilities} == segment.probabilities
        assert {name: row[name] for name in segment.dimensions} == segment.dimensions
        assert row["modalities"] == "+".join(segment.modalities)
        assert (row["flags"], row["abstain"]) == ("+".join(segment.flags), segment.abstain)


def test_a_data_frame_is_the_rows() -> None:
    judged = Segment(0.0, 1.0, None, "hi", "angry", {"angry": 1.0}, {"valence": 0.5}, modalities=("linguistic",))
    silent = Segment(1.0, 2.0, flags=("silence",))
    result = Result("a.wav", 2.0, {}, (judged, silent), {}, Summary(1.0))
    frame = result.to_dataframe()
    assert list(frame.columns) == list(result.to_rows()[0])
    assert frame["prob_angry"].tolist()[0] == 1.0
    assert frame["prob_angry"].isna().tolist() == [False, True]


def test_a_table_without_pandas_names_a_small_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emobridge\[dataframe\]'"):
        Result("a.wav", 2.0, {}, (), {}, Summary(0.0)).to_dataframe()


def test_saving_goes_by_the_extension(tmp_path: Path) -> None:
    result = Result("a.wav", 0.0, {}, (), {}, Summary(0.0))
    result.save(tmp_path / "a.json")
    assert Result.from_dict(json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))) == result
    with pytest.raises(OutputError, match=r"'\.xyz'; valid: json"):
        result.save(tmp_path / "a.xyz")
