"""Laws of tracks: nothing overlaps in one, nothing is lost, names are unique; and who needs times is told so."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import OutputError
from emobridge.results import Result, Segment, Summary
from emobridge.writers import render
from emobridge.writers.tracks import caution, clock, one_line, place, tracks, unique, verdict

TIMED = ["textgrid", "eaf", "rttm", "srt", "vtt"]
FOR_ONE = ["textgrid", "eaf", "srt", "vtt"]


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from([1, 1000, 1_000_000]))
def test_tracks_hold_every_segment_of_their_speaker_once_without_overlap(
    odd_results: st.SearchStrategy[Result], data: st.DataObject, ticks_per_s: int
) -> None:
    result = data.draw(odd_results)
    found = tracks(result, ticks_per_s)
    placed = [each for track in found for each in track.placed]
    assert len(placed) == len(result.segments)
    assert all(any(each.segment is segment for each in placed) for segment in result.segments)
    assert len({track.name for track in found}) == len(found) >= 1
    for track in found:
        assert len({each.segment.speaker for each in track.placed}) <= 1
        for each in track.placed:
            assert each.start_ticks == round(each.segment.start_s * ticks_per_s)
            assert each.end_ticks == max(round(each.segment.end_s * ticks_per_s), each.start_ticks + 1)
        for before, after in zip(track.placed, track.placed[1:], strict=False):
            assert before.end_ticks <= after.start_ticks


def test_an_overlap_of_a_speaker_with_herself_goes_to_a_further_track(conversation: Result) -> None:
    assert [(track.name, len(track.placed)) for track in tracks(conversation, 1000)] == [
        ("A", 1), ("B", 1), ("B_2", 1), ("", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("name", TIMED)
def test_text_alone_has_no_place_on_a_time_line(name: str) -> None:
    result = Result("a.txt", 0.0, {}, (Segment(0.0, 0.0, text="hi"),), {}, Summary(0.0))
    with pytest.raises(OutputError, match=r"'a.txt' at 0 s has no duration; .*; choose json, jsonl or csv"):
        render([result], name)


@pytest.mark.parametrize("name", FOR_ONE)
@pytest.mark.parametrize("count", [0, 2])
def test_a_format_for_one_recording_says_what_to_do_with_several(name: str, count: int, conversation: Result) -> None:
    with pytest.raises(
        OutputError, match=rf"{count} recordings for one file; an? \w+ file holds one; write into a fol"
    ):
        render([conversation] * count, name)


@given(st.text())
def test_one_line_is_one_line_and_stays_it(on_one_line: Callable[[str], str], text: str) -> None:
    assert one_line(text) == on_one_line(text)
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(one_line(text)) == one_line(text)


def test_a_lone_surrogate_becomes_the_sign_for_no_character() -> None:
    assert one_line("a\ud800") == "a\ufffd"


@given(st.lists(st.sampled_from(["A", "A_2", "A_2_2", ""])))
def test_unique_names_keep_their_order_and_what_is_unique_already(names: list[str]) -> None:
    found = unique(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))
    assert unique(found) == found


def test_caution_and_verdict_tell_every_flag_once() -> None:
    segment = Segment(
        0, 1, None, None, "sad", {"sad": 0.456}, flags=("out_of_domain", "too_short"), abstain="out_of_domain"
    )
    assert caution(segment) == "abstains: out of domain, too short"
    assert verdict(segment) == "[sad 0.46, abstains: out of domain, too short]"
    assert verdict(Segment(0, 1)) == "[not judged]"


@pytest.mark.parametrize(
    ("time_ms", "told"), [(0, "00:00:00,000"), (3_599_999, "00:59:59,999"), (360_000_001, "100:00:00,001")]
)
def test_a_clock_counts_hours_minutes_seconds(time_ms: int, told: str) -> None:
    assert clock(time_ms, ",") == told


def test_segments_are_placed_in_order_of_time() -> None:
    result = Result("a.wav", 3.0, {}, (Segment(1, 2), Segment(0, 3), Segment(0, 1)), {}, Summary(0.0))
    assert [(each.start_ticks, each.end_ticks) for each in place(result, 1)] == [(0, 1), (0, 3), (1, 2)]
