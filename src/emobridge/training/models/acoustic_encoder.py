"""The torch body of ``compact``, the small acoustic encoder that is trained here: functionals in, one vector out.

Design: a stretch of voice is described by some three thousand functionals, which need no training; what is learned is
one wide, heavily dropped-out layer over them, or several side by side (`turns`). With a few hours of labelled speech
that generalises to new speakers as well as convolutions over frames do, at a hundredth of the cost (`docs/log.md`).
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from emobridge.features.functionals import FunctionalsSettings
from emobridge.training.models.round_robin import in_turn

CLIP = 4.0  # standard deviations: what lies further out is clipped, so that a strange recording stays near the known


@dataclass(frozen=True)
class CompactConfig:
    """Shape of the encoder.

    Attributes:
        width: size of a vector.
        input_dropout: share of the functionals hidden from each clip in training, 0 to below 1.
        dropout: share of the vector hidden in training, 0 to below 1.
    """

    width: PositiveInt = 256
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5


class CompactEncoder(nn.Module):
    """Functionals, standardised and clipped, to one vector for each stretch and member.

    Args:
        config: its shape.
        members: layers side by side, one for each network above (`FusionConfig.members`).

    Attributes:
        mean: buffer (F,), mean of each functional over the training data; 0 until it is set.
        deviation: buffer (F,), standard deviation of each functional; 1 until it is set.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: CompactConfig, members: int = 1) -> None:
        super().__init__()
        self.config = config
        self.members = members
        size = FunctionalsSettings().width
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.project = nn.Linear(size, members * config.width)
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def dimension(self) -> int:
        """Size of the vectors of all members side by side."""
        return self.members * self.config.width

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors (B, T, width) and their mask (B, T); of several members (B, members, T, width).

        In training each item is heard by the one member whose turn it is (`in_turn`): (B, T, width).

        Args:
            frames: (B, T, F) float32, functionals of T stretches (`FunctionalsSettings.frames` gives one), T >= 1.
            mask: (B, T), True = real; real stretches come first.
        """
        if self.training:
            standard = self.input_dropout(self._standard(frames, mask))
            return self.shape(in_turn(self.members, self._sums_of, standard), mask), mask
        vectors = self.shape(self.heard(frames, mask), mask)
        if self.members > 1:
            vectors = torch.stack(vectors.chunk(self.members, dim=2), dim=1)
        return vectors, mask

    def heard(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, dimension), sums of the standardised functionals; arguments as for `forward`."""
        sums: Tensor = self.project(self._standard(frames, mask))
        return sums

    def shape(self, sums: Tensor, mask: Tensor) -> Tensor:
        """Return the vectors of such sums (B, T, D), each member's part normalised by itself."""
        normal = torch.cat([self.norm(part) for part in torch.split(sums, self.config.width, dim=2)], dim=2)
        return torch.where(mask[:, :, None], self.dropout(functional.silu(normal)), 0.0)

    def _standard(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, F), functionals in standard deviations from their mean."""
        standard = ((frames - self.mean) / self.deviation).clamp(-CLIP, CLIP)
        return standard.masked_fill(~mask[:, :, None], 0.0)  # padding may hold anything, NaN too

    def _sums_of(self, member: int, standard: Tensor) -> Tensor:
        """Return (B, T, width), what one member makes of its items."""
        weight, bias = (one.chunk(self.members)[member] for one in (self.project.weight, self.project.bias))
        return functional.linear(standard, weight, bias)


class AgainstVoice(nn.Module):
    """An encoder as it predicts: what is known of a voice is taken away.

    Args:
        encoder: trained.
    """

    def __init__(self, encoder: CompactEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor, mask: Tensor, voice: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return vectors, their mask, and what a voice is the mean of, 0 for the mean of all training.

        Vectors and the last are (B, T, dimension): all members side by side.

        Args:
            frames, mask: as for `CompactEncoder.forward`.
            voice: (B, dimension), see `emobridge.features.speaker_normalization`; 0: none.
        """
        sums = self.encoder.heard(frames, mask)
        return self.encoder.shape(sums - voice[:, None], mask), mask, sums - self.encoder.project.bias
