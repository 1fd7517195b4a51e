"""Clips carried to another speaker: the difference between two speakers' mean functionals is added to a clip's.

What stays the same from clip to clip of a speaker (the voice, the room, the microphone) says nothing about a feeling,
but a corpus has too few speakers for a training to find that out by itself. Carried clips keep what sets them apart
within their speaker, and have no rating of the absolute values to learn from.
"""

import numpy as np
from numpy.typing import NDArray

from emobridge.learning.features import Examples

CLIP = 4.0  # standard deviations: outliers of a functional shall not move a speaker's mean


class SpeakerMeans:
    """The mean functionals of each speaker of a training part, every category of a speaker weighing the same.

    Attributes:
        means: (S, F) float32, one row a speaker.
        speakers: (N,) the row of each example's speaker, -1 for examples that are not in the training part.

    Args:
        examples: of a recipe.
        pool: indices of the training part's clips.
    """

    def __init__(self, examples: Examples, pool: NDArray[np.int64]) -> None:
        clips = np.concatenate([examples.frames(int(row)) for row in pool])
        centre, deviation = clips.mean(axis=0), clips.std(axis=0) + 1e-6
        standard = np.clip((clips - centre) / deviation, -CLIP, CLIP)
        names = [(examples.utterances[row].corpus, examples.utterances[row].speaker or "") for row in pool]
        known = {name: place for place, name in enumerate(dict.fromkeys(names))}
        places = np.array([known[name] for name in names])
        self.means = np.zeros((len(known), clips.shape[1]), np.float32)
        for place in range(len(known)):
            mine = places == place
            self.means[place] = centre + deviation * (_weights(examples.targets[pool[mine]]) @ standard[mine])
        self.speakers = np.full(len(examples), -1)
        self.speakers[pool] = places
        # A corpus of many speakers is carried to no more often than one of few.
        corpora = np.array([name[0] for name in known])
        sizes = np.array([(corpora == corpus).sum() for corpus in corpora])
        self._probabilities = (1.0 / sizes) / (1.0 / sizes).sum()

    def shifts(self, rows: NDArray[np.int64], share: float, generator: np.random.Generator) -> NDArray[np.float32]:
        """Return (B, F), what carries a ``share`` of the clips ``rows`` to a speaker drawn at random; 0 elsewhere.

        Args:
            rows: (B,) indices of clips of the training part.
            share: 0 to 1.
            generator: of all that is random.
        """
        moved = generator.random(len(rows)) < share
        others = generator.choice(len(self.means), len(rows), p=self._probabilities)
        shifts = self.means[others] - self.means[self.speakers[rows]]
        return np.where(moved[:, None], shifts, np.float32(0.0))


def _weights(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (N,) weights that sum to 1 under which every category of ``targets`` (N, C) weighs the same."""
    totals = targets.sum(axis=0, dtype=np.float64)
    weights = (targets / np.where(totals > 0, totals, 1.0)).sum(axis=1)
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(targets), 1.0 / len(targets))
