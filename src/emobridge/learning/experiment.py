"""The straight line of learning: recipe and corpora to folds, trainings, predictions and scores on disk.

A run is a folder. Each variant and fold of it has a folder of its own with the checkpoint, the calibration and the
stored predictions; what is complete is not done again, and what was interrupted goes on where it stopped.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from emobridge.bundle import load_bundle
from emobridge.errors import RecipeError
from emobridge.learning.domain import DOMAIN, fit_domain, save_domain
from emobridge.learning.evaluation.bundles import evaluate_bundle
from emobridge.learning.evaluation.estimates import Calibration, Pairs, calibrate, predict
from emobridge.learning.evaluation.predictions import Predictions, read_metadata
from emobridge.learning.features import DataConfig, Examples, add_perturbed_copies
from emobridge.learning.frozen_texts import read_texts
from emobridge.learning.grid import Grid, Plan, plan
from emobridge.learning.perturbations import VERSION as PERTURBATIONS_VERSION
from emobridge.learning.preparation import Parts, Prepared, calibration_pairs, prepare, read_examples
from emobridge.learning.recipe import Recipe, read_recipe
from emobridge.learning.record import cost_since, run_record, shared_speakers, write_experiment
from emobridge.learning.storage import read_json, write_json
from emobridge.learning.system import EmotionSystem, SystemConfig
from emobridge.learning.training.checkpoint import load_average
from emobridge.learning.training.loop import CHECKPOINT, Progress, TrainingSetup
from emobridge.learning.training.loop import train as train_system
from emobridge.learning.transcript_sources import table_digest, with_transcripts

PREDICTIONS = "predictions.parquet"
RUN = "run.json"
START = "start"  # folder, in a run's, of the trainings that its linguistic encoder starts from
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
    recipe: Recipe,
    variant: str,
    prepared: Prepared,
    parts: Parts,
    folder: Path,
    start: "Start | None" = None,
    report: Report = no_report,
) -> Predictions:
    """Train one variant on one fold and return its stored predictions on the test part; done work is only read.

    Args:
        recipe: the variant's own.
        variant: its name, stored with the predictions.
        prepared: by this recipe's ``data``.
        parts: one of its folds.
        folder: of this training alone.
        start: what trains the linguistic encoder that this one starts from; None: the released one.
        report: called with what is being done, how much of it is done, and how much there is.
    """
    examples, start_s = prepared.examples, time.perf_counter()
    started = None if start is None else start.run(examples, parts)
    digest = _digest(recipe, examples, parts, started)
    stored = folder / PREDICTIONS
    if stored.exists():
        _check_run(folder, digest)
        if recipe.acoustic and (folder / CHECKPOINT).exists() and not (folder / DOMAIN).exists():
            system = new_system(recipe, examples)
            system.load_state_dict(load_average(folder / CHECKPOINT), strict=True)
            _keep_domain(system, examples, parts, recipe.training.perturbed_copies, folder)
        return Predictions.read(stored)
    add_perturbed_copies(
        examples, parts.train, recipe.training.perturbed_copies, _labelled(report, f"perturb {parts.name}")
    )
    setup = TrainingSetup(
        examples=examples,
        train=parts.train,
        corpus_weights=tuple(entry.weight for entry in recipe.data.corpora),
        seed=recipe.seed,
        digest=digest,
        folder=folder,
    )
    system = new_system(recipe, examples)
    if started is not None and system.linguistic is not None:
        system.linguistic.load_state_dict(linguistic_weights(started), strict=True)
    if system.linguistic is not None and system.linguistic.frozen:
        examples = read_texts(system.linguistic, examples, _labelled(report, "read texts"))
        setup = replace(setup, examples=examples)
    resumed = (folder / CHECKPOINT).exists()
    train_system(system, setup, recipe.training, recipe.loss, recipe.masking, _labelled(report, f"train {parts.name}"))
    calibration = calibrate(system, examples, calibration_pairs(examples, parts.validation))
    pairs = Pairs.natural(examples, list(parts.test))
    predictions = predict(system, examples, pairs, calibration, fold=parts.name, variant=variant, seed=recipe.seed)
    _keep_domain(system, examples, parts, recipe.training.perturbed_copies, folder)
    write_json(folder / RUN, run_record(recipe, prepared, parts, calibration, digest, cost_since(start_s, resumed)))
    predictions.write(stored, {"recipe": recipe.name, "digest": digest, "torch": torch.__version__})
    return predictions


def run_transcripts(
    recipe: Recipe, variant: str, prepared: Prepared, parts: Parts, folder: Path, report: Report = no_report
) -> list[Predictions]:
    """Return what a trained fold says of its test part when it reads other transcripts: `Recipe.transcripts`.

    Args:
        recipe, variant, prepared, parts, report: as for `run_fold`, which has been done.
        folder: of the training; each transcript's predictions are stored there too.

    Raises:
        CorpusError: a table of transcripts cannot be read, or names none of the utterances.
    """
    found = []
    for name, table in (recipe.transcripts or {}).items() if recipe.linguistic else ():
        stored, digest = folder / f"predictions-{name}.parquet", table_digest(Path(table))
        if not stored.exists() or read_metadata(stored).get("transcripts") != digest:
            corpora = with_transcripts(prepared.corpora, Path(table), heard=recipe.acoustic is not None)
            examples = read_examples(recipe, corpora, _labelled(report, f"read {name}"))
            system = new_system(recipe, examples)
            system.load_state_dict(load_average(folder / CHECKPOINT), strict=True)
            if system.linguistic is not None and system.linguistic.frozen:
                examples = read_texts(system.linguistic, examples, _labelled(report, f"read texts of {name}"))
            fitted = read_json(folder / RUN)["calibration"].items()
            calibration = {presence: Calibration(**values) for presence, values in fitted}
            pairs = Pairs.natural(examples, list(parts.test))
            judged = predict(
                system, examples, pairs, calibration, fold=parts.name, variant=f"{variant}@{name}", seed=recipe.seed
            )
            judged.write(stored, {"transcripts": digest})
        found.append(Predictions.read(stored))
    return found


def _keep_domain(system: EmotionSystem, examples: Examples, parts: Parts, copies: int, folder: Path) -> None:
    """Fit and store what the sound is like that a trained system learned from; its digest is the checkpoint's."""
    if system.acoustic is None:
        return
    # What it met in training is no surprise: telephones, noise and rooms are of its domain, as far as clips went there.
    add_perturbed_copies(examples, np.concatenate((parts.train, parts.validation)), copies)
    if domain := fit_domain(system, examples, parts.train, parts.validation, copies):
        save_domain(domain, folder / DOMAIN)


def _digest(recipe: Recipe, examples: Examples, parts: Parts, started: Path | None) -> str:
    """Return a digest of all that decides a training: recipe, utterances, labels, split and what it starts from."""
    whole = hashlib.sha256(recipe.digest.encode())
    if started is not None:
        whole.update(read_json(started / RUN)["digest"].encode())
    whole.update("\n".join(f"{utterance.corpus}/{utterance.id}" for utterance in examples.utterances).encode())
    for array in (examples.targets, examples.allowed, examples.dimensions, parts.train, parts.validation, parts.test):
        whole.update(np.ascontiguousarray(array).tobytes())
    whole.update("\n".join(key or "" for key in examples.frame_keys).encode())
    for row in np.flatnonzero(examples.presence[:, 1]):
        whole.update(np.append(row, examples.token_ids[row]).tobytes())
    if recipe.training.perturbed_copies:
        whole.update(f"perturbations {PERTURBATIONS_VERSION}".encode())
    return whole.hexdigest()


@dataclass(frozen=True)
class Start:
    """The training, of a recipe of its own, that a linguistic encoder starts from (`MinilmConfig.start`).

    Attributes:
        recipe, prepared: the other recipe and its corpora.
        folder: its folds have their folders here, shared by all trainings that start from one of them.
    """

    recipe: Recipe
    prepared: Prepared
    folder: Path
    report: Report

    @classmethod
    def of(cls, recipe: Recipe, data: Path | None, out: Path, report: Report) -> "Start | None":
        """Return what ``recipe`` starts from, None for the released weights.

        Raises:
            RecipeError: the other recipe has no linguistic encoder, or starts from a third one itself.
        """
        if recipe.linguistic is None or not recipe.linguistic.start:
            return None
        other = read_recipe(recipe.linguistic.start)
        if other.linguistic is None or other.linguistic.start:
            raise RecipeError(
                f"linguistic.start is the recipe '{other.name}'",
                "a start has a section [linguistic], whose own start is the released weights",
                "choose another linguistic.start",
            )
        folder = out / START / other.name
        return cls(
            other, prepare(other, data, folder, _labelled(report, f"{other.name}, read corpora")), folder, report
        )

    def run(self, examples: Examples, parts: Parts) -> Path:
        """Train the first fold that learns from nothing that ``parts`` test, and return its folder.

        Raises:
            RecipeError: every fold of the other recipe learns from something that is tested here.
        """
        tested = {(examples.utterances[row].corpus, examples.utterances[row].id) for row in parts.test}
        own = self.prepared.examples.utterances
        for number in range(1, len(self.prepared.folds) + 1):
            mine = self.prepared.fold(number)
            learned = {(own[row].corpus, own[row].id) for row in (*mine.train, *mine.validation)}
            if not learned & tested:
                folder = self.folder / mine.name
                run_fold(self.recipe, self.recipe.name, self.prepared, mine, folder, None, self.report)
                return folder
        raise RecipeError(
            f"{parts.name} starts from the recipe '{self.recipe.name}'",
            "a start must have a fold that learns from nothing that is tested",
            "choose another linguistic.start",
        )


def linguistic_weights(run: Path) -> dict[str, torch.Tensor]:
    """Return the linguistic encoder's averaged weights of a trained fold, by their names within the encoder."""
    prefix = "linguistic."
    weights = load_average(run / CHECKPOINT).items()
    return {name.removeprefix(prefix): value for name, value in weights if name.startswith(prefix)}


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
    start = Start.of(chosen, data, out, report)
    return run_fold(chosen, chosen.name, prepared, parts, out, start, report)


def crossvalidate(
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    folds: Sequence[int] | None = None,
    report: Report = no_report,
    *,
    leave_corpus_out: bool = False,
    seeds: Sequence[int] | None = None,
    grid: Grid | None = None,
) -> Predictions:
    """Run every variant of a recipe on every fold and return all predictions, which are also stored below ``out``.

    Args:
        recipe, data, out, report: as for `train`.
        folds: which folds, counted from 1; None: all.
        leave_corpus_out: instead of the folds of speakers take those of corpora (`Prepared.left_out`), named
            ``without-`` and the corpus: trained on the others, tested on all of this one.
        seeds: every training is done with each; None: with the recipe's own.
        grid: whose variants are run in the place of the recipe's own.

    Raises:
        EmobridgeError: as for `train`; also a recipe without two corpora to leave one out of, and a grid that asks
            nothing of the recipe.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    planned = Plan(chosen) if grid is None else plan(grid, chosen)
    asked = list(dict.fromkeys(seeds or [chosen.seed]))
    found = []
    known: dict[tuple[DataConfig, bool], Prepared] = {}  # a variant may learn from other labels or inputs
    for variant in (chosen.name, *planned.recipe.variants):
        varied = planned.recipe.variant(variant)
        inputs = (varied.data, varied.linguistic is None)
        if inputs not in known:
            known[inputs] = prepare(varied, data, out, _labelled(report, f"{variant}, read corpora"))
        prepared = known[inputs]
        parted = _chosen_folds(prepared, folds, leave_corpus_out)
        if variant == chosen.name:
            told = None if grid is None else {"name": grid.name, **planned.to_dict()}
            audit = [shared_speakers(prepared, parts) for parts in parted]
            write_experiment(out, chosen, prepared, [parts.name for parts in parted], asked, told, audit)
        for seed in asked:
            seeded, place = replace(varied, seed=seed), out / variant
            named = variant if seed == chosen.seed else f"{variant}, seed {seed}"
            place = place if seed == chosen.seed else place / f"seed-{seed}"
            start = Start.of(seeded, data, out, report)
            for parts in parted:
                told_of = _of_variant(report, named)
                found.append(run_fold(seeded, variant, prepared, parts, place / parts.name, start, told_of))
                found += run_transcripts(seeded, variant, prepared, parts, place / parts.name, told_of)
    whole = Predictions.concatenate(found)
    whole.write(out / PREDICTIONS, {"recipe": chosen.name})
    return whole


def _chosen_folds(prepared: Prepared, folds: Sequence[int] | None, leave_corpus_out: bool) -> list[Parts]:
    there, choose = prepared.folds, prepared.fold
    if leave_corpus_out:
        there, choose = prepared.left_out, prepared.left_out_fold
    numbers = range(1, max(1, len(there)) + 1) if folds is None else sorted(set(folds))
    return [choose(number) for number in numbers]


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


def _of_variant(report: Report, variant: str) -> Report:
    return lambda what, done, total: report(f"{variant}, {what}", done, total)


def _labelled(report: Report, what: str) -> Progress:
    return lambda done, total: report(what, done, total)
