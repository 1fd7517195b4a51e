"""Laws of a recording that is open: it is predicted as what it was opened from, and however it comes in blocks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import emobridge
from emobridge.audio.source import Source, open_source
from emobridge.inference.predictor import Predictor

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


def test_what_is_open_stays_as_it_is() -> None:
    source = open_source((np.zeros(9, np.float32), RATE_HZ))
    assert open_source(source) is source


def test_an_open_recording_gives_what_its_file_gives(predictor: Predictor) -> None:
    path = emobridge.sample()
    assert predictor.predict(open_source(path)) == predictor.predict(path)


@pytest.mark.parametrize("block_samples", [997, 16_000, 64_000])
def test_where_blocks_are_cut_has_no_influence(
    predictor: Predictor, speech_like: Callable[..., np.ndarray], block_samples: int
) -> None:
    sound = speech_like(4.0)
    blocks = np.split(sound, range(block_samples, len(sound), block_samples))
    cut = Source("samples", 4.0, 1, lambda rate_hz, channel: iter(blocks))
    assert predictor.predict(cut) == predictor.predict((sound, RATE_HZ))
