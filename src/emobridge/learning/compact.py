"""The torch body of ``compact``, the small acoustic encoder that is trained here: log-mel frames in, vectors out.

Design choices:
- Three strided convolutions see local spectral shape and leave one vector for eight frames; blocks of self-attention
  and depthwise convolution then mix them over time.
- Padding law: frames beyond an item's end are zeroed before every convolution, which is what a convolution sees beyond
  the end of an item alone, and normalisation is within an utterance, never over a batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from emobridge.errors import RecipeError
from emobridge.learning.attention import FeedForward, MultiHeadAttention


@dataclass(frozen=True)
class CompactConfig:
    """Shape of the encoder.

    Attributes:
        bands: mel bands of a frame.
        channels: of the three strided convolutions.
        width: size of a vector; the encoder's dimension.
        layers: blocks.
        heads: attention heads; divides ``width``.
        kernel: vectors that a depthwise convolution spans; odd.
        dropout: probability, 0 to below 1.
    """

    bands: int = 64
    channels: tuple[int, int, int] = (32, 48, 64)
    width: int = 144
    layers: int = 4
    heads: int = 4
    kernel: int = 15
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.width % self.heads:
            valid = f"valid: multiples of {self.heads}, the number of heads"
            raise RecipeError(f"acoustic width is {self.width}", valid, "change width or heads")
        if self.kernel % 2 == 0:
            raise RecipeError(f"acoustic kernel is {self.kernel}", "valid: odd numbers", f"take {self.kernel + 1}")


class StridedConvolution(nn.Module):
    """Halve time and frequency, then normalise over the whole utterance.

    Not frame by frame, which would take away how energy rises and falls, nor over the batch, where padding would count.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=2, padding=1)
        self.scale = nn.Parameter(torch.ones(channels_out))
        self.shift = nn.Parameter(torch.zeros(channels_out))

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, ceil(T / 2), F / 2, C') and its mask for ``image`` (B, T, F, C) and ``mask`` (B, T)."""
        # Channels come last in memory, and few passes read all of it: both halve the cost on a processor.
        halved = self.convolution((image * mask[:, :, None, None]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        mask = mask[:, ::2]
        real = mask.to(halved.dtype)[:, None]  # (B, 1, T / 2)
        share = real / (real.sum(dim=2, keepdim=True).clamp(min=1.0) * halved.shape[2] * halved.shape[3])
        mean = (share @ halved.flatten(2)).sum(dim=2)[:, :, None, None]  # (B, 1, 1, 1)
        power = (share @ halved.flatten(2).square()).sum(dim=2)[:, :, None, None]
        gain = torch.rsqrt((power - mean.square()).clamp(min=0.0) + 1e-5) * self.scale
        return functional.silu(halved * gain + (self.shift - mean * gain)), mask


class DepthwiseConvolution(nn.Module):
    """Gate, mix each channel over neighbouring vectors, mix channels."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.convolution = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.out = nn.Linear(width, width)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, D) for ``vectors`` (B, T, D) and ``mask`` (B, T)."""
        gated = torch.where(mask[:, :, None], functional.glu(self.gate(self.norm(vectors)), dim=-1), 0.0)
        mixed = self.convolution(gated.transpose(1, 2)).transpose(1, 2)
        return self.out(functional.silu(mixed))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Self-attention, depthwise convolution and feed-forward, each normalised before and added after."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.attention = MultiHeadAttention(config.width, config.heads)
        self.convolution = DepthwiseConvolution(config.width, config.kernel)
        self.feed_forward = FeedForward(config.width, 2)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, D) for ``vectors`` (B, T, D) and ``mask`` (B, T)."""
        normed = self.norm(vectors)
        vectors = vectors + self.dropout(self.attention(normed, normed, normed, mask))
        vectors = vectors + self.dropout(self.convolution(vectors, mask))
        return vectors + self.dropout(self.feed_forward(vectors))  # type: ignore[no-any-return]


class CompactEncoder(nn.Module):
    """Log-mel frames to one vector for eight frames.

    Attributes:
        band_mean: buffer (bands,), mean of each band over the training data; 0 until it is set.
        band_deviation: buffer (bands,), standard deviation of each band; 1 until it is set.
    """

    band_mean: Tensor
    band_deviation: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("band_mean", torch.zeros(config.bands))
        self.register_buffer("band_deviation", torch.ones(config.bands))
        bands, stages, channels_in = config.bands, [], 1
        for channels_out in config.channels:
            bands = (bands + 1) // 2
            stages.append(StridedConvolution(channels_in, channels_out))
            channels_in = channels_out
        self.stages = nn.ModuleList(stages)
        self.project = nn.Linear(channels_in * bands, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors (B, T_a, width), T_a = ceil(T / 8), and their mask (B, T_a).

        Args:
            frames: (B, T, bands) float32, as ``log_mel`` gives them, T at least 1.
            mask: (B, T), True = real; real frames come first.
        """
        frames = torch.where(mask[:, :, None], frames, self.band_mean)  # padding may hold anything, NaN too
        image = ((frames - self.band_mean) / self.band_deviation)[:, :, :, None]  # (B, T, bands, 1)
        for stage in self.stages:
            image, mask = stage(image, mask)
        vectors = self.dropout(self.project(image.flatten(2)))
        for block in self.blocks:
            vectors = block(vectors, mask)
        return torch.where(mask[:, :, None], self.norm(vectors), 0.0), mask
