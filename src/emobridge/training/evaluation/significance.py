"""Is one system better than another, or is it chance? Paired tests on the same utterances, by speakers.

Design:
- Utterances of one speaker resemble each other, so a speaker is one observation, however many utterances it has.
- A difference of metrics is referred to Student's t with G - 1 degrees of freedom, its standard error from the
  bootstrap over the G speakers: with ten speakers, percentiles of the bootstrap alone would reject twice too often.
- Accuracies are compared by McNemar's test [1947], whose exact form asks how likely so many one-sided changes are when
  either system is as likely to have made them. Here a speaker's changes go to one system together; where every
  utterance is a speaker of its own it is the exact McNemar test.
- All tests of one comparison share an error rate of 5 % [Holm 1979].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import CorpusError
from emobridge.training.evaluation.bootstrap import LEVEL, Difference, speaker_units
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import ACCURACY, CONCORDANCE, compare, judged, measured, require_same_items
from emobridge.utils.extras import load_extra

SIGNIFICANT = 1 - LEVEL
_TESTED = ("unweighted_average_recall", "weighted_f1")


@dataclass(frozen=True)
class PairedTest:
    """One metric of two systems on the same utterances of one corpus.

    Attributes:
        corpus: its name.
        metric: see `Scores`.
        kind: ``bootstrap`` of the difference over speakers, or ``mcnemar``.
        units: speakers, and utterances without one.
        value, reference: of the first system and of the second.
        low, high: 95 % interval of value - reference, NaN where it has none.
        p: chance of a difference at least as large where there is none; NaN where fewer than two units say nothing.
        p_holm: the same, corrected for all tests of the comparison.
    """

    corpus: str
    metric: str
    kind: Literal["bootstrap", "mcnemar"]
    units: int
    value: float
    reference: float
    low: float
    high: float
    p: float
    p_holm: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the difference is told apart from chance, all tests of the comparison considered."""
        return self.p_holm < SIGNIFICANT


def paired_tests(
    predictions: Predictions, reference: Predictions, resamples: int = 1000, seed: int = 0
) -> tuple[PairedTest, ...]:
    """Return the tests of one system against another, for each corpus: UAR, weighted F1, each CCC, and McNemar's.

    A metric that only one of them defines is left out, and so are categories where the two were judged against
    different truths (votes against labels, say).

    Args:
        predictions, reference: of one variant each, over the same utterances; the numbers of seeds may differ.
        resamples, seed: of the bootstrap over speakers.

    Raises:
        CorpusError: the utterances or the categories differ, or either holds several variants.
    """
    require_same_items(predictions, reference)
    found: list[PairedTest] = []
    for corpus in dict.fromkeys(predictions.corpora.tolist()):
        one, other = (side.select(side.corpora == corpus) for side in (predictions, reference))
        found += _tests_of(corpus, one, other, resamples, seed)
    return corrected(found)


def corrected(tests: Sequence[PairedTest]) -> tuple[PairedTest, ...]:
    """Return the tests with ``p_holm`` for all of them together."""
    adjusted = holm(np.array([test.p for test in tests]))
    return tuple(replace(test, p_holm=float(p)) for test, p in zip(tests, adjusted, strict=True))


def shared(predictions: Predictions, reference: Predictions) -> tuple[Predictions, Predictions]:
    """Return both sides restricted to the utterances that both judged.

    Raises:
        CorpusError: there are none.
    """
    keys = [_keys(side) for side in (predictions, reference)]
    common = set(keys[0]) & set(keys[1])
    if not common:
        given = f"the two runs share 0 utterances of {len(set(keys[0]))} and {len(set(keys[1]))}"
        raise CorpusError(given, "valid: runs over the same corpus", "compare runs that were tested on the same one")
    one, other = (
        side.select(np.array([key in common for key in names]))
        for side, names in zip((predictions, reference), keys, strict=True)
    )
    return one, other


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values (N,) corrected for being N [Holm 1979]; a NaN is no test and stays.

    >>> holm(np.array([0.01, 0.04, 0.03, np.nan])).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    steps = np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps * p[order]))
    return adjusted


def mcnemar(gains: NDArray[np.int64]) -> float:
    """Return the two-sided p-value of one-sided changes, exact whatever their number.

    Formula: the share of the 2^G ways to give each unit's gain either sign whose sum is at least as far from 0; for
    units of one item it is the binomial test of Edwards 1948. The sums are counted unit by unit, so none is drawn.

    Args:
        gains: (G,) for each unit, how many of its items the first system alone got right less those that the second
            alone did.

    >>> mcnemar(np.array([1, 1, 1, 1, 1, 1, -1, 0]))
    0.125
    """
    spread = int(np.abs(gains).sum())
    chances = np.zeros(2 * spread + 1)
    chances[spread] = 1.0
    for gain in np.abs(gains[gains != 0]):
        chances = 0.5 * (np.roll(chances, gain) + np.roll(chances, -gain))
    sums = np.arange(-spread, spread + 1)
    return min(1.0, float(chances[np.abs(sums) >= abs(int(gains.sum()))].sum()))


def _tests_of(
    corpus: str, predictions: Predictions, reference: Predictions, resamples: int, seed: int
) -> list[PairedTest]:
    """Return the tests of one corpus, not corrected yet."""
    differences = compare(predictions, reference, resamples, seed, confidence=False)
    values, bases = (measured(side, confidence=False).values() for side in (predictions, reference))
    same_truth = _same_truth(predictions, reference)
    names = [name for name in _TESTED if name in differences and same_truth]
    names += [name for name in differences if name.startswith(CONCORDANCE)]
    found = []
    for name in names:
        one = differences[name]
        low, high, p = _student(one)
        found.append(PairedTest(corpus, name, "bootstrap", one.units, values[name], bases[name], low, high, p))
    if ACCURACY in differences and same_truth:
        gains = _gains(predictions, reference)
        p = mcnemar(gains) if len(gains) > 1 else math.nan
        sides = values[ACCURACY], bases[ACCURACY]
        found.append(PairedTest(corpus, ACCURACY, "mcnemar", len(gains), *sides, math.nan, math.nan, p))
    return found


def _student(difference: Difference) -> tuple[float, float, float]:
    """Return the 95 % interval of a difference and its two-sided p-value."""
    error = difference.standard_error
    if math.isnan(error) or math.isnan(difference.value):
        return math.nan, math.nan, math.nan
    distribution = load_extra("scipy.stats", "train").t(difference.units - 1)
    half = float(distribution.ppf((1 + LEVEL) / 2)) * error
    if error == 0:
        return difference.value, difference.value, float(difference.value == 0)
    p = 2 * float(distribution.sf(abs(difference.value) / error))
    return difference.value - half, difference.value + half, p


def _gains(predictions: Predictions, reference: Predictions) -> NDArray[np.int64]:
    """Return (G,) how many more items of each unit the first system got right.

    An item that was judged several times (seeds) counts with the share of the times that it was right, and shares are
    made whole numbers by their common denominator.
    """
    sides = []
    for side in (predictions, reference):
        truth, answers, _ = judged(side)
        right = (answers == truth) & (truth >= 0)
        names, places, counts = np.unique(_keys(side), return_inverse=True, return_counts=True)
        sides.append((names, np.bincount(places, weights=right), counts))
    (names, ours, times), (_, theirs, other_times) = sides
    whole = int(np.lcm.reduce(np.concatenate((times, other_times))))
    per_item = np.rint(whole * (ours / times - theirs / other_times)).astype(np.int64)
    drawn_with = speaker_units(predictions.corpora, predictions.speakers, predictions.ids)
    unit_of = dict(zip(_keys(predictions), drawn_with.tolist(), strict=True))
    _, units = np.unique([unit_of[name] for name in names.tolist()], return_inverse=True)
    gains = np.zeros(units.max() + 1, np.int64)
    np.add.at(gains, units, per_item)
    divisor = int(np.gcd.reduce(gains)) or 1
    return gains // divisor


def _same_truth(predictions: Predictions, reference: Predictions) -> bool:
    ours = dict(zip(_keys(predictions), predictions.truth_indices.tolist(), strict=True))
    return all(ours[key] == one for key, one in zip(_keys(reference), reference.truth_indices.tolist(), strict=True))


def _keys(predictions: Predictions) -> list[str]:
    return [f"{corpus}\t{id_}" for corpus, id_ in zip(predictions.corpora, predictions.ids, strict=True)]
