"""Laws of the descriptors: pitch of known tones, independent transforms, and blindness to gain."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.fft import dct

from emobridge.features.descriptors import CEPSTRA, MEL, SAMPLE_RATE_HZ, SHAPE, SHORTEST_SAMPLES, Descriptors, describe
from emobridge.features.log_mel import LEVEL_FLOOR, log_mel

FIELDS = ("mel", "cepstra", "shape", "energy", "pitch", "periodicity")
pitches_hz = st.floats(70, 450)


def partials(pitch_hz: float, tilt_db: float, seconds: float = 0.4) -> NDArray[np.float32]:
    """Return every partial of a pitch, falling by ``tilt_db`` an octave: a train of pulses through a low-pass."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    numbers = range(1, int(7_800 / pitch_hz) + 1)
    waves = (10 ** (-tilt_db / 20 * np.log2(n)) * np.cos(2 * np.pi * n * pitch_hz * time_s) for n in numbers)
    whole = sum(waves)
    return (0.1 * whole / np.std(whole)).astype(np.float32)


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * 16_000))).astype(np.float32)


def inside(voice: Descriptors) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return pitch in Hz and periodicity of the frames whose 40 ms lie in the sound."""
    return 100 * 2 ** voice.pitch[1:-1], voice.periodicity[1:-1]


@given(pitches_hz)
@settings(max_examples=25, deadline=None)
def test_pitch_of_a_tone_is_found_within_a_percent(pitch_hz: float) -> None:
    found_hz, periodicity = inside(describe(partials(pitch_hz, tilt_db=200.0)))
    np.testing.assert_allclose(found_hz, pitch_hz, rtol=0.01)
    assert (np.abs(periodicity - 1) < 0.05).all()


@given(pitches_hz, st.floats(9, 15), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_pitch_of_a_pulse_train_with_the_tilt_of_a_voice_is_found_within_a_percent(
    pitch_hz: float, tilt_db: float, seed: int
) -> None:
    sound = partials(pitch_hz, tilt_db)
    for heard in (sound, sound + 0.03 * noise(0.4, seed)):
        found_hz, periodicity = inside(describe(heard))
        np.testing.assert_allclose(found_hz, pitch_hz, rtol=0.01)
        assert (np.abs(periodicity - 1) < 0.1).all()


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_noise_is_hardly_periodic(seed: int) -> None:
    periodicity = describe(noise(2.0, seed)).periodicity
    assert np.median(periodicity) < 0.35
    assert (periodicity > 0.5).mean() < 0.02


def test_a_glide_is_followed() -> None:
    time_s = np.arange(32_000) / 16_000
    hz = 100 * 2 ** (0.8 * time_s)
    phase = 2 * np.pi * np.cumsum(hz) / 16_000
    voice = describe(sum(np.sin(n * phase) / n**2 for n in range(1, 9)).astype(np.float32))
    centre_s = (np.arange(len(voice.pitch)) * MEL.hop_samples + MEL.window_samples / 2) / 16_000
    np.testing.assert_allclose(voice.pitch[2:-2], 0.8 * centre_s[2:-2], atol=0.02)


@pytest.mark.parametrize("samples", [0, 1, 399, 1_599, 1_600, 1_760, 16_000, 40_001])
def test_every_descriptor_has_a_row_every_10_ms(speech_like: Callable, samples: int) -> None:
    voice = describe(speech_like(3.0)[:samples])
    count = 1 + (max(samples, SHORTEST_SAMPLES) - 400) // 160
    shapes = {"mel": (count, 40), "cepstra": (count, CEPSTRA), "shape": (count, len(SHAPE))}
    for name in FIELDS:
        values = getattr(voice, name)
        assert values.shape == shapes.get(name, (count,))
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


def test_mel_energies_are_those_of_log_mel(speech_like: Callable) -> None:
    sound = speech_like(1.5)
    np.testing.assert_allclose(describe(sound).mel, log_mel(sound, MEL), atol=1e-5)


def test_cepstra_are_the_orthonormal_cosine_transform_of_the_mel_energies(speech_like: Callable) -> None:
    voice = describe(speech_like(1.5))
    expected = dct(voice.mel.astype(np.float64), type=2, norm="ortho", axis=1)[:, :CEPSTRA]
    np.testing.assert_allclose(voice.cepstra, expected, atol=1e-3)


def test_the_shape_of_a_spectrum_equals_its_definition(speech_like: Callable) -> None:
    sound = speech_like(1.0)
    scaled = sound / np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    frames = np.stack([scaled[start : start + 400] for start in range(0, len(scaled) - 399, 160)])
    power = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1], 512)) ** 2
    hz = np.arange(257) * 16_000 / 512
    share = power / power.sum(axis=1, keepdims=True)
    centroid = (share * hz).sum(axis=1)
    spread = np.sqrt((share * (hz - centroid[:, None]) ** 2).sum(axis=1))
    expected = {
        "alpha": np.log(
            power[:, (hz >= 50) & (hz < 1000)].sum(axis=1) / power[:, (hz >= 1000) & (hz < 5000)].sum(axis=1)
        ),
        "hammarberg": np.log(power[:, hz < 2000].max(axis=1) / power[:, (hz >= 2000) & (hz < 5000)].max(axis=1)),
        "centroid": centroid / 1000,
        "spread": spread / 1000,
        "flux": np.append(0, np.linalg.norm(np.diff(np.sqrt(share), axis=0), axis=1)),
        "high": np.log(share[:, hz > 4000].sum(axis=1)),
    }
    found = dict(zip(SHAPE, describe(sound).shape.T, strict=True))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=0.02, err_msg=name)


def test_noise_is_flatter_than_a_tone() -> None:
    flat, peaked = (describe(sound).shape[:, SHAPE.index("flatness")] for sound in (noise(0.5), partials(200, 200.0)))
    assert flat.min() > peaked.max()


@given(st.floats(-40, 20))
@settings(max_examples=10, deadline=None)
def test_gain_changes_nothing(speech_like: Callable, gain_db: float) -> None:
    sound = speech_like(1.0)
    plain, gained = describe(sound), describe((sound * 10 ** (gain_db / 20)).astype(np.float32))
    for name in ("mel", "cepstra", "shape", "energy", "periodicity"):
        np.testing.assert_allclose(getattr(gained, name), getattr(plain, name), atol=1e-3, err_msg=name)


def test_what_is_below_the_level_floor_is_not_amplified() -> None:
    hiss = noise(0.5) * LEVEL_FLOOR
    assert describe(hiss).energy.max() < describe(noise(0.5)).energy.min() - 1
    assert np.ptp(describe(np.zeros(8_000, np.float32)).energy) == 0


def test_the_same_sound_gives_the_same_bits(speech_like: Callable) -> None:
    sound = speech_like(1.0)
    one, other = describe(sound), describe(sound.copy())
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
