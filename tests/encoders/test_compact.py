"""Laws of the compact encoder on the toy graph: one vector for any sound, the same bits every time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from emobridge.encoders.compact import CompactEncoder
from emobridge.encoders.functionals import FunctionalsSettings
from emobridge.errors import BundleError

SETTINGS = FunctionalsSettings()


def encoder(bundle: Path, dimension: int = 8) -> CompactEncoder:
    return CompactEncoder(bundle / "acoustic.onnx", SETTINGS, dimension, "0" * 64, threads=1)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 560, 16_000, 40_001])
def test_any_sound_gives_the_one_vector_that_the_graph_makes_of_its_functionals(
    toy_bundle: Path, speech_like: Callable, samples: int
) -> None:
    sound = speech_like(3.0)[:samples]
    vectors = encoder(toy_bundle).encode(sound)
    assert vectors.shape == (1, 8)
    assert vectors.dtype == np.float32
    session = onnxruntime.InferenceSession(toy_bundle / "acoustic.onnx", providers=["CPUExecutionProvider"])
    inputs = {"frames": SETTINGS.frames(sound)[None], "mask": np.ones((1, 1), bool)}
    np.testing.assert_allclose(vectors, session.run(["vectors"], inputs)[0][0], atol=1e-6)


def test_the_same_sound_gives_the_same_bits(toy_bundle: Path, speech_like: Callable) -> None:
    sound = speech_like(2.0)
    one = encoder(toy_bundle)
    np.testing.assert_array_equal(one.encode(sound), one.encode(sound))
    np.testing.assert_array_equal(one.encode(sound), encoder(toy_bundle).encode(sound))


def test_another_sound_gives_another_vector_and_another_gain_the_same(toy_bundle: Path, speech_like: Callable) -> None:
    one, sound = encoder(toy_bundle), speech_like(2.0)
    assert np.abs(one.encode(sound) - one.encode(speech_like(2.0, seed=1))).max() > 0.01
    np.testing.assert_allclose(one.encode(0.1 * sound), one.encode(sound), atol=1e-3)


def test_vectors_of_another_width_than_announced_are_refused(toy_bundle: Path, speech_like: Callable) -> None:
    with pytest.raises(BundleError, match=r"width 8; config\.json says 9"):
        encoder(toy_bundle, dimension=9).encode(speech_like(1.0))
