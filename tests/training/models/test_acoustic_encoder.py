"""The small acoustic encoder: shapes, standardisation, clipping, dropout, gradients. Padding, export: equivalence/."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from emobridge.features.functionals import FunctionalsSettings
from emobridge.training.models.acoustic_encoder import CLIP, CompactConfig, CompactEncoder

SIZE = FunctionalsSettings().width
SMALL = CompactConfig(width=12)


def small_encoder(config: CompactConfig = SMALL) -> CompactEncoder:
    torch.manual_seed(0)
    return CompactEncoder(config).eval()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def real(batch: int, length: int = 1) -> Tensor:
    return torch.ones(batch, length, dtype=torch.bool)


@given(st.integers(1, 4), st.integers(1, 5))
@settings(deadline=None, max_examples=10)
def test_a_stretch_has_one_vector_whatever_stands_beside_it(batch: int, length: int) -> None:
    encoder, frames = small_encoder(), random(batch, length, SIZE)
    vectors, mask = encoder(frames, real(batch, length))
    assert vectors.shape == (batch, length, 12)
    assert mask.all()
    alone, _ = encoder(frames[-1:, -1:], real(1))
    torch.testing.assert_close(alone[0, 0], vectors[-1, -1], atol=1e-5, rtol=0)


def test_an_item_has_vectors_for_its_real_stretches_only() -> None:
    mask = torch.arange(4) < torch.tensor([1, 4, 2])[:, None]
    vectors, kept = small_encoder()(random(3, 4, SIZE).masked_fill(~mask[:, :, None], float("nan")), mask)
    assert torch.equal(kept, mask)
    assert (vectors[~mask] == 0).all()
    assert vectors.isfinite().all()


def test_a_vector_is_one_layer_over_standardised_functionals() -> None:
    encoder, frames = small_encoder(), random(2, 1, SIZE)
    linear = frames.clamp(-CLIP, CLIP) @ encoder.project.weight.T + encoder.project.bias
    expected = functional.silu(functional.layer_norm(linear, (12,)))
    torch.testing.assert_close(encoder(frames, real(2))[0], expected, atol=1e-5, rtol=0)


def test_statistics_undo_any_gain_and_offset_of_a_functional() -> None:
    encoder, frames = small_encoder(), random(1, 3, SIZE)
    expected, _ = encoder(frames, real(1, 3))
    mean, deviation = random(SIZE, seed=1), 0.5 + random(SIZE, seed=2).abs()
    encoder.mean.copy_(mean)
    encoder.deviation.copy_(deviation)
    torch.testing.assert_close(encoder(frames * deviation + mean, real(1, 3))[0], expected, atol=1e-4, rtol=0)


def test_beyond_the_clip_nothing_changes() -> None:
    encoder, direction = small_encoder(), random(1, 1, SIZE).sign()
    at_the_clip, _ = encoder(CLIP * direction, real(1))
    torch.testing.assert_close(encoder(1_000 * direction, real(1))[0], at_the_clip)


def test_dropout_hides_in_training_alone_and_in_the_share_asked_for() -> None:
    frames = random(2, 1, SIZE)
    encoder = small_encoder(CompactConfig(width=400, input_dropout=0.0, dropout=0.75))
    plain, _ = encoder(frames, real(2))
    torch.manual_seed(1)
    dropped, _ = encoder.train()(frames, real(2))
    kept = dropped != 0
    assert kept.float().mean().item() == pytest.approx(0.25, abs=0.05)
    torch.testing.assert_close(dropped[kept], 4 * plain[kept])
    hidden = small_encoder(CompactConfig(width=400, input_dropout=0.9, dropout=0.0))
    assert torch.equal(hidden(frames, real(2))[0], hidden(frames, real(2))[0])
    assert not torch.equal(hidden.train()(frames, real(2))[0], hidden(frames, real(2))[0])


def test_every_parameter_learns() -> None:
    encoder = small_encoder()
    vectors, _ = encoder(random(3, 2, SIZE), real(3, 2))
    (vectors * random(3, 2, 12, seed=1)).sum().backward()
    silent = [name for name, each in encoder.named_parameters() if each.grad is None or not each.grad.any()]
    assert silent == []


def test_padding_gets_no_gradient() -> None:
    frames = random(2, 2, SIZE).requires_grad_()
    mask = torch.tensor([[True, True], [True, False]])
    small_encoder()(frames, mask)[0].square().sum().backward()
    assert frames.grad is not None
    assert (frames.grad[~mask] == 0).all()
    assert frames.grad[mask].any(dim=1).all()


def test_the_default_has_the_documented_size() -> None:
    encoder = CompactEncoder(CompactConfig())
    assert 0.7e6 < sum(each.numel() for each in encoder.parameters()) < 0.8e6
