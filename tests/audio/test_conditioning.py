"""An offset or infrasound changes nothing that is heard, odd channels lose no speech, and sound that is right stays."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import emobridge
from emobridge.audio.conditioning import BLOCK_S, CUTOFF_HZ, Conditioner
from emobridge.audio.load import load_audio
from emobridge.errors import AudioError

RATE_HZ = 16_000
SPEECH = load_audio(emobridge.sample())[: 6 * RATE_HZ]


def conditioned(
    samples: np.ndarray, rate_hz: int = RATE_HZ, channel: int | None = None
) -> tuple[np.ndarray, list[str]]:
    warnings: list[str] = []
    columns = samples if samples.ndim == 2 else samples[:, None]
    return Conditioner(rate_hz, channel, warnings.append).add(columns, is_last=True), warnings


def waves(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(len(SPEECH)) / RATE_HZ).astype(np.float32)


def test_speech_stays_as_it_is_to_the_bit() -> None:
    sound, warnings = conditioned(SPEECH)
    assert (sound == SPEECH).all()
    assert not warnings


@given(st.floats(0.006, 0.3), st.booleans())
@settings(max_examples=20)
def test_any_offset_is_removed_from_the_first_sample_on(offset: float, is_negative: bool) -> None:
    sound, warnings = conditioned(SPEECH + np.float32(-offset if is_negative else offset))
    assert warnings == [
        "a constant offset or infrasound was removed: sound below 20 Hz, too strong to be speech, from 0.0 s on"
    ]
    plain = scipy.signal.sosfilt(scipy.signal.butter(2, CUTOFF_HZ, "high", fs=RATE_HZ, output="sos"), SPEECH)
    assert np.abs(sound - plain)[RATE_HZ // 2 :].max() < 1e-3
    assert np.abs(sound).max() < 1.2 * np.abs(SPEECH).max()


@given(st.floats(3.0, 12.0), st.floats(0.06, 0.3))
@settings(max_examples=20)
def test_lasting_infrasound_is_removed_within_two_seconds(hz: float, size: float) -> None:
    sound, warnings = conditioned(SPEECH + np.float32(size) * waves(hz))
    assert len(warnings) == 1
    left = sound[2 * RATE_HZ :] - SPEECH[2 * RATE_HZ :]
    assert np.sqrt(np.mean(left**2)) < 0.4 * size


def test_a_thump_is_no_infrasound() -> None:
    thump = np.exp(-np.square((np.arange(len(SPEECH)) / RATE_HZ - 2.0) / 0.03))
    assert not conditioned(SPEECH + 0.2 * thump.astype(np.float32))[1]


@given(st.lists(st.integers(0, RATE_HZ), min_size=1, max_size=12), st.sampled_from([0.0, 0.05]))
@settings(max_examples=30)
def test_where_chunks_are_cut_has_no_influence(lengths: list[int], offset: float) -> None:
    sound = SPEECH + np.float32(offset)
    conditioner = Conditioner(RATE_HZ, None, lambda told: None)
    parts = [conditioner.add(part[:, None]) for part in np.split(sound, np.cumsum(lengths))]
    joined = np.concatenate([*parts, conditioner.add(np.zeros((0, 1), np.float32), is_last=True)])
    assert (joined == conditioned(sound)[0]).all()


@pytest.mark.parametrize("rate_hz", [4_000, 16_000, 44_100, 192_000])
def test_the_filter_is_a_butterworth_of_second_order(rate_hz: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(rate_hz * 2) + 0.5
    sound, warnings = conditioned(noise.astype(np.float32), rate_hz)
    sections = scipy.signal.butter(2, CUTOFF_HZ, "high", fs=rate_hz, output="sos")
    level = noise[: round(BLOCK_S * rate_hz)].mean()
    expected, _ = scipy.signal.sosfilt(sections, noise, zi=scipy.signal.sosfilt_zi(sections) * level)
    np.testing.assert_allclose(sound, expected, atol=1e-5)
    assert warnings


@given(st.floats(0.8, 1.25), st.integers(2, 4))
@settings(max_examples=20)
def test_channels_that_cancel_each_other_out_fall_back_to_one(gain: float, pairs: int) -> None:
    sound, warnings = conditioned(np.stack([SPEECH, np.float32(-gain) * SPEECH] * pairs, axis=1))
    assert len(warnings) == 1
    assert "--channel" in warnings[0]
    assert np.sqrt(np.mean(sound**2)) > 0.9 * np.sqrt(np.mean(SPEECH**2))


@pytest.mark.parametrize("right", [SPEECH, 0 * SPEECH, SPEECH[::-1], -0.5 * SPEECH])
def test_other_channels_are_mixed_without_a_warning(right: np.ndarray) -> None:
    stereo = np.stack([SPEECH, right], axis=1)
    sound, warnings = conditioned(stereo)
    assert (sound == stereo.mean(axis=1, dtype=np.float64).astype(np.float32)).all()
    assert not warnings


def test_a_chosen_channel_is_taken_as_it_is() -> None:
    stereo = np.stack([SPEECH, -SPEECH], axis=1)
    assert (conditioned(stereo, channel=2)[0] == -SPEECH).all()


def test_whole_numbers_kept_as_floats_are_refused() -> None:
    with pytest.raises(AudioError, match="whole numbers kept as floats"):
        conditioned(SPEECH * 32_768)


@pytest.mark.parametrize("offset", [0.01, 0.05])
def test_an_offset_changes_no_category_in_a_file_or_a_stream(offset: float) -> None:
    predictor = emobridge.load(threads=1)
    sound = load_audio(emobridge.sample())
    plain = predictor.predict((sound, RATE_HZ))
    odd = predictor.predict((sound + np.float32(offset), RATE_HZ))
    assert [segment.category for segment in odd.segments] == [segment.category for segment in plain.segments]
    assert len(odd.warnings) == len(plain.warnings) + 1
    stream = predictor.stream(RATE_HZ)
    for start in range(0, len(sound), 997):
        stream.push(sound[start : start + 997] + np.float32(offset))
    streamed = stream.finish()
    assert [segment.category for segment in streamed.segments] == [segment.category for segment in odd.segments]
    assert streamed.warnings == odd.warnings
