"""What pictures of a result show, before it is drawn: speakers, predictions and their trend, and values in words."""

from collections.abc import Sequence
from pathlib import PurePath

from emobridge.results import Result, Segment

UNKNOWN_SPEAKER = "unknown"
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
CROWDED = 60  # segments from which on no name fits into one, until a reader zooms in
TREND_SEGMENTS = 40  # a speaker with fewer is read segment by segment
TREND_SHARE = 1 / 40  # of the recording, which one point of a trend is the mean of


def speakers_of(result: Result) -> list[str | None]:
    """Return who speaks, in the order of the result's summaries; None stands for segments without a speaker."""
    spoken = dict.fromkeys(segment.speaker for segment in result.segments)
    known: list[str | None] = [name for name in result.speakers if name in spoken]
    return [*known, *(name for name in spoken if name not in result.speakers)] or [None]


def speaker_name(speaker: str | None) -> str:
    """Return the speaker as pictures name it."""
    return UNKNOWN_SPEAKER if speaker is None else speaker


def dimensions_of(result: Result) -> list[str]:
    """Return the dimensions that any segment has, in their order."""
    return list(dict.fromkeys(name for segment in result.segments for name in segment.dimensions))


def categories_of(result: Result) -> list[str]:
    """Return the categories that any segment has a probability for, or is in, in their order."""
    probable = [name for segment in result.segments for name in segment.probabilities]
    return list(dict.fromkeys([*probable, *(each.category for each in result.segments if each.category is not None)]))


def is_predicted(segment: Segment) -> bool:
    """Return whether the segment has a prediction that counts: it has one and does not abstain."""
    return segment.abstain is None and (segment.category is not None or bool(segment.dimensions))


def is_crowded(result: Result) -> bool:
    """Return whether the segments are too many for their names to fit into a lane."""
    return len(result.segments) > CROWDED


def confidence(segment: Segment) -> float:
    """Return the probability of the segment's category, 0 where it has none."""
    return segment.probabilities.get(segment.category or "", 0.0)


def others_of(segment: Segment) -> list[str]:
    """Return what else it may be: the 90 % set without the most probable category."""
    return [name for name in segment.categories_90 if name != segment.category]


def flags_of(segment: Segment) -> list[str]:
    """Return the flags in words, without the one for which it abstains."""
    return [flag.replace("_", " ") for flag in segment.flags if flag != segment.abstain]


def trend(segments: Sequence[Segment], dimension: str, duration_s: float) -> list[list[tuple[float, float]]]:
    """Return the running mean of one speaker's ``dimension``, weighted by time; nothing for few segments.

    It is a list of runs of points (time_s, value), parted where there is no prediction for longer than the window.

    Args:
        segments: of one speaker, in order of time.
        dimension: which one.
        duration_s: of the whole recording; the window is `TREND_SHARE` of it.
    """
    points = [
        ((each.start_s + each.end_s) / 2, each.end_s - each.start_s, each.dimensions[dimension])
        for each in segments
        if is_predicted(each) and dimension in each.dimensions
    ]
    if len(points) < TREND_SEGMENTS:
        return []
    window_s = duration_s * TREND_SHARE
    runs: list[list[tuple[float, float]]] = []
    first = last = 0
    for middle_s, _, _ in points:
        while points[first][0] < middle_s - window_s / 2:
            first += 1
        while last < len(points) and points[last][0] <= middle_s + window_s / 2:
            last += 1
        near = points[first:last]
        total_s = sum(length_s for _, length_s, _ in near)
        mean = sum(length_s * value for _, length_s, value in near) / total_s if total_s else near[0][2]
        if not runs or middle_s - runs[-1][-1][0] > window_s:
            runs.append([])
        runs[-1].append((middle_s, mean))
    return runs


def name_of(result: Result) -> str:
    """Return the recording's name without its folders."""
    return PurePath(result.file.replace("\\", "/")).name or result.file


def tick_times(duration_s: float, ticks: int) -> list[float]:
    """Return times from 0 on in the smallest round step that needs at most ``ticks`` of them, or hours."""
    step_s = next((step for step in STEPS_S if duration_s / step <= ticks), STEPS_S[-1])
    return [float(step_s * index) for index in range(int(duration_s / step_s) + 1)]


def clock(time_s: float, tenths: bool = True) -> str:
    """Return seconds as people read them: ``1:02.5``, ``1:00:00.0``, or without tenths ``1:02``."""
    whole = round(time_s * 10) if tenths else round(time_s) * 10
    hours, minutes, seconds = whole // 36_000, whole // 600 % 60, whole % 600 / 10
    shown_s = f"{seconds:04.1f}" if tenths else f"{seconds:02.0f}"
    return f"{hours}:{minutes:02}:{shown_s}" if hours else f"{minutes}:{shown_s}"
