"""Laws of summaries: weighted by time, over judged segments alone."""

import dataclasses
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.results import Segment, Summary
from emobridge.timeline import summarise, summarise_speakers


def judged(start_s: float, end_s: float, angry: float, valence: float, speaker: str | None = None) -> Segment:
    probabilities = {"angry": angry, "sad": 1 - angry}
    return Segment(
        start_s,
        end_s,
        speaker,
        category=max(probabilities, key=probabilities.__getitem__),
        probabilities=probabilities,
        dimensions={"valence": valence},
        modalities=("acoustic",),
    )


unit = st.floats(0, 1)
pieces = st.lists(st.tuples(st.floats(0.01, 100), unit, unit), min_size=1, max_size=8)


def in_a_row(values: list[tuple[float, float, float]]) -> list[Segment]:
    starts_s = [sum(duration_s for duration_s, _, _ in values[:index]) for index in range(len(values))]
    return [
        judged(start_s, start_s + duration_s, angry, valence)
        for start_s, (duration_s, angry, valence) in zip(starts_s, values, strict=True)
    ]


@given(pieces)
def test_shares_sum_to_one_and_means_stay_within_what_was_heard(values: list[tuple[float, float, float]]) -> None:
    summary = summarise(in_a_row(values))
    assert sum(summary.shares.values()) == pytest.approx(1.0)
    valences = [valence for _, _, valence in values]
    assert min(valences) - 1e-9 <= summary.mean["valence"] <= max(valences) + 1e-9
    assert summary.shares[summary.category or ""] == max(summary.shares.values())


@given(pieces)
def test_cutting_a_segment_in_two_changes_nothing(values: list[tuple[float, float, float]]) -> None:
    whole = in_a_row(values)
    first = whole[0]
    middle_s = (first.start_s + first.end_s) / 2
    angry, valence = first.probabilities["angry"], first.dimensions["valence"]
    cut = [judged(first.start_s, middle_s, angry, valence), judged(middle_s, first.end_s, angry, valence), *whole[1:]]
    one, other = summarise(whole), summarise(cut)
    assert one.duration_s == pytest.approx(other.duration_s)
    assert one.shares == pytest.approx(other.shares)
    assert one.mean == pytest.approx(other.mean)
    assert one.spread == pytest.approx(other.spread, abs=1e-6)


@given(st.lists(unit, min_size=1, max_size=8))
def test_mean_and_spread_of_equal_durations_are_those_of_the_textbook(valences: list[float]) -> None:
    summary = summarise(judged(index, index + 1, 0.5, valence) for index, valence in enumerate(valences))
    assert summary.mean["valence"] == pytest.approx(statistics.fmean(valences))
    assert summary.spread["valence"] == pytest.approx(statistics.pstdev(valences), abs=1e-9)


def test_a_segment_that_was_not_judged_counts_for_nothing() -> None:
    segments = [judged(0, 2, 0.9, 0.2), judged(2, 3, 0.3, 0.8)]
    silent = Segment(3, 100, flags=("silence",), abstain="silence")
    strange = dataclasses.replace(judged(3, 100, 0.1, 0.1), flags=("out_of_domain",), abstain="out_of_domain")
    assert summarise([*segments, silent, strange]) == summarise(segments)


def test_nothing_judged_is_an_empty_summary() -> None:
    assert summarise([Segment(0, 4, flags=("silence",))]) == Summary(0.0) == summarise([])


def test_without_any_duration_all_segments_count_the_same() -> None:
    summary = summarise([judged(0, 0, 1.0, 0.2), judged(0, 0, 0.5, 0.4)])
    assert summary.duration_s == 0.0
    assert math.isclose(summary.shares["angry"], 0.75)
    assert math.isclose(summary.mean["valence"], 0.3)


def test_each_speaker_is_summarised_alone_in_order_of_appearance() -> None:
    segments = [
        judged(0, 1, 0.9, 0.2, "B"),
        judged(1, 2, 0.1, 0.9, "A"),
        judged(2, 4, 0.6, 0.3, "B"),
        judged(4, 5, 0, 0),
    ]
    speakers = summarise_speakers(segments)
    assert list(speakers) == ["B", "A"]
    assert speakers["B"] == summarise([segments[0], segments[2]])
    assert speakers["A"] == summarise([segments[1]])
