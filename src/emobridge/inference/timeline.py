"""The time line: windows inside long segments and what is made of them, and segments as a whole.

Rules, all stated here. A segment of up to `LONG_WINDOWS` windows is predicted as a whole. A longer one is predicted in
windows that overlap by half or more and start and end with it; it comes out in as many pieces, cut midway between the
middles of neighbouring windows, and a piece is the mean of the windows that reach into it, by the seconds that they do.
The mean is one of probabilities, not of their logarithms: they are shares of time, which add up, and one window that is
sure of itself cannot overrule the rest. Nothing is smoothed across segments: between two of them lies a pause, or
another speaker.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emobridge.results import Segment, Summary, TurningPoint

LONG_WINDOWS = 1.5  # in windows; under it a window and a half would differ too little from the whole
HOP_WINDOWS = 0.5  # in windows, at most

AROUND_S = (
    30.0  # of predicted speech on either side of a turning point: a few utterances, so that no single one makes it
)
FEWEST_AROUND_S = 15.0  # at the ends of a recording less is there
TURNING_CHANGE = 0.1  # on [0, 1], twice what the mean of half a minute varies by where nothing changes
TURNING_DEVIATIONS = 1.5  # and so many standard deviations of the segments around it, so that scatter is no turn
MOST_TURNING_POINTS = 3


def window_times(start_s: float, end_s: float, window_s: float) -> tuple[tuple[float, float], ...]:
    """Return the windows (start_s, end_s) of ``window_s`` that a segment is predicted in; all of a short one is one."""
    spare_s = end_s - start_s - window_s
    if spare_s <= (LONG_WINDOWS - 1.0) * window_s:
        return ((start_s, end_s),)
    hops = math.ceil(spare_s / (HOP_WINDOWS * window_s) - 1e-9)
    starts_s = [start_s + index * spare_s / hops for index in range(hops)]
    return (*((one_s, one_s + window_s) for one_s in starts_s), (end_s - window_s, end_s))


def piece_times(windows: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the pieces (start_s, end_s), one a window, that tile the segment of these ``windows``."""
    middles_s = [(start_s + end_s) / 2 for start_s, end_s in windows]
    cuts_s = [(one_s + other_s) / 2 for one_s, other_s in pairwise(middles_s)]
    return tuple(zip([windows[0][0], *cuts_s], [*cuts_s, windows[-1][1]], strict=True))


def shares(windows: Sequence[tuple[float, float]], pieces: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Return (pieces, windows): the seconds that a window reaches into a piece, each row divided by its sum."""
    starts, ends = np.array(windows).T
    from_s, until_s = np.array(pieces).T[:, :, None]
    seconds: NDArray[np.float64] = np.maximum(0.0, np.minimum(ends, until_s) - np.maximum(starts, from_s))
    return np.asarray(seconds / seconds.sum(axis=1, keepdims=True))


def summarise(segments: Iterable[Segment]) -> Summary:
    """Return the summary of the segments that have a prediction, each weighted by its duration.

    Segments that abstain or rest on nothing are left out. Where none of them has a duration (text alone), all
    count the same.
    """
    predicted = [segment for segment in segments if segment.modalities and segment.abstain is None]
    durations_s = [segment.end_s - segment.start_s for segment in predicted]
    total_s = math.fsum(durations_s)
    weights = durations_s if total_s > 0 else [1.0] * len(predicted)
    shares = {
        name: _mean([segment.probabilities[name] for segment in predicted], weights)
        for name in (predicted[0].probabilities if predicted else ())
    }
    mean, spread = {}, {}
    for name in predicted[0].dimensions if predicted else ():
        values = [segment.dimensions[name] for segment in predicted]
        mean[name] = _mean(values, weights)
        spread[name] = math.sqrt(_mean([(value - mean[name]) ** 2 for value in values], weights))
    category = max(shares, key=shares.__getitem__, default=None)
    return Summary(total_s, category, shares, mean, spread, turning_points(predicted))


def summarise_speakers(segments: Sequence[Segment]) -> dict[str, Summary]:
    """Return speaker -> summary, in order of first appearance; segments of nobody known are left out."""
    speakers = dict.fromkeys(segment.speaker for segment in segments if segment.speaker is not None)
    return {name: summarise(segment for segment in segments if segment.speaker == name) for name in speakers}


def turning_points(predicted: Sequence[Segment]) -> tuple[TurningPoint, ...]:
    """Return where a dimension changes most between the segments ``predicted``, at most `MOST_TURNING_POINTS`.

    At the start of each segment stand the means of the last and the next `AROUND_S` of predicted speech. It is a
    turning point where they differ by `TURNING_CHANGE` and by `TURNING_DEVIATIONS` of the segments' own deviation, and
    by more than at any other start within that time.
    """
    names = tuple(predicted[0].dimensions) if predicted else ()
    ordered = sorted(predicted, key=lambda segment: segment.start_s)
    found = [point for name in names for point in _turns_of(ordered, name)]
    largest = sorted(found, key=lambda point: -abs(point.after - point.before))[:MOST_TURNING_POINTS]
    return tuple(sorted(largest, key=lambda point: (point.time_s, point.dimension)))


def _turns_of(ordered: Sequence[Segment], name: str) -> list[TurningPoint]:
    """Return the turning points of one dimension, the largest of any that lie near each other."""
    durations_s = np.array([segment.end_s - segment.start_s for segment in ordered])
    values = np.array([segment.dimensions[name] for segment in ordered])
    reached_s = np.concatenate([[0.0], durations_s.cumsum()])
    candidates = []
    for index in range(1, len(ordered)):
        first = int(np.searchsorted(reached_s, reached_s[index] - AROUND_S))
        last = int(np.searchsorted(reached_s, reached_s[index] + AROUND_S, side="right")) - 1
        before, after = slice(first, index), slice(index, max(last, index + 1))
        if min(durations_s[before].sum(), durations_s[after].sum()) < FEWEST_AROUND_S:
            continue
        one, other = (float(np.average(values[part], weights=durations_s[part])) for part in (before, after))
        scatter = np.square(np.concatenate([values[before] - one, values[after] - other]))
        deviation = math.sqrt(np.average(scatter, weights=durations_s[first : after.stop]))
        if abs(other - one) >= max(TURNING_CHANGE, TURNING_DEVIATIONS * deviation):
            start = ordered[index]
            candidates.append((reached_s[index], TurningPoint(start.start_s, name, one, other, start.text)))
    kept: list[tuple[float, TurningPoint]] = []
    for place_s, point in sorted(candidates, key=lambda each: -abs(each[1].after - each[1].before)):
        if all(abs(place_s - other_s) >= AROUND_S for other_s, _ in kept):
            kept.append((place_s, point))
    return [point for _, point in kept]


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return math.fsum(products) / math.fsum(weights)
