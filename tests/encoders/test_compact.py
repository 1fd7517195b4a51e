"""Laws of the compact encoder on the toy graph: at least one vector for any sound, the same bits every time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emobridge.encoders.compact import CompactEncoder
from emobridge.encoders.log_mel import LogMelSettings, log_mel
from emobridge.errors import BundleError

SETTINGS = LogMelSettings()


def encoder(bundle: Path, dimension: int = 8) -> CompactEncoder:
    return CompactEncoder(bundle / "acoustic.onnx", SETTINGS, dimension, "0" * 64, threads=1)


@pytest.mark.parametrize("samples", [1, 399, 400, 560, 16_000, 40_001])
def test_any_sound_gives_an_eighth_of_its_frames(toy_bundle: Path, speech_like: Callable, samples: int) -> None:
    sound = speech_like(3.0)[:samples]
    vectors = encoder(toy_bundle).encode(sound)
    assert vectors.shape == (-(-len(log_mel(sound, SETTINGS)) // 8), 8)
    assert vectors.dtype == np.float32


def test_the_same_sound_gives_the_same_bits(toy_bundle: Path, speech_like: Callable) -> None:
    sound = speech_like(2.0)
    one = encoder(toy_bundle)
    np.testing.assert_array_equal(one.encode(sound), one.encode(sound))
    np.testing.assert_array_equal(one.encode(sound), encoder(toy_bundle).encode(sound))


def test_vectors_of_another_width_than_announced_are_refused(toy_bundle: Path, speech_like: Callable) -> None:
    with pytest.raises(BundleError, match=r"width 8; config\.json says 9"):
        encoder(toy_bundle, dimension=9).encode(speech_like(1.0))
