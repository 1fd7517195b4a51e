"""Laws of functionals: one finite vector of one width for any sound, blind to gain, and statistics that are known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import logm
from scipy.stats import kurtosis, skew

from emobridge.errors import BundleError
from emobridge.features import functionals as module
from emobridge.features.descriptors import describe
from emobridge.features.functionals import (
    COVARIANCE_FLOOR,
    LARGEST,
    PERCENTILES,
    SCALES,
    FunctionalsSettings,
    delta,
    functionals,
    statistics,
)

WIDTH = 2_929


def of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return functionals(describe(samples))


def sound(kind: str, length: int) -> NDArray[np.float32]:
    shapes = {
        "silence": np.zeros(length),
        "constant": np.ones(length),
        "tone": 0.1 * np.sin(0.1 * np.arange(length)),
        "noise": 0.1 * np.random.default_rng(length).standard_normal(length),
        "faint": 1e-9 * np.random.default_rng(length).standard_normal(length),
        "click": np.eye(1, length, length // 2)[0] if length else np.zeros(0),
    }
    return shapes[kind].astype(np.float32)


@pytest.mark.parametrize("length", [0, 1, 2, 399, 1_600, 1_761, 16_000])
@pytest.mark.parametrize("kind", ["silence", "constant", "tone", "noise", "faint", "click"])
def test_any_sound_gives_one_finite_vector_of_the_same_width(kind: str, length: int) -> None:
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        found = of(sound(kind, length))
    assert found.shape == (WIDTH,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= LARGEST


def test_half_a_minute_of_speech_gives_one_vector_too(speech_like: Callable) -> None:
    found = of(speech_like(30.0))
    assert found.shape == (WIDTH,)
    assert np.isfinite(found).all()


def test_the_settings_say_the_width_and_give_a_sequence_of_one(speech_like: Callable) -> None:
    settings_ = FunctionalsSettings()
    assert (settings_.width, settings_.sample_rate_hz) == (WIDTH, 16_000)
    frames = settings_.frames(speech_like(1.0))
    assert frames.shape == (1, WIDTH)
    np.testing.assert_array_equal(frames[0], of(speech_like(1.0)))
    assert FunctionalsSettings(**settings_.to_dict()) == settings_


def test_a_front_end_of_another_version_is_refused() -> None:
    with pytest.raises(
        BundleError, match=r"functionals of version 2; this emobridge computes 1; install the emobridge"
    ):
        FunctionalsSettings(version=2)


@given(st.floats(-40, 20), st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_gain_changes_nothing(speech_like: Callable, gain_db: float, seed: int) -> None:
    clip = speech_like(1.2, seed)
    np.testing.assert_allclose(of((clip * 10 ** (gain_db / 20)).astype(np.float32)), of(clip), atol=1e-3)


def test_the_same_sound_gives_the_same_bits_and_another_other_ones(speech_like: Callable) -> None:
    clip = speech_like(1.0)
    np.testing.assert_array_equal(of(clip), of(clip.copy()))
    assert not np.array_equal(of(clip), of(speech_like(1.0, seed=1)))


def test_an_accident_is_cut_to_the_largest_value_and_what_is_not_finite_to_nothing(speech_like: Callable) -> None:
    voice = describe(speech_like(1.0))
    wild = voice.shape.copy()
    wild[::2, 0] = 1e6
    found = functionals(replace(voice, shape=wild))
    assert np.abs(found).max() == LARGEST
    assert np.isfinite(found).all()


def draw_columns(seed: int, count: int, power: float) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal((count, 3)) * [1, 3, 10] + 2).astype(np.float32) ** power


columns = st.builds(draw_columns, st.integers(0, 999), st.integers(2, 60), st.sampled_from([1, 2, 3]))


@given(columns)
@settings(deadline=None)
def test_statistics_equal_those_of_numpy_and_scipy(values: NDArray[np.float32]) -> None:
    found = statistics(values)
    exact = values.astype(np.float64)
    assert found.shape == (11, 3)
    np.testing.assert_allclose(found[0], exact.mean(axis=0), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found[1], exact.std(axis=0), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found[2:9], np.percentile(exact, PERCENTILES, axis=0), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found[9], skew(exact, axis=0), atol=2e-3)
    np.testing.assert_allclose(np.exp(found[10]) - 1, kurtosis(exact, axis=0, fisher=False), rtol=5e-3)


def test_a_column_that_never_changes_has_no_spread_skew_or_kurtosis() -> None:
    found = statistics(np.full((9, 2), 3.0, np.float32))
    np.testing.assert_allclose(found[[0, *range(2, 9)]], 3.0)
    np.testing.assert_allclose(found[[1, 9, 10]], 0.0, atol=1e-5)


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 4), st.integers(10, 40))
def test_the_delta_of_a_ramp_is_its_slope(slope: float, start: float, reach: int, count: int) -> None:
    ramp = (start + slope * np.arange(count))[:, None]
    np.testing.assert_allclose(delta(ramp, reach)[reach:-reach], slope, atol=1e-9)


@given(columns, st.integers(1, 3))
def test_a_delta_is_the_slope_of_a_line_fitted_to_the_frames_around(values: NDArray[np.float32], reach: int) -> None:
    padded = np.pad(values.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    steps = np.arange(2 * reach + 1)
    expected = [np.polyfit(steps, padded[row : row + 2 * reach + 1], 1)[0] for row in range(len(values))]
    np.testing.assert_allclose(delta(values, reach), expected, rtol=1e-4, atol=1e-4)


def test_the_covariance_part_is_the_matrix_logarithm(speech_like: Callable) -> None:
    voice = describe(speech_like(1.0))
    active = voice.energy > np.median(voice.energy)
    found = module._covariance(voice, active)
    low = np.column_stack([voice.cepstra[:, 1:14], voice.shape, voice.energy, voice.periodicity])
    both = np.column_stack([low, delta(low)])[active] / SCALES
    expected = logm(np.cov(both.T) + COVARIANCE_FLOOR * np.eye(len(SCALES)))
    upper = np.triu_indices(len(SCALES))
    assert found.shape == (len(upper[0]),)
    np.testing.assert_allclose(np.square(found).sum(), np.square(np.linalg.norm(expected)), rtol=1e-4)
    diagonal = upper[0] == upper[1]
    np.testing.assert_allclose(found[diagonal], np.diag(expected), atol=1e-3)
    np.testing.assert_allclose(found[~diagonal], np.sqrt(2) * expected[upper][~diagonal], atol=1e-3)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_runs_are_the_stretches_of_true(flags: list[bool]) -> None:
    found = module._runs(np.array(flags))
    words = "".join("x" if flag else " " for flag in flags).split()
    assert found.tolist() == [len(word) for word in words]
