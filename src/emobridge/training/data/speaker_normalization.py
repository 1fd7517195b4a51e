"""Clips as they sound in a recording of their speaker: less a part of the mean of what else was heard of them.

Speaker normalisation, as predictions do it where they are asked to (`emobridge.features.speaker_normalization`): what
stays the same from clip to clip, the voice, the room and the microphone, is taken away, the more of it the more was
heard. Real recordings do not hold every mood alike; so the clips that a mean is of are few or many, and of moods as
uneven as chance makes them.
"""

import numpy as np
from numpy.typing import NDArray

from emobridge.features.speaker_normalization import FAMILIAR
from emobridge.training.data.examples import Examples

CLIP = 4.0  # standard deviations, as the encoder's own
FEWEST, MOST = 2, 48  # clips of a recording, the one that is heard included; drawn evenly by their logarithm
UNEVENNESS = 0.5  # of the symmetric Dirichlet distribution that the shares of moods are drawn from


class Voices:
    """The clips of a training part by their speakers.

    Args:
        examples: of a recipe, with one vector of functionals a clip.
        pool: indices of the training part's clips.
    """

    def __init__(self, examples: Examples, pool: NDArray[np.int64]) -> None:
        self._examples, self._pool = examples, pool
        self._standard: dict[int, NDArray[np.float16]] = {}
        clips = np.concatenate([examples.frames(int(row)) for row in pool])
        self._centre, self._deviation = clips.mean(axis=0), clips.std(axis=0) + 1e-6
        self._places = np.full(len(examples), -1)
        self._places[pool] = np.arange(len(pool))
        names = [(examples.utterances[row].corpus, examples.utterances[row].speaker) for row in pool]
        moods = examples.targets[pool].argmax(axis=1)
        # Who is not known has no other clips.
        self._others: dict[tuple[str, str | None], list[NDArray[np.int64]]] = {}
        for name in dict.fromkeys(name for name in names if name[1] is not None):
            mine = np.array([name == other for other in names])
            self._others[name] = [np.flatnonzero(mine & (moods == mood)) for mood in np.unique(moods[mine])]

    def shifts(
        self, rows: NDArray[np.int64], copies: list[int], share: float, generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return (B, F), what is added to the functionals of a ``share`` of the clips; 0 elsewhere.

        Args:
            rows: (B,) indices of clips of the training part.
            copies: which perturbed copy of each is heard; the others of its recording were perturbed alike.
            share: 0 to 1.
            generator: of all that is random.
        """
        shifts = np.zeros((len(rows), len(self._centre)), np.float32)
        for place in np.flatnonzero(generator.random(len(rows)) < share):
            row = int(rows[place])
            heard = self._recording(row, generator)
            before = len(heard) - 1
            mean = self._of_copy(copies[place])[heard].mean(axis=0, dtype=np.float32)
            shifts[place] = -before / (before + FAMILIAR) * mean * self._deviation
        return shifts

    def _recording(self, row: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return the places of a recording's clips, ``row`` among them."""
        utterance, own = self._examples.utterances[row], self._places[row]
        moods = self._others.get((utterance.corpus, utterance.speaker), [])
        if sum(map(len, moods)) < FEWEST:
            return np.array([own])
        count = round(np.exp(generator.uniform(np.log(FEWEST), np.log(MOST))))
        shares = generator.dirichlet(np.full(len(moods), UNEVENNESS))
        drawn = generator.choice(len(moods), count - 1, p=shares)
        return np.array([own, *(generator.choice(moods[mood]) for mood in drawn)])

    def _of_copy(self, copy: int) -> NDArray[np.float16]:
        """Return (P, F), the pool's clips standardised and clipped as the encoder does it."""
        if copy not in self._standard:
            clips = np.concatenate([self._examples.frames(int(row), copy) for row in self._pool])
            self._standard[copy] = np.clip((clips - self._centre) / self._deviation, -CLIP, CLIP).astype(np.float16)
        return self._standard[copy]
