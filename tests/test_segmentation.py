"""Windows tile a recording exactly, however its blocks are cut."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.errors import AudioError
from emobridge.segmentation import fixed_windows

RATE_HZ = 100
lengths = st.integers(0, 1000)
windows_s = st.sampled_from([0.01, 0.1, 0.33, 1.0, 1.01, 20.0])


def ramp(samples: int) -> NDArray[np.float32]:
    return np.arange(samples, dtype=np.float32)


@settings(deadline=None)
@given(samples=lengths, window_s=windows_s, cuts=st.lists(lengths, max_size=30))
def test_where_blocks_are_cut_has_no_influence(samples: int, window_s: float, cuts: list[int]) -> None:
    signal = ramp(samples)
    whole = list(fixed_windows([signal], RATE_HZ, window_s))
    in_blocks = list(fixed_windows(np.split(signal, sorted(cuts)), RATE_HZ, window_s))
    assert [(window.start_s, window.end_s) for window in in_blocks] == [(w.start_s, w.end_s) for w in whole]
    for one, other in zip(in_blocks, whole, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


@settings(deadline=None)
@given(samples=lengths, window_s=windows_s)
def test_windows_tile_the_recording(samples: int, window_s: float) -> None:
    signal = ramp(samples)
    windows = list(fixed_windows([signal], RATE_HZ, window_s))
    np.testing.assert_array_equal(np.concatenate([ramp(0), *(window.samples for window in windows)]), signal)
    edges = [0.0, *(window.end_s for window in windows)]
    assert [window.start_s for window in windows] == edges[:-1]
    assert edges[-1] == samples / RATE_HZ
    for window in windows:
        assert window.end_s - window.start_s == pytest.approx(len(window.samples) / RATE_HZ)


@settings(deadline=None)
@given(samples=st.integers(1, 1000), window_s=windows_s)
def test_only_the_last_window_may_differ_and_never_by_more_than_half(samples: int, window_s: float) -> None:
    window_samples = round(window_s * RATE_HZ)
    *full, last = (len(window.samples) for window in fixed_windows([ramp(samples)], RATE_HZ, window_s))
    assert set(full) <= {window_samples}
    assert 2 * last < 3 * window_samples
    assert 2 * last >= window_samples or not full


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(0, []), (1, [1]), (10, [10]), (14, [14]), (15, [10, 5]), (24, [10, 14]), (25, [10, 10, 5]), (30, [10, 10, 10])],
)
def test_a_last_piece_shorter_than_half_joins_the_window_before_it(samples: int, expected: list[int]) -> None:
    assert [len(window.samples) for window in fixed_windows([ramp(samples)], RATE_HZ, 0.1)] == expected


def test_windows_come_as_the_recording_is_read_and_memory_is_bounded() -> None:
    given_blocks = 0

    def blocks() -> Iterator[NDArray[np.float32]]:
        nonlocal given_blocks
        for _ in range(2000):
            given_blocks += 1
            yield np.zeros(RATE_HZ * 100, dtype=np.float32)

    windows = fixed_windows(blocks(), RATE_HZ, 100.0)
    next(windows)
    assert given_blocks == 2
    tracemalloc.start()
    try:
        count = 1 + sum(1 for _ in windows)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 2000
    assert peak_bytes < 1e6  # the whole: 80 MB


@pytest.mark.parametrize("window_s", [0.0, -1.0, 0.001])
def test_a_window_shorter_than_a_sample_is_refused(window_s: float) -> None:
    with pytest.raises(AudioError, match=rf"{window_s} s.*0\.01 s"):
        next(fixed_windows([ramp(10)], RATE_HZ, window_s))
