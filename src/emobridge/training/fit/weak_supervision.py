"""What teaches dimensions on speech that nobody rated, beside weak labels: tolerance, orders of clips, and the words.

Each part has a weight of its own in the recipe, 0 by default, so that it can be switched on and off alone:
- tolerance: a weak label asks for a value near it, not for the value, which may then move within a category;
- orders: pairs of clips of one corpus keep the order of their categories, or of their intensity (`orders`);
- text teacher: where a clip meets a sentence of its category, speech alone follows what text alone says, whose
  dimensions people rated. Correlation alone counts, since how far text moves is a matter of text.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from emobridge.training.data.batches import Batch
from emobridge.training.data.examples import Examples
from emobridge.training.data.rankings import LEAST_STEP, Ranking, rank_by_category, rank_by_intensity
from emobridge.training.data.text_pairing import CONTRADICTING, MATCHING
from emobridge.training.fit.losses import correlation_loss, ranking_loss, within_tolerance
from emobridge.training.models.emotion_model import EmotionSystem

PROCESSOR = torch.device("cpu")


@dataclass(frozen=True)
class WeakConfig:
    """How unrated speech learns dimensions, beside its weak labels.

    Attributes:
        tolerance: no loss within this distance of a weak label; 0 to 0.5, on [0, 1].
        category_order: weight of the order of categories.
        intensity_order: weight of the order by intensity within a category.
        order_margin: by how much a dimension should differ from one rung of categories to the next, and from the
            weakest to the strongest of a category.
        text_teacher: weight of 1 - correlation between speech alone and text alone in matching pairs.
    """

    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    category_order: NonNegativeFloat = 0.0
    intensity_order: NonNegativeFloat = 0.0
    order_margin: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    text_teacher: NonNegativeFloat = 0.0


class WeakTeaching:
    """The losses of a `WeakConfig` over the examples of one training.

    Args:
        config: weights.
        examples: of the recipe.
        train: indices of the training part; how strong a clip is, is counted among these.
        device: of the system and its batches.
    """

    def __init__(
        self, config: WeakConfig, examples: Examples, train: NDArray[np.int64], device: torch.device = PROCESSOR
    ) -> None:
        self.config = config
        self.device = device
        utterances, names = examples.utterances, examples.dimension_names
        self.rankings: dict[str, tuple[float, Tensor, Tensor]] = {}  # name -> weight, places (N, K), groups (N,)
        if config.category_order > 0:
            self._add("category_order", config.category_order, rank_by_category(utterances, names))
        if config.intensity_order > 0:
            self._add("intensity_order", config.intensity_order, rank_by_intensity(utterances, names, train))

    def _add(self, name: str, weight: float, ranking: Ranking) -> None:
        places, groups = torch.from_numpy(ranking.places), torch.from_numpy(ranking.groups)
        self.rankings[name] = weight, places.to(self.device), groups.to(self.device)

    def targets(self, batch: Batch, predicted: Tensor) -> Tensor:
        """Return the dimensions (B, K) to learn, K those that the system has: rated ones as they are, weak ones loose.

        Args:
            batch: with labels.
            predicted: (B, K), the system's dimensions.
        """
        count = predicted.shape[1]
        tolerance = torch.where(batch.weak[:, :count], self.config.tolerance, 0.0)
        return within_tolerance(batch.dimensions[:, :count], predicted, tolerance)

    def losses(
        self,
        system: EmotionSystem,
        batch: Batch,
        presence: Tensor,
        predicted: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum, a scalar, and each part that is switched on, detached and unweighted.

        Args:
            system: being trained.
            batch: what it was given.
            presence: (B, 2), what it was shown of it.
            predicted: (B, K), the dimensions that it gave; without any there is nothing to teach.
        """
        total = predicted.new_zeros(())
        parts: dict[str, Tensor] = {}
        if predicted.shape[1] == 0:
            return total, parts
        for name, (weight, places, groups) in self.rankings.items():
            parts[name] = self._order(predicted, places[batch.rows], groups[batch.rows], batch, presence)
            total = total + weight * parts[name]
        if self.config.text_teacher > 0:
            taught = batch.presence.all(dim=1) & (batch.pairing == MATCHING)
            if taught.sum() >= 2:
                parts["text_teacher"] = self._follow_text(system, batch, taught)
                total = total + self.config.text_teacher * parts["text_teacher"]
        return total, {name: value.detach() for name, value in parts.items()}

    def _order(self, predicted: Tensor, places: Tensor, groups: Tensor, batch: Batch, presence: Tensor) -> Tensor:
        """Return the mean over dimensions of the ranking loss of the clips that are heard, uncontradicted."""
        heard = presence[:, 0] & (batch.pairing != CONTRADICTING)
        places = torch.where(heard[:, None], places, torch.nan)
        columns = range(predicted.shape[1])
        each = [
            ranking_loss(predicted[:, column], places[:, column], groups, self.config.order_margin, LEAST_STEP)
            for column in columns
        ]
        return torch.stack(each).mean()

    def _follow_text(self, system: EmotionSystem, batch: Batch, taught: Tensor) -> Tensor:
        """Return the mean over dimensions of 1 - correlation of speech alone with text alone; text learns nothing."""
        heard, read = torch.eye(2, dtype=torch.bool, device=batch.presence.device)
        system.eval()
        with torch.no_grad():
            _, teacher = system(batch, batch.presence & read)
        system.train()
        _, pupil = system(batch, batch.presence & heard)
        teacher = torch.where(taught[:, None], teacher, torch.nan)
        each = [correlation_loss(pupil[:, column], teacher[:, column]) for column in range(teacher.shape[1])]
        return torch.stack(each).mean()
