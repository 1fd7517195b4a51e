"""Laws of the time line: windows hold a segment, pieces tile it, summaries are weighted by judged time."""

import dataclasses
import math
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.inference.timeline import (
    AROUND_S,
    MOST_TURNING_POINTS,
    TURNING_CHANGE,
    piece_times,
    shares,
    summarise,
    summarise_speakers,
    turning_points,
    window_times,
)
from emobridge.results import Segment, Summary


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


starts = st.floats(0, 1000)
lengths = st.floats(0.1, 60)


@given(starts, lengths, st.sampled_from([1.0, 2.0, 4.0]))
def test_windows_hold_the_segment_and_overlap_by_half_or_more(start_s: float, length_s: float, window_s: float) -> None:
    windows = window_times(start_s, start_s + length_s, window_s)
    assert (windows[0][0], windows[-1][1]) == (start_s, start_s + length_s)
    if len(windows) == 1:
        assert length_s <= 1.5 * window_s + 1e-9
        return
    for one, other in pairwise(windows):
        assert one[1] - one[0] == pytest.approx(window_s)
        assert other[0] - one[0] <= window_s / 2 + 1e-9


@given(starts, lengths)
def test_pieces_tile_the_segment_each_within_its_window(start_s: float, length_s: float) -> None:
    windows = window_times(start_s, start_s + length_s, 4.0)
    pieces = piece_times(windows)
    edges_s = [edge_s for piece in pieces for edge_s in piece]
    assert edges_s[1:-1:2] == edges_s[2::2]
    assert (edges_s[0], edges_s[-1]) == (windows[0][0], windows[-1][1])
    for window, piece in zip(windows, pieces, strict=True):
        assert window[0] - 1e-9 <= piece[0] < piece[1] <= window[1] + 1e-9


@given(lengths)
def test_a_piece_is_a_mean_in_which_its_own_window_weighs_most(length_s: float) -> None:
    windows = window_times(0.0, length_s, 4.0)
    weights = shares(windows, piece_times(windows))
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert (weights.max(axis=1) <= weights.diagonal() + 1e-9).all()


def course(levels: list[tuple[float, float]], step_s: float = 4.0, pause_s: float = 1.0) -> list[Segment]:
    """Segments of ``step_s`` with pauses; ``levels`` are (how many seconds, valence)."""
    values = [valence for seconds, valence in levels for _ in range(round(seconds / step_s))]
    return [
        judged(index * (step_s + pause_s), index * (step_s + pause_s) + step_s, 0.5, valence)
        for index, valence in enumerate(values)
    ]


def test_a_lasting_change_is_a_turning_point_with_its_time_and_words() -> None:
    segments = course([(60, 0.3), (60, 0.6)])
    words = [dataclasses.replace(segment, text=f"words {index}") for index, segment in enumerate(segments)]
    (point,) = turning_points(words)
    assert (point.time_s, point.dimension, point.text) == (75.0, "valence", "words 15")
    assert (point.before, point.after) == pytest.approx((0.3, 0.6))
    assert summarise(words).turning_points == (point,)


def test_neither_a_small_change_nor_scatter_nor_one_outburst_is_a_turning_point() -> None:
    assert turning_points(course([(60, 0.5), (60, 0.5 + 0.9 * TURNING_CHANGE)])) == ()
    assert turning_points(course([(4, 0.1), (4, 0.9)] * 20)) == ()
    assert turning_points(course([(60, 0.5), (4, 0.9), (60, 0.5)])) == ()
    assert turning_points(course([(4, 0.2), (60, 0.6)])) == ()
    assert turning_points([]) == ()


@given(st.lists(st.tuples(st.sampled_from([20.0, 40.0, 60.0]), unit), max_size=12))
def test_turning_points_are_few_large_and_apart(levels: list[tuple[float, float]]) -> None:
    points = turning_points(course(levels))
    assert len(points) <= MOST_TURNING_POINTS
    assert all(abs(point.after - point.before) >= TURNING_CHANGE for point in points)
    assert all(other.time_s - one.time_s >= AROUND_S for one, other in pairwise(points))
