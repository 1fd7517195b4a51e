"""TextGrid written is read back by praatio with the same labels and times; tiers are whole, as Praat wants them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid

from emobridge.results import Result
from emobridge.writers.textgrid_writer import render

PRECISION_S = 1e-6
Entries = dict[str, list[tuple[float, float, str]]]


def read(folder: Path, result: Result, empty: bool = False) -> tuple[Entries, textgrid.Textgrid]:
    path = folder / "a.TextGrid"
    path.write_bytes(render([result]))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=empty)
    return {name: [tuple(entry) for entry in grid.getTier(name).entries] for name in grid.tierNames}, grid


def test_praatio_reads_every_tier_of_a_conversation(conversation: Result, tmp_path: Path) -> None:
    entries, _ = read(tmp_path, conversation)
    kinds = ["words", "category", "confidence", "valence", "arousal", "dominance", "flags"]
    assert list(entries) == [f"{kind}{speaker}" for speaker in ("@A", "@B", "@B_2", "") for kind in kinds]
    assert entries["words@A"] == [(0.5, 4.0, 'no, "not" <b>that</b> & --> {x}')]
    assert entries["category@A"] == [(0.5, 4.0, "angry")]
    assert entries["confidence@A"] == [(0.5, 4.0, "0.7125")]
    assert entries["dominance@B"] == [(2.0, 3.123456, "0.6667")]
    assert entries["flags@B"] == [(2.0, 3.123456, "low_confidence+clipped")]
    assert entries["category@B_2"] == [(3.0, 5.0, "very sad (abstains: out_of_domain)")]
    assert (entries["category"], entries["flags"]) == ([(6.0, 7.25, "(abstains: silence)")], [(6.0, 7.25, "silence")])
    assert entries["words"] == []


def test_gaps_are_empty_intervals_so_that_a_tier_covers_the_recording(conversation: Result, tmp_path: Path) -> None:
    entries, grid = read(tmp_path, conversation, empty=True)
    assert (grid.minTimestamp, grid.maxTimestamp) == (0.0, 8.0)
    assert [entry[:2] for entry in entries["words@B"]] == [(0.0, 2.0), (2.0, 3.123456), (3.123456, 8.0)]
    for tier in entries.values():
        assert [entry[0] for entry in tier] == [0.0, *(entry[1] for entry in tier[:-1])]
        assert tier[-1][1] == 8.0


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_praatio_reads_any_result_with_equal_values(
    odd_results: st.SearchStrategy[Result],
    on_one_line: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    result = data.draw(odd_results)
    entries, grid = read(tmp_path_factory.getbasetemp(), result)
    for kind, label in {
        "words": lambda segment: on_one_line(segment.text),
        "valence": lambda segment: f"{segment.dimensions['valence']:.4f}" if "valence" in segment.dimensions else "",
        "flags": lambda segment: "+".join(segment.flags),
    }.items():
        found = [entry for name, tier in entries.items() if name.partition("@")[0].startswith(kind) for entry in tier]
        expected = [(one.start_s, one.end_s, label(one)) for one in result.segments if label(one)]
        assert sorted(entry[2] for entry in found) == sorted(label for _, _, label in expected)
        for end in (0, 1):
            times = sorted(entry[end] for entry in found)
            assert times == pytest.approx(sorted(one[end] for one in expected), abs=PRECISION_S)
    ends = [result.duration_s, *(segment.end_s for segment in result.segments)]
    assert grid.maxTimestamp == pytest.approx(max(ends), abs=PRECISION_S)
