"""The small acoustic encoder: lengths, standardisation, gradients, refusals. Padding and export: tests/equivalence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import RecipeError
from emobridge.learning.compact import CompactConfig, CompactEncoder

SMALL = CompactConfig(bands=16, channels=(4, 6, 8), width=12, layers=2, heads=3, kernel=5)


def small_encoder() -> CompactEncoder:
    torch.manual_seed(0)
    return CompactEncoder(SMALL).eval()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 90))
def test_one_vector_stands_for_eight_frames(length: int) -> None:
    vectors, mask = small_encoder()(torch.randn(2, length, SMALL.bands), torch.ones(2, length, dtype=torch.bool))
    assert vectors.shape == (2, -(-length // 8), SMALL.width)
    assert mask.all()


def test_an_item_has_vectors_for_its_real_frames_only() -> None:
    lengths = torch.tensor([1, 8, 9, 40])
    vectors, mask = small_encoder()(torch.randn(4, 40, SMALL.bands), torch.arange(40) < lengths[:, None])
    assert mask.sum(dim=1).tolist() == [1, 1, 2, 5]
    assert (vectors[~mask] == 0).all()


def test_band_statistics_undo_any_gain_and_offset_of_a_band() -> None:
    encoder = small_encoder()
    frames, mask = torch.randn(1, 30, SMALL.bands), torch.ones(1, 30, dtype=torch.bool)
    expected, _ = encoder(frames, mask)
    mean, deviation = torch.randn(SMALL.bands), torch.rand(SMALL.bands) + 0.5
    encoder.band_mean.copy_(mean)
    encoder.band_deviation.copy_(deviation)
    torch.testing.assert_close(encoder(frames * deviation + mean, mask)[0], expected, atol=1e-4, rtol=0)


def test_every_parameter_learns() -> None:
    encoder = small_encoder()
    vectors, _ = encoder(torch.randn(3, 50, SMALL.bands), torch.ones(3, 50, dtype=torch.bool))
    (vectors * torch.randn_like(vectors)).sum().backward()
    silent = [name for name, each in encoder.named_parameters() if each.grad is None or not each.grad.any()]
    assert silent == []


def test_the_default_has_the_documented_size() -> None:
    encoder = CompactEncoder(CompactConfig())
    assert 0.9e6 < sum(each.numel() for each in encoder.parameters()) < 1.2e6


@pytest.mark.parametrize(
    ("values", "named"),
    [({"width": 10, "heads": 4}, "width is 10; valid: multiples of 4"), ({"kernel": 4}, "kernel is 4; valid: odd")],
)
def test_shapes_that_cannot_be_built_are_refused_in_one_line(values: dict[str, int], named: str) -> None:
    with pytest.raises(RecipeError) as caught:
        CompactConfig(**values)
    assert named in str(caught.value)
