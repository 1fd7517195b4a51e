"""Examples to batches. What is in a batch depends on the seed and its number alone, so that resuming is exact.

A training draws from streams: batches of speech, batches of text, and batches of pairs, where an acted clip meets a
written sentence (`partners`), since no corpus here holds natural speech with its text. Within a
stream, corpora are drawn by the square root of their size, and categories within a corpus as evenly as the stream says;
a batch holds utterances of like length, because padding is work thrown away.

Lengths are sorted within blocks of batches, and the batches of a block come in random order. Texts and sequences of
sound differ fifty times over in length, and their blocks are as long as they can be without an utterance that stands in
one twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Annotated, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.training.data.examples import Examples
from emobridge.training.data.speaker_normalization import Voices
from emobridge.training.data.text_pairing import CONTRADICTING, MATCHING, PAIRINGS, Partners

BATCHES_A_BLOCK = 8  # lengths are sorted within blocks of this many batches at least
# Lengths as IEMOCAP's fill 97 % of a batch then, 65 % with 8; those of texts, a corpus a batch, 90 % and 47 %.
LONGEST_BLOCK = 128
CLEAN_SHARE = 0.4  # of the clips that a training with perturbed copies hears as they are


@dataclass(frozen=True)
class StreamConfig:
    """One stream of batches.

    Attributes:
        kind: ``natural`` (each utterance with what it has), ``acoustic``, ``linguistic`` or ``paired``.
        batch_size: utterances in a batch.
        share: share of the steps that it gets, relative to the other streams.
        balance: how evenly categories are drawn within a corpus: 0 as often as they occur, 1 all alike.
        one_corpus: whether each batch is of one corpus, so that concordance is taken over all of it.
        mixup: of an ``acoustic`` stream, the parameter of the beta distribution by which clips of one corpus are mixed,
            functionals and labels alike [Zhang 2018]; 0 mixes nothing.
        voices: of an ``acoustic`` stream, the share of clips that are heard against the mean of their speaker
            (`voice_shift`), before they are mixed; left out: none.
        matching, contradicting, irrelevant: of a ``paired`` stream, how many clips, relative to each other, meet a
            sentence of their category, of another one (the target is the even mix of both), or an emotionless one (the
            target is the clip's).
    """

    kind: Literal["natural", "acoustic", "linguistic", "paired"] = "natural"
    batch_size: PositiveInt = 32
    share: PositiveFloat = 1.0
    balance: Annotated[float, Field(ge=0, le=1)] = 0.5
    one_corpus: bool = False
    mixup: NonNegativeFloat = 0.0
    voices: Annotated[float, Field(gt=0, le=1)] | None = None
    matching: NonNegativeFloat = 1.0
    contradicting: NonNegativeFloat = 0.0
    irrelevant: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        for name, done in (("mixup", "mixed"), ("voices", "heard")):
            if getattr(self, name) and self.kind != "acoustic":
                raise RecipeError(f"a '{self.kind}' stream with {name}", f"only clips are {done}", "leave it out")
        if sum(self.pairing_shares) == 0:
            given = "a stream whose matching, contradicting and irrelevant are all 0"
            raise RecipeError(given, "one of them must be above 0", "leave them out, or raise one")
        if self.kind != "paired" and self.pairing_shares != (1.0, 0.0, 0.0):
            given = f"a '{self.kind}' stream with shares of {', '.join(PAIRINGS)}"
            raise RecipeError(given, "they belong to a 'paired' stream", "leave them out")

    @property
    def pairing_shares(self) -> tuple[float, ...]:
        """The shares of `PAIRINGS`, not normalised."""
        return tuple(float(getattr(self, name)) for name in PAIRINGS)


@dataclass(frozen=True)
class Batch:
    """B utterances as tensors.

    Attributes:
        frames, frame_mask: (B, T_f, F) float32 vectors of the front end, zero-padded, and (B, T_f) True where real.
        token_ids, token_mask: (B, T) int64 word pieces with [CLS] and [SEP], and 1 where real.
        token_vectors: (B, T, D) what a frozen linguistic encoder made of them; None where it must still read.
        presence: (B, 2) bool: acoustic, linguistic.
        targets, allowed: (B, C) category distributions (all zero = missing) and the categories in play.
        dimensions: (B, K) on [0, 1], NaN = missing.
        weak: (B, K) bool, which dimensions are guessed (`weak_labels`) and not rated.
        rows: (B,) the example that gives the labels: the heard one where there is one.
        pairing: (B,) index into `PAIRINGS`: how the words relate to the sound; matching where they belong together.
    """

    frames: Tensor
    frame_mask: Tensor
    token_ids: Tensor
    token_mask: Tensor
    presence: Tensor
    targets: Tensor
    allowed: Tensor
    dimensions: Tensor
    weak: Tensor
    rows: Tensor
    pairing: Tensor
    token_vectors: Tensor | None = None

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        tensors = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: one.to(device) for name, one in tensors.items() if one is not None})


def collate(
    examples: Examples,
    acoustic: Sequence[int | None],
    linguistic: Sequence[int | None],
    pairing: Sequence[int] | None = None,
    copies: Sequence[int] | None = None,
) -> Batch:
    """Return one batch; row i hears example ``acoustic[i]`` and reads ``linguistic[i]``, None is absent.

    Labels come from the heard example where there is one. ``pairing`` holds an index into `PAIRINGS` for each row, None
    is all matching: where the words contradict the sound, the labels are the even mix of both examples'. ``copies``
    says which perturbed copy is heard in each row, 0 is the clip itself; None is the clip itself in all.
    """
    heard = zip(acoustic, [0] * len(acoustic) if copies is None else copies, strict=True)
    sounds = [_sound(examples, index, copy) for index, copy in heard]
    words = [np.zeros(0, np.int64) if index is None else examples.token_ids[index] for index in linguistic]
    frames = np.zeros((len(sounds), max(1, *map(len, sounds), 1), examples.front_end.dimension), np.float32)
    frame_mask = np.zeros(frames.shape[:2], bool)
    token_ids = np.zeros((len(words), max(1, *map(len, words), 1)), np.int64)
    token_mask = np.zeros_like(token_ids)
    for row, (sound, ids) in enumerate(zip(sounds, words, strict=True)):
        frames[row, : len(sound)] = sound
        frame_mask[row, : len(sound)] = True
        token_ids[row, : len(ids)] = ids
        token_mask[row, : len(ids)] = 1
    return Batch(
        frames=torch.from_numpy(frames),
        frame_mask=torch.from_numpy(frame_mask),
        token_ids=torch.from_numpy(token_ids),
        token_mask=torch.from_numpy(token_mask),
        presence=torch.tensor([[len(sound) > 0, len(ids) > 0] for sound, ids in zip(sounds, words, strict=True)]),
        token_vectors=_token_vectors(examples, linguistic, token_ids.shape[1]),
        **_labels(examples, acoustic, linguistic, [MATCHING] * len(sounds) if pairing is None else pairing),
    )


def _token_vectors(examples: Examples, linguistic: Sequence[int | None], length: int) -> Tensor | None:
    """Return (B, T, D), zero where nothing is read; None without a frozen encoder's vectors."""
    if examples.text_cache is None:
        return None
    read = [None if index is None else examples.token_vectors(index) for index in linguistic]
    vectors = np.zeros((len(read), length, examples.text_cache.width), np.float32)
    for row, one in enumerate(read):
        if one is not None:
            vectors[row, : len(one)] = one
    return torch.from_numpy(vectors)


def _labels(
    examples: Examples, acoustic: Sequence[int | None], linguistic: Sequence[int | None], pairing: Sequence[int]
) -> dict[str, Tensor]:
    """Return the fields of `Batch` that say what is true of each row."""
    rows, others = [], []
    for heard, read, relation in zip(acoustic, linguistic, pairing, strict=True):
        rows.append(read if heard is None else heard)
        others.append(read if relation == CONTRADICTING else rows[-1])
    first, second = np.array(rows, np.int64), np.array(others, np.int64)
    dimensions = (examples.dimensions[first] + examples.dimensions[second]) / 2
    rated = examples.rated_dimensions[first] + examples.rated_dimensions[second]
    return {
        "targets": torch.from_numpy((examples.targets[first] + examples.targets[second]) / 2),
        "allowed": torch.from_numpy(examples.allowed[first] | examples.allowed[second]),
        "dimensions": torch.from_numpy(dimensions),
        "weak": torch.from_numpy(np.isfinite(dimensions) & np.isnan(rated)),
        "rows": torch.from_numpy(first),
        "pairing": torch.tensor(pairing),
    }


def _sound(examples: Examples, index: int | None, copy: int) -> NDArray[np.float32]:
    return np.zeros((0, examples.front_end.dimension), np.float32) if index is None else examples.frames(index, copy)


def mix(batch: Batch, corpora: NDArray[np.int64], parameter: float, generator: np.random.Generator) -> Batch:
    """Return the batch with every clip mixed with another of its corpus, each keeping at least half of itself.

    A dimension that either of the two lacks is missing.

    Args:
        batch: of clips, one vector of functionals each.
        corpora: (B,) the corpus of each clip.
        parameter: of the symmetric beta distribution that the share is drawn from.
        generator: of all that is random.
    """
    other = np.arange(len(corpora))
    for corpus in np.unique(corpora):
        mine = np.flatnonzero(corpora == corpus)
        other[mine] = generator.permutation(mine)
    drawn = generator.beta(parameter, parameter, len(corpora))
    share = torch.from_numpy(np.maximum(drawn, 1.0 - drawn).astype(np.float32))[:, None]
    partner = torch.from_numpy(other)
    return replace(
        batch,
        frames=share[:, :, None] * batch.frames + (1 - share[:, :, None]) * batch.frames[partner],
        targets=share * batch.targets + (1 - share) * batch.targets[partner],
        dimensions=share * batch.dimensions + (1 - share) * batch.dimensions[partner],
    )


class BatchStream:
    """Endless, seeded batches of one kind from the training part of the examples.

    Args:
        examples: all of them.
        train: indices of the training part.
        config: kind and size.
        corpus_weights: one number a corpus, multiplied with the square root of its size.
        seed: of the whole training.
        copies: how many perturbed copies of each clip there are (`add_perturbed_copies`); each time one of them is
            heard, or with a chance of `CLEAN_SHARE` the clip itself.

    Raises:
        RecipeError: the training part has nothing for this kind of stream, or for a kind of pair that it asks for.
    """

    def __init__(
        self,
        examples: Examples,
        train: NDArray[np.int64],
        config: StreamConfig,
        corpus_weights: Sequence[float],
        seed: int,
        copies: int = 0,
    ) -> None:
        self.examples = examples
        self.config = config
        self.seed = seed
        self.copies = copies
        presence = examples.presence[train]
        wanted = {
            "natural": presence.any(axis=1),
            "acoustic": presence[:, 0],
            "linguistic": presence[:, 1],
            "paired": presence[:, 0] & (examples.targets[train].max(axis=1, initial=0.0) > 0) & presence[:, 1].any(),
        }[config.kind]
        self.pool = train[wanted]
        if len(self.pool) == 0:
            raise RecipeError(
                f"a '{config.kind}' stream", "the training part has no utterance for it", "drop the stream"
            )
        self.probabilities = sampling_probabilities(examples, self.pool, corpus_weights, config.balance)
        self.partners = Partners(examples, train[presence[:, 1]]) if config.kind == "paired" else None
        for name, share in zip(PAIRINGS, config.pairing_shares, strict=True):
            if self.partners is not None and share > 0 and not self.partners.can(name):
                raise RecipeError(f"{name} pairs", "the training part has no sentence for them", f"set {name} to 0")
        self.voices = Voices(examples, self.pool) if config.voices else None
        self.counts = self._counts()
        self.sequences = bool(self.counts[self.pool].max() > 1)
        once = int(1 / (self.probabilities.max() * config.batch_size))  # batches until an utterance must come again
        self.block = min(max(once, BATCHES_A_BLOCK), LONGEST_BLOCK) if self.sequences else BATCHES_A_BLOCK
        self._block = lru_cache(maxsize=2)(self._draw_block)

    def _counts(self) -> NDArray[np.int64]:
        """Return (N,) how much of a batch each utterance fills: vectors of sound, tokens where nothing is heard."""
        heard = self.examples.frame_counts * int(self.config.kind != "linguistic")
        return heard if heard[self.pool].any() else np.array([len(ids) for ids in self.examples.token_ids])

    def batch(self, number: int) -> Batch:
        """Return batch ``number`` of this stream: the same for the same seed, whatever came before."""
        generator = np.random.default_rng([self.seed, 2, number])
        chosen = self.chosen(number)
        acoustic: list[int | None] = [int(index) for index in chosen]
        linguistic, pairing = list(acoustic), [MATCHING] * len(chosen)
        if self.config.kind == "acoustic":
            linguistic = [None] * len(chosen)
        elif self.config.kind == "linguistic":
            acoustic = [None] * len(chosen)
        elif self.partners is not None:
            linguistic, pairing = self._pair(self.partners, chosen, number, generator)
        copies = self._draw_copies(len(chosen), number)
        batch = collate(self.examples, acoustic, linguistic, pairing, copies)
        # Generators of their own: neither changes what the other does.
        if self.voices is not None:
            generator = np.random.default_rng([self.seed, 6, number])
            shifts = self.voices.shifts(chosen, copies, self.config.voices or 0.0, generator)
            batch = replace(batch, frames=batch.frames + torch.from_numpy(shifts)[:, None, :])
        if self.config.mixup > 0:
            generator = np.random.default_rng([self.seed, 5, number])
            batch = mix(batch, self.examples.corpora[chosen], self.config.mixup, generator)
        return batch

    def chosen(self, number: int) -> NDArray[np.int64]:
        """Return the examples (batch_size,) whose labels batch ``number`` has."""
        return self._block(number // self.block)[number % self.block]

    def _draw_copies(self, count: int, number: int) -> list[int]:
        # A generator of its own, as for the pairs: copies change what is heard, not which clips meet which words.
        generator = np.random.default_rng([self.seed, 4, number])
        clean_share = CLEAN_SHARE if self.copies else 1.0
        shares = [clean_share, *[(1.0 - clean_share) / max(self.copies, 1)] * self.copies]
        return [int(copy) for copy in generator.choice(self.copies + 1, count, p=shares)]

    def _pair(
        self, partners: Partners, chosen: NDArray[np.int64], number: int, generator: np.random.Generator
    ) -> tuple[list[int | None], list[int]]:
        """Return a sentence for each clip, None where there is none of its kind, and how it relates to the clip."""
        shares = np.array(self.config.pairing_shares) / sum(self.config.pairing_shares)
        # A generator of its own: a stream of matching pairs alone draws the same sentences, whatever else is possible.
        drawn = np.random.default_rng([self.seed, 3, number]).choice(len(PAIRINGS), len(chosen), p=shares).tolist()
        sentences = [
            partners.draw(int(index), PAIRINGS[one], generator) for index, one in zip(chosen, drawn, strict=True)
        ]
        return sentences, [MATCHING if read is None else one for read, one in zip(sentences, drawn, strict=True)]

    def _draw_block(self, number: int) -> list[NDArray[np.int64]]:
        generator = np.random.default_rng([self.seed, 1, number])
        batches: list[NDArray[np.int64]] = []
        for pool, probabilities, count in self._shares_of_block(generator):
            draw = spread if self.sequences else with_replacement
            drawn = draw(pool, probabilities, self.config.batch_size * count, generator)
            batches += np.array_split(drawn[self._by_length(drawn)], count)
        return [batches[position] for position in generator.permutation(self.block)]

    def _by_length(self, drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the order of utterances by length: of their sound where that is a sequence, then of their text."""
        tokens = np.array([len(self.examples.token_ids[index]) for index in drawn])
        return np.lexsort((tokens, self.counts[drawn] * int(self.sequences)))

    def _shares_of_block(
        self, generator: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], int]]:
        """Yield what a block is drawn from: utterances, how likely each is, and how many batches they fill."""
        if not self.config.one_corpus:
            yield self.pool, self.probabilities, self.block
            return
        corpora = self.examples.corpora[self.pool]
        weights = np.bincount(corpora, self.probabilities)
        drawn = generator.choice(len(weights), self.block, p=weights / weights.sum())
        for corpus in np.unique(drawn):
            mine = corpora == corpus
            yield self.pool[mine], self.probabilities[mine] / weights[corpus], int((drawn == corpus).sum())


def with_replacement(
    pool: NDArray[np.int64], probabilities: NDArray[np.float64], size: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return ``size`` of ``pool``, each draw for itself."""
    return generator.choice(pool, size=size, p=probabilities)


def spread(
    pool: NDArray[np.int64], probabilities: NDArray[np.float64], size: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return ``size`` of ``pool``, each as often as expected, rounded up or down by chance (systematic sampling).

    Copies of an utterance would lie side by side once they are sorted by length, all in one batch.
    """
    order = generator.permutation(len(pool))
    reached = np.cumsum(probabilities[order]) * (size / probabilities.sum())
    places = np.searchsorted(reached, np.arange(size) + generator.random(), side="right")
    drawn: NDArray[np.int64] = pool[order[places.clip(max=len(pool) - 1)]]
    return drawn


def sampling_probabilities(
    examples: Examples, pool: NDArray[np.int64], corpus_weights: Sequence[float], balance: float
) -> NDArray[np.float64]:
    """Return how likely each of ``pool`` is drawn: corpora by weight x sqrt(size), categories by ``balance``."""
    probabilities = np.zeros(len(pool))
    for number, weight in enumerate(corpus_weights):
        mine = examples.corpora[pool] == number
        if not mine.any() or weight == 0:
            continue
        targets = examples.targets[pool][mine].astype(np.float64)
        labelled = targets.sum(axis=1) > 0 if targets.shape[1] else np.zeros(mine.sum(), bool)
        inverse = 1.0 / np.maximum(targets.sum(axis=0), 1.0)
        share = np.where(labelled, targets @ inverse**balance, 0.0)
        share[~labelled] = share[labelled].mean() if labelled.any() else 1.0
        probabilities[mine] = weight * np.sqrt(mine.sum()) * share / share.sum()
    if probabilities.sum() == 0:
        raise RecipeError(
            "corpus weights", "at least one corpus must have a weight above 0", "raise data.corpora.weight"
        )
    normalised: NDArray[np.float64] = probabilities / probabilities.sum()
    return normalised
