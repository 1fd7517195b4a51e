"""The training front end gives what the predicting one gives, in any batch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.encoders.log_mel import LogMelSettings
from emobridge.encoders.log_mel import log_mel as predicting_log_mel
from emobridge.learning.log_mel import frame_counts, log_mel

SETTINGS = LogMelSettings()


def signal(kind: str, length: int, level: float, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    time_s = np.arange(length) / SETTINGS.sample_rate_hz
    shapes = {
        "noise": random.standard_normal(length),
        "tone": np.sin(2 * np.pi * random.uniform(50, 7_000) * time_s),
        "constant": np.ones(length),
        "silence": np.zeros(length),
    }
    return (level * shapes[kind]).astype(np.float32)


signals = st.builds(
    signal,
    st.sampled_from(["noise", "tone", "constant", "silence"]),
    st.integers(0, 4_000),
    st.sampled_from([1e-7, 1e-4, 0.03, 1.0]),
    st.integers(0, 1_000),
)


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(signals, min_size=1, max_size=4), beyond=st.sampled_from([0, 1, 777]))
def test_training_frames_equal_predicting_frames_whatever_the_padding(
    batch: list[NDArray[np.float32]], beyond: int
) -> None:
    width = max(len(samples) for samples in batch) + beyond
    padded = torch.stack(
        [torch.from_numpy(np.pad(each, (0, width - len(each)), constant_values=np.nan)) for each in batch]
    )
    frames, mask = log_mel(padded, torch.tensor([len(samples) for samples in batch]), SETTINGS)
    for index, samples in enumerate(batch):
        expected = predicting_log_mel(samples, SETTINGS)
        assert int(mask[index].sum()) == len(expected)
        assert np.abs(frames[index, : len(expected)].numpy() - expected).max() < 1e-4
        assert (frames[index, len(expected) :] == 0).all()


@pytest.mark.parametrize(("length", "count"), [(0, 1), (399, 1), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_frames_are_counted_by_whole_windows_and_never_fewer_than_one(length: int, count: int) -> None:
    assert frame_counts(torch.tensor([length]), SETTINGS).tolist() == [count]


def test_gradient_reaches_real_samples_only() -> None:
    samples = torch.randn(2, 1_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    frames, _ = log_mel(samples, torch.tensor([1_000, 500]), SETTINGS)
    frames.sum().backward()
    assert samples.grad is not None
    assert samples.grad.isfinite().all()
    assert (samples.grad[1, 500:] == 0).all()
    assert (samples.grad[1, :400] != 0).any()
