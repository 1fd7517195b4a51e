"""Examples to batches. What is in a batch depends on the seed and its number alone, so that resuming is exact.

A training draws from streams: batches of speech, batches of text, and batches of pairs, where an acted clip meets a
written sentence of the same category, since no corpus here holds natural speech with its text. Within a
stream, corpora are drawn by the square root of their size and categories evenly within a corpus; batches hold
utterances of like length, because padding is work thrown away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.learning.features import Examples

BATCHES_A_BLOCK = 8  # lengths are sorted within blocks of this many batches


@dataclass(frozen=True)
class StreamConfig:
    """One stream of batches.

    Attributes:
        kind: ``natural`` (each utterance with what it has), ``acoustic``, ``linguistic`` or ``paired``.
        batch_size: utterances a batch.
        share: how many of the steps it gets, relative to the other streams.
    """

    kind: Literal["natural", "acoustic", "linguistic", "paired"] = "natural"
    batch_size: PositiveInt = 32
    share: PositiveFloat = 1.0


@dataclass(frozen=True)
class Batch:
    """B utterances as tensors.

    Attributes:
        frames, frame_mask: (B, T_f, bands) float32 log-mel frames, zero-padded, and (B, T_f) True where real.
        token_ids, token_mask: (B, T) int64 word pieces with [CLS] and [SEP], and 1 where real.
        presence: (B, 2) bool: acoustic, linguistic.
        targets, allowed: (B, C) category distributions (all zero = missing) and the categories in play.
        dimensions: (B, K) on [0, 1], NaN = missing.
    """

    frames: Tensor
    frame_mask: Tensor
    token_ids: Tensor
    token_mask: Tensor
    presence: Tensor
    targets: Tensor
    allowed: Tensor
    dimensions: Tensor


def collate(
    examples: Examples,
    acoustic: Sequence[int | None],
    linguistic: Sequence[int | None],
    longest_s: float = np.inf,
    generator: np.random.Generator | None = None,
) -> Batch:
    """Return one batch; row i hears example ``acoustic[i]`` and reads ``linguistic[i]``, None is absent.

    Labels come from the heard example where there is one. Sound longer than ``longest_s`` is cropped: at a random place
    with a ``generator``, else around its middle.
    """
    limit = int(min(longest_s * examples.settings.sample_rate_hz / examples.settings.hop_samples, 2**40))
    sounds = [_crop(examples, index, limit, generator) for index in acoustic]
    words = [np.zeros(0, np.int64) if index is None else examples.token_ids[index] for index in linguistic]
    frames = np.zeros((len(sounds), max(1, *map(len, sounds), 1), examples.settings.bands), np.float32)
    frame_mask = np.zeros(frames.shape[:2], bool)
    token_ids = np.zeros((len(words), max(1, *map(len, words), 1)), np.int64)
    token_mask = np.zeros_like(token_ids)
    for row, (sound, ids) in enumerate(zip(sounds, words, strict=True)):
        frames[row, : len(sound)] = sound
        frame_mask[row, : len(sound)] = True
        token_ids[row, : len(ids)] = ids
        token_mask[row, : len(ids)] = 1
    label_rows = [first if first is not None else second for first, second in zip(acoustic, linguistic, strict=True)]
    rows = np.array(label_rows, np.int64)
    return Batch(
        frames=torch.from_numpy(frames),
        frame_mask=torch.from_numpy(frame_mask),
        token_ids=torch.from_numpy(token_ids),
        token_mask=torch.from_numpy(token_mask),
        presence=torch.tensor([[len(sound) > 0, len(ids) > 0] for sound, ids in zip(sounds, words, strict=True)]),
        targets=torch.from_numpy(examples.targets[rows]),
        allowed=torch.from_numpy(examples.allowed[rows]),
        dimensions=torch.from_numpy(examples.dimensions[rows]),
    )


def _crop(
    examples: Examples, index: int | None, limit: int, generator: np.random.Generator | None
) -> NDArray[np.float32]:
    if index is None:
        return np.zeros((0, examples.settings.bands), np.float32)
    sound = examples.frames(index)
    spare = len(sound) - limit
    if spare <= 0:
        return sound
    start = spare // 2 if generator is None else int(generator.integers(spare + 1))
    return sound[start : start + limit]


class BatchStream:
    """Endless, seeded batches of one kind from the training part of the examples.

    Args:
        examples: all of them.
        train: indices of the training part.
        config: kind and size.
        corpus_weights: one number a corpus, multiplied with the square root of its size.
        seed: of the whole training.
        longest_s: sound is cropped at random to this length.

    Raises:
        RecipeError: the training part has nothing for this kind of stream.
    """

    def __init__(
        self,
        examples: Examples,
        train: NDArray[np.int64],
        config: StreamConfig,
        corpus_weights: Sequence[float],
        seed: int,
        longest_s: float,
    ) -> None:
        self.examples = examples
        self.config = config
        self.seed = seed
        self.longest_s = longest_s
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
        self.probabilities = sampling_probabilities(examples, self.pool, corpus_weights)
        self.sentences = self._sentences_by_category(train[presence[:, 1]]) if config.kind == "paired" else {}
        self._block = lru_cache(maxsize=2)(self._draw_block)

    def batch(self, number: int) -> Batch:
        """Return batch ``number`` of this stream: the same for the same seed, whatever came before."""
        generator = np.random.default_rng([self.seed, 2, number])
        chosen = self._block(number // BATCHES_A_BLOCK)[number % BATCHES_A_BLOCK]
        acoustic: list[int | None] = [int(index) for index in chosen]
        linguistic = list(acoustic)
        if self.config.kind == "acoustic":
            linguistic = [None] * len(chosen)
        elif self.config.kind == "linguistic":
            acoustic = [None] * len(chosen)
        elif self.config.kind == "paired":
            linguistic = [self._partner(int(index), generator) for index in chosen]
        return collate(self.examples, acoustic, linguistic, self.longest_s, generator)

    def _draw_block(self, number: int) -> list[NDArray[np.int64]]:
        generator = np.random.default_rng([self.seed, 1, number])
        size = self.config.batch_size * BATCHES_A_BLOCK
        drawn = generator.choice(self.pool, size=size, p=self.probabilities)
        if self.config.kind == "linguistic":
            lengths = np.array([len(self.examples.token_ids[index]) for index in drawn])
        else:
            lengths = self.examples.frame_counts[drawn]
        batches = np.array_split(drawn[np.argsort(lengths, kind="stable")], BATCHES_A_BLOCK)
        return [batches[position] for position in generator.permutation(BATCHES_A_BLOCK)]

    def _sentences_by_category(self, indices: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
        targets = self.examples.targets[indices]
        labelled = targets.max(axis=1, initial=0.0) > 0
        best = targets.argmax(axis=1)
        return {int(label): indices[labelled & (best == label)] for label in np.unique(best[labelled])}

    def _partner(self, index: int, generator: np.random.Generator) -> int | None:
        """Return a sentence whose category is drawn from the clip's own distribution, None where there is none."""
        target = self.examples.targets[index].astype(np.float64)
        label = int(generator.choice(len(target), p=target / target.sum()))
        sentences = self.sentences.get(label)
        return None if sentences is None or len(sentences) == 0 else int(generator.choice(sentences))


def sampling_probabilities(
    examples: Examples, pool: NDArray[np.int64], corpus_weights: Sequence[float]
) -> NDArray[np.float64]:
    """Return how likely each of ``pool`` is drawn: corpora by weight x sqrt(size), categories nearly evenly within."""
    probabilities = np.zeros(len(pool))
    for number, weight in enumerate(corpus_weights):
        mine = examples.corpora[pool] == number
        if not mine.any() or weight == 0:
            continue
        targets = examples.targets[pool][mine].astype(np.float64)
        labelled = targets.sum(axis=1) > 0 if targets.shape[1] else np.zeros(mine.sum(), bool)
        inverse = 1.0 / np.maximum(targets.sum(axis=0), 1.0)
        # Halfway to even (square root): full balance would repeat the few examples of a rare category too often.
        share = np.where(labelled, targets @ np.sqrt(inverse), 0.0)
        share[~labelled] = share[labelled].mean() if labelled.any() else 1.0
        probabilities[mine] = weight * np.sqrt(mine.sum()) * share / share.sum()
    if probabilities.sum() == 0:
        raise RecipeError(
            "corpus weights", "at least one corpus must have a weight above 0", "raise data.corpora.weight"
        )
    normalised: NDArray[np.float64] = probabilities / probabilities.sum()
    return normalised
