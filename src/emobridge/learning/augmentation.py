"""What a training clip may meet before the network sees it: another speaking rate, another room's tilt, gaps, noise.

Drawn from torch's generator, which training seeds anew at every step, so that a resumed run draws the same.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AugmentationConfig:
    """How far each change may go; 0 turns it off.

    Attributes:
        rate: largest relative change of the speaking rate (0.1: 0.9 to 1.1), by resampling the frames in time.
        tilt: largest slope of the spectrum over all bands, in the logarithm's unit.
        noise: highest level of steady white noise, as the logarithm of a band's energy (0: that of the signal's mean);
            -100 turns it off.
        time_masks, time_mask_frames: gaps along time, and the longest.
        band_masks, band_mask_bands: gaps along frequency, and the widest [Park 2019, SpecAugment].
    """

    rate: Annotated[float, Field(ge=0, lt=1)] = 0.12
    tilt: NonNegativeFloat = 1.0
    noise: float = -2.0
    time_masks: NonNegativeInt = 2
    time_mask_frames: NonNegativeInt = 25
    band_masks: NonNegativeInt = 2
    band_mask_bands: NonNegativeInt = 8


def augment_frames(frames: Tensor, mask: Tensor, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """Return changed log-mel frames (B, T', bands) and their mask (B, T'); one rate for the batch, the rest by item."""
    if config.rate > 0:
        factor = 1.0 + config.rate * float(2.0 * torch.rand(()) - 1.0)
        frames, mask = _change_rate(frames, mask, factor)
    batch, length, bands = frames.shape
    slope = config.tilt * (2.0 * torch.rand(batch, 1, 1) - 1.0)
    frames = frames + slope * torch.linspace(-0.5, 0.5, bands)
    # Energies add; levels are drawn over a wide range, so that most clips stay nearly clean.
    frames = torch.logaddexp(frames, config.noise - 7.0 * torch.rand(batch, 1, 1))
    fill = (frames * mask[:, :, None]).sum(dim=(1, 2)) / (mask.sum(dim=1).clamp(min=1) * bands)
    for _ in range(config.time_masks):
        frames = torch.where(_gap(batch, length, config.time_mask_frames)[:, :, None], fill[:, None, None], frames)
    for _ in range(config.band_masks):
        frames = torch.where(_gap(batch, bands, config.band_mask_bands)[:, None, :], fill[:, None, None], frames)
    return frames, mask


def _change_rate(frames: Tensor, mask: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    length = max(1, round(frames.shape[1] * factor))
    stretched = functional.interpolate(frames.transpose(1, 2), size=length, mode="linear", align_corners=False)
    counts = (mask.sum(dim=1) * length / frames.shape[1]).floor().clamp(min=1)
    return stretched.transpose(1, 2), torch.arange(length) < counts[:, None]


def _gap(batch: int, size: int, widest: int) -> Tensor:
    """Return (B, size) bool, True within one random gap of at most ``widest`` for each item."""
    width = torch.randint(0, widest + 1, (batch, 1))
    start = (torch.rand(batch, 1) * (size - width).clamp(min=1)).long()
    position = torch.arange(size)
    return (position >= start) & (position < start + width)
