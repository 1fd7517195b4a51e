"""Probabilities and intervals that mean what they say: temperature, category sets and half widths.

All three are fitted on predictions for speakers that the model did not train on, stored in the bundle, and applied by
the runtime. Split-conformal coverage holds on average over recordings like the calibration ones; other
speech gets no promise. Sources: Guo et al. 2017 (temperature); Vovk et al. 2005, Romano, Sesia, Candes 2020 (sets).
"""

import math

import numpy as np
from numpy.typing import NDArray

from emobridge.registry import load_extra

FEWEST_ITEMS = 20
TEMPERATURE_RANGE = (0.05, 20.0)


def masked_softmax(
    logits: NDArray[np.floating], allowed: NDArray[np.bool_], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Return (N, C) probabilities from logits (N, C) divided by ``temperature``, 0 where ``allowed`` (N, C) is False.

    A row that allows nothing is all zero.
    """
    return np.exp(_masked_log_softmax(logits, allowed, temperature))


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.floating], allowed: NDArray[np.bool_]) -> float:
    """Return the temperature (0.05 to 20) that makes the labels most likely; 1.0 where nothing is labelled.

    The cross-entropy is convex in 1 / temperature, so a bounded search finds the one minimum. The order of the
    categories, and with it the top one, stays as it is.

    Args:
        logits: (N, C).
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing. No mass where not allowed.
        allowed: (N, C) True for the categories that the item's corpus can hold.
    """
    known = truth.sum(axis=1) > 0
    if not known.any():
        return 1.0
    logits, truth, allowed = logits[known], truth[known], allowed[known]
    assert not truth[~allowed].any(), "a true label lies outside its item's allowed categories"

    def loss(log_temperature: float) -> float:
        logs = _masked_log_softmax(logits, allowed, math.exp(log_temperature))
        return float(-(truth * np.where(allowed, logs, 0.0)).sum(axis=1).mean())

    low, high = TEMPERATURE_RANGE
    optimize = load_extra("scipy.optimize", "train")
    found = optimize.minimize_scalar(loss, bounds=(math.log(low), math.log(high)), method="bounded")
    return math.exp(float(found.x))


def category_threshold(probabilities: NDArray[np.floating], truth: NDArray[np.integer], coverage: float = 0.9) -> float:
    """Return how much probability a set of categories must hold to contain the truth with chance ``coverage``.

    The set is the smallest one by falling probability whose sum reaches the threshold. Each calibration item scores
    the sum down to and with its true category; the threshold is the score of rank ceil((n + 1) * coverage) of n, or
    1.0 (every category) where there are too few items for that rank. The guarantee is at least ``coverage``.

    Args:
        probabilities: (N, C) calibrated, restricted to the categories that the item's corpus can hold.
        truth: (N,) category indices, -1 where missing.
        coverage: chance between 0 and 1.
    """
    known = truth >= 0
    rows, labels = probabilities[known].astype(np.float64), truth[known]
    order = np.argsort(-rows, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(rows, order, axis=1), axis=1)
    scores = sums[order == labels[:, None]]
    quantile = _conformal_quantile(scores, coverage)
    return 1.0 if quantile is None else min(quantile, 1.0)


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
    return _conformal_quantile(residuals, coverage) if residuals.size >= FEWEST_ITEMS else None


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


def _conformal_quantile(scores: NDArray[np.float64], coverage: float) -> float | None:
    """Return the score of rank ceil((n + 1) * coverage), None where the rank lies above n."""
    # The small step back undoes rounding: (9 + 1) * 0.9 must be rank 9 whatever the last bit says.
    rank = math.ceil((scores.size + 1) * coverage - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= scores.size else None
