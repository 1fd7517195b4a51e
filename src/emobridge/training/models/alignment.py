"""Two modalities at the same moments of an utterance: which vector of each is read at each step of one time line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

TimeLine = Literal["common", "padded"]

OUTSIDE = 1e4  # position of a token that is not there: never the nearest


@dataclass(frozen=True)
class Place:
    """Where a modality lies on a time line of S steps.

    Attributes:
        index: (B, S), which of its vectors is read at each step.
        real: (B, S), whether any is.
        size: how many vectors it has, padding included.
    """

    index: Tensor
    real: Tensor
    size: int

    @property
    def counts(self) -> Tensor:
        """How many steps read each vector, (B, size)."""
        read = self.real.float()
        return read.new_zeros(read.shape[0], self.size).scatter_add(1, self.index, read)

    def read(self, vectors: Tensor) -> Tensor:
        """Return (B, S, D), zero where nothing is read, for ``vectors`` (B, size, D)."""
        index = self.index[:, :, None].expand(-1, -1, vectors.shape[2])
        return torch.where(self.real[:, :, None], vectors.gather(1, index), 0.0)

    def beside(self, other: "Place") -> Tensor:
        """Return at which share of a vector's steps each vector of another modality is read, (B, size, other.size)."""
        both = (self.real & other.real).float()
        pairs = both.new_zeros(both.shape[0], self.size * other.size)
        pairs = pairs.scatter_add(1, self.index * other.size + other.index, both)
        return pairs.reshape(-1, self.size, other.size) / self.counts.clamp(min=1.0)[:, :, None]


@dataclass(frozen=True)
class Modality:
    """One modality inside the model.

    Attributes:
        vectors: (B, T, width).
        mask: (B, T), True = real; all False where the modality is absent.
        present: (B,).
        positions: (B, T) in [0, 1], when each vector is, as a share of the utterance; None: evenly spread.
    """

    vectors: Tensor
    mask: Tensor
    present: Tensor
    positions: Tensor | None = None

    def hidden(self) -> "Modality":
        """Return it as one that no item has."""
        return replace(self, mask=torch.zeros_like(self.mask), present=torch.zeros_like(self.present))

    def at(self, steps: Tensor, total: Tensor, timeline: TimeLine) -> Place:
        """Return its place on ``steps`` (S,) of a line of ``total`` (B,) real steps."""
        own = self.mask.sum(dim=1)[:, None]
        if timeline == "padded":
            index, real = steps.expand(own.shape[0], -1), steps < own
        elif self.positions is None:
            # Step j lies at (j + 0.5) / total; in whole numbers, so that no rounding moves it to a neighbour.
            index, real = (2 * steps + 1) * own // (2 * total[:, None]), (steps < total[:, None]) & (own > 0)
        else:
            positions = torch.where(self.mask, self.positions, OUTSIDE)[:, None, :]
            distances = ((steps + 0.5) / total[:, None])[:, :, None] - positions  # (B, S, T)
            index, real = distances.abs().argmin(dim=2), (steps < total[:, None]) & (own > 0)
        return Place(index.clamp(max=self.mask.shape[1] - 1), real, self.mask.shape[1])


def common_time_line(modalities: Sequence[Modality], timeline: TimeLine) -> tuple[list[Place], Tensor]:
    """Read every modality at the same moments of the utterance.

    An item has as many steps as the longest of its present modalities; step j of n lies at (j + 0.5) / n.

    Returns:
        The place of each modality on the time line; and the number of steps (B,).
    """
    counts = [modality.mask.sum(dim=1) for modality in modalities]
    total = torch.stack(counts).amax(dim=0).clamp(min=1)
    # Not max(): when the graph is exported it would be taken once, for the example's sizes.
    first, last = modalities[0].mask.shape[1], modalities[-1].mask.shape[1]
    longest = (first + last + abs(first - last)) // 2
    steps = torch.arange(longest, device=total.device)
    return [modality.at(steps, total, timeline) for modality in modalities], total
