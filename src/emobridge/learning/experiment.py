"""The straight line of learning: recipe and corpora to folds, trainings, predictions and scores on disk.

A run is a folder. Each variant and fold of it has a folder of its own with the checkpoint, the calibration and the stored
predictions; what is complete is not done again, and what was interrupted goes on where it stopped.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emobridge.errors import CorpusError, RecipeError
from emobridge.learning.corpora import read_corpus
from emobridge.learning.corpora.base import Corpus
from emobridge.learning.evaluation.estimates import Calibration, Pairs, calibrate, predict
from emobridge.learning.evaluation.predictions import Predictions
from emobridge.learning.features import Examples, build_examples
from emobridge.learning.folds import Fold, FoldFile, make_folds, read_folds, resolve, write_folds
from emobridge.learning.minilm import load_tokenizer, starting_weights
from emobridge.learning.recipe import Recipe
from emobridge.learning.system import EmotionSystem, SystemConfig
from emobridge.learning.training.loop import Progress, TrainingSetup, no_progress, train as train_system
from emobridge.version import __version__

PREDICTIONS = "predictions.parquet"
RUN = "run.json"
LINGUISTIC_DIMENSION = 384
PAIRS_SEED = 7


@dataclass(frozen=True)
class Parts:
    """One fold of all corpora together: indices into the examples."""

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """A recipe's corpora, read and split."""

    corpora: tuple[Corpus, ...]
    examples: Examples
    folds: tuple[Parts, ...]


def prepare(recipe: Recipe, data: Path | None, run: Path, progress: Progress = no_progress) -> Prepared:
    """Read the recipe's corpora below ``data`` (None: EMOBRIDGE_DATA), decode what is new, and split them.

    A corpus without a checked-in fold file gets folds by the rule of `make_folds`, written to ``run`` and read from there
    from then on.

    Raises:
        CorpusError: a corpus or its folds cannot be read.
        RecipeError: the recipe asks for what the corpora do not have.
    """
    corpora = tuple(read_corpus(entry.name, data) for entry in recipe.data.corpora)
    tokenizer = load_tokenizer(starting_weights()) if recipe.linguistic else None
    examples = build_examples(recipe.data, corpora, cache_folder(), tokenizer, progress)
    per_corpus = [resolve(_fold_file(corpus, recipe, run), corpus) for corpus in corpora]
    return Prepared(corpora, examples, _join_folds(corpora, per_corpus))


def cache_folder() -> Path:
    """Return where decoded sound is kept: EMOBRIDGE_CACHE, else the user's cache folder."""
    base = os.environ.get("EMOBRIDGE_CACHE")
    return Path(base) if base else Path.home() / ".cache" / "emobridge"


def _fold_file(corpus: Corpus, recipe: Recipe, run: Path) -> FoldFile:
    path = run / f"folds-{corpus.name}.json"
    if path.exists():
        return read_folds(path)
    try:
        return read_folds(corpus.name)
    except CorpusError:
        made = make_folds(corpus, recipe.evaluation.folds)
        run.mkdir(parents=True, exist_ok=True)
        write_folds(made, path)
        return made


def _join_folds(corpora: Sequence[Corpus], per_corpus: Sequence[list[Fold]]) -> tuple[Parts, ...]:
    """Return fold k of every corpus as one; a corpus with fewer folds starts over."""
    offsets = np.cumsum([0, *(len(corpus.utterances) for corpus in corpora)])
    joined = []
    for number in range(max(len(folds) for folds in per_corpus)):
        chosen = [folds[number % len(folds)] for folds in per_corpus]
        parts = {
            part: np.concatenate(
                [np.array(fold.parts[part], np.int64) + offset for fold, offset in zip(chosen, offsets, strict=False)]
            )
            for part in ("train", "validation", "test")
        }
        joined.append(Parts(name=f"fold-{number + 1}", **parts))
    return tuple(joined)


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
    write_json(folder / RUN, _run_record(chosen, prepared, parts, calibration, digest))
    predictions.write(stored, {"recipe": chosen.name, "digest": digest, "torch": torch.__version__})
    return predictions


def calibration_pairs(examples: Examples, validation: NDArray[np.int64]) -> Pairs:
    """Return the validation part as it is and, where no utterance has both, clips with sentences of their category.

    Confidence differs with what is present, so each presence needs examples; acted clips and written sentences are paired
    by label, seeded, as in training.
    """
    natural = Pairs.natural(examples, list(validation))
    presence = examples.presence[validation]
    if presence.all(axis=1).any() or not presence.any(axis=0).all():
        return natural
    labels = np.where(examples.targets.sum(axis=1) > 0, examples.targets.argmax(axis=1), -1)
    generator = np.random.default_rng(PAIRS_SEED)
    heard, read = [], []
    sentences = validation[presence[:, 1] & ~presence[:, 0]]
    for index in validation[presence[:, 0]]:
        same = sentences[labels[sentences] == labels[index]]
        if labels[index] >= 0 and len(same):
            heard.append(int(index))
            read.append(int(generator.choice(same)))
    return Pairs([*natural.acoustic, *heard], [*natural.linguistic, *read])


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


def _run_record(
    recipe: Recipe, prepared: Prepared, parts: Parts, calibration: dict[str, Calibration], digest: str
) -> dict[str, Any]:
    """Return what export and the model card need to know of a training."""
    examples = prepared.examples
    return {
        "emobridge": __version__,
        "digest": digest,
        "recipe": recipe.to_dict(),
        "fold": parts.name,
        "categories": list(examples.categories),
        "dimensions": list(examples.dimension_names),
        "supervision": _supervision(examples),
        "calibration": {name: one.to_dict() for name, one in calibration.items()},
        "corpora": [
            {
                "corpus": corpus.name,
                "licence": corpus.licence,
                "citation": corpus.citation,
                "source": corpus.source,
                "utterances": int((examples.corpora[parts.train] == number).sum()),
                "speakers": _speakers(examples, parts.train[examples.corpora[parts.train] == number]),
                "used_for": _used_for(examples, number),
            }
            for number, corpus in enumerate(prepared.corpora)
        ],
    }


def _supervision(examples: Examples) -> dict[str, dict[str, str]]:
    """Return, for each dimension and modality, whether it was learned from ratings or from weak labels."""
    found: dict[str, dict[str, str]] = {}
    for column, name in enumerate(examples.dimension_names):
        labelled = ~np.isnan(examples.dimensions[:, column])
        rated = ~np.isnan(examples.rated_dimensions[:, column])
        found[name] = {
            modality: "rated" if (rated & present).any() else "weak"
            for modality, present in zip(("acoustic", "linguistic"), examples.presence.T, strict=True)
            if (labelled & present).any()
        }
    return found


def _speakers(examples: Examples, rows: NDArray[np.int64]) -> int | None:
    names = {examples.utterances[row].speaker for row in rows} - {None}
    return len(names) or None


def _used_for(examples: Examples, number: int) -> str:
    mine = examples.corpora == number
    uses = ["categories"] if examples.targets[mine].any() else []
    if (~np.isnan(examples.rated_dimensions[mine])).any():
        uses.append("rated dimensions")
    elif (~np.isnan(examples.dimensions[mine])).any():
        uses.append("weak dimensions")
    modalities = [
        name for name, there in zip(("speech", "text"), examples.presence[mine].any(axis=0), strict=True) if there
    ]
    return f"{' and '.join(uses)} from {' and '.join(modalities)}"


def crossvalidate(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    folds: Sequence[int] | None = None,
    report: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Predictions:
    """Run every variant of a recipe on every fold and return all predictions, which are also stored below ``out``.

    Args:
        recipe: what to run.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        out: the run's folder; the same folder resumes.
        folds: which folds, counted from 1; None: all.
        report: called with what is being done, how much of it is done, and how much there is.

    Raises:
        CorpusError, RecipeError: see `prepare`; also a fold that does not exist.
    """
    prepared = prepare(recipe, data, out, lambda done, total: report("decode", done, total))
    numbers = list(folds) if folds else list(range(1, len(prepared.folds) + 1))
    for number in numbers:
        if not 1 <= number <= len(prepared.folds):
            raise RecipeError(
                f"fold {number}", f"this recipe has folds 1 to {len(prepared.folds)}", "choose one of these"
            )
    parts = []
    for variant in (recipe.name, *recipe.variants):
        for number in numbers:
            fold = prepared.folds[number - 1]
            what = f"{variant}, {fold.name}"
            folder = out / variant / fold.name
            parts.append(
                run_fold(
                    recipe, variant, prepared, fold, folder, lambda done, total, what=what: report(what, done, total)
                )
            )
    whole = Predictions.concatenate(parts)
    whole.write(out / PREDICTIONS, {"recipe": recipe.name})
    return whole


def write_json(path: Path, values: Any) -> None:
    """Write ``values`` as JSON, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote.

    Raises:
        CorpusError: the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read: {error}", "a file that a training wrote", "train again") from error
