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
from emobridge.learning.features import Examples
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
    """Train one variant on one fold and return its stored predictions on the test part; done work is only read."""
    chosen = recipe.variant(variant)
    examples = prepared.examples
    digest = _digest(chosen, examples, parts)
    stored = folder / PREDICTIONS
    if stored.exists():
        _check_run(folder, digest)
        return Predictions.read(stored)
    setup = TrainingSetup(
        examples=examples,
        train=parts.train,
        corpus_weights=tuple(entry.weight for entry in chosen.data.corpora),
        seed=chosen.seed,
        digest=digest,
        folder=folder,
    )
    system = new_system(chosen, examples)
    train_system(system, setup, chosen.training, chosen.loss, chosen.masking, progress)
    calibration = calibrate(system, examples, calibration_pairs(examples, parts.validation))
    pairs = Pairs.natural(examples, list(parts.test))
    predictions = predict(system, examples, pairs, calibration, fold=parts.name, variant=variant, seed=chosen.seed)
    write_json(folder / RUN, run_record(chosen, prepared, parts, calibration, digest))
    predictions.write(stored, {"recipe": chosen.name, "digest": digest, "torch": torch.__version__})
    return predictions


def _digest(recipe: Recipe, examples: Examples, parts: Parts) -> str:
    """Return a digest of all that decides a training: recipe, utterances, labels and split."""
    whole = hashlib.sha256(recipe.digest.encode())
    whole.update("\n".join(f"{utterance.corpus}/{utterance.id}" for utterance in examples.utterances).encode())
    for array in (examples.targets, examples.allowed, examples.dimensions, parts.train, parts.validation, parts.test):
        whole.update(np.ascontiguousarray(array).tobytes())
    whole.update("\n".join(key or "" for key in examples.frame_keys).encode())
    return whole.hexdigest()


def _check_run(folder: Path, digest: str) -> None:
    if read_json(folder / RUN)["digest"] != digest:
        raise RecipeError(
            f"{folder} holds the results of another recipe, seed or corpus", "", "choose another --out, or delete it"
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
        CorpusError: a corpus or its folds cannot be read.
        RecipeError: the recipe is wrong, asks for what the corpora do not have, or ``out`` holds another one's run.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    prepared = prepare(chosen, data, out, lambda done, total: report("read corpora", done, total))
    parts = prepared.fold(fold)
    return run_fold(
        chosen, chosen.name, prepared, parts, out, lambda done, total: report(f"train {parts.name}", done, total)
    )


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
        CorpusError, RecipeError: as for `train`.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    prepared = prepare(chosen, data, out, lambda done, total: report("read corpora", done, total))
    parts = [prepared.fold(number) for number in folds or range(1, len(prepared.folds) + 1)]
    found = []
    for variant in (chosen.name, *chosen.variants):
        for fold in parts:
            what = f"{variant}, {fold.name}"
            progress = _labelled(report, what)
            found.append(run_fold(chosen, variant, prepared, fold, out / variant / fold.name, progress))
    whole = Predictions.concatenate(found)
    whole.write(out / PREDICTIONS, {"recipe": chosen.name})
    return whole


def evaluate(
    bundle: str | Path | None, recipe: str | Path | Recipe, data: Path | None, fold: int = 1, report: Report = no_report
) -> Predictions:
    """Return what a bundle says of a recipe's test part, through the same graphs that predict for users.

    Args:
        bundle: its folder; None is the model that comes with emobridge.
        recipe: corpora, label set and folds come from it; nothing is trained.
        data, fold, report: as for `train`.

    Raises:
        BundleError: there is no bundle, or a damaged one.
        CorpusError, RecipeError: as for `train`; also a bundle of another label set.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    loaded = load_bundle(bundle)
    prepared = prepare(chosen, data, Path(), lambda done, total: report("read corpora", done, total))
    parts = prepared.fold(fold)
    return evaluate_bundle(loaded, prepared.examples, list(parts.test), parts.name, _labelled(report, "evaluate"))


def _labelled(report: Report, what: str) -> Progress:
    return lambda done, total: report(what, done, total)
