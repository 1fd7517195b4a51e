"""Laws of embeddings: a vector a segment of `predict`, and the fused one is what the heads of the network read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy.special import erf, expit

import emobridge
from emobridge.errors import BundleError
from emobridge.inference.predictor import Predictor
from emobridge.inference.timeline import piece_times, shares, window_times

SAMPLE = emobridge.sample()
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return emobridge.load(threads=1)


def heads(predictor: Predictor, fused: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the dimensions (K,) that the heads of the fusion graph make of a fused vector, computed with numpy."""
    graph = onnx.load(predictor.bundle.path / "fusion.onnx").graph
    weights = {
        one.name.removesuffix(".half"): numpy_helper.to_array(one).astype(np.float64) for one in graph.initializer
    }
    found = []
    for member, vector in enumerate(np.split(fused.astype(np.float64), 2)):
        own = {
            name.split("dimension_head.")[1]: value
            for name, value in weights.items()
            if f"members.{member}.dimension_head." in name
        }
        normed = (vector - vector.mean()) / np.sqrt(vector.var() + 1e-5) * own["0.weight"] + own["0.bias"]
        hidden = own["2.weight"] @ normed + own["2.bias"]
        active = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        found.append(expit(own["4.weight"] @ active + own["4.bias"]))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("words", [None, SAMPLE.with_suffix(".txt")])
def test_heads_make_the_prediction_of_the_fused_vector(predictor: Predictor, words: Path | None) -> None:
    found = predictor.embed(SAMPLE, words)
    assert found.segments == predictor.predict(SAMPLE, words).segments
    assert (found.fused.shape, found.fused.dtype) == ((len(found.segments), 256), np.float32)
    for segment, fused in zip(found.segments, found.fused, strict=True):
        assert heads(predictor, fused) == pytest.approx(list(segment.dimensions.values()), abs=1e-4)


def test_a_modality_that_is_absent_has_no_vector(predictor: Predictor) -> None:
    heard, read = predictor.embed(SAMPLE), predictor.embed(None, text="What a wonderful surprise!")
    assert (heard.acoustic.shape[1], heard.linguistic.shape[1]) == (512, 0)
    assert (read.acoustic.shape, read.linguistic.shape, read.fused.shape) == ((1, 0), (1, 384), (1, 256))
    assert np.isfinite(heard.acoustic).all()
    assert [row["linguistic"] for row in heard.to_rows()] == [None] * len(heard.segments)
    assert read.to_rows()[0]["linguistic"] == read.linguistic[0].tolist()


def test_silence_has_no_vector_beside_speech_that_has_one(predictor: Predictor, speech_like: Callable) -> None:
    turns = [emobridge.Turn(0.0, 3.0), emobridge.Turn(3.0, 6.0)]
    sound = np.concatenate([speech_like(3.0), np.zeros(3 * RATE_HZ, np.float32)])
    found = predictor.embed((sound, RATE_HZ), speakers=turns)
    assert np.isnan(found.fused).all(axis=1).tolist() == [False, True]
    assert np.isnan(found.acoustic).all(axis=1).tolist() == [False, True]


def test_long_turns_have_the_mean_of_their_windows(predictor: Predictor, speech_like: Callable) -> None:
    sound = speech_like(10.0)
    found = predictor.embed((sound, RATE_HZ), speakers=[emobridge.Turn(0.0, 10.0)])
    windows = window_times(0.0, 10.0, predictor.bundle.config.window_s)
    pieces = [sound[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] for start_s, end_s in windows]
    alone = np.concatenate([predictor.embed((piece, RATE_HZ)).fused for piece in pieces])
    assert len(found.segments) == len(alone) > 2
    assert found.fused == pytest.approx(shares(windows, piece_times(windows)) @ alone, abs=1e-5)


def test_a_graph_without_such_heads_is_refused(toy_bundle: Path) -> None:
    with pytest.raises(BundleError, match="has no fused vector"):
        emobridge.load(toy_bundle, threads=1).embed(None, text="so sad")
