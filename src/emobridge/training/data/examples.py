"""Corpora to examples: what the network sees and should say, for every utterance of every corpus of a recipe.

Sound goes through the front end once, into a cache, and so do the perturbed copies that training may ask for; labels go
through the named maps of `labels`; missing stays missing (an all-zero distribution, NaN, a presence of False).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat
from tokenizers import Tokenizer

from emobridge.audio.load import load_audio
from emobridge.errors import RecipeError, nearest
from emobridge.labels import LabelMap, Scale, label_map
from emobridge.training.corpora.base import Corpus, Utterance, sound_digest
from emobridge.training.data.augmentation import VERSION, perturb
from emobridge.training.data.front_ends import ClipEncoder, FrontEnd, FunctionalsFrontEnd, encode_clips
from emobridge.training.data.weak_labels import weak_dimensions
from emobridge.utils.cache import ArrayCache
from emobridge.utils.progress import ProgressCallback, no_report

SPECIAL_TOKENS = 2  # [CLS] and [SEP]: a text that has no others says nothing


@dataclass(frozen=True)
class CorpusConfig:
    """One corpus of a recipe.

    Attributes:
        name: as ``emobridge corpus`` knows it, or ``table:PATH``, ``audiofolder:PATH``.
        modalities: which inputs are used. Acted corpora read one sentence in every emotion: their text is left out.
        weight: how often it is drawn, relative to the square root of its size.
        weak_dimensions: whether to give unrated speech valence, arousal and dominance by prototypes (`weak_labels`).
        categories: whether its categories are learned.
        only: conditions ``key=value,value`` that every utterance must meet (`select`), as in
            ``["label=ang,hap,exc,neu,sad", "situation=improvised"]``; left out: all utterances.
        protocol: a rule (`PROTOCOLS`) or a fold file (``.json``); left out: the checked-in fold file of the corpus,
            else the authors' split, else speakers dealt to ``evaluation.folds`` parts.
    """

    name: str
    modalities: Annotated[tuple[Literal["acoustic", "linguistic"], ...], Field(min_length=1)] = ("acoustic",)
    weight: NonNegativeFloat = 1.0
    weak_dimensions: bool = False
    categories: bool = True
    only: tuple[str, ...] | None = None
    protocol: str | None = None


@dataclass(frozen=True)
class DataConfig:
    """What a recipe learns from.

    Attributes:
        corpora: the corpora, one or more.
        categories: ``own`` (the labels of the one corpus), ``nine``, ``seven``, ``six``, ``five`` or ``four``.
        dimensions: names of the continuous labels that the model gives.
        votes: whether the raters' votes are learned as a distribution, where there are votes; else the one label is.
    """

    corpora: Annotated[tuple[CorpusConfig, ...], Field(min_length=1)]
    categories: Literal["own", "nine", "seven", "six", "five", "four"] = "own"
    dimensions: tuple[str, ...] = ()
    votes: bool = True


@dataclass(frozen=True)
class Examples:
    """N utterances, ready to be batched.

    Attributes:
        utterances: where each came from.
        corpora: (N,) index into ``corpus_names``.
        targets: (N, C) category distributions, all zero where missing.
        allowed: (N, C) the categories that the utterance's corpus knows.
        dimensions: (N, K) on [0, 1], NaN where missing; ``weak`` ones included.
        rated_dimensions: (N, K) the same without weak ones: what metrics may use.
        token_ids: N arrays with [CLS] and [SEP]; empty where the text is missing or not used.
        frame_keys: N keys into the cache of the front end's vectors, None where there is no sound.
        frame_counts: (N,) vectors of each clip, one where they are functionals; 0 where there is no sound.
        front_end: what made the vectors.
        text_cache: token vectors of a frozen linguistic encoder by `text_key`; None where they are not known.
    """

    utterances: tuple[Utterance, ...]
    corpus_names: tuple[str, ...]
    categories: tuple[str, ...]
    dimension_names: tuple[str, ...]
    corpora: NDArray[np.int64]
    targets: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    dimensions: NDArray[np.float32]
    rated_dimensions: NDArray[np.float32]
    token_ids: tuple[NDArray[np.int64], ...]
    frame_keys: tuple[str | None, ...]
    frame_counts: NDArray[np.int64]
    front_end: FrontEnd
    cache: ArrayCache = field(repr=False)
    text_cache: ArrayCache | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def presence(self) -> NDArray[np.bool_]:
        """(N, 2): which of sound and text an utterance has."""
        return np.stack([self.frame_counts > 0, np.array([len(ids) > 0 for ids in self.token_ids], bool)], axis=1)

    @property
    def only_read(self) -> NDArray[np.bool_]:
        """(N,): which utterances have text and no sound."""
        presence = self.presence
        only_read: NDArray[np.bool_] = presence[:, 1] & ~presence[:, 0]
        return only_read

    def frames(self, index: int, copy: int = 0) -> NDArray[np.float32]:
        """Return the front end's vectors (T, F) of an example; (0, F) where there is no sound.

        Args:
            index: of the example.
            copy: 0 is the clip itself, 1 and more are the copies that `add_perturbed_copies` made.
        """
        key = self.frame_keys[index]
        if key is None:
            return np.zeros((0, self.front_end.dimension), np.float32)
        return self.cache[_copy_key(key, copy)].astype(np.float32)

    def token_vectors(self, index: int) -> NDArray[np.float32]:
        """Return the token vectors (T, D), with [CLS] and [SEP], that a frozen encoder gave; needs `text_cache`."""
        assert self.text_cache is not None, "no frozen encoder has read the texts"
        ids = self.token_ids[index]
        return (
            self.text_cache[text_key(ids)].astype(np.float32)
            if len(ids)
            else np.zeros((0, self.text_cache.width), np.float32)
        )


Pair = tuple[int, Corpus, CorpusConfig, Utterance]


def text_key(token_ids: NDArray[np.int64]) -> str:
    """Return the key under which the vectors of a text are kept: a digest of its tokens."""
    return hashlib.sha256(np.ascontiguousarray(token_ids).tobytes()).hexdigest()


def model_categories(config: DataConfig, corpora: Sequence[Corpus]) -> tuple[str, ...]:
    """Return the categories that a model of this recipe has.

    Raises:
        RecipeError: ``own`` with corpora whose labels differ.
    """
    if config.categories != "own":
        return label_map("common", config.categories).target
    with_labels = [corpus for corpus, entry in zip(corpora, config.corpora, strict=True) if entry.categories]
    labels = [corpus.labels for corpus in with_labels if corpus.labels]
    if len({frozenset(one) for one in labels}) > 1:
        raise RecipeError(
            f"data.categories 'own' for {', '.join(corpus.name for corpus in with_labels)}",
            "corpora of one recipe must share their labels",
            "use data.categories = 'nine', 'seven', 'six', 'five' or 'four'",
        )
    return labels[0] if labels else ()


def build_examples(
    config: DataConfig,
    corpora: Sequence[Corpus],
    folder: Path,
    tokenizer: Tokenizer | None,
    report: ProgressCallback = no_report,
    front_end: FrontEnd | None = None,
    clip_encoder: ClipEncoder = encode_clips,
) -> Examples:
    """Return the examples of a recipe, encoding the sound that the cache does not hold yet.

    Args:
        config: what the recipe learns from.
        corpora: as it names them.
        folder: of the caches.
        tokenizer: of the linguistic encoder; None where no text is used.
        report: called with what is being done, how much of it is done, and how much there is.
        front_end: of the acoustic encoder; None is that of `compact`.
        clip_encoder: how clips get into the cache.

    Raises:
        AudioError, CorpusError: a sound file cannot be read.
        LabelError: a label that the map to ``data.categories`` does not know.
        OutputError: the disk has no room for the vectors.
        RecipeError: a dimension that no corpus has, or ``own`` with corpora whose labels differ.
    """
    categories = model_categories(config, corpora)
    _check_dimensions(config, corpora)
    heard: FrontEnd = front_end or FunctionalsFrontEnd()
    cache = ArrayCache(folder / heard.cache_name, np.float16, heard.dimension)
    pairs = [
        (number, corpus, entry, utterance)
        for number, (corpus, entry) in enumerate(zip(corpora, config.corpora, strict=True))
        for utterance in corpus.utterances
    ]
    # Labels come before sound: a label that no map knows must not be found after an hour of decoding.
    maps = [label_map(corpus.name, config.categories, categories) for corpus in corpora]
    targets, allowed = _category_targets(config, pairs, maps, len(categories))
    rated, weak = _dimension_targets(config, pairs)
    keys = _audio_digests(pairs, report)
    clips = {key: pair[3].audio for key, pair in zip(keys, pairs, strict=True) if key}
    clip_encoder(heard, cache, {key: audio for key, audio in clips.items() if audio}, report)
    return Examples(
        utterances=tuple(utterance for _, _, _, utterance in pairs),
        corpus_names=tuple(corpus.name for corpus in corpora),
        categories=categories,
        dimension_names=config.dimensions,
        corpora=np.array([number for number, _, _, _ in pairs], np.int64),
        targets=targets,
        allowed=allowed,
        dimensions=np.where(np.isnan(rated), weak, rated),
        rated_dimensions=rated,
        token_ids=tuple(_token_ids(tokenizer, entry, utterance) for _, _, entry, utterance in pairs),
        frame_keys=tuple(keys),
        frame_counts=np.array([0 if key is None else len(cache[key]) for key in keys], np.int64),
        front_end=heard,
        cache=cache,
    )


def _check_dimensions(config: DataConfig, corpora: Sequence[Corpus]) -> None:
    known = {name for corpus in corpora for name in corpus.scales}
    if any(entry.weak_dimensions for entry in config.corpora):
        known |= {"valence", "arousal", "dominance"}
    for name in config.dimensions:
        if name not in known:
            valid = f"these corpora have {', '.join(sorted(known)) or 'no dimensions'}"
            remedy = nearest(name, known) or "choose one of these, or leave it out"
            raise RecipeError(f"data.dimensions '{name}'", valid, remedy)


def _audio_digests(pairs: Sequence[Pair], report: ProgressCallback) -> list[str | None]:
    """Return the key of each recording, the SHA-256 of its file; None where there is none, or it is not used."""
    keys: list[str | None] = []
    for _, _, entry, utterance in pairs:
        keys.append(sound_digest(utterance) if "acoustic" in entry.modalities else None)
        report("read corpora", len(keys), len(pairs))
    return keys


def add_perturbed_copies(
    examples: Examples,
    rows: NDArray[np.int64],
    copies: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Put ``copies`` randomly perturbed copies (`perturb`) of every clip among ``rows`` into the examples' cache.

    A copy depends on the clip's bytes and the copy's number alone; what is in the cache already is not made again.

    Raises:
        AudioError: a sound file cannot be read.
        MissingExtraError: PyAV, which some copies go through, is not installed.
    """
    heard = [(examples.frame_keys[row], examples.utterances[row].audio) for row in rows]
    clips = [(key, audio) for key, audio in heard if key and audio] if copies else []
    for done, (key, audio) in enumerate(clips):
        missing = [copy for copy in range(1, copies + 1) if _copy_key(key, copy) not in examples.cache]
        if missing:
            samples = load_audio(audio, sample_rate_hz=examples.front_end.sample_rate_hz)
            for copy in missing:
                changed = perturb(samples, np.random.default_rng([int(key, 16), copy]))
                examples.cache.add(_copy_key(key, copy), examples.front_end.encode_batch([changed])[0])
        progress(done + 1, len(clips))


def _copy_key(key: str, copy: int) -> str:
    return f"{key}-perturbed-{VERSION}-{copy}" if copy else key


def _category_targets(
    config: DataConfig, pairs: Sequence[Pair], maps: Sequence[LabelMap], count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    targets = np.zeros((len(pairs), count), np.float32)
    allowed = np.zeros((len(pairs), count), bool)
    for row, (number, _, entry, utterance) in enumerate(pairs):
        if not entry.categories or count == 0:
            continue
        votes: Mapping[str, float] = utterance.votes if config.votes and utterance.votes else {}
        if not votes and utterance.label is not None:
            votes = {utterance.label: 1.0}
        targets[row] = maps[number].distribution(votes)
        allowed[row] = maps[number].allowed
    return targets, allowed


def _dimension_targets(config: DataConfig, pairs: Sequence[Pair]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rated = np.full((len(pairs), len(config.dimensions)), np.nan, np.float32)
    weak = rated.copy()
    for row, (_, corpus, entry, utterance) in enumerate(pairs):
        guessed = weak_dimensions(utterance, corpus.scales) if entry.weak_dimensions else {}
        for column, name in enumerate(config.dimensions):
            if name in utterance.dimensions:
                scale: Scale = corpus.scales[name]
                rated[row, column] = scale.to_unit(utterance.dimensions[name])
            elif name in guessed:
                weak[row, column] = guessed[name]
    return rated, weak


def _token_ids(tokenizer: Tokenizer | None, entry: CorpusConfig, utterance: Utterance) -> NDArray[np.int64]:
    if tokenizer is None or "linguistic" not in entry.modalities or not utterance.text:
        return np.zeros(0, np.int64)
    token_ids = np.array(tokenizer.encode(utterance.text).ids, np.int64)
    return token_ids if len(token_ids) > SPECIAL_TOKENS else np.zeros(0, np.int64)
