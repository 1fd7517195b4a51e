"""The torch body of ``compact``, the small acoustic encoder that is trained here: functionals in, one vector out.

Design: a stretch of voice is described by some three thousand functionals, which need no training; what is learned is
one wide, heavily dropped-out layer over them. With a few hours of labelled speech that generalises to new speakers as
well as convolutions over frames do, at a hundredth of the cost (`docs/log.md`).
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from emobridge.encoders.functionals import FunctionalsSettings

CLIP = 4.0  # standard deviations: what lies further out is clipped, so that a strange recording stays near the known


@dataclass(frozen=True)
class CompactConfig:
    """Shape of the encoder.

    Attributes:
        width: size of a vector; the encoder's dimension.
        input_dropout: share of the functionals hidden from each clip in training, 0 to below 1.
        dropout: share of the vector hidden in training, 0 to below 1.
    """

    width: PositiveInt = 256
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5


class CompactEncoder(nn.Module):
    """Functionals, standardised and clipped, to one vector for each stretch.

    Attributes:
        mean: buffer (F,), mean of each functional over the training data; 0 until it is set.
        deviation: buffer (F,), standard deviation of each functional; 1 until it is set.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        size = FunctionalsSettings().width
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.project = nn.Linear(size, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors (B, T, width) and their mask (B, T).

        Args:
            frames: (B, T, F) float32, functionals of T stretches (`FunctionalsSettings.frames` gives one), T >= 1.
            mask: (B, T), True = real; real stretches come first.
        """
        return self.shape(self.heard(frames, mask), mask), mask

    def heard(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, width), sums of the standardised functionals; arguments as for `forward`."""
        frames = torch.where(mask[:, :, None], frames, self.mean)  # padding may hold anything, NaN too
        standard = ((frames - self.mean) / self.deviation).clamp(-CLIP, CLIP)
        sums: Tensor = self.project(self.input_dropout(standard))
        return sums

    def shape(self, sums: Tensor, mask: Tensor) -> Tensor:
        """Return the vectors (B, T, width) of such sums."""
        vectors = self.dropout(functional.silu(self.norm(sums)))
        return torch.where(mask[:, :, None], vectors, 0.0)


class AgainstVoice(nn.Module):
    """An encoder as it predicts: what is known of a voice is taken away.

    Args:
        encoder: trained.
    """

    def __init__(self, encoder: CompactEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor, mask: Tensor, voice: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return vectors, their mask, and what a voice is the mean of (B, T, width), 0 for the mean of all training.

        Args:
            frames, mask: as for `CompactEncoder.forward`.
            voice: (B, width), see `emobridge.voices`; 0: none.
        """
        sums = self.encoder.heard(frames, mask)
        return self.encoder.shape(sums - voice[:, None], mask), mask, sums - self.encoder.project.bias
