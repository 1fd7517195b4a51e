"""Encoders and fusion together: the one thing that is trained, judged and exported."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.labels import PRESENCES
from emobridge.training.data.batches import Batch
from emobridge.training.models.acoustic_encoder import CompactConfig, CompactEncoder
from emobridge.training.models.ensemble import FusionEnsemble
from emobridge.training.models.fusion import FusionConfig, FusionModel
from emobridge.training.models.text_encoder import MinilmConfig, MiniLmEncoder


@dataclass(frozen=True)
class SystemConfig:
    """A whole system.

    Attributes:
        fusion: the network over both encoders.
        acoustic, linguistic: the encoders; of a public, frozen one only what it gives, since its vectors come with
            the batch; None where the system has no such modality.
    """

    fusion: FusionConfig
    acoustic: CompactConfig | VectorShape | None = None
    linguistic: MinilmConfig | VectorShape | None = None


class GivenVectors(nn.Module):
    """In the place of an encoder that is public and frozen: its vectors come with the batch.

    Args:
        shape: of what it gives for a frame or token.
    """

    def __init__(self, shape: VectorShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, T, D), of several layers (B, layers, T, D), for ``vectors`` (B, T, layers x D); and the mask."""
        if self.shape.layers == 1:
            return vectors, mask
        layered = vectors.reshape(vectors.shape[0], vectors.shape[1], self.shape.layers, self.shape.dimension)
        return layered.transpose(1, 2), mask


class EmotionSystem(nn.Module):
    """Sound and word pieces in, category logits and dimensions out.

    Args:
        config: the whole system's.
    """

    def __init__(self, config: SystemConfig) -> None:
        super().__init__()
        self.config = config
        self.acoustic: CompactEncoder | GivenVectors | None = None
        self.linguistic: MiniLmEncoder | GivenVectors | None = None
        if config.acoustic is not None:
            self.acoustic = (
                GivenVectors(config.acoustic)
                if isinstance(config.acoustic, VectorShape)
                else CompactEncoder(config.acoustic, config.fusion.members)
            )
        if config.linguistic is not None:
            self.linguistic = (
                GivenVectors(config.linguistic)
                if isinstance(config.linguistic, VectorShape)
                else MiniLmEncoder(config.linguistic)
            )
        self.fusion = FusionModel(config.fusion) if config.fusion.members == 1 else FusionEnsemble(config.fusion)

    @property
    def presences(self) -> tuple[str, ...]:
        """What an utterance can have of what this system takes: names of `PRESENCES`."""
        encoders = {"acoustic": self.acoustic, "linguistic": self.linguistic}
        there = tuple(name for name, encoder in encoders.items() if encoder is not None)
        return PRESENCES if len(there) == 2 else there

    def forward(self, batch: Batch, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and dimensions (B, K); ``presence`` (B, 2) may hide what the batch holds.

        Both are on the device of the weights, and so is what it returns.
        """
        acoustic, acoustic_mask = self._hear(batch, presence)
        linguistic, linguistic_mask = self._read(batch, presence)
        outputs: tuple[Tensor, Tensor] = self.fusion(
            acoustic,
            acoustic_mask,
            linguistic,
            linguistic_mask,
            None if linguistic_mask is None else proportional_positions(linguistic_mask),
            presence,
        )
        return outputs

    def _hear(self, batch: Batch, presence: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if self.acoustic is None:
            return None, None
        if not presence[:, 0].any():  # work on what has no influence is saved
            return _nothing(presence, self.config.fusion.acoustic_dimension, self.config.fusion.acoustic_layers)
        vectors, vector_mask = self.acoustic(batch.frames, batch.frame_mask)
        return vectors, vector_mask & presence[:, :1]

    def _read(self, batch: Batch, presence: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if self.linguistic is None:
            return None, None
        if not presence[:, 1].any():
            return _nothing(presence, self.config.fusion.linguistic_dimension, self.config.fusion.linguistic_layers)
        vectors = batch.token_vectors
        if isinstance(self.linguistic, GivenVectors):
            assert vectors is not None, "a public encoder has read the texts"
            given: tuple[Tensor, Tensor] = self.linguistic(*drop_special_tokens(vectors, batch.token_mask, presence))
            return given
        if vectors is None:
            vectors = self.linguistic(batch.token_ids, batch.token_mask)
        return drop_special_tokens(vectors, batch.token_mask, presence)


def _nothing(presence: Tensor, dimension: int | None, layers: int) -> tuple[Tensor, Tensor]:
    """Return what stands for a modality that no item of a batch has: one zero vector each, and a mask without any."""
    assert dimension is not None, "the network has the modality"
    size, device = len(presence), presence.device
    shape = (size, 1, dimension) if layers == 1 else (size, layers, 1, dimension)
    return torch.zeros(shape, device=device), torch.zeros(size, 1, dtype=torch.bool, device=device)


def drop_special_tokens(vectors: Tensor, token_mask: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
    """Return the vectors (B, T - 2, D) of real tokens and their mask, without [CLS] and [SEP]; T at least 3.

    A text shorter than the longest has its [SEP] inside: it falls under the mask.
    """
    counts = token_mask.sum(dim=1) - 2
    inner = vectors[:, 1:-1] if vectors.shape[1] > 2 else vectors[:, :1]
    mask = torch.arange(inner.shape[1], device=counts.device) < counts[:, None]
    return inner, mask & presence[:, 1:]


def proportional_positions(mask: Tensor) -> Tensor:
    """Return (B, T) the relative position (i + 0.5) / n of each of an item's n tokens; at most 1 on padding."""
    counts = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return ((torch.arange(mask.shape[1], device=mask.device) + 0.5) / counts).clamp(max=1.0)


@torch.no_grad()
def measure_functionals(system: EmotionSystem, batches: list[Batch]) -> None:
    """Set the acoustic encoder's mean and deviation of each functional from training batches."""
    if not isinstance(system.acoustic, CompactEncoder):
        return
    pooled = torch.cat([batch.frames[batch.frame_mask] for batch in batches])
    system.acoustic.mean.copy_(pooled.mean(dim=0))
    system.acoustic.deviation.copy_(pooled.std(dim=0).clamp(min=1e-3))
