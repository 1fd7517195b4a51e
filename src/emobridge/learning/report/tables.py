"""Scores as Markdown tables: variants or corpora side by side, folds, confusions, and paired differences.

Abbreviations (UAR, WAR, CCC) stand in printed tables only; the code says them in full.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from emobridge.learning.evaluation.intervals import Difference, Interval
from emobridge.learning.evaluation.score import Score, Scores

MISSING = "–"
_SHORT = {
    "unweighted_average_recall": "UAR", "weighted_average_recall": "WAR", "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1", "expected_calibration_error": "ECE ↓", "brier_score": "Brier ↓",
    "debiased_calibration_error": "debiased error ↓", "cross_entropy_soft": "cross-entropy ↓",
    "set_coverage": "90 % sets hold", "mean_set_size": "set size ↓",
}  # fmt: skip
_SHORT_PREFIXES = {
    "concordance_cc_": "CCC", "pearson_cc_": "Pearson", "root_mean_square_error_": "RMSE ↓", "recall_": "recall",
    "interval_coverage_": "90 % intervals hold",
}  # fmt: skip
_HEADLINES = ("unweighted_average_recall", "weighted_average_recall", "macro_f1", "expected_calibration_error")
_CONFIDENCE = ("expected_calibration_error", "debiased_calibration_error", "set_coverage", "mean_set_size")
_HEADLINE_PREFIXES = ("concordance_cc_", "root_mean_square_error_")


def heading(metric: str) -> str:
    """Return a metric's name for a table's head; ↓ where lower is better.

    >>> heading("concordance_cc_valence"), heading("expected_calibration_error")
    ('CCC valence', 'ECE ↓')
    """
    for prefix, short in _SHORT_PREFIXES.items():
        if metric.startswith(prefix):
            return f"{short} {metric.removeprefix(prefix)}"
    return _SHORT[metric]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a Markdown table, its columns padded to equal width; ``|`` and line breaks in a cell are made safe.

    >>> print(markdown_table(["a", "b"], [["1", "x|y"]]))
    | a   | b    |
    |-----|------|
    | 1   | x\|y |
    """
    lines = [[" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])


def score_table(scores: Mapping[str, Scores], of: str = "variant", metrics: Sequence[str] | None = None) -> str:
    """Return one row a variant (or corpus, with ``scores.corpora``): value and 95 % interval over speakers.

    Args:
        scores: name -> scores, at least one.
        of: what the names are, the first column's head.
        metrics: which, in order; by default UAR, WAR, macro-F1, ECE, and each dimension's CCC and RMSE, where any
            row has them.
    """
    names = _headlines(scores) if metrics is None else list(metrics)
    rows = [
        [
            name,
            str(one.utterances),
            str(one.speakers) if one.speakers else MISSING,
            *(_interval(one.metrics[metric].pooled) if metric in one.metrics else MISSING for metric in names),
        ]
        for name, one in scores.items()
    ]
    return markdown_table([of, "utterances", "speakers", *(heading(name) for name in names)], rows)


def confidence_table(scores: Mapping[str, Scores], of: str = "variant") -> str:
    """Return how honest the confidence is: calibration errors, how often the 90 % sets and intervals hold the truth.

    Args:
        scores, of: as in `score_table`.

    Returns:
        Empty where no row has any of these.
    """
    found = dict.fromkeys(name for one in scores.values() for name in one.metrics)
    names = [name for name in _CONFIDENCE if name in found]
    names += [name for name in found if name.startswith("interval_coverage_")]
    return score_table(scores, of, names) if names else ""


def fold_table(scores: Scores, metrics: Sequence[str] | None = None) -> str:
    """Return one row a fold, then the mean with the standard deviation over folds, then all items pooled.

    Args:
        scores: of one variant.
        metrics: as in `score_table`.
    """
    names = _headlines({"": scores}) if metrics is None else list(metrics)
    chosen: list[Score] = [scores.metrics[name] for name in names]
    folds = list(chosen[0].folds.values) if chosen else []
    rows = [[fold, *(_number(score.folds.values[fold]) for score in chosen)] for fold in folds]
    rows.append(["mean ± sd", *(f"{_number(one.folds.mean)} ± {_number(one.folds.deviation)}" for one in chosen)])
    rows.append(["pooled", *(_interval(one.pooled) for one in chosen)])
    return markdown_table(["fold", *(heading(name) for name in names)], rows)


def confusion_table(scores: Scores) -> str:
    """Return the confusion matrix: a row a true category, with the share of it that went to each predicted one.

    A category that no truth holds has no row.
    """
    rows = []
    for name, counts in zip(scores.categories, scores.confusion, strict=True):
        total = int(counts.sum())
        if total:
            rows.append([name, *(f"{count} ({100 * count / total:.0f} %)" for count in counts), str(total)])
    return markdown_table(["true \\ predicted", *scores.categories, "all"], rows)


def comparison_table(
    scores: Mapping[str, Scores],
    reference: str,
    differences: Mapping[str, Mapping[str, Difference]],
    metrics: Sequence[str] | None = None,
) -> str:
    """Return one row a metric and variant: its value, that of the reference, and the paired difference.

    A share of resamples near 0 says that the variant's figure is reliably higher, near 1 reliably lower.

    Args:
        scores: variant -> scores, the reference's among them.
        reference: the variant that the others are compared with.
        differences: variant -> metric -> difference from the reference, as `compare` returns.
        metrics: which, in order; by default as in `score_table`, those that a variant and the reference share.
    """
    names = _headlines(scores) if metrics is None else list(metrics)
    rows = [
        [
            heading(metric),
            variant,
            _number(scores[variant].metrics[metric].pooled.value),
            _number(scores[reference].metrics[metric].pooled.value),
            _interval(one, sign="+"),
            _number(one.share_not_positive),
        ]
        for metric in names
        for variant, found in differences.items()
        if (one := found.get(metric)) is not None
    ]
    return markdown_table(["metric", "variant", "value", reference, "difference [95 %]", "share ≤ 0"], rows)


def _headlines(scores: Mapping[str, Scores]) -> list[str]:
    found = dict.fromkeys(name for one in scores.values() for name in one.metrics)
    first = [name for name in _HEADLINES if name in found]
    return first + [name for prefix in _HEADLINE_PREFIXES for name in found if name.startswith(prefix)]


def _number(value: float, sign: str = "") -> str:
    return MISSING if math.isnan(value) else f"{value:{sign}.3f}"


def _interval(estimate: Interval | Difference, sign: str = "") -> str:
    if np.isnan([estimate.low, estimate.high]).any():
        return _number(estimate.value, sign)
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
