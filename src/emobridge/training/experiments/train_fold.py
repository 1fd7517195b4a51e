"""The straight line of learning: recipe and corpora to folds, trainings, predictions and scores on disk.

A run is a folder. Each variant and fold of it has a folder of its own with the checkpoint, the calibration and the
stored predictions; what is complete is not done again, and what was interrupted goes on where it stopped.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.errors import RecipeError
from emobridge.training.data.examples import Examples, add_perturbed_copies
from emobridge.training.data.text_features import read_texts
from emobridge.training.evaluation.inference import Calibration, Pairs, calibrate, predict
from emobridge.training.evaluation.out_of_domain import DOMAIN, fit_domain, save_domain
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.distillation import Opinion, mean_weights, with_opinion
from emobridge.training.experiments.prepare import Parts, Prepared, calibration_pairs, prepare, unread
from emobridge.training.experiments.provenance import cost_since, run_record, training_digest
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.training.fit.checkpoint import load_average
from emobridge.training.fit.distributed import processes
from emobridge.training.fit.trainer import CHECKPOINT, Progress, TrainingSetup
from emobridge.training.fit.trainer import train as train_system
from emobridge.training.models.acoustic_encoder import CompactConfig
from emobridge.training.models.emotion_model import EmotionSystem, SystemConfig
from emobridge.training.models.text_encoder import MinilmConfig, MiniLmEncoder
from emobridge.training.splits.leakage import SplitRecord
from emobridge.utils.files import read_json, write_json
from emobridge.utils.progress import ProgressCallback, no_report

PREDICTIONS = "predictions.parquet"
HELD_OUT = "held_out.parquet"  # of the validation part, beside those of the test part
LEARNED = "learned.parquet"  # of the training texts that nobody says aloud
RUN = "run.json"
TEACHER = "teacher"  # and its number: folder, in a fold's, of a training that this one learns from
START = "start"  # folder, in a run's, of the trainings that its linguistic encoder starts from


def new_system(recipe: Recipe, prepared: Prepared) -> EmotionSystem:
    """Return an untrained system for a recipe and its label set; `minilm` holds its released weights."""
    torch.manual_seed(recipe.seed)
    examples = prepared.examples
    public = {modality: encoder.shape for modality, encoder in prepared.public.items()}
    system = EmotionSystem(system_config(recipe, examples.categories, examples.dimension_names, public))
    if isinstance(system.linguistic, MiniLmEncoder):
        system.linguistic.load_starting_weights()
    return system


def system_config(
    recipe: Recipe, categories: tuple[str, ...], dimensions: tuple[str, ...], public: Mapping[str, VectorShape]
) -> SystemConfig:
    """Return a recipe's system for a label set; ``public`` tells what each public encoder gives, by modality."""
    return SystemConfig(
        recipe.fusion_config(categories, dimensions, public),
        recipe.acoustic if isinstance(recipe.acoustic, CompactConfig) else public.get("acoustic"),
        recipe.linguistic if isinstance(recipe.linguistic, MinilmConfig) else public.get("linguistic"),
    )


def with_read_texts(system: EmotionSystem, examples: Examples, report: ProgressCallback) -> Examples:
    """Return the examples with the token vectors of every text where ``minilm`` is frozen; else as they are."""
    if isinstance(system.linguistic, MiniLmEncoder) and system.linguistic.frozen:
        return read_texts(system.linguistic, examples, report)
    return examples


def trained(
    recipe: Recipe, prepared: Prepared, folder: Path, report: ProgressCallback
) -> tuple[EmotionSystem, Examples, dict[str, Calibration]]:
    """Return the system of a finished fold, the examples as it reads them, and its calibration by presence.

    Args:
        recipe: that it was trained by.
        prepared: by this recipe's ``data``; its texts may be others than those of the training.
        folder: of this training alone.
        report: as for `run_fold`.
    """
    system = new_system(recipe, prepared)
    system.load_state_dict(load_average(folder / CHECKPOINT), strict=True)
    calibration = {name: Calibration(**values) for name, values in read_json(folder / RUN)["calibration"].items()}
    return system, with_read_texts(system, prepared.examples, report), calibration


def run_fold(
    recipe: Recipe,
    variant: str,
    prepared: Prepared,
    parts: Parts,
    folder: Path,
    start: "Start | None" = None,
    report: ProgressCallback = no_report,
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
    digest = training_digest(recipe, prepared, parts, None if started is None else read_json(started / RUN)["digest"])
    fold = _Fold(recipe, variant, parts, folder, digest)
    stored = folder / PREDICTIONS
    if stored.exists():
        _check_run(folder, digest)
        fold.complete(prepared, report)
        return Predictions.read(stored)
    group = processes()
    with group.first_first():
        perturbing = labelled(report, f"perturb {parts.name}")
        add_perturbed_copies(examples, parts.train, recipe.training.perturbed_copies, perturbing)
    setup = TrainingSetup(
        examples=examples,
        train=parts.train,
        corpus_weights=tuple(entry.weight for entry in recipe.data.corpora),
        seed=recipe.seed,
        digest=digest,
        folder=folder,
    )
    system = new_system(recipe, prepared)
    if started is not None and isinstance(system.linguistic, MiniLmEncoder):
        system.linguistic.load_state_dict(load_average(started / CHECKPOINT, "linguistic."), strict=True)
    examples = with_read_texts(system, examples, report)
    learned = examples if start is None or started is None else start.teach(recipe, examples, parts, started)
    setup = replace(setup, examples=_taught(fold, system, prepared, learned, start, report))
    resumed = (folder / CHECKPOINT).exists()
    train_system(system, setup, recipe.training, recipe.loss, recipe.masking, labelled(report, f"train {parts.name}"))
    if not group.first:
        group.wait()
        return Predictions.read(stored)
    calibration = calibrate(system, examples, fold.held_out_pairs(examples))
    fold.keep_domain(system, examples)
    fold.keep_held_out(system, examples, calibration)
    predictions = fold.predict(system, examples, Pairs.natural(examples, list(parts.test)), calibration)
    write_json(folder / RUN, run_record(recipe, prepared, parts, calibration, digest, cost_since(start_s, resumed)))
    predictions.write(stored, fold.metadata)
    group.wait()
    return predictions


def _taught(
    fold: "_Fold",
    system: EmotionSystem,
    prepared: Prepared,
    examples: Examples,
    start: "Start | None",
    report: ProgressCallback,
) -> Examples:
    """Return the examples with the teachers' part in the labels, and give ``system`` the mean of their weights."""
    opinions, states = [], []
    for number, teacher in enumerate(fold.recipe.teachers, start=1):
        folder = fold.folder / f"{TEACHER}-{number}"
        run_fold(teacher, folder.name, prepared, fold.parts, folder, start, of_variant(report, folder.name))
        taught_by, read, _ = trained(teacher, prepared, folder, report)
        opinions.append(Opinion.of(taught_by, read, fold.parts.train))
        states.append(taught_by.state_dict())
    if fold.recipe.teaching is None:
        return examples
    system.load_state_dict(mean_weights(states), strict=True)
    return with_opinion(examples, fold.parts.train, Opinion.mean(opinions), fold.recipe.teaching.share)


@dataclass(frozen=True)
class _Fold:
    """What a trained fold leaves behind beside its checkpoint; see `run_fold`."""

    recipe: Recipe
    variant: str
    parts: Parts
    folder: Path
    digest: str

    @property
    def metadata(self) -> dict[str, str]:
        """What is remembered beside predictions."""
        return {"recipe": self.recipe.name, "digest": self.digest, "torch": torch.__version__}

    def predict(
        self, system: EmotionSystem, examples: Examples, pairs: Pairs, calibration: dict[str, Calibration]
    ) -> Predictions:
        """Return what the system says, as this fold's."""
        fold, variant, seed = self.parts.name, self.variant, self.recipe.seed
        return predict(system, examples, pairs, calibration, fold=fold, variant=variant, seed=seed)

    def held_out_pairs(self, examples: Examples) -> Pairs:
        """Return what confidence is measured on: the unread validation part under every presence."""
        return calibration_pairs(examples, unread(examples, self.parts))

    def complete(self, prepared: Prepared, report: ProgressCallback) -> None:
        """Write what an earlier version did not leave behind, where there is a checkpoint to make it from."""
        undone = [name for name in (DOMAIN, HELD_OUT, LEARNED) if not (self.folder / name).exists()]
        if self.recipe.acoustic is None and DOMAIN in undone:
            undone.remove(DOMAIN)
        if not undone or not (self.folder / CHECKPOINT).exists():
            return
        system, examples, calibration = trained(self.recipe, prepared, self.folder, report)
        if DOMAIN in undone:
            self.keep_domain(system, examples)
        if HELD_OUT in undone or LEARNED in undone:
            self.keep_held_out(system, examples, calibration)

    def keep_held_out(self, system: EmotionSystem, examples: Examples, calibration: dict[str, Calibration]) -> None:
        """Store what a trained system says of its validation part, under every presence, and of texts that it knows."""
        pairs = self.held_out_pairs(examples)
        self.predict(system, examples, pairs, calibration).write(self.folder / HELD_OUT, self.metadata)
        train = self.parts.train
        labelled_texts = train[examples.only_read[train] & examples.targets[train].any(axis=1)]
        texts = Pairs.natural(examples, labelled_texts.tolist())
        self.predict(system, examples, texts, calibration).write(self.folder / LEARNED, self.metadata)

    def keep_domain(self, system: EmotionSystem, examples: Examples) -> None:
        """Fit and store what the sound is like that a trained system learned from."""
        if system.acoustic is None:
            return
        parts, copies = self.parts, self.recipe.training.perturbed_copies
        # What it met in training is no surprise: telephones, noise and rooms are of its domain, as far as clips went
        # there.
        add_perturbed_copies(examples, np.concatenate((parts.train, parts.validation)), copies)
        if domain := fit_domain(system, examples, parts.train, parts.validation, copies):
            save_domain(domain, self.folder / DOMAIN)


@dataclass(frozen=True)
class Start:
    """The training, of a recipe of its own, that a linguistic encoder starts from (`MinilmConfig.start`).

    Attributes:
        recipe, prepared: the other recipe and its corpora.
        folder: its folds have their folders here, shared by all trainings that start from one of them.
        said: what its trainings said of all texts of a recipe, by their folder: asked for once, since it takes minutes.
    """

    recipe: Recipe
    prepared: Prepared
    folder: Path
    report: ProgressCallback
    said: dict[Path, tuple[Examples, Opinion]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, recipe: Recipe, data: Path | None, out: Path, report: ProgressCallback, allow_leaks: Sequence[str] = ()
    ) -> "Start | None":
        """Return what ``recipe`` starts from, None for the released weights.

        Raises:
            CorpusError: the other recipe's split leaks.
            RecipeError: the other recipe has no linguistic encoder, or starts from a third one itself.
        """
        if not isinstance(recipe.linguistic, MinilmConfig) or not recipe.linguistic.start:
            return None
        other = read_recipe(recipe.linguistic.start)
        if not isinstance(other.linguistic, MinilmConfig) or other.linguistic.start:
            raise RecipeError(
                f"linguistic.start is the recipe '{other.name}'",
                "a start has a section [linguistic], whose own start is the released weights",
                "choose another linguistic.start",
            )
        other = _split_alike(other, recipe)
        folder = out / START / other.name
        return cls(other, prepare(other, data, folder, of_variant(report, other.name), allow_leaks), folder, report)

    def run(self, examples: Examples, parts: Parts) -> Path:
        """Train `fold_for` these ``parts`` of the examples, and return its folder.

        Raises:
            RecipeError: as for `fold_for`.
        """
        mine = self.fold_for(examples, parts)
        folder = self.folder / mine.name
        run_fold(self.recipe, self.recipe.name, self.prepared, mine, folder, None, self.report)
        return folder

    def fold_for(self, examples: Examples, parts: Parts) -> Parts:
        """Return the first fold that learns from nothing that ``parts`` test.

        Raises:
            RecipeError: every fold of the other recipe learns from something that is tested here.
        """
        tested = {(examples.utterances[row].corpus, examples.utterances[row].id) for row in parts.test}
        own = self.prepared.examples.utterances
        for number in range(1, len(self.prepared.folds) + 1):
            mine = self.prepared.fold(number)
            learned = {(own[row].corpus, own[row].id) for row in (*mine.train, *mine.validation)}
            if not learned & tested:
                return mine
        raise RecipeError(
            f"{parts.name} starts from the recipe '{self.recipe.name}'",
            "a start must have a fold that learns from nothing that is tested",
            "choose another linguistic.start",
        )

    def teach(self, recipe: Recipe, examples: Examples, parts: Parts, folder: Path) -> Examples:
        """Return the examples with this model's share in the labels of the texts that ``parts`` train on.

        Args:
            recipe: that starts from this one, and says how large the share is (`MinilmConfig.start_share`).
            examples: of that recipe.
            parts: one of its folds.
            folder: of the training, as from `run`.
        """
        if not isinstance(recipe.linguistic, MinilmConfig) or not recipe.linguistic.start_share:
            return examples
        share, texts = recipe.linguistic.start_share, np.flatnonzero(examples.only_read)
        if folder not in self.said or self.said[folder][0].utterances is not examples.utterances:
            system, _, _ = trained(self.recipe, self.prepared, folder, self.report)
            self.said[folder] = (examples, Opinion.of(system, examples, texts))
        taught = np.isin(texts, parts.train)
        return with_opinion(examples, texts[taught], self.said[folder][1].of_rows(taught), share)


def _split_alike(start: Recipe, recipe: Recipe) -> Recipe:
    """Return the start with the protocols of the recipe, so that what is tested here was not learned there."""
    protocols = {entry.name: entry.protocol for entry in recipe.data.corpora}
    corpora = tuple(replace(entry, protocol=protocols.get(entry.name, entry.protocol)) for entry in start.data.corpora)
    evaluation = replace(start.evaluation, folds=recipe.evaluation.folds)
    return replace(start, data=replace(start.data, corpora=corpora), evaluation=evaluation)


def _check_run(folder: Path, digest: str) -> None:
    found = read_json(folder / RUN)["digest"]
    if found != digest:
        raise RecipeError(
            f"{folder} holds the results of another training, of digest {found}",
            f"this recipe, seed, fold and data have {digest}",
            "choose another --out, or delete it",
        )


def train(
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    fold: int = 1,
    report: ProgressCallback = no_report,
    *,
    allow_leaks: Sequence[str] = (),
) -> Predictions:
    """Train a recipe on one fold and return the predictions for its test part; the run's folder can be exported.

    In several processes (`Processes`) all return the same, and the first alone judges and writes.

    Args:
        recipe: a recipe, its file, or the name of one that comes with emobridge.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        out: the run's folder; the same folder resumes.
        fold: counted from 1.
        report: called with what is being done, how much of it is done, and how much there is.
        allow_leaks: kinds of leaks (keys of `folds.LEAKS`) that are trained with all the same; the report tells.

    Raises:
        AudioError, CorpusError: a corpus, a recording or the folds cannot be read, or the split leaks.
        BundleError: the run's checkpoint is damaged or belongs to another training.
        LabelError: a table has a label that ``data.categories`` has no place for.
        OutputError: ``out`` is no folder.
        RecipeError: the recipe is wrong, asks for what the corpora do not have, or ``out`` holds another one's run.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    with processes().first_first():
        prepared = prepare(chosen, data, out, report, allow_leaks)
        parts = prepared.fold(fold)
        SplitRecord(prepared.audits, tuple(allow_leaks)).write(out)
        start = Start.of(chosen, data, out, report, allow_leaks)
    return run_fold(chosen, chosen.name, prepared, parts, out, start, report)


def of_variant(report: ProgressCallback, variant: str) -> ProgressCallback:
    """Return a report that names the variant."""
    return lambda what, done, total: report(f"{variant}, {what}", done, total)


def labelled(report: ProgressCallback, what: str) -> Progress:
    """Return the progress of one thing as a report hears it."""
    return lambda done, total: report(what, done, total)
