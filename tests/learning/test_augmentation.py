"""Laws of augmentation: drawn from torch's generator alone, aligned with its mask, off at zero."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emobridge.learning.augmentation import AugmentationConfig, augment_frames

OFF = {"rate": 0.0, "tilt": 0.0, "noise": -100.0, "time_masks": 0, "band_masks": 0}


def frames_of(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    frames = torch.randn(len(lengths), max(lengths), 64, generator=generator) - 2
    return frames * mask[:, :, None], mask


def augment(config: AugmentationConfig, frames: Tensor, mask: Tensor, seed: int = 1) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return augment_frames(frames, mask, config)


lengths = st.lists(st.integers(1, 120), min_size=1, max_size=4)


@given(lengths, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_same_seed_changes_the_same_and_the_input_stays(lengths: list[int], seed: int) -> None:
    frames, mask = frames_of(lengths)
    kept = frames.clone()
    first, second = (augment(AugmentationConfig(), frames, mask, seed) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(frames, kept)
    if max(lengths) > 20:
        assert not torch.equal(augment(AugmentationConfig(), frames, mask, seed + 1)[0], first[0])


@given(lengths, st.integers(0, 99), st.floats(0, 0.3))
@settings(max_examples=50, deadline=None)
def test_lengths_change_together_and_within_the_rate(lengths: list[int], seed: int, rate: float) -> None:
    frames, mask = augment(AugmentationConfig(rate=rate), *frames_of(lengths), seed)
    assert frames.shape[:2] == mask.shape
    assert torch.isfinite(frames).all()
    for length, row in zip(lengths, mask, strict=True):
        count = int(row.sum())
        assert row[:count].all()
        assert max(1, (1 - rate) * length - 2) <= count <= max(1, (1 + rate) * length + 1)


@given(lengths)
@settings(max_examples=20, deadline=None)
def test_zero_settings_change_nothing(lengths: list[int]) -> None:
    frames, mask = frames_of(lengths)
    changed, same_mask = augment(AugmentationConfig(**OFF), frames, mask)
    torch.testing.assert_close(changed, frames, rtol=1e-6, atol=1e-6)
    assert torch.equal(same_mask, mask)


def test_another_rate_moves_what_is_said_and_keeps_it() -> None:
    frames, mask = frames_of([100])
    frames[:, :, 0] = torch.arange(100.0)
    for seed in range(9):
        changed, _ = augment(AugmentationConfig(**{**OFF, "rate": 0.2}), frames, mask, seed)
        ramp = changed[0, :, 0]
        assert (ramp.diff() >= 0).all()
        assert (ramp[0], ramp[-1]) == (0, 99) or abs(ramp[-1] - 99) < 1


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_gaps_hold_one_value_and_are_no_wider_than_asked(seed: int) -> None:
    frames, mask = frames_of([80])
    gaps = AugmentationConfig(**{**OFF, "time_masks": 1, "time_mask_frames": 7, "band_masks": 1, "band_mask_bands": 5})
    changed = (augment(gaps, frames, mask, seed)[0][0] - frames[0]).abs() > 1e-5
    in_time, in_bands = changed.all(dim=1), changed.all(dim=0)
    assert in_time.sum() <= 7
    assert in_bands.sum() <= 5
    assert not (changed & ~(in_time[:, None] | in_bands[None, :])).any()


def test_noise_fills_the_quiet_and_leaves_the_loud() -> None:
    frames = torch.tensor([[[-9.0] * 64, [5.0] * 64]])
    noisy, _ = augment(AugmentationConfig(**{**OFF, "noise": 0.0}), frames, torch.ones(1, 2, dtype=torch.bool))
    assert (noisy >= frames).all()
    assert (noisy[0, 0] - frames[0, 0]).min() > (noisy[0, 1] - frames[0, 1]).max()
