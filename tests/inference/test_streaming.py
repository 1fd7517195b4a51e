"""Laws of streams: wherever sound is cut, it gives what the recording gives, and what is held is bounded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import emobridge
from emobridge.errors import AudioError
from emobridge.inference.predictor import Predictor
from emobridge.inference.streaming import Stream
from emobridge.results import Result
from emobridge.segmentation.speech_detector import STATE_SHAPE, SpeechDetector

RATE_HZ = 16_000
Sound = NDArray[np.float32]
cuts = st.lists(st.floats(0.0, 1.0), max_size=8)


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


def noise(seconds: float, level: float = 0.0005) -> Sound:
    return (level * np.random.default_rng(3).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


@pytest.fixture(scope="module")
def sounds(speech_like: Callable[..., Sound]) -> dict[str, tuple[Sound, int]]:
    talk = [noise(1.0), speech_like(2.5), noise(0.45), speech_like(0.6, 1), noise(1.5), speech_like(16.0, 2)]
    return {
        "utterances": (np.concatenate(talk), RATE_HZ),
        "a clip": (speech_like(2.9), RATE_HZ),
        "silence": (np.zeros(5 * RATE_HZ + 77, np.float32), RATE_HZ),
        "noise": (noise(8.3, 0.1), RATE_HZ),
        "8 kHz": (np.concatenate([np.zeros(8_000, np.float32), speech_like(4.0, 3, 8_000)]), 8_000),
    }


def pushed(stream: Stream, sound: Sound, places: list[float]) -> tuple[list, Result]:
    final = [
        segment
        for part in np.split(sound, sorted(round(place * len(sound)) for place in places))
        for segment in heard_now(stream, part)
    ]
    return final, stream.finish()


def heard_now(stream: Stream, part: Sound) -> list:
    """Push a part, and ask for the present, which has no part in the result."""
    final = stream.push(part)
    stream.current()
    return final


def assert_same(found: Result, expected: Result) -> None:
    assert len(found.segments) == len(expected.segments)
    assert found.duration_s == pytest.approx(expected.duration_s, abs=1e-3)
    for one, other in zip(found.segments, expected.segments, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=1e-3)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
        assert one.dimensions == pytest.approx(other.dimensions, abs=1e-4)
        assert (one.flags, one.abstain, one.modalities) == (other.flags, other.abstain, other.modalities)


@pytest.mark.parametrize("normalize_speakers", [False, True])
@pytest.mark.parametrize("name", ["utterances", "a clip", "silence", "noise", "8 kHz"])
def test_a_stream_gives_what_the_recording_gives_wherever_it_is_cut(
    predictor: Predictor, sounds: dict[str, tuple[Sound, int]], name: str, normalize_speakers: bool
) -> None:
    sound, rate_hz = sounds[name]
    expected = predictor.predict((sound, rate_hz), normalize_speakers=normalize_speakers)

    @settings(deadline=None, max_examples=3)
    @given(cuts)
    def check(places: list[float]) -> None:
        final, result = pushed(predictor.stream(rate_hz, normalize_speakers=normalize_speakers), sound, places)
        assert_same(result, expected)
        assert final == list(result.segments[: len(final)])

    check()


def test_the_shipped_model_says_of_the_sample_what_it_says_of_the_file() -> None:
    predictor = emobridge.load(threads=1)
    sound, rate_hz = soundfile.read(emobridge.sample(), dtype="float32")
    final, result = pushed(predictor.stream(rate_hz), sound, [0.1, 0.3, 0.8])
    assert len(final) == len(result.segments) == 6
    assert_same(result, predictor.predict(emobridge.sample()))


def test_segments_come_while_the_sound_goes_on(predictor: Predictor, speech_like: Callable[..., Sound]) -> None:
    stream = predictor.stream()
    assert stream.push(np.concatenate([noise(1.0), speech_like(2.0)])) == []
    final = stream.push(noise(2.5))
    assert final
    assert final[-1].end_s < 3.5


def test_speech_without_a_pause_is_cut_before_it_ends(predictor: Predictor, speech_like: Callable[..., Sound]) -> None:
    assert predictor.stream().push(np.concatenate([speech_like(4.0, seed) for seed in range(4)]))


def test_the_present_is_estimated_every_second(predictor: Predictor, speech_like: Callable[..., Sound]) -> None:
    stream = predictor.stream()
    sound = speech_like(4.0)
    assert stream.current() is None
    ends_s = []
    for start in range(0, len(sound), 4_000):
        stream.push(sound[start : start + 4_000])
        if (now := stream.current()) is not None:
            ends_s.append(now.end_s)
            assert stream.duration_s - now.end_s < 1.0
            assert now.end_s - now.start_s <= 2.0
    assert sorted(set(ends_s)) == [1.0, 2.0, 3.0, 4.0]


class Deaf(SpeechDetector):
    """Says the same of every sound."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = np.float32(probability)

    def step(self, chunks: Sound, state: Sound) -> tuple[Sound, Sound]:
        return np.full(len(chunks), self._probability), np.zeros(STATE_SHAPE, np.float32)


@pytest.mark.parametrize("probability", [0.0, 0.4, 0.9])
def test_what_is_held_after_ten_minutes_is_bounded(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, probability: float
) -> None:
    monkeypatch.setattr(predictor, "_detector", Deaf(probability))
    stream = predictor.stream(max_segments=3)
    sound = np.zeros(60 * RATE_HZ, np.float32)
    held = []
    for _ in range(10):
        stream.push(sound)
        held.append((stream._sound.held_samples, len(stream._utterances._speech), len(stream._kept)))
    assert max(samples for samples, _, _ in held) < 30 * RATE_HZ
    assert max(chunks for _, chunks, _ in held) < 30 / 0.032
    result = stream.finish()
    assert len(result.segments) == 3
    assert "the latest 3 are kept" in result.warnings[-1]


@pytest.mark.parametrize("wrong", [np.zeros((2, 3), np.float32), np.zeros(3, int), np.array([np.nan], np.float32)])
def test_what_is_no_sound_is_refused_in_one_line(predictor: Predictor, wrong: NDArray) -> None:
    with pytest.raises(AudioError, match="mono"):
        predictor.stream().push(wrong)


def test_a_bad_rate_and_an_empty_stream_are_refused(predictor: Predictor) -> None:
    with pytest.raises(AudioError, match="100 Hz"):
        predictor.stream(100)
    with pytest.raises(AudioError, match="without any sample"):
        predictor.stream().finish()
