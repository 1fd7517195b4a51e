"""An item alone gives what it gives inside a padded batch, whatever the padding holds."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emobridge.features.functionals import FunctionalsSettings
from emobridge.training.evaluation.out_of_domain import Domain
from emobridge.training.models.acoustic_encoder import CompactConfig, CompactEncoder
from emobridge.training.models.fusion import Fusion, Pooling

same_fixtures = settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
lengths = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=4)


@same_fixtures
@given(lengths=lengths, flags=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=4))
@pytest.mark.parametrize("timeline", ["common", "padded"])
def test_fusion(
    make_model: Callable,
    make_inputs: Callable,
    fusion: Fusion,
    timeline: str,
    lengths: list[tuple[int, int]],
    flags: list[tuple[bool, bool]],
) -> None:
    model = make_model(fusion=fusion, timeline=timeline, pooling="statistics")
    frames, tokens = (list(each) for each in zip(*lengths, strict=True))
    batch = make_inputs(frames, tokens, flags[: len(lengths)])
    together = model(*batch)
    for item, (n_frames, n_tokens) in enumerate(lengths):
        acoustic, acoustic_mask, linguistic, linguistic_mask, positions, presence = (
            each[item : item + 1] for each in batch
        )
        alone = model(
            acoustic[:, :n_frames],
            acoustic_mask[:, :n_frames],
            linguistic[:, :n_tokens],
            linguistic_mask[:, :n_tokens],
            positions[:, :n_tokens],
            presence,
        )
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[item], atol=1e-5, rtol=0)


def test_pooling(make_model: Callable, make_inputs: Callable, pooling: Pooling) -> None:
    model = make_model(fusion="concat", pooling=pooling)
    alone = model(*make_inputs([4], [3]))
    acoustic, acoustic_mask, linguistic, linguistic_mask, positions, presence = make_inputs([4], [3])
    wider = model(
        torch.nn.functional.pad(acoustic, (0, 0, 0, 5), value=7.0),
        torch.nn.functional.pad(acoustic_mask, (0, 5)),
        linguistic,
        linguistic_mask,
        positions,
        presence,
    )
    torch.testing.assert_close(alone, wider, atol=1e-6, rtol=0)


@same_fixtures
@given(frames=st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_distance(make_inputs: Callable, domain: Domain, frames: list[int]) -> None:
    vectors, mask, *_ = make_inputs(frames, [1] * len(frames))
    together = domain(vectors, mask)
    for item, length in enumerate(frames):
        alone = domain(vectors[item : item + 1, :length], mask[item : item + 1, :length])
        torch.testing.assert_close(alone[0], together[item], atol=1e-5, rtol=1e-5)


def test_a_single_modality_and_several_encoder_layers(make_model: Callable, make_inputs: Callable) -> None:
    model = make_model(linguistic_dimension=None, acoustic_layers=3)
    vectors, mask, *_, presence = make_inputs([7, 4], [1, 1])
    layered = vectors[:, None] * torch.tensor([1.0, -2.0, 0.5])[:, None, None]  # (B, layers, T_a, D)
    together = model(layered, mask, None, None, None, presence)
    alone = model(layered[1:, :, :4], mask[1:, :4], None, None, None, presence[1:])
    for one, many in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], many[1], atol=1e-5, rtol=0)


@same_fixtures
@given(frames=st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_compact_encoder(frames: list[int]) -> None:
    torch.manual_seed(0)
    encoder, size = CompactEncoder(CompactConfig(width=12)).eval(), FunctionalsSettings().width
    mask = torch.arange(max(frames)) < torch.tensor(frames)[:, None]
    batch = torch.randn(len(frames), max(frames), size).masked_fill(~mask[:, :, None], float("nan"))
    together, together_mask = encoder(batch, mask)
    for item, length in enumerate(frames):
        alone, alone_mask = encoder(batch[item : item + 1, :length], mask[item : item + 1, :length])
        assert alone_mask.all()
        assert together_mask[item].sum() == length
        torch.testing.assert_close(alone[0], together[item, :length], atol=1e-5, rtol=0)
