"""Laws of clips in recordings: training takes away what a prediction against a speaker's mean takes away."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from emobridge.errors import RecipeError
from emobridge.features.speaker_normalization import FAMILIAR, SpeakerMean
from emobridge.training.data import speaker_normalization
from emobridge.training.data.batches import BatchStream, StreamConfig
from emobridge.training.data.examples import Examples
from emobridge.training.data.speaker_normalization import FEWEST, MOST, Voices
from emobridge.training.models import acoustic_encoder
from emobridge.training.models.acoustic_encoder import CompactConfig, CompactEncoder

POOL = np.arange(24)
NO_COPIES = [0] * len(POOL)


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples()


@pytest.fixture
def voices(examples: Examples) -> Voices:
    return Voices(examples, POOL)


def encoder_of(examples: Examples) -> CompactEncoder:
    """Return an encoder that standardises as the pool is spread."""
    torch.manual_seed(0)
    encoder = CompactEncoder(CompactConfig(8)).eval()
    clips = np.concatenate([examples.frames(int(row)) for row in POOL])
    encoder.mean.copy_(torch.from_numpy(clips.mean(axis=0)))
    encoder.deviation.copy_(torch.from_numpy(clips.std(axis=0) + 1e-6))
    return encoder


def sums_of(encoder: CompactEncoder, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (width,), what a prediction's voice is the mean of."""
    with torch.inference_mode():
        heard = encoder.heard(torch.from_numpy(frames)[None], torch.ones(1, 1, dtype=torch.bool))
        return (heard - encoder.project.bias)[0, 0].numpy()


def test_a_shifted_clip_is_what_a_prediction_hears_at_the_end_of_the_recording(
    examples: Examples, voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert speaker_normalization.CLIP == acoustic_encoder.CLIP
    encoder, row = encoder_of(examples), 5
    mine = [other for other in POOL if examples.utterances[other].speaker == examples.utterances[row].speaker]
    monkeypatch.setattr(voices, "_recording", lambda row, _: np.array([row, *(one for one in mine if one != row)]))
    shift = voices.shifts(np.array([row]), [0], 1.0, np.random.default_rng(0))[0]
    voice = SpeakerMean()
    for other in mine:
        if other != row:
            voice.update(sums_of(encoder, examples.frames(other)))
    own = sums_of(encoder, examples.frames(row))
    expected = own - voice.update(own)
    found = sums_of(encoder, examples.frames(row) + shift)
    assert np.abs(expected - own).max() > 0.05
    # What is clipped before the mean is taken away is clipped after it in training: the tails alone differ.
    assert np.abs(found - expected).max() < 0.2 * np.abs(expected - own).max()


def test_recordings_are_of_one_speaker_and_as_long_as_promised(examples: Examples, voices: Voices) -> None:
    generator = np.random.default_rng(0)
    lengths = []
    for row in np.tile(POOL, 20):
        heard = voices._recording(int(row), generator)
        assert heard[0] == row
        assert {examples.utterances[POOL[one]].speaker for one in heard} == {examples.utterances[row].speaker}
        lengths.append(len(heard))
    assert FEWEST <= min(lengths) < 4 < 40 < max(lengths) <= MOST


def test_a_share_is_heard_so_and_the_more_of_the_mean_goes_the_more_was_heard(
    examples: Examples, voices: Voices, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.tile(POOL, 40)
    shifts = voices.shifts(rows, [0] * len(rows), 0.5, np.random.default_rng(0))
    assert shifts.any(axis=1).mean() == pytest.approx(0.5, abs=0.06)
    assert not voices.shifts(rows, [0] * len(rows), 0.0, np.random.default_rng(0)).any()
    sizes = []
    for count in (2, 10):
        monkeypatch.setattr(voices, "_recording", lambda row, _, count=count: np.array([row] * count))
        sizes.append(np.abs(voices.shifts(POOL, NO_COPIES, 1.0, np.random.default_rng(0))).sum())
    assert_allclose(sizes[1] / sizes[0], (9 / (9 + FAMILIAR)) / (1 / (1 + FAMILIAR)), rtol=1e-4)


def test_who_is_not_known_or_heard_once_is_heard_as_they_are(examples: Examples) -> None:
    alone = Voices(examples, POOL[:1])
    assert not alone.shifts(POOL[:1], [0], 1.0, np.random.default_rng(0)).any()


def test_a_batch_of_recordings_has_the_same_clips_and_labels_and_is_the_same_again(examples: Examples) -> None:
    plain, heard = (
        BatchStream(examples, POOL, StreamConfig("acoustic", 12, voices=share), (1.0,), 1) for share in (None, 1.0)
    )
    for number in range(4):
        one, other = plain.batch(number), heard.batch(number)
        assert_array_equal(one.rows, other.rows)
        assert_array_equal(one.targets, other.targets)
        assert np.abs((other.frames - one.frames).numpy()).max() > 0
        assert_array_equal(heard.batch(number).frames, other.frames)


@pytest.mark.parametrize("kind", ["natural", "linguistic", "paired"])
def test_only_clips_are_heard_so(kind: str) -> None:
    with pytest.raises(RecipeError, match=f"a '{kind}' stream with voices; only clips are heard"):
        StreamConfig(kind, voices=0.5)
