"""Sentences for clips: no corpus here holds natural speech with its text, so a clip borrows a written sentence.

A sentence can match what is heard, contradict it, or say nothing about feelings; training that meets all three learns
when words should move an answer, when they should make it doubtful, and when they should leave it alone.
"""

import numpy as np
from numpy.typing import NDArray

from emobridge.labels import NEUTRAL
from emobridge.training.data.examples import Examples

PAIRINGS = ("matching", "contradicting", "irrelevant")
MATCHING, CONTRADICTING, IRRELEVANT = range(len(PAIRINGS))
NEAR_NEUTRAL = 0.05  # of the middle of the scale: a sentence rated so on every dimension says nothing about feelings


class Partners:
    """Written sentences, sorted by what they say.

    Attributes:
        by_category: index of a category -> sentences labelled with it.
        emotionless: sentences labelled neutral, and unlabelled ones rated near the middle of every dimension.

    Args:
        examples: of a recipe.
        sentences: indices of those that may be borrowed; each has a text.
    """

    def __init__(self, examples: Examples, sentences: NDArray[np.int64]) -> None:
        self.targets = examples.targets.astype(np.float64)
        targets = self.targets[sentences]
        labelled = targets.max(axis=1, initial=0.0) > 0
        best = targets.argmax(axis=1) if targets.shape[1] else np.full(len(sentences), -1)
        self.by_category = {int(label): sentences[labelled & (best == label)] for label in np.unique(best[labelled])}
        self.neutral = examples.categories.index(NEUTRAL) if NEUTRAL in examples.categories else -1
        rated = examples.rated_dimensions[sentences]
        unmoved = (np.abs(rated - 0.5) <= NEAR_NEUTRAL) | np.isnan(rated)
        plain = ~labelled & unmoved.all(axis=1) & np.isfinite(rated).any(axis=1)
        self.emotionless = sentences[plain | (labelled & (best == self.neutral))]

    def can(self, pairing: str) -> bool:
        """Return whether there are sentences for a pairing, one of `PAIRINGS`."""
        if pairing == "irrelevant":
            return len(self.emotionless) > 0
        return bool(self.by_category.keys() - ({self.neutral} if pairing == "contradicting" else set()))

    def draw(self, index: int, pairing: str, generator: np.random.Generator) -> int | None:
        """Return a sentence for the clip ``index``, None where there is none of the kind.

        Args:
            index: of an example that has a category.
            pairing: ``matching``: of a category drawn from the clip's own distribution; ``contradicting``: of a
                category that the clip has no share in, drawn evenly, and not neutral; ``irrelevant``: emotionless.
            generator: of what is drawn.
        """
        if pairing == "irrelevant":
            return _one_of(self.emotionless, generator)
        target = self.targets[index]
        if pairing == "matching":
            label = int(generator.choice(len(target), p=target / target.sum()))
        else:
            others = [one for one in self.by_category if target[one] == 0 and one != self.neutral]
            if not others:
                return None
            label = int(generator.choice(others))
        return _one_of(self.by_category.get(label, np.zeros(0, np.int64)), generator)


def _one_of(sentences: NDArray[np.int64], generator: np.random.Generator) -> int | None:
    return int(generator.choice(sentences)) if len(sentences) else None
