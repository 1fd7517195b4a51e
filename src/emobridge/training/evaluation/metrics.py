"""What every figure means, in numpy alone: one function a metric, with its formula, source, range and NaN rule.

Missing labels are counted by no metric and never imputed: a category index of -1, a distribution of zeros, a dimension
of NaN. A metric that nothing is left for is NaN. Categories are indices 0..C-1; item order does not matter.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST_PROBABILITY = 1e-12


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, categories: int) -> NDArray[np.int64]:
    """Return the (C, C) counts: row = true category, column = predicted category.

    NaN rule: items whose truth is -1 are left out.

    Args:
        truth: (N,) category indices, -1 where missing.
        predicted: (N,) category indices.
        categories: C.

    >>> confusion_matrix([0, 0, 1, -1], [0, 1, 1, 1], categories=2).tolist()
    [[1, 1], [0, 1]]
    """
    rows, columns = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    assert rows.shape == columns.shape, f"{rows.shape} true against {columns.shape} predicted categories"
    known = rows >= 0
    cells = rows[known] * categories + columns[known]
    return np.bincount(cells, minlength=categories * categories).reshape(categories, categories)


def per_class_recall(truth: ArrayLike, predicted: ArrayLike, categories: int) -> NDArray[np.float64]:
    """Return the recall of each category, (C,).

    Formula: TP_k / (TP_k + FN_k). Range 0 to 1, higher is better.
    NaN rule: items whose truth is -1 are left out; NaN for a category that no truth holds.

    >>> per_class_recall([0, 0, 1, -1], [0, 1, 1, 1], categories=3).tolist()
    [0.5, 1.0, nan]
    """
    return _divide(*_hits_and_support(confusion_matrix(truth, predicted, categories)))


def unweighted_average_recall(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean recall over the categories that the truth holds (balanced accuracy).

    Formula: 1/K sum_k TP_k / (TP_k + FN_k), K = categories with at least one true item.
    Source: Schuller, Steidl, Batliner, The INTERSPEECH 2009 Emotion Challenge. Range 0 to 1, higher is better.
    NaN rule: items whose truth is -1 are left out; NaN where none is left.

    >>> unweighted_average_recall([0, 0, 0, 0, 1], [0, 0, 0, 1, 1])
    0.875
    """
    return _mean(_finite(_divide(*_hits_and_support(_square(truth, predicted)))))


def weighted_average_recall(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the recall averaged with each category's share of the items as its weight, which is the accuracy.

    Formula: sum_k TP_k / N. Range 0 to 1, higher is better.
    NaN rule: items whose truth is -1 are left out; NaN where none is left.

    >>> weighted_average_recall([0, 0, 0, 0, 1], [0, 0, 0, 1, 1])
    0.8
    """
    hits, support = _hits_and_support(_square(truth, predicted))
    return float(_divide(hits.sum(), support.sum()))


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean F1 over the categories that the truth holds.

    Formula: 1/K sum_k 2 TP_k / (2 TP_k + FP_k + FN_k), K = categories with at least one true item; one that is only
    predicted adds no term of its own, as `sklearn.metrics.f1_score` does with ``labels`` = those of the truth.
    Range 0 to 1, higher is better. NaN rule: items whose truth is -1 are left out; NaN where none is left.

    >>> round(macro_f1([0, 0, 1, 1], [0, 2, 1, 1]), 4)
    0.8333
    """
    matrix = _square(truth, predicted)
    return _mean(_f1(matrix)[matrix.sum(axis=1) > 0])


def weighted_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the F1 averaged with each category's share of the items as its weight.

    Formula: sum_k (TP_k + FN_k) / N * 2 TP_k / (2 TP_k + FP_k + FN_k). Range 0 to 1, higher is better.
    NaN rule: items whose truth is -1 are left out; NaN where none is left.

    >>> round(weighted_f1([0, 0, 0, 1], [0, 0, 1, 1]), 4)
    0.7667
    """
    matrix = _square(truth, predicted)
    support = matrix.sum(axis=1)
    held = support > 0
    return float(_divide((support[held] * _f1(matrix)[held]).sum(), support.sum()))


def concordance_cc(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the concordance correlation coefficient: agreement in course, spread and level.

    Formula: 2 cov(x, y) / (var x + var y + (mean x - mean y)^2), population moments.
    Source: Lin 1989, A concordance correlation coefficient to evaluate reproducibility. Range -1 to 1, higher is
    better.
    NaN rule: pairs in which either value is NaN are left out; NaN for fewer than two pairs, or where both are constant
    (there is no course to agree on). Where only one is constant it is 0.

    >>> round(concordance_cc([0.0, 1.0, 2.0, float("nan")], [0.0, 1.0, 1.0, 5.0]), 4)
    0.6667
    """
    x, y = _complete_pairs(truth, predicted)
    if x.size < 2 or (np.ptp(x) == 0 and np.ptp(y) == 0):
        return float("nan")
    deviation_x, deviation_y = x - x.mean(), y - y.mean()
    spread = deviation_x @ deviation_x + deviation_y @ deviation_y + x.size * (x.mean() - y.mean()) ** 2
    return float(2 * (deviation_x @ deviation_y) / spread)


def pearson_cc(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return Pearson's correlation coefficient: agreement in course alone.

    Formula: cov(x, y) / (sd x * sd y). Range -1 to 1, higher is better.
    NaN rule: pairs in which either value is NaN are left out; NaN for fewer than two pairs, or where one is constant.

    >>> round(pearson_cc([0.0, 1.0, 2.0], [0.0, 1.0, 1.0]), 4)
    0.866
    """
    x, y = _complete_pairs(truth, predicted)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    deviation_x, deviation_y = x - x.mean(), y - y.mean()
    norms = np.sqrt((deviation_x @ deviation_x) * (deviation_y @ deviation_y))
    return float(deviation_x @ deviation_y / norms)


def root_mean_square_error(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root of the mean squared difference, in the unit of the values.

    Formula: sqrt(1/N sum (x - y)^2). Range 0 upwards (to 1 for values on [0, 1]), lower is better.
    NaN rule: pairs in which either value is NaN are left out; NaN where none is left.

    >>> round(root_mean_square_error([0.0, 0.0], [0.0, 1.0]), 4)
    0.7071
    """
    x, y = _complete_pairs(truth, predicted)
    return float(np.sqrt(np.mean((x - y) ** 2))) if x.size else float("nan")


def mean_absolute_error(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean distance, in the unit of the values.

    Formula: 1/N sum |x - y|. Range 0 upwards (to 1 for values on [0, 1]), lower is better.
    NaN rule: pairs in which either value is NaN are left out; NaN where none is left.

    >>> mean_absolute_error([0.0, 0.0], [0.0, 1.0])
    0.5
    """
    x, y = _complete_pairs(truth, predicted)
    return _mean(np.abs(x - y))


def expected_calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Return how far the probability of the top category is from the share of times that it is right.

    Formula: sum_b n_b / N |accuracy_b - mean confidence_b| over equal-width bins (low, high] of the top probability.
    An item counts as right with the share that its truth gives the top category: 0 or 1 for a label (the usual
    figure), the share of the votes where raters voted, since a probability is to tell how likely a listener agrees.
    Source: Naeini, Cooper, Hauskrecht 2015; Guo, Pleiss, Sun, Weinberger 2017. Range 0 to 1, lower is better; a
    perfect system still has up to 0.4 sqrt(bins / N) by chance.
    NaN rule: items whose true distribution is all zero are left out; NaN where none is left.

    Args:
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing.
        probabilities: (N, C), each row sums to 1.
        bins: number of bins.

    >>> round(expected_calibration_error([[1, 0], [0.4, 0.6]], [[0.9, 0.1], [0.9, 0.1]]), 4)
    0.2
    """
    confidence, gap = _confidence_and_gap(truth, probabilities)
    if not gap.size:
        return float("nan")
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(index, weights=gap)).sum() / gap.size)


def debiased_calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Return the root mean square of the same gaps, without what chance alone adds where items are few.

    Formula: sqrt(max(0, sum_b n_b / N (gap_b^2 - s_b^2 / n_b))), gap_b the mean and s_b^2 the sample variance of
    (right - confidence) over bins of equally many items, ties together; a bin of one item adds nothing.
    Source: Ferro, Fricker 2012; Kumar, Liang, Ma 2019. Range 0 to 1, lower is better; 0 is expected of a perfect
    system, however few the items. The squared figure is unbiased for items that are drawn independently.
    NaN rule: items whose true distribution is all zero are left out; NaN for fewer than two items.

    Args:
        truth, probabilities, bins: as for `expected_calibration_error`.

    >>> round(debiased_calibration_error([[1, 0]] * 9 + [[0, 1]], [[0.6, 0.4]] * 10, bins=1), 4)
    0.2828
    """
    confidence, gap = _confidence_and_gap(truth, probabilities)
    if gap.size < 2:
        return float("nan")
    bins = min(bins, gap.size // 2)
    edges = np.sort(confidence)[np.arange(1, bins) * gap.size // bins - 1]
    index = np.searchsorted(np.unique(edges), confidence)
    counts = np.bincount(index, minlength=bins)
    means = np.bincount(index, weights=gap, minlength=bins) / np.maximum(counts, 1)
    squares = np.bincount(index, weights=(gap - means[index]) ** 2, minlength=bins)
    several = counts > 1
    chance = squares[several] / (counts[several] - 1) / counts[several]
    return float(np.sqrt(max(0.0, (counts[several] * (means[several] ** 2 - chance)).sum() / gap.size)))


def set_coverage(truth: ArrayLike, sets: ArrayLike) -> float:
    """Return how often a set of categories holds the truth.

    Formula: 1/N sum_i sum_k t_ik [k in the set of i]; votes count with their share. Range 0 to 1; 0.9 is promised.
    NaN rule: items whose true distribution is all zero are left out; NaN where none is left.

    Args:
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing.
        sets: (N, C) True for the categories in the item's set.

    >>> set_coverage([[1, 0, 0], [0.5, 0.25, 0.25]], [[True, False, False], [False, True, True]])
    0.75
    """
    labels, members = _labelled(truth, sets)
    return _mean(labels * members)


def mean_set_size(truth: ArrayLike, sets: ArrayLike) -> float:
    """Return how many categories a set holds, of the items that `set_coverage` counts; smaller says more.

    Formula: 1/N sum_i |set of i|. Range 1 to C. NaN rule and arguments as for `set_coverage`.

    >>> mean_set_size([[1, 0], [0, 1], [0, 0]], [[True, False], [True, True], [True, True]])
    1.5
    """
    return _mean(_labelled(truth, sets)[1])


def interval_coverage(truth: ArrayLike, predicted: ArrayLike, half_width: ArrayLike) -> float:
    """Return how often the interval ``predicted`` +- ``half_width`` holds the truth.

    Formula: 1/N sum_i [|x_i - y_i| <= w_i]. Range 0 to 1; 0.9 is promised.
    NaN rule: items in which any of the three is NaN are left out; NaN where none is left.

    >>> round(interval_coverage([0.2, 0.9, 0.5], [0.3, 0.5, 0.5], [0.2, 0.2, 0.2]), 4)
    0.6667
    """
    distance = np.abs(np.asarray(truth, dtype=np.float64) - np.asarray(predicted, dtype=np.float64))
    width = np.asarray(half_width, dtype=np.float64)
    known = ~(np.isnan(distance) | np.isnan(width))
    return _mean(np.asarray(distance[known] <= width[known], dtype=np.float64))


def brier_score(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean squared distance between two distributions.

    Formula: 1/N sum_i sum_k (t_ik - p_ik)^2. Source: Brier 1950, its form for several categories. Range 0 to 2, lower
    is better; rater votes put the best reachable value at 0 as well.
    NaN rule: items whose true distribution is all zero are left out; NaN where none is left.

    Args:
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing.
        probabilities: (N, C).

    >>> round(brier_score([[1, 0], [0.5, 0.5]], [[0.8, 0.2], [0.8, 0.2]]), 4)
    0.13
    """
    labels, rows = _labelled(truth, probabilities)
    return _mean((labels - rows) ** 2)


def cross_entropy_soft(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean cross-entropy in nats; for one-hot truths it is the negative log-likelihood.

    Formula: -1/N sum_i sum_k t_ik ln p_ik, p not below 1e-12. Range: the mean entropy of the truths (0 for one-hot)
    upwards, lower is better.
    NaN rule: items whose true distribution is all zero are left out; NaN where none is left.

    Args:
        truth: (N, C) distributions: one-hot or rater votes; all zero where missing.
        probabilities: (N, C).

    >>> round(cross_entropy_soft([[1, 0], [0.5, 0.5]], [[0.8, 0.2], [0.5, 0.5]]), 4)
    0.4581
    """
    labels, rows = _labelled(truth, probabilities)
    return _mean(-labels * np.log(np.maximum(rows, SMALLEST_PROBABILITY)))


def vote_majority(truth: ArrayLike) -> NDArray[np.int64]:
    """Return the category with the largest share of the votes, (N,); -1 where two share the lead or nobody voted.

    A tie has no majority, so it is dropped rather than broken: recalls and F1 against votes count clear items alone.
    For one-hot truths this is the label itself.

    >>> vote_majority([[0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]).tolist()
    [0, -1, -1]
    """
    shares = np.asarray(truth, dtype=np.float64)
    if shares.shape[1] == 0:
        return np.full(len(shares), -1)
    leaders = (shares >= shares.max(axis=1, keepdims=True) - 1e-6).sum(axis=1)
    return np.where((leaders == 1) & (shares.max(axis=1) > 0), shares.argmax(axis=1), -1)


def restrict_to_allowed(probabilities: ArrayLike, allowed: ArrayLike) -> NDArray[np.float64]:
    """Return (N, C) probabilities with the categories that an item's corpus cannot hold at 0, renormalised.

    Where all the allowed ones are 0 they share the mass equally; a row that allows nothing is all zero.

    >>> restrict_to_allowed([[0.5, 0.25, 0.25]], [[False, True, True]]).tolist()
    [[0.0, 0.5, 0.5]]
    """
    mask = np.asarray(allowed, dtype=bool)
    kept = np.where(mask, np.asarray(probabilities, dtype=np.float64), 0.0)
    kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, mask)
    shares: NDArray[np.float64] = kept / np.maximum(kept.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return shares


def _square(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Return the confusion matrix over as many categories as occur."""
    highest = max(np.max(truth, initial=-1), np.max(predicted, initial=-1))
    return confusion_matrix(truth, predicted, int(highest) + 1)


def _hits_and_support(matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.diagonal(matrix), matrix.sum(axis=1)


def _f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    return _divide(2 * np.diagonal(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def _divide(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide, with NaN for x / 0."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    ratio: NDArray[np.float64] = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below != 0)
    return ratio


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _mean(values: NDArray[np.float64]) -> float:
    """Return the sum of everything over the number of rows, NaN for none."""
    return float(values.sum() / len(values)) if len(values) else float("nan")


def _complete_pairs(truth: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    assert x.shape == y.shape, f"{x.shape} true against {y.shape} predicted values"
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def _confidence_and_gap(truth: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each labelled item, the top probability and how much more of the truth its category holds."""
    labels, rows = _labelled(truth, probabilities)
    top = rows.argmax(axis=1)[:, None] if rows.size else np.zeros((0, 1), np.int64)
    confidence = np.take_along_axis(rows, top, axis=1)[:, 0]
    return confidence, np.take_along_axis(labels, top, axis=1)[:, 0] - confidence


def _labelled(truth: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labels, rows = np.asarray(truth, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    assert labels.shape == rows.shape, f"{labels.shape} true against {rows.shape} predicted distributions"
    known = labels.sum(axis=1) > 0
    return labels[known], rows[known]
