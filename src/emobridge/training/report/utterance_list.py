"""Which utterances are behind each figure: the exact list, and a digest that two reports can be compared by."""

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import judged
from emobridge.utils.files import replacing

CATEGORIES = "categories"
DIGEST_LETTERS = 12


def counted(predictions: Predictions) -> dict[str, NDArray[np.bool_]]:
    """Return, for the figures of categories and of each dimension, which rows (N,) they are computed from.

    Figures of categories need a true category without a tie; those of confidence also count tied votes.
    """
    found = {CATEGORIES: predictions.truth_indices >= 0} if predictions.categories else {}
    both = ~np.isnan(predictions.truth_dimensions + predictions.predicted_dimensions)
    return found | {name: both[:, column] for column, name in enumerate(predictions.dimensions)}


def digests(predictions: Predictions) -> dict[str, tuple[int, str]]:
    """Return, for each figure of `counted`, how many different utterances it rests on and a digest of their names."""
    found = {}
    for figure, rows in counted(predictions).items():
        names = sorted({f"{a}\t{b}" for a, b in zip(predictions.corpora[rows], predictions.ids[rows], strict=True)})
        found[figure] = (len(names), hashlib.sha256("\n".join(names).encode()).hexdigest()[:DIGEST_LETTERS])
    return found


def write_utterances(parts: Mapping[str, Predictions], path: Path) -> None:
    """Write a CSV table with a row for each system, fold, seed and utterance: truths, answers, and what they count in.

    Args:
        parts: system -> its predictions.
        path: the file.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for place, predictions in enumerate(parts.values()):
            figures = counted(predictions)
            if place == 0:
                values = [f"{kind}_{name}" for name in predictions.dimensions for kind in ("true", "predicted")]
                writer.writerow([
                    "system", "seed", "fold", "corpus", "utterance", "speaker", "gender", "given", "true", "predicted",
                    "probability", *values, *(f"counts_in_{figure}" for figure in figures),
                ])  # fmt: skip
            writer.writerows(_rows(predictions, figures))


def _rows(predictions: Predictions, figures: Mapping[str, NDArray[np.bool_]]) -> list[list[str]]:
    truth, answers, probabilities = judged(predictions)
    names = np.array([*predictions.categories, ""])  # -1, no true category, is the last
    known = bool(predictions.categories) and bool(predictions.truth.any())
    columns = [
        predictions.variants, predictions.seeds, predictions.folds, predictions.corpora, predictions.ids,
        predictions.speakers, predictions.genders, predictions.presence,
        names[truth], names[answers] if known else np.full(len(truth), ""),
        [f"{row[answer]:.4f}" if known else "" for row, answer in zip(probabilities, answers, strict=True)],
    ]  # fmt: skip
    for column in range(len(predictions.dimensions)):
        columns += [_told(side[:, column]) for side in (predictions.truth_dimensions, predictions.predicted_dimensions)]
    columns += [np.where(rows, "1", "0") for rows in figures.values()]
    return [[str(cell) for cell in row] for row in zip(*columns, strict=True)]


def _told(values: NDArray[np.float32]) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.4f}" for value in values]
