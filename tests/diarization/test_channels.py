"""A channel's speech is its own speaker's, not what its microphone hears of the others."""

import numpy as np

from emobridge.diarization import are_copies, without_crosstalk
from emobridge.segmentation.speech_detector import CHUNK_SAMPLES, SpeechTrack


def track(speech: list[float], level_db: list[float]) -> SpeechTrack:
    return SpeechTrack(
        np.repeat(np.array(speech, np.float32), 20),
        np.repeat(np.array(level_db, np.float32), 20),
        20 * len(speech) * CHUNK_SAMPLES,
    )


def middles(found: SpeechTrack) -> list[float]:
    """The speech in the middle of each stretch: an echo may reach into its edges."""
    return found.speech.reshape(-1, 20)[:, 10].tolist()


def test_faint_speech_under_loud_speech_of_another_channel_is_crosstalk() -> None:
    # Left speaks, right speaks, both speak, nobody speaks.
    left = track([1.0, 0.75, 1.0, 0.0], [-20, -45, -22, -60])
    right = track([0.75, 1.0, 1.0, 0.0], [-50, -25, -25, -62])
    own = without_crosstalk([left, right])
    assert [middles(each) for each in own] == [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]


def test_a_loud_sound_that_is_no_speech_takes_nothing_away() -> None:
    left, door = track([1.0, 1.0], [-40, -40]), track([0.0, 0.1], [-10, -10])
    assert middles(without_crosstalk([left, door])[0]) == [1.0, 1.0]


def test_speakers_who_never_speak_at_once_keep_all_their_speech() -> None:
    left, right = track([0.9, 0.0, 0.9], [-20, -60, -20]), track([0.0, 0.9, 0.0], [-60, -20, -60])
    assert [middles(each) for each in without_crosstalk([left, right])] == [middles(left), middles(right)]


def test_channels_of_the_same_sound_are_copies_and_others_are_not() -> None:
    left = track([0.9, 0.0], [-20, -60])
    assert are_copies([left, track([0.9, 0.0], [-20.3, -60])])
    assert not are_copies([left, track([0.9, 0.0], [-20, -61])])
