"""What a recipe learns from other trainings of itself: what they say together of the training part, beside its labels.

An ensemble knows what each of its members lacks; one network that learns from it [Hinton et al. 2015], and starts from
the mean of its weights [Wortsman et al. 2022], keeps much of that at the cost of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.inference import Pairs, estimate
from emobridge.training.models.emotion_model import EmotionSystem


@dataclass(frozen=True)
class TeachingConfig:
    """Whom a recipe learns from.

    Attributes:
        teachers: each is this recipe with overrides (``"section.key" = value``), trained first on the same fold; it may
            change how it is trained and what is drawn how often, not the network.
        share: of the teachers' opinion in a label, on [0, 1]; where there is no label, theirs alone is learned.
    """

    teachers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    share: Annotated[float, Field(ge=0, le=1)] = 0.7


@dataclass(frozen=True)
class Opinion:
    """What teachers say of R examples: probabilities (R, C) over all categories, dimensions (R, K) on [0, 1]."""

    probabilities: NDArray[np.float32]
    dimensions: NDArray[np.float32]

    @classmethod
    def of(cls, system: EmotionSystem, examples: Examples, rows: NDArray[np.int64]) -> "Opinion":
        """Return what one system says of ``rows`` of the examples, each with all the inputs that it has.

        It may know other labels than the examples: of a category that it does not know it says 0, of a dimension NaN.
        """
        fusion = system.config.fusion
        seen = replace(examples, categories=fusion.categories, dimension_names=fusion.dimensions)
        logits, values = estimate(system, seen, Pairs.natural(examples, list(rows)))
        names = [name for name in fusion.categories if name in examples.categories]
        known = torch.from_numpy(logits)[:, [fusion.categories.index(name) for name in names]]
        probabilities = np.zeros((len(rows), len(examples.categories)), np.float32)
        probabilities[:, [examples.categories.index(name) for name in names]] = known.softmax(dim=1).numpy()
        dimensions = np.full((len(rows), len(examples.dimension_names)), np.nan, np.float32)
        for place, name in enumerate(fusion.dimensions):
            if name in examples.dimension_names:
                dimensions[:, examples.dimension_names.index(name)] = values[:, place]
        return cls(probabilities, dimensions)

    @classmethod
    def mean(cls, opinions: Sequence["Opinion"]) -> "Opinion":
        """Return the mean of several."""
        return cls(
            np.mean([one.probabilities for one in opinions], axis=0, dtype=np.float32),
            np.mean([one.dimensions for one in opinions], axis=0, dtype=np.float32),
        )

    def of_rows(self, rows: NDArray[Any]) -> "Opinion":
        """Return the opinion of some of the rows: a mask or indices."""
        return Opinion(self.probabilities[rows], self.dimensions[rows])


def with_opinion(examples: Examples, rows: NDArray[np.int64], opinion: Opinion, share: float) -> Examples:
    """Return the examples with ``share`` of the labels of ``rows`` from ``opinion``; a missing label is all from it.

    A label stays within the categories that its corpus knows; what was rated, for metrics, stays as it is.
    """
    targets, allowed, dimensions = examples.targets.copy(), examples.allowed.copy(), examples.dimensions.copy()
    labelled = targets[rows].sum(axis=1) > 0
    if opinion.probabilities.any():
        allowed[rows[~labelled]] = opinion.probabilities.any(axis=0)
        within = np.where(allowed[rows], opinion.probabilities, 0)
        total = within.sum(axis=1, keepdims=True)  # 0 where they know none of what the corpus knows
        within = np.divide(within, total, out=targets[rows], where=total > 0)
        targets[rows] = np.where(labelled[:, None], (1 - share) * targets[rows] + share * within, within)
    own = dimensions[rows]
    mixed = (1 - share) * own + share * opinion.dimensions
    dimensions[rows] = np.where(np.isnan(own), opinion.dimensions, np.where(np.isnan(mixed), own, mixed))
    return replace(examples, targets=targets, allowed=allowed, dimensions=dimensions)


def mean_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of the weights of several trainings of one network; whole numbers are those of the first.

    Raises:
        RecipeError: they are of different networks.
    """
    first = {name: tensor.shape for name, tensor in states[0].items()}
    if any({name: tensor.shape for name, tensor in state.items()} != first for state in states):
        given = "a teacher's network differs from that of the recipe"
        raise RecipeError(given, "the mean of weights needs one network", "override how it is trained alone")
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }
