"""A recipe's corpora, read and split: what every training and every evaluation of the recipe starts from."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.encoders.hub.speech import HubAcousticConfig, HubAcousticEncoder, open_acoustic
from emobridge.encoders.hub.text import HubLinguisticConfig, HubLinguisticEncoder, open_linguistic
from emobridge.errors import RecipeError
from emobridge.training.corpora.base import Corpus
from emobridge.training.corpora.selection import select
from emobridge.training.data.examples import Examples, build_examples
from emobridge.training.data.front_ends import ClipEncoder, encode_clips
from emobridge.training.data.text_features import read_texts
from emobridge.training.data.text_pairing import Partners
from emobridge.training.evaluation.inference import Pairs
from emobridge.training.experiments.preflight import read_requirements
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.models.text_encoder import load_tokenizer, starting_weights
from emobridge.training.splits.folds import Fold, FoldFile, read_folds, resolve, write_folds
from emobridge.training.splits.leakage import Audit, Twins, audit_split, check_names, find_twins, refuse_leaks
from emobridge.training.splits.near_duplicates import normalised_text, texts_found_in
from emobridge.training.splits.protocols import make_folds, stored_folds
from emobridge.utils.cache import cache_folder
from emobridge.utils.files import make_folder
from emobridge.utils.progress import ProgressCallback, no_report

PAIRS_SEED = 7
PARTS = ("train", "validation", "test")
logger = logging.getLogger(__name__)
LEFT_OUT = "without-"  # and the corpus: the name of a fold whose test part is a corpus that it never trained on


PublicEncoder = HubAcousticEncoder | HubLinguisticEncoder


@dataclass(frozen=True)
class Parts:
    """One fold of all corpora together: indices into the examples."""

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """A recipe's corpora, read and split.

    Attributes:
        corpora: as the recipe names them.
        examples: of all of them.
        folds: fold k of every corpus as one.
        left_out: a fold for each corpus with sound (where none has any: each corpus), tested on the whole of it after
            training on the others; none where there is only one.
        public: modality -> its public encoder; a modality with an encoder of our own is absent.
        audits: of each corpus's folds.
    """

    corpora: tuple[Corpus, ...]
    examples: Examples
    folds: tuple[Parts, ...]
    left_out: tuple[Parts, ...] = ()
    public: Mapping[str, PublicEncoder] = field(default_factory=dict)
    audits: tuple[Audit, ...] = ()

    def fold(self, number: int) -> Parts:
        """Return fold ``number``, counted from 1: utterances with any of the inputs that the recipe uses.

        Texts that are another corpus's test texts are neither trained nor validated on.

        Raises:
            RecipeError: there is no such fold, or a part of it is empty.
        """
        if not 1 <= number <= len(self.folds):
            raise RecipeError(f"fold {number}", f"this recipe has folds 1 to {len(self.folds)}", "choose one of these")
        return self._usable(self.folds[number - 1])

    def left_out_fold(self, number: int) -> Parts:
        """Return fold ``number``, counted from 1, of those that leave a corpus out; otherwise as `fold`.

        Raises:
            RecipeError: there is no such fold, or a part of it is empty.
        """
        if not self.left_out:
            given = f"leaving a corpus out of {', '.join(corpus.name for corpus in self.corpora)}"
            raise RecipeError(
                given, "two corpora with sound are needed, or two of text alone", "add one to data.corpora"
            )
        if not 1 <= number <= len(self.left_out):
            names = ", ".join(parts.name for parts in self.left_out)
            given = f"fold {number} of those that leave a corpus out"
            raise RecipeError(given, f"there are 1 to {len(self.left_out)}: {names}", "choose one of these")
        return self._usable(self.left_out[number - 1])

    def _usable(self, parts: Parts) -> Parts:
        parts = _without_test_texts(self.examples, _with_input(self.examples, parts))
        for name in PARTS:
            if len(getattr(parts, name)) == 0:
                given = f"the {name} part of {parts.name} has no utterance with the sound or text that the recipe uses"
                raise RecipeError(given, "every part needs some", "correct data.corpora.modalities, or the folds")
        return parts


def prepare(
    recipe: Recipe,
    data: Path | None,
    run: Path,
    report: ProgressCallback = no_report,
    allow_leaks: Sequence[str] = (),
    variants: Sequence[Recipe] = (),
) -> Prepared:
    """Read the recipe's corpora below ``data`` (None: EMOBRIDGE_DATA), encode what is new, split and audit them.

    Folds that a rule makes (`make_folds`) are written to the folder ``run`` and read from there from then on.

    Args:
        recipe: any recipe.
        data: where the corpora are.
        run: a folder for the folds.
        report: as for `encode`.
        allow_leaks: kinds of leaks, out of `folds.LEAKS`, that do not make the split refused.
        variants: as for `encode`.

    Raises:
        OutputError: ``run`` cannot be made.
        EmobridgeError: as for `encode`; also for folds that cannot be read, or that leak.
    """
    make_folder(run)
    check_names(allow_leaks)
    encoded = encode(recipe, data, report, variants)
    corpora, examples = encoded.corpora, encoded.examples
    entries = recipe.data.corpora
    files = [
        _fold_file(corpus, entry.protocol, recipe.evaluation.folds, run)
        for corpus, entry in zip(corpora, entries, strict=True)
    ]
    per_corpus = [resolve(file, corpus) for file, corpus in zip(files, corpora, strict=True)]
    audits = tuple(
        audit_split(file, corpus, resolved, _twins(examples, number, corpus), entry.only or ())
        for number, (file, corpus, resolved, entry) in enumerate(zip(files, corpora, per_corpus, entries, strict=True))
    )
    refuse_leaks(audits, allow_leaks)
    folds = _join_folds(corpora, per_corpus)
    return replace(encoded, folds=folds, left_out=_leave_corpora_out(examples, files, folds[0]), audits=audits)


def _twins(examples: Examples, number: int, corpus: Corpus) -> Twins:
    """Return what is alike in one corpus of the examples; of recordings, those that are used."""
    mine = np.flatnonzero(examples.corpora == number)
    return find_twins(corpus, [examples.frame_keys[row] for row in mine], cache_folder())


def encode(
    recipe: Recipe,
    data: Path | None,
    report: ProgressCallback = no_report,
    variants: Sequence[Recipe] = (),
    clip_encoder: ClipEncoder = encode_clips,
) -> Prepared:
    """Read the recipe's corpora and put all that its frozen encoders make of them into the cache; without folds.

    Args:
        recipe: names corpora and encoders.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        report: called with what is being done, how much of it is done, and how much there is; before an encoder
            starts, with how much it will write.
        variants: further recipes that will be encoded after this one: what they lack is told now, with the rest.
        clip_encoder: how clips get into the cache.

    Raises:
        AudioError, CorpusError: a corpus or a recording cannot be read.
        BundleError: a public encoder is not here, incomplete, or not of its modality.
        LabelError: a table has a label that ``data.categories`` has no place for.
        OutputError: the disk has no room.
        RecipeError: the recipe asks for what the corpora or encoders do not have, names a corpus twice, or needs
            several things that are not here.
    """
    corpora = tuple(
        select(corpus, entry.only or ())
        for corpus, entry in zip(read_requirements(recipe, variants, data), recipe.data.corpora, strict=True)
    )
    names = [corpus.name for corpus in corpora]
    for name in names:
        if names.count(name) > 1:
            given = f"data.corpora names {name} twice"
            raise RecipeError(given, "a corpus counts once; a table goes by the name of its file", "drop or rename one")
    return encode_corpora(recipe, corpora, report, clip_encoder)


def encode_corpora(
    recipe: Recipe,
    corpora: tuple[Corpus, ...],
    report: ProgressCallback = no_report,
    clip_encoder: ClipEncoder = encode_clips,
) -> Prepared:
    """Put all that a recipe's frozen encoders make of corpora that have been read into the cache; without folds.

    Raises:
        EmobridgeError: as for `encode`.
    """
    heard = open_acoustic(recipe.acoustic) if isinstance(recipe.acoustic, HubAcousticConfig) else None
    read = open_linguistic(recipe.linguistic) if isinstance(recipe.linguistic, HubLinguisticConfig) else None
    tokenizer = None
    if recipe.linguistic:
        tokenizer = load_tokenizer(starting_weights()) if read is None else read.tokenizer
    examples = build_examples(recipe.data, corpora, make_folder(cache_folder()), tokenizer, report, heard, clip_encoder)
    if read is not None:
        _tell_of_cut_texts(examples, read)
        examples = read_texts(read, examples, report)
    public = {name: one for name, one in (("acoustic", heard), ("linguistic", read)) if one is not None}
    for encoder in public.values():
        encoder.release()
    return Prepared(corpora, examples, (), public=public)


def _tell_of_cut_texts(examples: Examples, encoder: HubLinguisticEncoder) -> None:
    cut = sum(len(ids) == encoder.maximum_tokens for ids in examples.token_ids)
    if cut:
        logger.warning("%d texts have %d tokens or more; what is beyond is not read", cut, encoder.maximum_tokens)


def _fold_file(corpus: Corpus, protocol: str | None, parts: int, run: Path) -> FoldFile:
    """Return the folds by a protocol; what a rule makes is kept in ``run``."""
    if stored := stored_folds(corpus, protocol):
        return stored
    path = run / f"folds-{corpus.name}{f'-{protocol}' if protocol else ''}.json"
    if not path.exists():
        write_folds(make_folds(corpus, parts, protocol), path)
    return read_folds(path)


def _join_folds(corpora: Sequence[Corpus], per_corpus: Sequence[list[Fold]]) -> tuple[Parts, ...]:
    """Return fold k of every corpus as one.

    A corpus with fewer folds starts over, without its test part: it is trained on, and was tested on already.
    """
    offsets = np.cumsum([0, *(len(corpus.utterances) for corpus in corpora)])
    joined = []
    for number in range(max(len(folds) for folds in per_corpus)):
        parts = {}
        for part in PARTS:
            chosen = [
                () if part == "test" and number >= len(folds) else folds[number % len(folds)].parts[part]
                for folds in per_corpus
            ]
            rows = [np.array(one, np.int64) + offset for one, offset in zip(chosen, offsets, strict=False)]
            parts[part] = np.concatenate(rows)
        joined.append(Parts(name=f"fold-{number + 1}", **parts))
    return tuple(joined)


def _leave_corpora_out(examples: Examples, files: Sequence[FoldFile], first: Parts) -> tuple[Parts, ...]:
    """Return a fold for each corpus with sound (where none has any: each corpus) that is tested on the whole of it.

    The others are trained on with the train and test parts of their first fold, near-duplicates excepted, and
    validated on with its validation part. Beside corpora with sound, one of text alone keeps its train part as it is.
    """
    numbers = range(len(files))
    heard = [number for number in numbers if examples.presence[examples.corpora == number, 0].any()]
    if len(heard or numbers) < 2:
        return ()
    excluded = {(file.corpus, entry.id) for file in files for entry in file.excluded}
    kept = [row for row in first.test if examples.corpora[row] in (heard or numbers)]
    kept = [row for row in kept if (examples.utterances[row].corpus, examples.utterances[row].id) not in excluded]
    learned = np.sort(np.concatenate([first.train, np.array(kept, np.int64)]))
    return tuple(
        Parts(
            name=f"{LEFT_OUT}{examples.corpus_names[number]}",
            train=learned[examples.corpora[learned] != number],
            validation=first.validation[examples.corpora[first.validation] != number],
            test=np.flatnonzero(examples.corpora == number),
        )
        for number in heard or numbers
    )


def _with_input(examples: Examples, parts: Parts) -> Parts:
    """Return the fold without utterances that have neither the sound nor the text that the recipe uses."""
    usable = examples.presence[:, 0] | examples.presence[:, 1]
    kept: dict[str, Any] = {}
    for name in PARTS:
        rows: NDArray[np.int64] = getattr(parts, name)
        kept[name] = rows[usable[rows]]
    return replace(parts, **kept)


def _without_test_texts(examples: Examples, parts: Parts) -> Parts:
    """Return the fold without training and validation texts that another corpus that is read has in its test part.

    MELD and EmoryNLP, for one, are taken from the same television series and share scenes.
    """
    read = examples.presence[:, 1]
    if len(np.unique(examples.corpora[read])) < 2:
        return parts
    kept: dict[str, Any] = {}
    tested = parts.test[read[parts.test]]
    for name in ("train", "validation"):
        rows: NDArray[np.int64] = getattr(parts, name)
        keep = np.ones(len(rows), bool)
        for number in np.unique(examples.corpora[rows[read[rows]]]):
            mine = np.flatnonzero(read[rows] & (examples.corpora[rows] == number))
            texts = (examples.utterances[row].text or "" for row in rows[mine])
            others = (examples.utterances[row].text or "" for row in tested[examples.corpora[tested] != number])
            keep[mine[list(_found_in(tuple(texts), tuple(others)))]] = False
        kept[name] = rows[keep]
    return replace(parts, **kept)


@lru_cache(maxsize=64)
def _found_in(texts: tuple[str, ...], others: tuple[str, ...]) -> tuple[int, ...]:
    # The folds of a mixture mostly share their texts, and a comparison takes seconds.
    return tuple(texts_found_in(texts, others))


def unread(examples: Examples, parts: Parts) -> NDArray[np.int64]:
    """Return the validation part without texts, heard by nobody, that the fold trains on word for word.

    People say "Yeah." in every scene, and two corpora of one television series share whole ones: what a model has read
    with its label does not tell how sure it may be of what it has not. Acted clips share their sentences by design.
    """

    def text(row: int) -> str:
        return normalised_text(examples.utterances[row].text or "")

    only_read = examples.only_read
    known = {text(row) for row in parts.train[only_read[parts.train]]}
    return np.array([row for row in parts.validation if not only_read[row] or text(row) not in known], np.int64)


def calibration_pairs(examples: Examples, validation: NDArray[np.int64]) -> Pairs:
    """Return the validation part under every presence that the corpora allow, since confidence differs with it.

    Utterances with sound and text are also heard alone and read alone. Where none has both, acted clips meet
    written sentences as in training, seeded: every other clip one of its category, the rest an emotionless one.
    """
    natural = Pairs.natural(examples, list(validation))
    presence = examples.presence[validation]
    both = [int(index) for index in validation[presence.all(axis=1)]]
    if both:
        absent = [None] * len(both)
        return Pairs([*natural.acoustic, *both, *absent], [*natural.linguistic, *absent, *both])
    if not examples.categories:
        return natural
    partners = Partners(examples, validation[presence[:, 1]])
    generator = np.random.default_rng(PAIRS_SEED)
    heard, read = [], []
    labelled = examples.targets[validation].sum(axis=1) > 0
    for number, index in enumerate(validation[presence[:, 0] & labelled]):
        sentence = partners.draw(int(index), ("matching", "irrelevant")[number % 2], generator)
        if sentence is not None:
            heard.append(int(index))
            read.append(sentence)
    return Pairs([*natural.acoustic, *heard], [*natural.linguistic, *read])
