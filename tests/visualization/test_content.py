"""Laws of what pictures show: speakers in order, running means, clock times, round ticks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary
from emobridge.visualization.content import clock, is_predicted, name_of, speakers_of, tick_times, trend


def test_speakers_come_in_the_order_of_the_summaries_and_unknown_ones_last(call: Result) -> None:
    someone = Segment(5.0, 6.0)
    mixed = replace(call, segments=(someone, *call.segments), speakers={"Ben": Summary(1.0), "Ann": Summary(1.0)})
    assert speakers_of(mixed) == ["Ben", "Ann", None]
    assert speakers_of(replace(call, segments=())) == [None]


def test_what_abstains_is_not_judged_even_with_an_estimate(call: Result) -> None:
    assert [is_predicted(segment) for segment in call.segments] == [True, True, False, False]


def levels(values: list[float], gap_at: int | None = None) -> list[Segment]:
    return [
        Segment(index * 4.0 + (1000.0 if gap_at is not None and index >= gap_at else 0.0),
                index * 4.0 + (1000.0 if gap_at is not None and index >= gap_at else 0.0) + 2.0,
                dimensions={"valence": value}, category="sad")
        for index, value in enumerate(values)
    ]  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=40, max_size=60))
def test_a_trend_is_the_mean_of_what_lies_within_its_window(values: list[float]) -> None:
    segments = levels(values)
    (run,) = trend(segments, "valence", duration_s=800.0)
    middles = np.array([(segment.start_s + segment.end_s) / 2 for segment in segments])
    for (time_s, value), middle_s in zip(run, middles, strict=True):
        assert time_s == middle_s
        assert value == pytest.approx(np.array(values)[np.abs(middles - middle_s) <= 10.0].mean())


def test_a_trend_is_parted_where_nobody_was_judged_for_longer_than_its_window() -> None:
    runs = trend(levels([0.2] * 20 + [0.7] * 30, gap_at=20), "valence", duration_s=1200.0)
    assert [len(run) for run in runs] == [20, 30]
    assert {round(value, 6) for _, value in runs[0]} == {0.2}


def test_few_segments_have_no_trend(long_call: Callable[[float], Result]) -> None:
    segments = [each for each in long_call(120.0).segments if each.speaker == "Ann"]
    assert trend(segments, "valence", 120.0) == []


@pytest.mark.parametrize(
    ("time_s", "told", "short"),
    [(0.04, "0:00.0", "0:00"), (59.96, "1:00.0", "1:00"), (3599.96, "1:00:00.0", "1:00:00"), (75.5, "1:15.5", "1:16")],
)
def test_times_are_clock_times(time_s: float, told: str, short: str) -> None:
    assert clock(time_s) == told
    assert clock(time_s, tenths=False) == short


@given(st.floats(0, 12 * 3600), st.integers(2, 60))
def test_ticks_start_at_zero_lie_within_and_are_not_too_many(duration_s: float, ticks: int) -> None:
    times = tick_times(duration_s, ticks)
    assert times[0] == 0
    assert times[-1] <= duration_s
    assert len(times) <= max(ticks, 12) + 1


@pytest.mark.parametrize("file", ["call.wav", "a/call.wav", "C:\\a\\call.wav"])
def test_a_recording_is_named_without_its_folders(call: Result, file: str) -> None:
    assert name_of(replace(call, file=file)) == "call.wav"
