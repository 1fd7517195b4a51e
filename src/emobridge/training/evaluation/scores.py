"""From stored predictions to figures: every metric with its interval over speakers, per fold, per seed, per corpus."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import CorpusError
from emobridge.labels import CATEGORY_SETS
from emobridge.training.evaluation.bootstrap import (
    Difference,
    Interval,
    Measured,
    bootstrap_intervals,
    paired_differences,
    speaker_units,
)
from emobridge.training.evaluation.calibration import category_sets
from emobridge.training.evaluation.metrics import (
    brier_score,
    concordance_cc,
    confusion_matrix,
    cross_entropy_soft,
    debiased_calibration_error,
    expected_calibration_error,
    interval_coverage,
    macro_f1,
    mean_absolute_error,
    mean_set_size,
    pearson_cc,
    per_class_recall,
    restrict_to_allowed,
    root_mean_square_error,
    set_coverage,
    unweighted_average_recall,
    weighted_average_recall,
    weighted_f1,
)
from emobridge.training.evaluation.predictions import Predictions

ACCURACY = "weighted_average_recall"
CONCORDANCE = "concordance_cc_"  # and the name of a dimension
CATEGORY_METRICS = (
    "unweighted_average_recall", ACCURACY, "macro_f1", "weighted_f1", "expected_calibration_error",
    "debiased_calibration_error", "brier_score", "cross_entropy_soft", "set_coverage", "mean_set_size",
)  # fmt: skip
PREFIXES = (
    "recall_", CONCORDANCE, "pearson_cc_", "mean_absolute_error_", "root_mean_square_error_",
    "interval_coverage_",
)  # fmt: skip


def says_how_right(metric: str) -> bool:
    """Return whether a metric is UAR, WAR or the CCC of a dimension: how right a system is, for people at a glance."""
    return metric in ("unweighted_average_recall", ACCURACY) or metric.startswith(CONCORDANCE)


@dataclass(frozen=True)
class Spread:
    """A metric on each part (fold or seed) by itself.

    Attributes:
        values: part -> value, NaN where the part does not define it.
        mean, deviation: mean and sample standard deviation over the parts that do; NaN for none and fewer than two.
    """

    values: Mapping[str, float]
    mean: float
    deviation: float


@dataclass(frozen=True)
class Score:
    """A metric on all items together with its 95 % interval over speakers, and by folds and by seeds."""

    pooled: Interval
    folds: Spread
    seeds: Spread


@dataclass(frozen=True)
class Scores:
    """Everything that is measured of one variant.

    Attributes:
        categories, dimensions: names, as in the predictions.
        utterances, speakers: how many different ones were judged.
        metrics: name -> score. Categories: ``unweighted_average_recall``, ``weighted_average_recall``, ``macro_f1``,
            ``weighted_f1``, ``recall_<category>``, ``expected_calibration_error``, ``debiased_calibration_error``,
            ``brier_score``, ``cross_entropy_soft``, ``set_coverage`` and ``mean_set_size`` of the 90 % sets; each
            dimension: ``concordance_cc_<dimension>``, ``pearson_cc_<dimension>``, ``mean_absolute_error_<dimension>``
            and ``root_mean_square_error_<dimension>`` (on [0, 1]), ``interval_coverage_<dimension>`` of the 90 %
            intervals.
        confusion: (C, C) int64, row = truth, column = predicted.
        corpora: the same for each corpus; empty where there is one only.
    """

    categories: tuple[str, ...]
    dimensions: tuple[str, ...]
    utterances: int
    speakers: int
    metrics: Mapping[str, Score]
    confusion: NDArray[np.int64]
    corpora: Mapping[str, "Scores"]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON-ready values; NaN becomes None, a tuple or an array a list."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def score(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> Scores:
    """Return every metric of one variant's predictions.

    Categories are judged within the allowed ones of each item, against the label or the majority of its votes (ties
    are dropped there); calibration errors, ``brier_score``, ``cross_entropy_soft`` and coverage use the votes
    themselves. Sets are those that a user gets, over all categories. Seeds are pooled: an utterance counts once a seed,
    and is drawn with its speaker all the same.

    Args:
        predictions: of one variant, at least one row.
        resamples, seed: of the bootstrap over speakers; 0 resamples leave the intervals NaN.

    Raises:
        CorpusError: there are no rows, or those of several variants.
    """
    _require_one_variant(predictions)
    whole = _score_rows(predictions, resamples, seed)
    names = _distinct(predictions.corpora)
    if len(names) == 1:
        return whole
    parts = {name: _score_rows(predictions.select(predictions.corpora == name), resamples, seed) for name in names}
    return dataclasses.replace(whole, corpora=parts)


def fold_means(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> dict[str, Interval]:
    """Return the mean over folds of each metric but those of confidence, with its interval over speakers.

    Args:
        predictions, resamples, seed: as for `score`. A resample's mean is over the folds whose speakers it draws and
            that define the metric.
    """
    system, folds = measured(predictions, confidence=False), predictions.folds

    def means(rows: NDArray[np.intp]) -> dict[str, float]:
        values = [system.measure(rows[folds[rows] == fold]) for fold in _distinct(folds[rows])]
        return {name: _spread({str(place): one[name] for place, one in enumerate(values)}).mean for name in values[0]}

    return bootstrap_intervals(Measured(means, system.units), resamples, seed)


def score_four(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> dict[str, Scores]:
    """Return the scores of each corpus in the view ``four``, where corpora differ in what else they label.

    Args:
        predictions, resamples, seed: as for `score`.

    Returns:
        Nothing for predictions that are not over one of the common sets of categories.
    """
    if predictions.categories not in CATEGORY_SETS.values():
        return {}
    viewed = predictions.in_view("four")
    parts = {name: viewed.select(viewed.corpora == name) for name in _distinct(viewed.corpora)}
    return {name: score(part, resamples, seed) for name, part in parts.items()}


def compare(
    predictions: Predictions, reference: Predictions, resamples: int = 1000, seed: int = 0, confidence: bool = True
) -> dict[str, Difference]:
    """Return each metric of one variant minus that of ``reference``, on the same resampled speakers.

    Args:
        predictions, reference: of one variant each, over the same utterances; the numbers of seeds may differ. A
            metric that only one defines (a variant without dimensions) is left out.
        resamples, seed: as in `score`.
        confidence: as in `measured`.

    Raises:
        CorpusError: the utterances or the categories differ, or either holds several variants.
    """
    for side in (predictions, reference):
        _require_one_variant(side)
    require_same_items(predictions, reference)
    systems = measured(predictions, confidence), measured(reference, confidence)
    return paired_differences(*systems, resamples, seed)


def _score_rows(predictions: Predictions, resamples: int, seed: int) -> Scores:
    system = measured(predictions)
    pooled = bootstrap_intervals(system, resamples, seed)
    folds, seeds = _by_part(system, predictions.folds), _by_part(system, predictions.seeds.astype(np.str_))
    named = predictions.speakers != ""
    known, predicted, _ = judged(predictions)
    return Scores(
        categories=predictions.categories,
        dimensions=predictions.dimensions,
        utterances=len(set(zip(predictions.corpora.tolist(), predictions.ids.tolist(), strict=True))),
        speakers=len(np.unique(system.units[named])),
        metrics={name: Score(pooled[name], folds[name], seeds[name]) for name in pooled},
        confusion=confusion_matrix(known, predicted, len(predictions.categories)),
        corpora={},
    )


def judged(predictions: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the true index (N,), -1 where missing, the predicted one (N,) and the restricted probabilities (N, C)."""
    probabilities = restrict_to_allowed(predictions.probabilities, predictions.allowed)
    if not predictions.categories:
        nothing = np.full(len(predictions), -1)
        return nothing, nothing, probabilities
    return predictions.truth_indices, probabilities.argmax(axis=1), probabilities


def measured(predictions: Predictions, confidence: bool = True) -> Measured:
    """Return the system that gives every metric for which the predictions have labels.

    Args:
        predictions: at least one row.
        confidence: whether calibration errors and coverage are among the metrics, which take most of the time.
    """
    truth, predicted, probabilities = judged(predictions)
    votes = predictions.truth.astype(np.float64)
    labelled = bool(votes.sum())
    sets = category_sets(predictions.probabilities, predictions.category_threshold)
    promised = np.where(np.isnan(predictions.category_threshold)[:, None], 0.0, votes)
    rated = [
        (name, predictions.truth_dimensions[:, column], predictions.predicted_dimensions[:, column], width)
        for column, (name, width) in enumerate(zip(predictions.dimensions, predictions.half_width.T, strict=True))
        if not np.isnan(predictions.truth_dimensions[:, column] + predictions.predicted_dimensions[:, column]).all()
    ]

    def measure(rows: NDArray[np.intp]) -> dict[str, float]:
        values: dict[str, float] = {}
        if labelled:
            values |= _category_metrics(predictions.categories, truth[rows], predicted[rows])
        if labelled and confidence:
            values |= _confidence_metrics(votes[rows], probabilities[rows])
        if promised.any() and confidence:
            values["set_coverage"] = set_coverage(promised[rows], sets[rows])
            values["mean_set_size"] = mean_set_size(promised[rows], sets[rows])
        for name, true, guess, width in rated:
            values[f"{CONCORDANCE}{name}"] = concordance_cc(true[rows], guess[rows])
            values[f"pearson_cc_{name}"] = pearson_cc(true[rows], guess[rows])
            values[f"mean_absolute_error_{name}"] = mean_absolute_error(true[rows], guess[rows])
            values[f"root_mean_square_error_{name}"] = root_mean_square_error(true[rows], guess[rows])
            if confidence and not np.isnan(true + guess + width).all():
                values[f"interval_coverage_{name}"] = interval_coverage(true[rows], guess[rows], width[rows])
        return values

    return Measured(measure, speaker_units(predictions.corpora, predictions.speakers, predictions.ids))


def _confidence_metrics(votes: NDArray[np.float64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    return {
        "expected_calibration_error": expected_calibration_error(votes, probabilities),
        "debiased_calibration_error": debiased_calibration_error(votes, probabilities),
        "brier_score": brier_score(votes, probabilities),
        "cross_entropy_soft": cross_entropy_soft(votes, probabilities),
    }


def _category_metrics(
    categories: tuple[str, ...], truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> dict[str, float]:
    recalls = per_class_recall(truth, predicted, len(categories))
    return {
        "unweighted_average_recall": unweighted_average_recall(truth, predicted),
        ACCURACY: weighted_average_recall(truth, predicted),
        "macro_f1": macro_f1(truth, predicted),
        "weighted_f1": weighted_f1(truth, predicted),
        **{f"recall_{name}": float(value) for name, value in zip(categories, recalls, strict=True)},
    }


def _by_part(system: Measured, parts: NDArray[np.str_]) -> dict[str, Spread]:
    values = {part: system.measure(np.flatnonzero(parts == part)) for part in _distinct(parts)}
    names = next(iter(values.values()))
    return {name: _spread({part: metrics[name] for part, metrics in values.items()}) for name in names}


def _spread(values: dict[str, float]) -> Spread:
    known = np.array([value for value in values.values() if not math.isnan(value)])
    mean = float(known.mean()) if known.size else math.nan
    return Spread(values, mean, float(known.std(ddof=1)) if known.size > 1 else math.nan)


def _distinct(words: NDArray[np.str_]) -> list[str]:
    """Return the different words in the order in which they first occur."""
    return list(dict.fromkeys(words.tolist()))


def _require_one_variant(predictions: Predictions) -> None:
    variants = _distinct(predictions.variants)
    if len(variants) != 1:
        given = f"predictions of the variants {', '.join(variants)}" if variants else "predictions without a row"
        raise CorpusError(given, "valid: the rows of one variant", "select one variant and score it by itself")


def require_same_items(predictions: Predictions, reference: Predictions) -> None:
    """Refuse two systems that cannot be compared.

    Raises:
        CorpusError: the utterances or the categories differ.
    """
    one, other = (
        set(zip(side.corpora.tolist(), side.ids.tolist(), side.speakers.tolist(), strict=True))
        for side in (predictions, reference)
    )
    names = f"variants '{predictions.variants[0]}' and '{reference.variants[0]}'"
    if one != other:
        given = f"{names} share {len(one & other)} utterances of {len(one)} and {len(other)}"
        example = min(one ^ other)
        valid = f"the same utterances, but '{example[1]}' of {example[0]} is in one alone"
        raise CorpusError(given, valid, "judge both on the same folds, or compare what they share: --shared")
    if predictions.categories and reference.categories and predictions.categories != reference.categories:
        ours, theirs = (set(side.categories) for side in (predictions, reference))
        given = f"{names} share {len(ours & theirs)} categories of {len(ours)} and {len(theirs)}"
        valid = f"the same ones, but {', '.join(sorted(ours ^ theirs)) or 'their order'} differ"
        raise CorpusError(given, valid, "judge both on a common view: --categories four")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
