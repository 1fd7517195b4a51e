"""What docs/behaviour.md says of any sound, shown with the shipped model: what is judged, what is not, and why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import emobridge
from emobridge.diarization import Turn
from emobridge.inference.predictor import Predictor
from emobridge.results import Result, Segment

RATE_HZ = 16_000
Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return emobridge.load(threads=1)


def values_of(segment: Segment) -> list[float]:
    ends = [end for pair in segment.intervals.values() for end in pair]
    return [*segment.probabilities.values(), *segment.dimensions.values(), *ends]


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.5, 1.0, 3.0, 10.0, 30.0])
def test_speech_of_any_length_is_judged_as_the_page_says(
    predictor: Predictor, speech_like: Callable[..., Sound], seconds: float
) -> None:
    sound = (speech_like(seconds), RATE_HZ)
    result = predictor.predict(sound)
    assert predictor.predict(sound) == result
    assert result.duration_s == pytest.approx(seconds)
    for segment in result.segments:
        assert np.isfinite(values_of(segment)).all()
        if seconds < 0.3:
            assert (segment.flags, segment.abstain, segment.category) == (("too_short",), "too_short", None)
            continue
        assert segment.abstain is None
        assert segment.category is not None
        assert set(segment.flags) <= {"low_confidence"}
        assert "low_confidence" in segment.flags or seconds >= 1.0
    assert result.summary.duration_s == pytest.approx(seconds if seconds >= 0.3 else 0.0)


@pytest.mark.parametrize(("kind", "reason"), [("silence", "silence"), ("noise", "noise"), ("notes", "music")])
def test_sound_without_speech_has_no_emotion_unless_words_are_there(
    predictor: Predictor, kind: str, reason: str
) -> None:
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    notes_hz = np.repeat([220.0, 277.2, 329.6, 440.0], RATE_HZ)
    sounds = {
        "silence": np.zeros(4 * RATE_HZ),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(4 * RATE_HZ),
        "notes": 0.1 * np.sin(2 * np.pi * notes_hz * time_s) * np.exp(-2 * (time_s % 1)),
    }
    recording = (sounds[kind].astype(np.float32), RATE_HZ)
    (heard,) = predictor.predict(recording).segments
    assert heard == Segment(0.0, 4.0, flags=(reason,), abstain=reason)
    (read,) = predictor.predict(recording, text="I am so happy today!").segments
    (alone,) = predictor.predict(None, text="I am so happy today!").segments
    assert (read.abstain, read.modalities, read.flags[0]) == (None, ("linguistic",), reason)
    assert read.probabilities == alone.probabilities


@pytest.mark.parametrize(
    ("typeset", "typed"),
    [
        ("It’s over, and I’m so happy!", "It's over, and I'm so happy!"),
        ("“Leave me alone” – that’s all he said…", '"Leave me alone" - that\'s all he said...'),
    ],
)
def test_words_are_read_alike_however_they_are_typed(predictor: Predictor, typeset: str, typed: str) -> None:
    (one,), (other,) = (predictor.predict(None, text=text).segments for text in (typeset, typed))
    assert (one.probabilities, one.dimensions) == (other.probabilities, other.dimensions)


@pytest.mark.parametrize("plain", ["She put the book on the table.", "It is on the second floor.", "See you there."])
def test_neutral_words_leave_the_answer_to_the_voice_and_feeling_words_move_it(
    predictor: Predictor, speech_like: Callable[..., Sound], plain: str
) -> None:
    for seed in range(3):
        sound = (speech_like(4.0, seed=seed), RATE_HZ)
        texts = (None, "", plain, "I hate you, get out of my house!")
        alone, empty, neutral, feeling = (predictor.predict(sound, text=text).segments[0] for text in texts)
        assert empty == alone
        moved = [_farthest(segment, alone) for segment in (neutral, feeling)]
        assert moved[0] < 0.1 < moved[1]
        assert neutral.category == alone.category


def _farthest(one: Segment, other: Segment) -> float:
    return max(abs(one.probabilities[name] - other.probabilities[name]) for name in one.probabilities)


def test_what_abstains_is_left_out_of_the_summary(predictor: Predictor, speech_like: Callable[..., Sound]) -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(4 * RATE_HZ)).astype(np.float32)
    sound = np.concatenate([speech_like(4.0), noise, speech_like(4.0)])
    turns = [Turn(start_s, start_s + 4.0) for start_s in (0.0, 4.0, 8.0)]
    result = predictor.predict((sound, RATE_HZ), speakers=turns)
    assert [segment.abstain for segment in result.segments] == [None, "noise", None]
    assert result.summary.duration_s == 8.0
    assert Result.from_dict(result.to_dict()) == result
    assert [row["abstain"] for row in result.to_rows()] == [None, "noise", None]


def test_what_is_not_speech_is_no_segment_where_there_is_speech(
    predictor: Predictor, speech_like: Callable[..., Sound]
) -> None:
    rng = np.random.default_rng(0)
    noise, hush = (level * rng.standard_normal(6 * RATE_HZ).astype(np.float32) for level in (0.02, 0.0005))
    sound = np.concatenate([hush, speech_like(3.0), hush, noise, hush, speech_like(3.0, 1), hush])
    segments = predictor.predict((sound, RATE_HZ)).segments
    assert [round(segment.start_s) for segment in segments] == [6, 27]
    assert all(segment.abstain is None for segment in segments)


@pytest.mark.parametrize(("level", "reason"), [(0.0, "silence"), (0.05, "noise")])
def test_a_long_recording_without_speech_says_why_nothing_is_judged(
    predictor: Predictor, level: float, reason: str
) -> None:
    sound = (level * np.random.default_rng(0).standard_normal(30 * RATE_HZ)).astype(np.float32)
    for speakers in (None, 2):
        result = predictor.predict((sound, RATE_HZ), speakers=speakers)
        assert {segment.abstain for segment in result.segments} == {reason}
        assert (result.segments[0].start_s, result.segments[-1].end_s) == (0.0, 30.0)
        assert result.summary.category is None


@pytest.mark.parametrize("gain_db", [-20, -10, 10, 20])
def test_gain_alone_moves_no_probability_and_no_flag(
    predictor: Predictor, speech_like: Callable[..., Sound], gain_db: float
) -> None:
    for seed in range(3):
        speech = speech_like(4.0, seed=seed)
        sound = speech * np.float32(0.05 / np.sqrt(np.mean(np.square(speech))))
        (plain,) = predictor.predict((sound, RATE_HZ)).segments
        (changed,) = predictor.predict((sound * np.float32(10 ** (gain_db / 20)), RATE_HZ)).segments
        assert set(plain.flags) ^ set(changed.flags) <= {"clipped", "silence"}
        np.testing.assert_allclose(values_of(changed), values_of(plain), atol=0.02)


def test_clipped_speech_is_judged_and_flagged(predictor: Predictor, speech_like: Callable[..., Sound]) -> None:
    (segment,) = predictor.predict((np.clip(30 * speech_like(4.0), -1, 1), RATE_HZ)).segments
    assert "clipped" in segment.flags
    assert (segment.abstain, segment.modalities) == (None, ("acoustic",))


def test_strange_sound_keeps_its_estimate_and_abstains_and_words_take_its_place(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], speech_like: Callable[..., Sound]
) -> None:
    near, far = (
        emobridge.load(build_toy_bundle(tmp_path / name, distance_threshold=threshold), threads=1)
        for name, threshold in (("near", 1e6), ("far", 1e-6))
    )
    sound = (speech_like(2.0), RATE_HZ)
    (own,), (strange,) = near.predict(sound).segments, far.predict(sound).segments
    assert (own.abstain, strange.abstain) == (None, "out_of_domain")
    assert "out_of_domain" in strange.flags
    assert strange.probabilities == own.probabilities
    assert far.predict(sound).summary.duration_s == 0.0
    brief = far.predict((speech_like(1.9), RATE_HZ)).segments[0]
    assert (brief.abstain, "out_of_domain" in brief.flags) == (None, False)
    (read,) = far.predict(sound, text="so happy").segments
    assert (read.abstain, read.modalities) == (None, ("linguistic",))
    assert "out_of_domain" in read.flags
    assert read.probabilities == far.predict(None, text="so happy").segments[0].probabilities
