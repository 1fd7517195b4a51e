"""What everybody has: a majority guess, and a linear model over classical features, tuned without a look at the test.

The penalty is the one that does best on the validation part of a fold after training on its train part (where a corpus
is left out: on each training corpus after training on the others); with it the model is fitted again on both parts.
The temperature and the conformal thresholds come from the validation part as well, as those of emobridge's own recipes
do. Nothing of the test part takes part, its labels and its features neither.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from benchmarks.accuracy.descriptors import described
from benchmarks.accuracy.tasks import Task
from emobridge.training.evaluation.calibration import category_threshold, fit_temperature, half_width, masked_softmax
from emobridge.training.evaluation.inference import predictions_of
from emobridge.training.evaluation.metrics import (
    concordance_cc,
    restrict_to_allowed,
    unweighted_average_recall,
    vote_majority,
    weighted_f1,
)
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.prepare import Parts

MAJORITY = "majority"
LINEAR = {"acoustic": "eGeMAPS + SVM", "linguistic": "TF-IDF + SVM"}
MARGIN = tuple(10.0**power for power in range(-4, 2))  # C of an SVM
RIDGE = tuple(10.0**power for power in (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5))  # 1 / alpha
WORDS = r"\w+|[^\w\s]"  # punctuation marks count: in dialogue, exclamation marks say much
ITERATIONS = 50_000
SEED = 0


@dataclass(frozen=True)
class Judged:
    """What a system said of a task.

    Attributes:
        predictions: of one variant, over all splits.
        penalties: split -> label or dimension -> the C (of ridge: 1 / alpha) that was chosen.
    """

    predictions: Predictions
    penalties: dict[str, dict[str, float]]


def majority(task: Task) -> Judged:
    """Return the guess that knows nothing but the training labels: shares of the categories, means of dimensions."""
    learned, parts = task.learned, []
    for split in task.splits:
        known = np.concatenate([split.train, split.validation])
        shares = learned[known].sum(axis=0) / max(1.0, float(learned[known].sum()))
        rated = task.examples.rated_dimensions[known]
        counts = (~np.isnan(rated)).sum(axis=0)
        means = np.where(counts > 0, np.nansum(rated, axis=0) / np.maximum(counts, 1), np.nan)
        rows = len(split.test)
        parts.append(_said(task, split, MAJORITY, np.tile(shares, (rows, 1)), np.tile(means, (rows, 1))))
    return Judged(Predictions.concatenate(parts), {})


def linear(task: Task, cache: Path) -> Judged:
    """Return what linear models over eGeMAPS (speech) or TF-IDF (text) say: an SVM, and a regression a dimension.

    Raises:
        MissingExtraError: functionals have to be computed and opensmile is not installed.
    """
    inputs = _inputs(task, cache)
    parts, penalties = [], {}
    for split in task.splits:
        probabilities, threshold, chosen = _categories(task, split, inputs)
        values = np.full((len(split.test), len(task.examples.dimension_names)), np.nan)
        widths: dict[str, float] = {}
        for column, name in enumerate(task.examples.dimension_names):
            if found := _dimension(task, split, inputs, column):
                values[:, column], widths[name], chosen[name] = found
        parts.append(_said(task, split, LINEAR[task.modality], probabilities, values, (threshold, widths)))
        penalties[split.name] = chosen
    return Judged(Predictions.concatenate(parts), penalties)


def headline(modality: str) -> tuple[str, Callable[[NDArray[np.int64], NDArray[np.int64]], float]]:
    """Return the measure of categories by which a corpus is judged in the literature, and so the one tuned on."""
    if modality == "acoustic":
        return "unweighted_average_recall", unweighted_average_recall
    return "weighted_f1", weighted_f1


def _inputs(task: Task, cache: Path) -> NDArray[Any]:
    """Return what the linear model reads of each example: functionals (N, 88), or a text (N,)."""
    if task.modality == "acoustic":
        return described(task.examples, range(len(task.examples)), cache)
    return np.array([utterance.text or "" for utterance in task.examples.utterances], dtype=object)


def _front(modality: str, inputs: NDArray[Any], rows: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Any]:
    """Return what makes a matrix of any rows of the inputs, scaled or weighted as ``rows`` alone ask for."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
    front = StandardScaler() if modality == "acoustic" else words
    front.fit(inputs[rows])
    return lambda chosen: front.transform(inputs[chosen])


def _classifier(penalty: float) -> Any:
    return LinearSVC(C=penalty, class_weight="balanced", random_state=SEED, max_iter=ITERATIONS)


def _regressor(modality: str, penalty: float) -> Any:
    if modality == "linguistic":
        return Ridge(alpha=1.0 / penalty)
    return LinearSVR(C=penalty, loss="squared_epsilon_insensitive", dual=False, max_iter=ITERATIONS)


def _categories(task: Task, split: Parts, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], float, dict[str, float]]:
    """Return the test part's probabilities (N, C), the conformal threshold, and the penalty chosen."""
    votes = task.learned
    labels = vote_majority(votes)
    train, validation = (rows[labels[rows] >= 0] for rows in (split.train, split.validation))
    if not len(train):
        return np.zeros((len(split.test), votes.shape[1])), 1.0, {}

    def fitted(rows: NDArray[np.int64], penalties: Sequence[float]) -> tuple[Callable[..., Any], list[Any]]:
        see = _front(task.modality, inputs, rows)
        known = see(rows)
        return see, [_classifier(penalty).fit(known, labels[rows]) for penalty in penalties]

    merit = np.zeros(len(MARGIN))
    for known, unknown in _trials(task, train, validation):
        see, models = fitted(known, MARGIN)
        seen = see(unknown)
        merit += [headline(task.modality)[1](labels[unknown], model.predict(seen)) for model in models]
    best = MARGIN[int(merit.argmax())]
    see, (model,) = fitted(train, [best])
    logits, held = _logits(model, see(validation), votes.shape[1])
    allowed = np.tile(held, (len(validation), 1))
    truth = restrict_to_allowed(votes[validation], allowed) * (votes[validation] * allowed).any(axis=1, keepdims=True)
    temperature = fit_temperature(logits, truth, allowed)
    threshold = category_threshold(masked_softmax(logits, allowed, temperature), truth)
    see, (model,) = fitted(np.concatenate([train, validation]), [best])
    logits, held = _logits(model, see(split.test), votes.shape[1])
    probabilities = masked_softmax(logits, np.tile(held, (len(logits), 1)), temperature)
    return probabilities, threshold, {"categories": best}


def _trials(
    task: Task, train: NDArray[np.int64], validation: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the pairs of rows to fit on and to be judged by when the penalty is chosen.

    Where a corpus will be left out, each of the others is left out in turn, since what does best on a corpus that
    training knows does worse on one that it does not.
    """
    rows = np.concatenate([train, validation])
    corpora = task.examples.corpora[rows]
    if not task.left_out or len(np.unique(corpora)) < 2:
        return [(train, validation)]
    return [(rows[corpora != number], rows[corpora == number]) for number in np.unique(corpora)]


def _logits(model: Any, inputs: Any, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return decision values (N, C), and which categories (C,) the model learned."""
    values = model.decision_function(inputs)
    if values.ndim == 1:  # two categories share one hyperplane
        values = np.stack([-values, values], axis=1)
    logits, seen = np.zeros((len(values), count)), np.zeros(count, bool)
    logits[:, model.classes_], seen[model.classes_] = values, True
    return logits, seen


def _dimension(
    task: Task, split: Parts, inputs: NDArray[Any], column: int
) -> tuple[NDArray[np.float64], float, float] | None:
    """Return the test part's values (N,), the conformal half width (NaN: too few to tell) and the penalty chosen.

    None where nothing is rated to learn from, or to be judged by.
    """
    rated = task.examples.rated_dimensions[:, column]
    train, validation = (rows[~np.isnan(rated[rows])] for rows in (split.train, split.validation))
    if not len(train) or np.isnan(rated[split.test]).all():
        return None
    see = _front(task.modality, inputs, train)
    known, unknown = see(train), see(validation)
    penalties = MARGIN if task.modality == "acoustic" else RIDGE
    models = {one: _regressor(task.modality, one).fit(known, rated[train]) for one in penalties}
    said = {one: np.clip(model.predict(unknown), 0, 1) for one, model in models.items()}
    best = max(penalties, key=lambda one: np.nan_to_num(concordance_cc(rated[validation], said[one])))
    width = half_width(said[best], rated[validation])
    both = np.concatenate([train, validation])
    see = _front(task.modality, inputs, both)
    values = _regressor(task.modality, best).fit(see(both), rated[both]).predict(see(split.test))
    return np.clip(values, 0, 1), np.nan if width is None else width, best


def _said(
    task: Task,
    split: Parts,
    system: str,
    probabilities: NDArray[np.floating],
    dimensions: NDArray[np.floating],
    promise: tuple[float, dict[str, float]] = (np.nan, {}),
) -> Predictions:
    return predictions_of(
        task.examples,
        split.test,
        presence=np.full(len(split.test), task.modality),
        probabilities=probabilities.astype(np.float32),
        dimensions=dimensions.astype(np.float32),
        judged=bool(task.examples.categories),
        fold=split.name,
        variant=system,
        seed=SEED,
        promises=[promise] * len(split.test),
    )
