"""The straight line of learning: recipe and corpora to folds, trainings, predictions and scores on disk.

A run is a folder. Each variant and fold of it has a folder of its own with the checkpoint, the calibration and the
stored predictions; what is complete is not done again, and what was interrupted goes on where it stopped.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from emobridge.bundle import load_bundle
from emobridge.errors import RecipeError
from emobridge.learning.evaluation.bundles import evaluate_bundle
from emobridge.learning.evaluation.estimates import Pairs, calibrate, predict
from emobridge.learning.evaluation.predictions import Predictions
from emobridge.learning.features import DataConfig, Examples
from emobridge.learning.preparation import Parts, Prepared, calibration_pairs, prepare
from emobridge.learning.recipe import Recipe, read_recipe
from emobridge.learning.record import run_record
from emobridge.learning.storage import read_json, write_json
from emobridge.learning.system import EmotionSystem, SystemConfig
from emobridge.learning.training.loop import Progress, TrainingSetup, no_progress
from emobridge.learning.training.loop import train as train_system

PREDICTIONS = "predictions.parquet"
RUN = "run.json"
LINGUISTIC_DIMENSION = 384
Report = Callable[[str, int, int], None]


def no_report(what: str, done: int, total: int) -> None:
    """Report nothing."""


def new_system(recipe: Recipe, examples: Examples) -> EmotionSystem:
    """Return an untrained system for a recipe and its label set; the linguistic encoder holds its released weights."""
    torch.manual_seed(recipe.seed)
    fusion = recipe.fusion_config(examples.categories, examples.dimension_names, LINGUISTIC_DIMENSION)
    system = EmotionSystem(SystemConfig(fusion, recipe.acoustic, recipe.linguistic))
    if system.linguistic is not None:
        system.linguistic.load_starting_weights()
    return system


def run_fold(
    recipe: Recipe, variant: str, prepared: Prepared, parts: Parts, folder: Path, progress: Progress = no_progress
) -> Predictions:
    """Train one variant on one fold and return its stored predictions on the test part; done work is only read.

    Args:
        recipe: the variant's own.
        variant: its name, stored with the predictions.
        prepared: by this recipe's ``data``.
        parts: one of its folds.
        folder: of this training alone.
        progress: called with steps done and in all.
    """
    examples = prepared.examples
    digest = _digest(recipe, examples, parts)
    stored = folder / PREDICTIONS
    if stored.exists():
        _check_run(folder, digest)
        return Predictions.read(stored)
    setup = TrainingSetup(
        examples=examples,
        train=parts.train,
        corpus_weights=tuple(entry.weight for entry in recipe.data.corpora),
        seed=recipe.seed,
        digest=digest,
        folder=folder,
    )
    system = new_system(recipe, examples)
    train_system(system, setup, recipe.training, recipe.loss, recipe.masking, progress)
    calibration = calibrate(system, examples, calibration_pairs(examples, parts.validation))
    pairs = Pairs.natural(examples, list(parts.test))
    predictions = predict(system, examples, pairs, calibration, fold=parts.name, variant=variant, seed=recipe.seed)
    write_json(folder / RUN, run_record(recipe, prepared, parts, calibration, digest))
    predictions.write(stored, {"recipe": recipe.name, "digest": digest, "torch": torch.__version__})
    return predictions


def _digest(recipe: Recipe, examples: Examples, parts: Parts) -> str:
    """Return a digest of all that decides a training: recipe, utterances, labels and split."""
    whole = hashlib.sha256(recipe.digest.encode())
    whole.update("\n".join(f"{utterance.corpus}/{utterance.id}" for utterance in examples.utterances).encode())
    for array in (examples.targets, examples.allowed, examples.dimensions, parts.train, parts.validation, parts.test):
        whole.update(np.ascontiguousarray(array).tobytes())
    whole.update("\n".join(key or "" for key in examples.frame_keys).encode())
    for row in np.flatnonzero(examples.presence[:, 1]):
        whole.update(np.append(row, examples.token_ids[row]).tobytes())
    return whole.hexdigest()


def _check_run(folder: Path, digest: str) -> None:
    found = read_json(folder / RUN)["digest"]
    if found != digest:
        raise RecipeError(
            f"{folder} holds the results of another training, of digest {found}",
            f"this recipe, seed, fold and data have {digest}",
            "choose another --out, or delete it",
        )


def train(
    recipe: str | Path | Recipe, data: Path | None, out: Path, fold: int = 1, report: Report = no_report
) -> Predictions:
    """Train a recipe on one fold and return the predictions for its test part; the run's folder can be exported.

    Args:
        recipe: a recipe, its file, or the name of one that comes with emobridge.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        out: the run's folder; the same folder resumes.
        fold: counted from 1.
        report: called with what is being done, how much of it is done, and how much there is.

    Raises:
        AudioError, CorpusError: a corpus, a recording or the folds cannot be read.
        BundleError: the run's checkpoint is damaged or belongs to another training.
        LabelError: a table has a label that ``data.categories`` has no place for.
        OutputError: ``out`` is no folder.
        RecipeError: the recipe is wrong, asks for what the corpora do not have, or ``out`` holds another one's run.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    prepared = prepare(chosen, data, out, _labelled(report, "read corpora"))
    parts = prepared.fold(fold)
    return run_fold(chosen, chosen.name, prepared, parts, out, _labelled(report, f"train {parts.name}"))


def crossvalidate(
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    folds: Sequence[int] | None = None,
    report: Report = no_report,
) -> Predictions:
    """Run every variant of a recipe on every fold and return all predictions, which are also stored below ``out``.

    Args:
        recipe, data, out, report: as for `train`.
        folds: which folds, counted from 1; None: all.

    Raises:
        EmobridgeError: as for `train`.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    found = []
    known: dict[tuple[DataConfig, bool], Prepared] = {}  # a variant may learn from other labels or inputs
    for variant in (chosen.name, *chosen.variants):
        varied = chosen.variant(variant)
        inputs = (varied.data, varied.linguistic is None)
        if inputs not in known:
            known[inputs] = prepare(varied, data, out, _labelled(report, f"{variant}, read corpora"))
        prepared = known[inputs]
        numbers = range(1, len(prepared.folds) + 1) if folds is None else sorted(set(folds))
        for parts in [prepared.fold(number) for number in numbers]:
            progress = _labelled(report, f"{variant}, {parts.name}")
            found.append(run_fold(varied, variant, prepared, parts, out / variant / parts.name, progress))
    whole = Predictions.concatenate(found)
    whole.write(out / PREDICTIONS, {"recipe": chosen.name})
    return whole


def evaluate(
    bundle: str | Path | None,
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    fold: int = 1,
    report: Report = no_report,
) -> Predictions:
    """Return what a bundle says of a recipe's test part, through the same graphs that predict for users.

    Args:
        bundle: its folder; None is the model that comes with emobridge.
        recipe: corpora, label set and folds come from it; nothing is trained.
        out: folder for the predictions, and for the folds of a corpus that has no fold file.
        data, fold, report: as for `train`.

    Raises:
        BundleError: there is no bundle, or a damaged one.
        EmobridgeError: as for `train`; also a bundle of another label set.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    loaded = load_bundle(bundle)
    prepared = prepare(chosen, data, out, _labelled(report, "read corpora"))
    parts = prepared.fold(fold)
    progress = _labelled(report, f"evaluate {parts.name}")
    predictions = evaluate_bundle(loaded, prepared.examples, list(parts.test), parts.name, progress)
    predictions.write(out / PREDICTIONS, {"recipe": chosen.name, "bundle": loaded.sha256})
    return predictions


def _labelled(report: Report, what: str) -> Progress:
    return lambda done, total: report(what, done, total)
