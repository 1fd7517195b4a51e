"""The obvious way to train the fusion on cached vectors: the peer of `Trainer`, of the same function and loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.speed.plain_bridges import PlainBridgeFusion
from emobridge.training.data.batches import Batch, collate
from emobridge.training.fit.trainer import Trainer
from emobridge.training.models.emotion_model import drop_special_tokens, proportional_positions
from emobridge.training.models.fusion import FusionModel


def random_batches(count: int, size: int) -> list[NDArray[np.int64]]:
    """Return an epoch of ``count`` utterances: batches of at most ``size`` in random order."""
    return np.array_split(np.random.default_rng(3).permutation(count), -(-count // size))


@dataclass
class PlainLoop:
    """Random batches, padded; 32 bits; bridges with keys and values; what is hidden is computed and masked.

    Attributes:
        trainer: whose network, as it is now, whose loss and whose examples it takes; its weights are its own.
    """

    trainer: Trainer

    def __post_init__(self) -> None:
        system, config = self.trainer.system, self.trainer.config
        self.network = FusionModel(system.config.fusion)
        self.network.fusion = PlainBridgeFusion(system.config.fusion)
        self.network.load_state_dict(system.fusion.state_dict(), strict=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def outputs(self, batch: Batch, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and dimensions (B, K)."""
        assert batch.token_vectors is not None, "the texts are read"
        read, mask = drop_special_tokens(batch.token_vectors, batch.token_mask, presence)
        given: tuple[Tensor, Tensor] = self.network(
            batch.frames, batch.frame_mask, read, mask, proportional_positions(mask), presence
        )
        return given

    def loss(self, batch: Batch, presence: Tensor) -> Tensor:
        """Return the loss that `Trainer` takes, a scalar."""
        groups = self.trainer.corpora[batch.rows]
        outputs, weight = self.outputs(batch, presence), torch.ones(len(presence))
        total, _ = self.trainer.loss(outputs, batch.targets, batch.allowed, weight, batch.dimensions, groups)
        return total

    def step(self, rows: NDArray[np.int64]) -> None:
        """Load a batch and learn from it."""
        batch = collate(self.trainer.setup.examples, rows.tolist(), rows.tolist())
        self.network.train()
        self.optimizer.zero_grad()
        self.loss(batch, batch.presence).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.trainer.config.gradient_norm)
        self.optimizer.step()
