"""Laws of flags: sound without speech is named and never judged, speech is neither, and gain alone says nothing."""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.audio.load import load_audio
from emobridge.segmentation.quality import (
    ABSTAINING,
    CLIPPED_SHARE,
    SILENCE_DBFS,
    TOO_SHORT_S,
    UNHEARD,
    abstention,
    holds_speech,
    is_clipped,
    is_unsure,
    window_flags,
)
from emobridge.segmentation.speech_detector import CHUNK_S, SpeechDetector

RATE_HZ = 16_000
DETECTOR = SpeechDetector()
SCALE_HZ = 220 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
Sound = NDArray[np.float32]


def at_level(samples: NDArray[np.floating], level: float = 0.1) -> Sound:
    return (level * samples / np.sqrt(np.mean(np.square(samples)))).astype(np.float32)


def flags_of(samples: NDArray[np.floating], rate_hz: int = RATE_HZ) -> tuple[str, ...]:
    return window_flags(np.asarray(samples, np.float32), rate_hz, DETECTOR)


def noise(seconds: float, seed: int = 0, slope: float = 0.0) -> Sound:
    """White noise (slope 0), pink (1) or brown (2)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)))
    return at_level(np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** (slope / 2)))


def tone(seconds: float, pitch_hz: float, harmonics: int = 7) -> Sound:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    steady = sum(np.sin(2 * np.pi * n * pitch_hz * time_s + n) / n for n in range(1, harmonics + 1))
    return at_level(np.asarray(steady))


def music(seconds: float, step_s: float, notes: int, decay: float, seed: int = 0) -> Sound:
    """Struck notes that die away: every ``step_s`` so many at once, chosen from a scale."""
    random = np.random.default_rng(seed)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    whole = np.zeros(round(seconds * RATE_HZ) + RATE_HZ)
    for start in range(0, round(seconds * RATE_HZ), round(step_s * RATE_HZ)):
        for pitch_hz in random.choice(SCALE_HZ, notes, replace=False):
            for harmonic in range(1, 9):
                fading = np.exp(-decay * time_s * (1 + 0.2 * harmonic)) / harmonic**1.3
                whole[start : start + RATE_HZ] += np.sin(2 * np.pi * harmonic * pitch_hz * time_s) * fading
    return at_level(whole[: round(seconds * RATE_HZ)])


UNSPOKEN = (noise(2.0), noise(2.0, slope=1.0), tone(2.0, 60), music(2.0, 0.25, 1, 3.0), music(2.0, 0.5, 3, 1.0))


@pytest.mark.parametrize("rate_hz", [4_000, 16_000, 44_100])
def test_the_short_and_the_silent_are_named_at_any_rate(rate_hz: int) -> None:
    enough = round(TOO_SHORT_S * rate_hz)
    floor = 10 ** (SILENCE_DBFS / 20)
    loud = np.full(enough, floor * 1.01, dtype=np.float32)
    quiet = np.full(enough, floor * 0.99, dtype=np.float32)
    assert flags_of(loud, rate_hz) == ("noise",)
    assert flags_of(quiet, rate_hz) == ("silence",)
    for samples in (loud[1:], quiet[1:], quiet[:0]):
        assert flags_of(samples, rate_hz) == ("too_short",)


@pytest.mark.parametrize("seconds", [0.3, 0.5, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_is_noise(seconds: float, slope: float) -> None:
    assert flags_of(noise(seconds, slope=slope)) == ("noise",)


@pytest.mark.parametrize("pitch_hz", [50, 60, 100, 440])
def test_a_steady_hum_is_noise_with_and_without_hiss(pitch_hz: float) -> None:
    hum = tone(4.0, pitch_hz)
    assert flags_of(hum) == flags_of(hum + 0.1 * noise(4.0)) == ("noise",)


@pytest.mark.parametrize(("step_s", "notes"), [(1.0, 3), (0.5, 3), (0.25, 1), (0.125, 1)])
@pytest.mark.parametrize("decay", [0.5, 3.0])
def test_notes_that_change_are_music(step_s: float, notes: int, decay: float) -> None:
    for seed in range(3):
        sound = music(4.0, step_s, notes, decay, seed)
        assert flags_of(sound) == flags_of(at_level(sound + 0.1 * noise(4.0, slope=1.0))) == ("music",)


@pytest.mark.parametrize("gain_db", [-30, -12, 0, 6])
def test_speech_is_speech_at_any_gain(speech_like: Callable[..., Sound], gain_db: float) -> None:
    for seconds in (1.0, 4.0, 30.0):
        sound = at_level(speech_like(seconds), 0.05)
        assert flags_of(sound * 10 ** (gain_db / 20)) == ()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 4), st.floats(-25, 20))
def test_gain_alone_changes_no_flag_but_silence_and_clipped(kind: int, gain_db: float) -> None:
    sound = at_level(UNSPOKEN[kind], 0.05)
    changed = set(flags_of(sound)) ^ set(flags_of(sound * np.float32(10 ** (gain_db / 20))))
    assert changed <= {"silence", "clipped"}


def test_telephone_speech_and_speech_in_noise_are_speech(speech_like: Callable[..., Sound]) -> None:
    sound = speech_like(4.0)
    telephone = soxr.resample(soxr.resample(sound, RATE_HZ, 8_000), 8_000, RATE_HZ)
    assert flags_of(telephone) == ()
    assert flags_of(speech_like(4.0, sample_rate_hz=8_000), 8_000) == ()
    assert flags_of(at_level(sound) + at_level(noise(4.0, slope=1.0), 0.03)) == ()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_clipped_speech_is_speech_and_clipped(speech_like: Callable[..., Sound], rate_hz: int) -> None:
    sound = speech_like(4.0, sample_rate_hz=rate_hz)
    loudest = sound / np.abs(sound).max()
    assert flags_of(0.97 * loudest, rate_hz) == ()
    for gain in (4, 10):
        clipped = np.clip(gain * loudest, -1, 1)
        assert flags_of(clipped, rate_hz) == ("clipped",)
        assert is_clipped(soxr.resample(clipped, rate_hz, RATE_HZ))


def test_single_peaks_at_full_scale_are_not_clipped() -> None:
    samples = np.zeros(1000, np.float32)
    samples[::3] = 1.0
    assert not is_clipped(samples)
    samples[:] = 0
    samples[: 1 + round(1000 * CLIPPED_SHARE)] = -1
    assert not is_clipped(samples)
    samples[: 3 + round(1000 * CLIPPED_SHARE)] = -1
    assert is_clipped(samples)
    assert not is_clipped(samples[:0])


def test_a_brief_window_needs_one_likely_chunk_and_a_long_one_more() -> None:
    brief, whole = np.zeros(31, np.float32), np.zeros(125, np.float32)
    assert not holds_speech([brief], 31 * CHUNK_S)
    brief[3] = whole[3] = 0.9
    assert holds_speech([brief], 31 * CHUNK_S)
    assert not holds_speech([whole], 125 * CHUNK_S)
    assert not holds_speech([whole[:32]], 32 * CHUNK_S)
    whole[:7] = 0.5
    assert holds_speech([whole[:4], whole[4:]], 125 * CHUNK_S)


def test_no_more_is_heard_than_it_takes_to_know_that_somebody_speaks() -> None:
    steps = iter([np.full(32, 0.9, np.float32)] * 3)
    assert holds_speech(steps, 96 * CHUNK_S)
    assert len(list(steps)) == 2


def test_an_estimate_is_unsure_below_one_third_or_with_a_wide_set() -> None:
    assert is_unsure(0.33, 1, 7)
    assert not is_unsure(0.34, 5, 7)
    assert is_unsure(0.9, 6, 7)
    assert is_unsure(0.6, 2, 2)
    assert not is_unsure(0.6, 1, 2)


def test_the_reason_to_abstain_is_the_first_that_is_one() -> None:
    assert abstention(()) is abstention(("clipped", "low_confidence")) is None
    assert abstention(("music", "clipped")) == "music"
    assert abstention(("clipped", "out_of_domain")) == "out_of_domain"
    assert set(UNHEARD) < set(ABSTAINING)


def test_checking_costs_less_than_half_a_percent_of_the_time_of_the_sound(speech_like: Callable[..., Sound]) -> None:
    sounds = (speech_like(4.0), noise(4.0), music(4.0, 0.25, 1, 3.0))
    times_s = []
    for _ in range(5):
        start_s = time.process_time()
        for sound in sounds:
            flags_of(sound)
        times_s.append(time.process_time() - start_s)
    assert min(times_s) < 0.005 * 12.0


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: the corpora are not here")
@pytest.mark.parametrize("corpus", ["ravdess", "emodb", "nemo", "crema_d"])
def test_clips_of_the_corpora_are_speech(corpus: str) -> None:
    data = Path(os.environ["EMOBRIDGE_DATA"])
    with (data / "manifests" / f"{corpus}.csv").open(encoding="utf-8", newline="") as stream:
        files = [row["file"] for row in csv.DictReader(stream)]
    chosen = np.random.default_rng(0).choice(files, 100, replace=False)
    found = [flags_of(load_audio(data / file, sample_rate_hz=RATE_HZ)) for file in chosen]
    assert sum(abstention(flags) is not None for flags in found) <= 1
