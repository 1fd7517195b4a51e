"""Laws of the compact encoder on the toy graph: one vector for any sound, the same bits every time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from emobridge.encoders.compact import CompactOnnxEncoder
from emobridge.errors import BundleError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.features.speaker_normalization import SpeakerMean

SETTINGS = FunctionalsSettings()


def encoder(bundle: Path, dimension: int = 8) -> CompactOnnxEncoder:
    return CompactOnnxEncoder(bundle / "acoustic.onnx", SETTINGS, dimension, "0" * 64, threads=1)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 560, 16_000, 40_001])
def test_any_sound_gives_the_one_vector_that_the_graph_makes_of_its_functionals(
    toy_bundle: Path, speech_like: Callable, samples: int
) -> None:
    sound = speech_like(3.0)[:samples]
    vectors = encoder(toy_bundle).encode(sound)
    assert vectors.shape == (1, 8)
    assert vectors.dtype == np.float32
    session = onnxruntime.InferenceSession(toy_bundle / "acoustic.onnx", providers=["CPUExecutionProvider"])
    inputs = {
        "frames": SETTINGS.frames(sound)[None],
        "mask": np.ones((1, 1), bool),
        "voice": np.zeros((1, 8), np.float32),
    }
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


@pytest.fixture
def voiceless(toy_bundle: Path, tmp_path: Path) -> Path:
    """A folder with the toy graph as it was before there were voices."""
    model = onnx.load(toy_bundle / "acoustic.onnx")
    del model.graph.input[2:], model.graph.output[2:]
    for node in list(model.graph.node):
        if node.op_type in ("Unsqueeze", "Sub"):
            model.graph.node.remove(node)
        elif node.op_type == "Tanh":
            node.input[0] = "projected"
    onnx.save(model, tmp_path / "acoustic.onnx")
    return tmp_path


def test_vectors_of_another_width_than_announced_are_refused(
    toy_bundle: Path, voiceless: Path, speech_like: Callable
) -> None:
    with pytest.raises(BundleError, match=r"cannot be run: .* Got: 9 Expected: 8 "):
        encoder(toy_bundle, dimension=9).encode(speech_like(1.0))
    with pytest.raises(BundleError, match=r"width 8; config\.json says 9"):
        encoder(voiceless, dimension=9).encode(speech_like(1.0))


def test_a_voice_is_heard_against_the_mean_of_what_was_heard_of_it(toy_bundle: Path, speech_like: Callable) -> None:
    one, voice = encoder(toy_bundle), SpeakerMean()
    sounds = [speech_like(1.5, seed=seed) for seed in range(4)]
    alone = [one.encode(sound) for sound in sounds]
    against = [one.encode(sound, voice) for sound in sounds]
    np.testing.assert_array_equal(against[0], alone[0])
    # The toy graph is tanh(projected - voice).
    projected = np.arctanh(np.array(alone, np.float64)[:, 0])
    for place in range(1, 4):
        expected = np.tanh(projected[place] - place / (place + 4) * projected[: place + 1].mean(axis=0))
        np.testing.assert_allclose(against[place][0], expected, atol=1e-4)


def test_a_graph_from_before_voices_hears_sounds_as_they_are_and_refuses_voices(
    toy_bundle: Path, voiceless: Path, speech_like: Callable
) -> None:
    sound = speech_like(1.0)
    np.testing.assert_array_equal(encoder(voiceless).encode(sound), encoder(toy_bundle).encode(sound))
    with pytest.raises(BundleError, match=r"lacks the output projected; .*export it again"):
        encoder(voiceless).encode(sound, SpeakerMean())
