"""Laws of carried clips: a speaker's clips arrive at the other's mean and keep what sets them apart."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.errors import RecipeError
from emobridge.learning.batches import BatchStream, StreamConfig
from emobridge.learning.features import Examples
from emobridge.learning.speaker_shift import SpeakerMeans, _weights

POOL = np.arange(24)


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples()


@pytest.fixture(scope="module")
def means(examples: Examples) -> SpeakerMeans:
    return SpeakerMeans(examples, POOL)


def test_each_speaker_of_the_training_part_has_one_mean(examples: Examples, means: SpeakerMeans) -> None:
    speakers = [examples.utterances[row].speaker for row in POOL]
    assert len(means.means) == len(set(speakers))
    places = means.speakers[POOL]
    assert len(set(zip(speakers, places.tolist(), strict=True))) == len(set(speakers))
    assert (means.speakers[len(POOL) :] == -1).all()


def test_every_category_of_a_speaker_weighs_the_same() -> None:
    often = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    assert_allclose(_weights(often), [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert_allclose(_weights(np.zeros((4, 2), np.float32)), 0.25)


def test_a_share_is_carried_by_a_difference_of_two_means(examples: Examples, means: SpeakerMeans) -> None:
    rows = np.tile(POOL, 40)
    shifts = means.shifts(rows, 0.5, np.random.default_rng(0))
    moved = shifts.any(axis=1)
    possible = 1 - 1 / len(means.means)  # a clip may be carried to its own speaker
    assert moved.mean() == pytest.approx(0.5 * possible, abs=0.06)
    arrived = shifts[moved] + means.means[means.speakers[rows[moved]]]
    nearest = np.abs(arrived[:, None, :] - means.means[None]).max(axis=2).min(axis=1)
    assert_allclose(nearest, 0.0, atol=1e-2 * np.abs(means.means).max())
    assert not means.shifts(rows, 0.0, np.random.default_rng(0)).any()


def test_two_clips_of_a_speaker_that_are_carried_alike_keep_their_difference(examples: Examples) -> None:
    plain, carried = (
        BatchStream(examples, POOL, StreamConfig("acoustic", 12, speaker_shift=share), (1.0,), 1)
        for share in (None, 1.0)
    )
    for number in range(4):
        one, other = plain.batch(number), carried.batch(number)
        assert_array_equal(one.rows, other.rows)
        assert_array_equal(one.targets, other.targets)
        shifts = (other.frames - one.frames)[:, 0].numpy()
        assert carried.means is not None
        assert np.abs(shifts).max() > 0
        again = carried.batch(number)
        assert_array_equal(again.frames, other.frames)


@pytest.mark.parametrize("kind", ["natural", "linguistic", "paired"])
def test_only_clips_are_carried(kind: str) -> None:
    with pytest.raises(RecipeError, match=f"a '{kind}' stream with speaker_shift; only clips are shifted"):
        StreamConfig(kind, speaker_shift=0.5)
