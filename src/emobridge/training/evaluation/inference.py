"""What a trained system says of examples, and how its confidence is made honest on speakers that it never met."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from emobridge.labels import PRESENCES
from emobridge.training.data.batches import collate
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.calibration import category_threshold, fit_temperature, half_width, masked_softmax
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.models.emotion_model import EmotionSystem

BATCH_SIZE = 16


@dataclass(frozen=True)
class Pairs:
    """What is put before the system: row i hears ``acoustic[i]`` and reads ``linguistic[i]``; None is absent."""

    acoustic: Sequence[int | None]
    linguistic: Sequence[int | None]

    @classmethod
    def natural(cls, examples: Examples, indices: Sequence[int]) -> Self:
        """Return each utterance with what it has."""
        presence = examples.presence
        return cls(
            [int(index) if presence[index, 0] else None for index in indices],
            [int(index) if presence[index, 1] else None for index in indices],
        )

    @property
    def labelled_by(self) -> NDArray[np.int64]:
        """(N,) the example whose labels a row has: the heard one where there is one."""
        rows = zip(self.acoustic, self.linguistic, strict=True)
        return np.array([heard if heard is not None else read for heard, read in rows], np.int64)

    @property
    def presence(self) -> NDArray[np.str_]:
        """(N,) which of `PRESENCES` a row has."""
        rows = zip(self.acoustic, self.linguistic, strict=True)
        words = ["both" if None not in (heard, read) else PRESENCES[heard is None] for heard, read in rows]
        return np.array(words, dtype=np.str_)


def estimate(
    system: EmotionSystem, examples: Examples, pairs: Pairs
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (N, C) and dimensions (N, K), in the order of ``pairs``; without a head: zeros, and NaN."""
    system.eval()
    count = len(pairs.acoustic)
    sounds = np.array([0 if index is None else examples.frame_counts[index] for index in pairs.acoustic])
    words = np.array([0 if index is None else len(examples.token_ids[index]) for index in pairs.linguistic])
    order = np.lexsort((words, sounds))
    logits = np.zeros((count, len(examples.categories)), np.float32)
    dimensions = np.full((count, len(examples.dimension_names)), np.nan, np.float32)
    for start in range(0, count, BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        batch = collate(examples, [pairs.acoustic[row] for row in rows], [pairs.linguistic[row] for row in rows])
        with torch.inference_mode():
            outputs = system(batch, batch.presence)
        if system.config.fusion.categories:
            logits[rows] = outputs[0].numpy()
        if system.config.fusion.dimensions:
            dimensions[rows] = outputs[1].numpy()
    return logits, dimensions


@dataclass(frozen=True)
class Calibration:
    """How a system's raw outputs become honest ones, for one presence.

    Attributes:
        temperature: logits are divided by it.
        category_threshold: share of probability that a 90 % set must reach.
        half_width: dimension -> half of its 90 % interval, only where people rated it.
        items: how many validation items it was fitted on; 0: nothing was fitted.
    """

    temperature: float
    category_threshold: float
    half_width: dict[str, float]
    items: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def calibrate(system: EmotionSystem, examples: Examples, pairs: Pairs) -> dict[str, Calibration]:
    """Fit temperature, conformal threshold and half widths for each presence that the system can meet.

    Args:
        system: trained.
        examples: of the recipe.
        pairs: held-out speakers. A presence that none of them has gets a temperature of 1, every category in its sets
            and no interval: where nothing was measured, nothing is promised.
    """
    logits, dimensions = estimate(system, examples, pairs)
    rows, presence = pairs.labelled_by, pairs.presence
    found = {}
    for name in system.presences:
        mine = presence == name
        found[name] = _fit(examples, rows[mine], logits[mine], dimensions[mine])
    return found


def _fit(
    examples: Examples, rows: NDArray[np.int64], logits: NDArray[np.float32], dimensions: NDArray[np.float32]
) -> Calibration:
    truth, allowed = examples.targets[rows], examples.allowed[rows]
    labelled = truth.sum(axis=1) > 0
    temperature, threshold = 1.0, 1.0
    if labelled.any():
        temperature = fit_temperature(logits[labelled], truth[labelled], allowed[labelled])
        # Whoever asks does not say which categories are possible, so sets are made, and measured, over all of them.
        probabilities = masked_softmax(logits[labelled], np.ones_like(allowed[labelled]), temperature)
        threshold = category_threshold(probabilities, truth[labelled])
    widths = {}
    for column, name in enumerate(examples.dimension_names):
        width = half_width(dimensions[:, column], examples.rated_dimensions[rows, column])
        if width is not None:
            widths[name] = float(width)
    return Calibration(float(temperature), float(threshold), widths, len(rows))


def predict(
    system: EmotionSystem,
    examples: Examples,
    pairs: Pairs,
    calibration: dict[str, Calibration],
    *,
    fold: str,
    variant: str,
    seed: int,
) -> Predictions:
    """Return calibrated predictions with their truth, ready to be stored and scored.

    A system without a category head is not judged on categories: their truth is left out.
    """
    logits, dimensions = estimate(system, examples, pairs)
    fitted = [calibration[str(name)] for name in pairs.presence]
    temperatures = np.array([one.temperature for one in fitted], np.float32)
    everything = np.ones_like(logits, dtype=bool)
    return predictions_of(
        examples,
        pairs.labelled_by,
        presence=pairs.presence,
        probabilities=masked_softmax(logits / temperatures[:, None], everything).astype(np.float32),
        dimensions=dimensions,
        promises=[(one.category_threshold, one.half_width) for one in fitted],
        judged=bool(system.config.fusion.categories),
        fold=fold,
        variant=variant,
        seed=seed,
    )


def predictions_of(
    examples: Examples,
    rows: NDArray[np.int64],
    *,
    presence: NDArray[np.str_],
    probabilities: NDArray[np.float32],
    dimensions: NDArray[np.float32],
    judged: bool,
    fold: str,
    variant: str,
    seed: int,
    promises: Sequence[tuple[float, Mapping[str, float]]] = (),
) -> Predictions:
    """Return what was said of examples together with what their corpora say of them.

    Args:
        examples: a recipe's.
        rows: (N,) which of them.
        presence: (N,) what the system was given, see `PRESENCES`.
        probabilities: (N, C) over the examples' categories.
        dimensions: (N, K) on [0, 1], NaN where nothing was said.
        judged: whether the categories count; if not, their truth is left out, and no set is promised.
        fold, variant, seed: of every row.
        promises: N pairs of what makes a statement hold nine times in ten: the share of probability that a set of
            categories must reach, and dimension -> half the width of its interval; left out, nothing is promised.
    """
    utterances = [examples.utterances[row] for row in rows]
    promises = promises or [(np.nan, {})] * len(rows)
    widths = [[width.get(name, np.nan) for name in examples.dimension_names] for _, width in promises]
    return Predictions(
        categories=examples.categories,
        dimensions=examples.dimension_names,
        ids=_words([utterance.id for utterance in utterances]),
        corpora=_words([utterance.corpus for utterance in utterances]),
        speakers=_words([utterance.speaker or "" for utterance in utterances]),
        genders=_words([utterance.attributes.get("gender", "") for utterance in utterances]),
        folds=_words([fold] * len(rows)),
        variants=_words([variant] * len(rows)),
        seeds=np.full(len(rows), seed, np.int64),
        presence=presence,
        labels=_words([utterance.label or "" for utterance in utterances]),
        truth=examples.targets[rows] * judged,
        allowed=examples.allowed[rows],
        probabilities=probabilities,
        truth_dimensions=examples.rated_dimensions[rows],
        predicted_dimensions=dimensions,
        category_threshold=np.array([threshold if judged else np.nan for threshold, _ in promises], np.float32),
        half_width=np.array(widths, np.float32).reshape(dimensions.shape),
    )


def _words(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_)
