"""Probabilities and intervals that mean what they say: temperature, category sets and half widths.

All three are fitted on predictions for speakers that the model did not train on, stored in the bundle, and applied by
the runtime. Split-conformal coverage holds on average over recordings like the calibration ones; other
speech gets no promise. Sources: Guo et al. 2017 (temperature); Vovk et al. 2005, Romano, Sesia, Candes 2020 (sets);
Stutz et al. 2023 (sets where raters disagree: an item's truth is drawn from its votes).
"""

import math

import numpy as np
from numpy.typing import NDArray

from emobridge.utils.extras import load_extra

FEWEST_ITEMS = 20
TEMPERATURE_RANGE = (0.05, 20.0)
SCALING_STEPS, SCALED = 1000, 1e-6


def masked_softmax(
    logits: NDArray[np.floating], allowed: NDArray[np.bool_], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Return (N, C) probabilities from logits (N, C) divided by ``temperature``, 0 where ``allowed`` (N, C) is False.

    A row that allows nothing is all zero.
    """
    return np.exp(_masked_log_softmax(logits, allowed, temperature))


def fit_temperature(
    logits: NDArray[np.floating],
    truth: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.floating] | float = 1.0,
) -> float:
    """Return the temperature (0.05 to 20) that makes the labels most likely; 1.0 where nothing is labelled.

    The cross-entropy is convex in 1 / temperature, so a bounded search finds the one minimum. The order of the
    categories, and with it the top one, stays as it is.

    Args:
        logits: (N, C).
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing. No mass where not allowed.
        allowed: (N, C) True for the categories that the item's corpus can hold.
        weights: (C,) factors above 0 of the probabilities that the divided logits give (`fit_weights`).
    """
    known = truth.sum(axis=1) > 0
    if not known.any():
        return 1.0
    logits, truth, allowed = logits[known], truth[known], allowed[known]
    assert not truth[~allowed].any(), "a true label lies outside its item's allowed categories"

    def loss(log_temperature: float) -> float:
        logs = _masked_log_softmax(logits / math.exp(log_temperature) + np.log(weights), allowed, 1.0)
        return float(-(truth * np.where(allowed, logs, 0.0)).sum(axis=1).mean())

    low, high = TEMPERATURE_RANGE
    optimize = load_extra("scipy.optimize", "train")
    found = optimize.minimize_scalar(loss, bounds=(math.log(low), math.log(high)), method="bounded")
    return math.exp(float(found.x))


def fit_weights(probabilities: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (C,) factors with which the mean probability of each category is its frequency; their logs sum to 0.

    A model that learned from several corpora at once is not told which annotators it answers for: one names neutral
    what another names happy. The factors are the exponentials of the intercepts of a logistic regression on the
    logarithms of ``probabilities``; each category counts as seen once more than it was.

    Args:
        probabilities: (N, C) above 0, summing to 1.
        truth: (N, C) distributions: one-hot or rater votes.

    Source:
        generalized iterative scaling, Darroch and Ratcliff 1972, which converges to the one maximum of likelihood.
    """
    known = probabilities.astype(np.float64)
    frequency = (truth.sum(axis=0, dtype=np.float64) + 1) / (len(truth) + truth.shape[1])
    logs = np.zeros(truth.shape[1])
    for _ in range(SCALING_STEPS):
        shares = known * np.exp(logs)
        change = np.log(frequency / (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0))
        logs += change
        if np.abs(change).max() < SCALED:
            break
    weights: NDArray[np.float64] = np.exp(logs - logs.mean())
    return weights


def category_threshold(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], coverage: float = 0.9
) -> float:
    """Return how much probability a set of categories must hold to contain the truth with chance ``coverage``.

    The set is the smallest one by falling probability whose sum reaches the threshold: a category is in it if those
    above it do not reach the threshold yet. So each calibration item scores the sum above its true category (above
    each category voted for, with its share of the votes), and the threshold is just over the score of rank
    ceil((n + 1) * coverage) of n, or 1.0 (every category) where there are too few items for that rank. For labels
    the guarantee is at least ``coverage``; for votes it holds for a truth drawn from them.

    Args:
        probabilities: (N, C) calibrated, as the sets are made from them.
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing.
        coverage: chance between 0 and 1.
    """
    known = truth.sum(axis=1) > 0
    rows, votes = probabilities[known].astype(np.float64), truth[known].astype(np.float64)
    order, above = _sums_above(rows)
    weights = np.take_along_axis(votes / votes.sum(axis=1, keepdims=True), order, axis=1)
    quantile = _conformal_quantile(above[weights > 0], weights[weights > 0], coverage)
    return 1.0 if quantile is None else min(float(np.nextafter(quantile, 1.0)), 1.0)


def category_sets(probabilities: NDArray[np.floating], threshold: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return the smallest sets by falling probability whose sum reaches the threshold: `runtime.category_set` by rows.

    Args:
        probabilities: (N, C) calibrated.
        threshold: (N,) of each row.

    Returns:
        (N, C) True for the categories in the set.
    """
    order, above = _sums_above(probabilities)
    needed = (above < threshold[:, None]) | (np.arange(above.shape[1]) == 0)
    sets = np.zeros(probabilities.shape, bool)
    np.put_along_axis(sets, order, needed, axis=1)
    return sets


def half_width(prediction: NDArray[np.floating], truth: NDArray[np.floating], coverage: float = 0.9) -> float | None:
    """Return w such that truth lies in prediction +- w with chance at least ``coverage``.

    Formula: the absolute residual of rank ceil((n + 1) * coverage) of n.

    Args:
        prediction, truth: (N,) on [0, 1]; pairs in which either is NaN are left out.
        coverage: chance between 0 and 1.

    Returns:
        The half width; None for fewer than 20 items, or too few for that rank: then no interval can be promised.
    """
    residuals = np.abs(prediction.astype(np.float64) - truth.astype(np.float64))
    residuals = residuals[~np.isnan(residuals)]
    if residuals.size < FEWEST_ITEMS:
        return None
    return _conformal_quantile(residuals, np.ones_like(residuals), coverage)


def _masked_log_softmax(
    logits: NDArray[np.floating], allowed: NDArray[np.bool_], temperature: float
) -> NDArray[np.float64]:
    """Return (N, C) log probabilities, minus infinity where not allowed."""
    scaled = np.where(allowed, logits.astype(np.float64) / temperature, -np.inf)
    top = scaled.max(axis=1, keepdims=True, initial=-np.inf)
    shifted = scaled - np.where(np.isfinite(top), top, 0.0)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.maximum(total, np.finfo(np.float64).tiny))
    return logs


def _sums_above(probabilities: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the categories (N, C) by falling probability, and the sum (N, C) of those above each, 0 for the top."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1, dtype=np.float64)
    return order, np.pad(sums, ((0, 0), (1, 0)))[:, : sums.shape[1]]


def _conformal_quantile(scores: NDArray[np.float64], weights: NDArray[np.float64], coverage: float) -> float | None:
    """Return the score at which ceil((n + 1) * coverage) of n items are reached, None where that is more than n.

    The weights of an item's scores sum to 1, so that n is the sum of all.
    """
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order])
    # The small step back undoes rounding: (9 + 1) * 0.9 must be rank 9 whatever the last bit says.
    rank = int(np.searchsorted(reached, (round(weights.sum()) + 1) * coverage - 1e-6))
    return float(scores[order[rank]]) if rank < scores.size else None
