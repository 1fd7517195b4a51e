"""Segments as a whole: shares of time and means, of a recording and of each speaker."""

import math
from collections.abc import Iterable, Sequence

from emobridge.results import Segment, Summary


def summarise(segments: Iterable[Segment]) -> Summary:
    """Return the summary of the segments that were judged, each weighted by its duration.

    Segments that abstain or rest on nothing are left out. Where no judged segment has a duration (text alone), all
    count the same.
    """
    judged = [segment for segment in segments if segment.modalities and segment.abstain is None]
    durations_s = [segment.end_s - segment.start_s for segment in judged]
    total_s = math.fsum(durations_s)
    weights = durations_s if total_s > 0 else [1.0] * len(judged)
    shares = {
        name: _mean([segment.probabilities[name] for segment in judged], weights)
        for name in (judged[0].probabilities if judged else ())
    }
    mean, spread = {}, {}
    for name in judged[0].dimensions if judged else ():
        values = [segment.dimensions[name] for segment in judged]
        mean[name] = _mean(values, weights)
        spread[name] = math.sqrt(_mean([(value - mean[name]) ** 2 for value in values], weights))
    return Summary(total_s, max(shares, key=shares.__getitem__, default=None), shares, mean, spread)


def summarise_speakers(segments: Sequence[Segment]) -> dict[str, Summary]:
    """Return speaker -> summary, in order of first appearance; segments of nobody known are left out."""
    speakers = dict.fromkeys(segment.speaker for segment in segments if segment.speaker is not None)
    return {name: summarise(segment for segment in segments if segment.speaker == name) for name in speakers}


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return math.fsum(products) / math.fsum(weights)
