"""How sure a figure is: bootstrap intervals over speakers, and the difference of two systems on the same resamples.

Utterances of one speaker resemble each other, so speakers are drawn with replacement, with all that they said; a
resample's figure is computed from the pooled items, as the figure itself is. An utterance without a speaker
stands for itself. Intervals are the 2.5th and 97.5th percentiles over the resamples (Efron and Tibshirani 1993).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """A system whose items can be drawn again.

    Attributes:
        measure: from row indices of the items, with repetitions, to the value of each metric on them.
        units: (N,) the unit that each item is drawn with, see `speaker_units`.
    """

    measure: Callable[[NDArray[np.intp]], Mapping[str, float]]
    units: NDArray[np.str_]

    def values(self) -> Mapping[str, float]:
        """Return each metric on all items."""
        return self.measure(np.arange(len(self.units)))


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; the ends are NaN where there are fewer than two units to draw from."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A system's figure minus that of another, with its 95 % interval.

    Attributes:
        value: the difference on all items.
        low, high: the interval's ends.
        share_not_positive: share of the resamples in which the difference is 0 or less: near 0 the first system's
            figure is reliably higher, near 1 it is not.
        standard_error: the standard deviation over the resamples times sqrt(G / (G - 1)), since drawing from G units
            understates their spread so much; NaN where there are fewer than two.
        units: G.
    """

    value: float
    low: float
    high: float
    share_not_positive: float
    standard_error: float
    units: int


def speaker_units(corpora: NDArray[np.str_], speakers: NDArray[np.str_], ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return what each item (N,) is drawn with: its speaker within the corpus, or itself where that is ``""``."""
    items = zip(corpora.tolist(), speakers.tolist(), ids.tolist(), strict=True)
    units = [f"{corpus}\tspeaker\t{speaker}" if speaker else f"{corpus}\titem\t{id_}" for corpus, speaker, id_ in items]
    return np.array(units, dtype=np.str_)


def bootstrap_intervals(system: Measured, resamples: int = 1000, seed: int = 0) -> dict[str, Interval]:
    """Return each metric of a system on all items with its interval.

    A resample in which a metric is NaN does not count for that metric.

    Args:
        system: what is measured.
        resamples: how many times to draw.
        seed: the same seed gives the same interval.
    """
    names, codes = np.unique(system.units, return_inverse=True)
    draws = [system.measure(_rows(codes, counts)) for counts in _unit_counts(len(names), resamples, seed)]
    return {
        name: Interval(value, *_percentiles(np.array([draw[name] for draw in draws], dtype=np.float64)))
        for name, value in system.values().items()
    }


def paired_differences(
    system: Measured, reference: Measured, resamples: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """Return ``system`` minus ``reference`` for each metric that both give, both on the same resampled speakers.

    Args:
        system, reference: their sets of units must be equal, their numbers of items need not (three seeds against one).
        resamples, seed: as in `bootstrap_intervals`.
    """
    names, codes = np.unique(system.units, return_inverse=True)
    reference_names, reference_codes = np.unique(reference.units, return_inverse=True)
    assert np.array_equal(names, reference_names), "the two systems were not measured on the same units"
    draws = [
        (system.measure(_rows(codes, counts)), reference.measure(_rows(reference_codes, counts)))
        for counts in _unit_counts(len(names), resamples, seed)
    ]
    baseline = reference.values()
    return {
        name: _difference(value - baseline[name], np.array([one[name] - two[name] for one, two in draws]), len(names))
        for name, value in system.values().items()
        if name in baseline
    }


def _unit_counts(units: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each unit is drawn, once a resample; nothing where one unit says nothing about the spread."""
    generator = np.random.default_rng(seed)
    for _ in range(resamples if units > 1 else 0):
        yield np.bincount(generator.integers(0, units, units), minlength=units)


def _rows(codes: NDArray[np.intp], counts: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(codes)), counts[codes])


def _percentiles(draws: NDArray[np.float64]) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _difference(value: float, draws: NDArray[np.float64], units: int) -> Difference:
    known = draws[np.isfinite(draws)]
    share = float((known <= 0).mean()) if known.size else float("nan")
    error = float(known.std(ddof=1) * np.sqrt(units / (units - 1))) if known.size > 1 else float("nan")
    return Difference(value, *_percentiles(draws), share, error, units)
