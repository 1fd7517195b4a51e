"""Small networks of every kind, and batches of random sequences for them."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor

from emobridge.training.evaluation.out_of_domain import Domain
from emobridge.training.models.fusion import Fusion, FusionConfig, FusionModel, Pooling

Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(scope="session", params=get_args(Fusion))
def fusion(request: pytest.FixtureRequest) -> Fusion:
    """Each kind of fusion in turn."""
    return request.param


@pytest.fixture(scope="session", params=get_args(Pooling))
def pooling(request: pytest.FixtureRequest) -> Pooling:
    """Each kind of pooling in turn."""
    return request.param


@pytest.fixture(scope="session")
def make_model() -> Callable[..., FusionModel]:
    """A function (**fields of the configuration) -> a model in evaluation mode, the same at each call."""

    def make(**values: object) -> FusionModel:
        torch.manual_seed(0)
        fields = {"categories": ("angry", "happy", "sad"), "dimensions": ("valence", "arousal")}
        encoders = {"acoustic_dimension": 10, "linguistic_dimension": 12}
        return FusionModel(FusionConfig.sized(24, **{**fields, **encoders, **values})).eval()

    return make


@pytest.fixture(scope="session")
def domain() -> Domain:
    """Of vectors as wide as those that the models hear."""
    generator = torch.Generator().manual_seed(3)
    made = Domain(10)
    made.mean.copy_(0.3 * torch.randn(20, generator=generator))
    made.whitening.copy_(torch.randn(20, 20, generator=generator))
    return made


@pytest.fixture(scope="session")
def make_inputs() -> Callable[..., Inputs]:
    """A function (frames of each item, tokens of each item, presence=all, seed=0, padding=NaN) -> a padded batch."""

    def make(
        frames: list[int],
        tokens: list[int],
        presence: list[tuple[bool, bool]] | None = None,
        seed: int = 0,
        padding: float = float("nan"),
    ) -> Inputs:
        generator = torch.Generator().manual_seed(seed)
        count = len(frames)
        acoustic = torch.randn(count, max(frames), 10, generator=generator)
        linguistic = torch.randn(count, max(tokens), 12, generator=generator)
        positions = torch.rand(count, max(tokens), generator=generator).sort(dim=1).values
        acoustic_mask = torch.arange(max(frames)) < torch.tensor(frames)[:, None]
        linguistic_mask = torch.arange(max(tokens)) < torch.tensor(tokens)[:, None]
        return (
            acoustic.masked_fill(~acoustic_mask[:, :, None], padding),
            acoustic_mask,
            linguistic.masked_fill(~linguistic_mask[:, :, None], padding),
            linguistic_mask,
            positions.masked_fill(~linguistic_mask, padding),
            torch.tensor([(True, True)] * count if presence is None else presence),
        )

    return make
