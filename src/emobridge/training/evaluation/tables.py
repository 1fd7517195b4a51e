"""Scores as tables: variants or corpora side by side, folds, confusions, paired tests, groups of speakers.

Abbreviations (UAR, WAR, CCC) stand in printed tables only; the code says them in full.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.scores import Score, Scores
from emobridge.training.evaluation.significance import PairedTest
from emobridge.training.evaluation.subgroups import Gap, Group

MISSING = "–"
_SHORT = {
    "unweighted_average_recall": "UAR", "weighted_average_recall": "WAR", "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1", "expected_calibration_error": "ECE ↓", "brier_score": "Brier ↓",
    "debiased_calibration_error": "debiased error ↓", "cross_entropy_soft": "cross-entropy ↓",
    "set_coverage": "90 % sets hold", "mean_set_size": "set size ↓",
}  # fmt: skip
_SHORT_PREFIXES = {
    "concordance_cc_": "CCC", "pearson_cc_": "Pearson", "mean_absolute_error_": "MAE ↓",
    "root_mean_square_error_": "RMSE ↓", "recall_": "recall",
    "interval_coverage_": "90 % intervals hold",
}  # fmt: skip
_HEADLINES = ("unweighted_average_recall", "weighted_average_recall", "macro_f1", "expected_calibration_error")
_CONFIDENCE = ("expected_calibration_error", "debiased_calibration_error", "set_coverage", "mean_set_size")
_HEADLINE_PREFIXES = ("concordance_cc_", "root_mean_square_error_")


@dataclass(frozen=True)
class Table:
    """A table before it is Markdown or HTML: the cells of its head and of each row, as text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown_table(self.header, self.rows)


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
    """Return `score_cells` as Markdown."""
    return score_cells(scores, of, metrics).markdown()


def score_cells(scores: Mapping[str, Scores], of: str = "variant", metrics: Sequence[str] | None = None) -> Table:
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
            *(interval(one.metrics[metric].pooled) if metric in one.metrics else MISSING for metric in names),
        ]
        for name, one in scores.items()
    ]
    return Table([of, "utterances", "speakers", *(heading(name) for name in names)], rows)


def confidence_table(scores: Mapping[str, Scores], of: str = "variant") -> str:
    """Return `confidence_cells` as Markdown, empty where there is nothing."""
    cells = confidence_cells(scores, of)
    return "" if cells is None else cells.markdown()


def confidence_cells(scores: Mapping[str, Scores], of: str = "variant") -> Table | None:
    """Return how honest the confidence is: calibration errors, how often the 90 % sets and intervals hold the truth.

    Args:
        scores, of: as in `score_table`.

    Returns:
        None where no row has any of these.
    """
    found = dict.fromkeys(name for one in scores.values() for name in one.metrics)
    names = [name for name in _CONFIDENCE if name in found]
    names += [name for name in found if name.startswith("interval_coverage_")]
    return score_cells(scores, of, names) if names else None


def fold_cells(scores: Scores, metrics: Sequence[str] | None = None) -> Table:
    """Return one row a fold, then the mean with the standard deviation over folds, then all items pooled.

    Args:
        scores: of one variant.
        metrics: as in `score_table`.
    """
    names = _headlines({"": scores}) if metrics is None else list(metrics)
    chosen: list[Score] = [scores.metrics[name] for name in names]
    folds = list(chosen[0].folds.values) if chosen else []
    rows = [[fold, *(number(score.folds.values[fold]) for score in chosen)] for fold in folds]
    rows.append(["mean ± sd", *(f"{number(one.folds.mean)} ± {number(one.folds.deviation)}" for one in chosen)])
    rows.append(["pooled", *(interval(one.pooled) for one in chosen)])
    return Table(["fold", *(heading(name) for name in names)], rows)


def confusion_cells(scores: Scores) -> Table:
    """Return the confusion matrix: a row a true category, with the share of it that went to each predicted one.

    A category that no truth holds has no row.
    """
    rows = []
    for name, counts in zip(scores.categories, scores.confusion, strict=True):
        total = int(counts.sum())
        if total:
            rows.append([name, *(f"{count} ({100 * count / total:.0f} %)" for count in counts), str(total)])
    return Table(["true \\ predicted", *scores.categories, "all"], rows)


def comparison_cells(tests: Mapping[str, Sequence[PairedTest]], reference: str) -> Table:
    """Return one row a system, corpus and metric: both values, the difference, and how likely chance gives as much.

    Args:
        tests: system -> its tests against the reference.
        reference: what the others are compared with.
    """
    several = len({test.corpus for found in tests.values() for test in found}) > 1
    rows = [
        [
            name,
            *([test.corpus] if several else []),
            heading(test.metric),
            number(test.value),
            number(test.reference),
            _difference(test),
            chance(test.p),
            chance(test.p_holm),
            verdict(test),
        ]
        for name, found in tests.items()
        for test in found
    ]
    head = ["system", *(["corpus"] if several else []), "metric", "value", reference, "difference [95 %]", "p"]
    return Table([*head, "p, Holm", "differs"], rows)


def verdict(test: PairedTest) -> str:
    """Return whether the first system differs from the second by the corrected test: higher, lower, or a dash."""
    if not test.significant:
        return MISSING
    return "higher" if test.value > test.reference else "lower"


def published_cells(scores: Scores, name: str, published: Sequence[tuple[str, Mapping[str, float]]]) -> Table:
    """Return ours above published figures, in the metrics that these state.

    Args:
        scores, name: ours.
        published: source -> metric -> value.
    """
    metrics = list(dict.fromkeys(metric for _, figures in published for metric in figures))
    ours = [interval(scores.metrics[metric].pooled) if metric in scores.metrics else MISSING for metric in metrics]
    rows = [[source, *(number(figures.get(metric, math.nan)) for metric in metrics)] for source, figures in published]
    return Table(["system", *map(heading, metrics)], [[f"{name}, measured here", *ours], *rows])


def group_cells(groups: Sequence[Group], of: str) -> Table:
    """Return one row a group: its size and its figures with their intervals."""
    metrics = list(dict.fromkeys(metric for group in groups for metric in group.metrics))
    rows = [
        [
            group.corpus,
            group.name,
            str(group.utterances),
            str(group.speakers),
            *(interval(group.metrics[metric]) if metric in group.metrics else MISSING for metric in metrics),
        ]
        for group in groups
    ]
    return Table(["corpus", of, "utterances", "speakers", *map(heading, metrics)], rows)


def gap_cells(gaps: Sequence[Gap]) -> Table:
    """Return one row a corpus: the first gender's figures minus the second one's."""
    metrics = list(dict.fromkeys(metric for gap in gaps for metric in gap.metrics))
    rows = [
        [
            gap.corpus,
            f"{gap.first} minus {gap.second}",
            *(interval(gap.metrics[metric], sign="+") if metric in gap.metrics else MISSING for metric in metrics),
        ]
        for gap in gaps
    ]
    return Table(["corpus", "gap", *map(heading, metrics)], rows)


def fold_mean_cells(scores: Scores, means: Mapping[str, Interval]) -> Table:
    """Return one row a metric: all utterances pooled, and the mean over folds, both with intervals over speakers."""
    rows = [
        [
            heading(name),
            interval(scores.metrics[name].pooled),
            interval(means[name]),
            number(scores.metrics[name].folds.deviation),
            number(scores.metrics[name].seeds.deviation),
        ]
        for name in _headlines({"": scores})
        if name in means
    ]
    return Table(["metric", "pooled", "mean over folds", "sd over folds", "sd over seeds"], rows)


def _difference(test: PairedTest) -> str:
    return interval(Interval(test.value - test.reference, test.low, test.high), sign="+")


def chance(p: float) -> str:
    """Return a p-value as it is printed.

    >>> chance(0.0312), chance(0.00004), chance(float("nan"))
    ('0.031', '< 0.001', '–')
    """
    return "< 0.001" if p < 0.001 else number(p)


def _headlines(scores: Mapping[str, Scores]) -> list[str]:
    found = dict.fromkeys(name for one in scores.values() for name in one.metrics)
    first = [name for name in _HEADLINES if name in found]
    return first + [name for prefix in _HEADLINE_PREFIXES for name in found if name.startswith(prefix)]


def number(value: float, sign: str = "") -> str:
    """Return a figure as it is printed, a dash where there is none."""
    return MISSING if math.isnan(value) else f"{value:{sign}.3f}"


def interval(estimate: Interval, sign: str = "") -> str:
    """Return a figure with its interval, where it has one."""
    if math.isnan(estimate.low + estimate.high):
        return number(estimate.value, sign)
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
