"""Random modality masking: training steps that hide one modality, so that the stronger does not drown the weaker."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from emobridge.errors import RecipeError


@dataclass(frozen=True)
class ModalityMasking:
    """When and what is hidden; the defaults are the paper's schedule.

    Attributes:
        start: probability of hiding at the first step, in [0, 1]; 0 hides nothing.
        floor: a probability below this counts as 0.
        linguistic_share: how often it is the linguistic modality that is hidden, in [0, 1].
        per: one draw for the whole ``batch``, or one for each ``sample``.
    """

    start: float = 0.8
    floor: float = 0.1
    linguistic_share: float = 0.6
    per: Literal["batch", "sample"] = "batch"

    def __post_init__(self) -> None:
        for name in ("start", "floor", "linguistic_share"):
            given = getattr(self, name)
            if not 0.0 <= given <= 1.0:
                raise RecipeError(f"{name} is {given}", "valid: 0 to 1", f"set {name} within this range")
        if self.per not in {"batch", "sample"}:
            raise RecipeError(f"per is '{self.per}'", "valid: batch, sample", "take one of these")

    def probability(self, progress: float) -> float:
        """Return the probability of hiding at ``progress`` through training, in [0, 1]: a cosine from start to 0."""
        decayed = self.start * 0.5 * (1.0 + math.cos(math.pi * progress))
        return decayed if decayed >= self.floor else 0.0

    def hide(self, presence: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """Return ``presence`` (B, 2) (acoustic, linguistic) with some flags set to False.

        An item that has one modality keeps it. The number of random draws depends on the shape alone.
        """
        draws = 1 if self.per == "batch" else len(presence)
        hides, chooses = torch.rand(2, draws, generator=generator, device=generator.device).to(presence.device)
        linguistic = chooses < self.linguistic_share
        hidden = (hides < self.probability(progress))[:, None] & torch.stack((~linguistic, linguistic), dim=1)
        kept: Tensor = presence & ~(hidden & presence.all(dim=1, keepdim=True))
        return kept
