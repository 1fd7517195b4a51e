"""A recipe's corpora, read and split: what every training and every evaluation of the recipe starts from."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import RecipeError
from emobridge.learning.corpora import read_corpus
from emobridge.learning.corpora.base import Corpus
from emobridge.learning.evaluation.estimates import Pairs
from emobridge.learning.features import Examples, build_examples
from emobridge.learning.folds import Fold, FoldFile, checked_in_folds, make_folds, read_folds, resolve, write_folds
from emobridge.learning.minilm import load_tokenizer, starting_weights
from emobridge.learning.near_duplicates import texts_found_in
from emobridge.learning.recipe import Recipe
from emobridge.learning.storage import make_folder
from emobridge.learning.training.loop import Progress, no_progress

PAIRS_SEED = 7
PARTS = ("train", "validation", "test")


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

    def fold(self, number: int) -> Parts:
        """Return fold ``number``, counted from 1: utterances with any of the inputs that the recipe uses.

        Texts that are another corpus's test texts are neither trained nor validated on.

        Raises:
            RecipeError: there is no such fold, or a part of it is empty.
        """
        if not 1 <= number <= len(self.folds):
            raise RecipeError(f"fold {number}", f"this recipe has folds 1 to {len(self.folds)}", "choose one of these")
        parts = _without_test_texts(self.examples, _with_input(self.examples, self.folds[number - 1]))
        for name in PARTS:
            if len(getattr(parts, name)) == 0:
                given = f"the {name} part of {parts.name} has no utterance with the sound or text that the recipe uses"
                raise RecipeError(given, "every part needs some", "correct data.corpora.modalities, or the folds")
        return parts


def prepare(recipe: Recipe, data: Path | None, run: Path, progress: Progress = no_progress) -> Prepared:
    """Read the recipe's corpora below ``data`` (None: EMOBRIDGE_DATA), decode what is new, and split them.

    A corpus without a checked-in fold file gets folds by the rule of `make_folds`, written to the folder ``run`` and
    read from there from then on.

    Raises:
        AudioError, CorpusError: a corpus, a recording or the folds cannot be read.
        LabelError: a table has a label that ``data.categories`` has no place for.
        OutputError: ``run`` cannot be made.
        RecipeError: the recipe asks for what the corpora do not have, or names one twice.
    """
    make_folder(run)
    corpora = tuple(read_corpus(entry.name, data) for entry in recipe.data.corpora)
    names = [corpus.name for corpus in corpora]
    for name in names:
        if names.count(name) > 1:
            given = f"data.corpora names {name} twice"
            raise RecipeError(given, "a corpus counts once; a table goes by the name of its file", "drop or rename one")
    tokenizer = load_tokenizer(starting_weights()) if recipe.linguistic else None
    examples = build_examples(recipe.data, corpora, make_folder(cache_folder()), tokenizer, progress)
    per_corpus = [resolve(_fold_file(corpus, recipe, run), corpus) for corpus in corpora]
    return Prepared(corpora, examples, _join_folds(corpora, per_corpus))


def cache_folder() -> Path:
    """Return where decoded sound is kept: EMOBRIDGE_CACHE, else the user's cache folder."""
    base = os.environ.get("EMOBRIDGE_CACHE")
    return Path(base) if base else Path.home() / ".cache" / "emobridge"


def _fold_file(corpus: Corpus, recipe: Recipe, run: Path) -> FoldFile:
    if corpus.name in checked_in_folds():
        return read_folds(corpus.name)
    path = run / f"folds-{corpus.name}.json"
    if not path.exists():
        write_folds(make_folds(corpus, recipe.evaluation.folds), path)
    return read_folds(path)


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
            for part in PARTS
        }
        joined.append(Parts(name=f"fold-{number + 1}", **parts))
    return tuple(joined)


def _with_input(examples: Examples, parts: Parts) -> Parts:
    """Return the fold without utterances that have neither the sound nor the text that the recipe uses."""
    usable = examples.presence[:, 0] | examples.presence[:, 1]
    kept: dict[str, Any] = {}
    for name in PARTS:
        rows: NDArray[np.int64] = getattr(parts, name)
        kept[name] = rows[usable[rows]]
    return replace(parts, **kept)


def _without_test_texts(examples: Examples, parts: Parts) -> Parts:
    """Return the fold without training and validation texts that another text corpus has in its test part.

    MELD and EmoryNLP, for one, are taken from the same television series and share scenes.
    """
    text_only = np.array([utterance.audio is None for utterance in examples.utterances])
    if len(np.unique(examples.corpora[text_only])) < 2:
        return parts
    kept: dict[str, Any] = {}
    tested = parts.test[text_only[parts.test]]
    for name in ("train", "validation"):
        rows: NDArray[np.int64] = getattr(parts, name)
        keep = np.ones(len(rows), bool)
        for number in np.unique(examples.corpora[rows[text_only[rows]]]):
            mine = np.flatnonzero(text_only[rows] & (examples.corpora[rows] == number))
            texts = [examples.utterances[row].text or "" for row in rows[mine]]
            others = [examples.utterances[row].text or "" for row in tested[examples.corpora[tested] != number]]
            keep[mine[texts_found_in(texts, others)]] = False
        kept[name] = rows[keep]
    return replace(parts, **kept)


def calibration_pairs(examples: Examples, validation: NDArray[np.int64]) -> Pairs:
    """Return the validation part under every presence that the corpora allow, since confidence differs with it.

    Utterances with sound and text are also heard alone and read alone. Where none has both, acted clips and written
    sentences of the same category are paired, seeded, as in training.
    """
    natural = Pairs.natural(examples, list(validation))
    presence = examples.presence[validation]
    both = [int(index) for index in validation[presence.all(axis=1)]]
    if both:
        absent = [None] * len(both)
        return Pairs([*natural.acoustic, *both, *absent], [*natural.linguistic, *absent, *both])
    if not examples.categories:
        return natural
    labels = np.where(examples.targets.sum(axis=1) > 0, examples.targets.argmax(axis=1), -1)
    generator = np.random.default_rng(PAIRS_SEED)
    heard, read = [], []
    sentences = validation[presence[:, 1]]
    for index in validation[presence[:, 0]]:
        same = sentences[labels[sentences] == labels[index]]
        if labels[index] >= 0 and len(same):
            heard.append(int(index))
            read.append(int(generator.choice(same)))
    return Pairs([*natural.acoustic, *heard], [*natural.linguistic, *read])
