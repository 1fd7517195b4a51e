"""Laws of voices: nothing is known before the first utterance, more with each, and nothing of what follows."""

import copy
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emobridge.features.speaker_normalization import FAMILIAR, SpeakerMean

utterances = st.integers(1, 12).flatmap(
    lambda count: arrays(np.float32, (count, 3), elements=st.floats(-8, 8, width=32))
)


@given(utterances)
def test_so_much_of_the_mean_is_taken_away_as_there_were_utterances_before(heard: np.ndarray) -> None:
    mean = SpeakerMean()
    for before, utterance in enumerate(heard):
        offset = mean.update(utterance)
        assert offset.dtype == np.float32
        expected = before / (before + FAMILIAR) * heard[: before + 1].mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(offset, expected, atol=1e-5)


@given(utterances)
def test_a_copy_learns_nothing_for_the_voice(heard: np.ndarray) -> None:
    mean, other = SpeakerMean(), SpeakerMean()
    for utterance in heard:
        copy.copy(mean).update(utterance + 1)
        np.testing.assert_array_equal(mean.update(utterance), other.update(utterance))


def test_who_always_sounds_alike_sounds_like_nothing_in_the_end() -> None:
    mean, alike = SpeakerMean(), np.array([3.0, -2.0], np.float32)
    left = [np.abs(alike - mean.update(alike)).max() for _ in range(400)]
    assert left[0] == 3.0
    assert all(later < earlier for earlier, later in itertools.pairwise(left))
    assert left[-1] < 0.05
