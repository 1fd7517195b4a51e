"""Laws of estimates: calibrated, from what is present alone, with sets and intervals that hold what they say."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from emobridge.encoders.base import TokenVectors
from emobridge.errors import BundleError, LabelError
from emobridge.inference.bundle import Bundle, BundleConfig, load_bundle, seal_bundle
from emobridge.inference.runtime import Runtime, category_set, intervals, softmax
from emobridge.labels import CATEGORIES, DIMENSIONS, FOUR_CATEGORIES, view_probabilities


@pytest.fixture(scope="module")
def bundle(toy_bundle: Path) -> Bundle:
    return load_bundle(toy_bundle)


def random_vectors(seed: int, length: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((length, width), dtype=np.float32)


ACOUSTIC = random_vectors(0, 11, 8)
LINGUISTIC = TokenVectors(random_vectors(1, 5, 12), tuple((index, index + 1) for index in range(5)))
presences = pytest.mark.parametrize(
    ("acoustic", "linguistic", "presence"),
    [(ACOUSTIC, None, "acoustic"), (None, LINGUISTIC, "linguistic"), (ACOUSTIC, LINGUISTIC, "both")],
)


@presences
def test_an_estimate_is_a_distribution_and_dimensions_within_their_range(
    bundle: Bundle, acoustic: np.ndarray | None, linguistic: TokenVectors | None, presence: str
) -> None:
    estimate = Runtime(bundle, threads=1).estimate(acoustic, linguistic)
    assert estimate.presence == presence
    assert estimate.probabilities.shape == (len(CATEGORIES),)
    assert estimate.probabilities.sum() == pytest.approx(1.0, abs=1e-6)
    assert estimate.dimensions.shape == (len(DIMENSIONS),)
    assert ((estimate.dimensions >= 0) & (estimate.dimensions <= 1)).all()
    assert set(estimate.intervals) == {"valence", "arousal"}


@presences
def test_the_same_input_gives_the_same_bits(
    bundle: Bundle, acoustic: np.ndarray | None, linguistic: TokenVectors | None, presence: str
) -> None:
    first, second = (Runtime(bundle, threads=1).estimate(acoustic, linguistic) for _ in range(2))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.dimensions, second.dimensions)


@presences
def test_the_temperature_of_the_presence_is_applied(
    bundle: Bundle, acoustic: np.ndarray | None, linguistic: TokenVectors | None, presence: str
) -> None:
    plain = dataclasses.replace(
        bundle,
        config=dataclasses.replace(bundle.config, temperature=dict.fromkeys(["acoustic", "linguistic", "both"], 1.0)),
    )
    uncalibrated = Runtime(plain, threads=1).estimate(acoustic, linguistic).probabilities.astype(np.float64)
    powered = uncalibrated ** (1 / bundle.config.temperature[presence])
    calibrated = Runtime(bundle, threads=1).estimate(acoustic, linguistic).probabilities
    np.testing.assert_allclose(calibrated, powered / powered.sum(), rtol=1e-4)


def test_sound_beyond_the_threshold_is_out_of_domain_and_words_never_are(
    tmp_path: Path, build_toy_bundle: Callable[..., Path]
) -> None:
    distance = float(np.linalg.norm(ACOUSTIC.mean(axis=0)))
    for name, threshold, far in (("near", 1.01 * distance, False), ("far", 0.99 * distance, True)):
        runtime = Runtime(load_bundle(build_toy_bundle(tmp_path / name, distance_threshold=threshold)), threads=1)
        assert runtime.estimate(ACOUSTIC, None).out_of_domain == far
        assert runtime.estimate(ACOUSTIC, LINGUISTIC).out_of_domain == far
        assert not runtime.estimate(None, LINGUISTIC).out_of_domain


def test_no_token_is_no_linguistic_modality(bundle: Bundle) -> None:
    nothing = TokenVectors(np.zeros((0, 12), np.float32), ())
    runtime = Runtime(bundle, threads=1)
    silent, absent = runtime.estimate(ACOUSTIC, nothing), runtime.estimate(ACOUSTIC, None)
    assert silent.presence == absent.presence == "acoustic"
    np.testing.assert_array_equal(silent.probabilities, absent.probabilities)


def test_positions_left_out_are_the_even_ones(bundle: Bundle) -> None:
    runtime = Runtime(bundle, threads=1)
    even = runtime.estimate(ACOUSTIC, LINGUISTIC, np.array([0.1, 0.3, 0.5, 0.7, 0.9], np.float32))
    np.testing.assert_allclose(runtime.estimate(ACOUSTIC, LINGUISTIC).probabilities, even.probabilities, atol=1e-6)
    late = runtime.estimate(ACOUSTIC, LINGUISTIC, np.full(5, 0.9, np.float32))
    assert not np.allclose(late.probabilities, even.probabilities)


@presences
def test_a_view_is_the_categories_renormalised_with_its_own_temperature_and_set(
    bundle: Bundle, acoustic: np.ndarray | None, linguistic: TokenVectors | None, presence: str
) -> None:
    full = Runtime(bundle, threads=1).estimate(acoustic, linguistic)
    four = Runtime(bundle, threads=1, view="four").estimate(acoustic, linguistic)
    view = bundle.config.views["four"]
    raised = view_probabilities(full.probabilities, CATEGORIES, FOUR_CATEGORIES) ** (1 / view.temperature[presence])
    np.testing.assert_allclose(four.probabilities, raised / raised.sum(), atol=1e-6)
    threshold = view.category_threshold[presence]
    assert four.categories_90 == category_set(four.probabilities, FOUR_CATEGORIES, threshold)
    np.testing.assert_array_equal(four.dimensions, full.dimensions)


def test_weights_of_a_view_count_for_the_presence_that_they_are_given_for(bundle: Bundle) -> None:
    weights = (1.0, 5.0, 1.0, 0.2)
    view = dataclasses.replace(bundle.config.views["four"], category_weights={"linguistic": weights})
    config = dataclasses.replace(bundle.config, views={"four": view})
    plain, weighed = (
        Runtime(one, threads=1, view="four") for one in (bundle, dataclasses.replace(bundle, config=config))
    )
    expected = plain.estimate(None, LINGUISTIC).probabilities * np.array(weights)
    found = weighed.estimate(None, LINGUISTIC)
    np.testing.assert_allclose(found.probabilities, expected / expected.sum(), atol=1e-6)
    assert found.categories_90 == category_set(
        found.probabilities, FOUR_CATEGORIES, view.category_threshold["linguistic"]
    )
    for linguistic in (None, LINGUISTIC):
        unmoved = [one.estimate(ACOUSTIC, linguistic).probabilities for one in (plain, weighed)]
        np.testing.assert_array_equal(*unmoved)


def test_views_share_one_model_and_say_what_each_alone_says(toy_bundle: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    whole = Runtime(load_bundle(toy_bundle), threads=1)
    four = whole.in_view("four")
    assert four.acoustic is whole.acoustic
    assert whole.acoustic is not None
    vectors = whole.acoustic.encode(samples)
    for shared, view in ((whole, None), (four, "four"), (four.in_view(None), None)):
        alone = Runtime(load_bundle(toy_bundle), threads=1, view=view)
        assert shared.categories == alone.categories
        assert shared.estimate(vectors, None).probabilities.tolist() == (
            alone.estimate(vectors, None).probabilities.tolist()
        )
    with pytest.raises(LabelError, match="view 'five'"):
        whole.in_view("five")


def test_an_unknown_view_is_refused_with_those_there_are(bundle: Bundle) -> None:
    with pytest.raises(LabelError, match=r"view 'for'; the model has the views four; did you mean 'four'\?"):
        Runtime(bundle, view="for")


@pytest.mark.parametrize("modality", ["acoustic", "linguistic"])
def test_a_model_of_one_modality_runs_on_it_alone(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], modality: str
) -> None:
    runtime = Runtime(load_bundle(build_toy_bundle(tmp_path / "one", (modality,))), threads=1)
    assert (runtime.acoustic is None, runtime.linguistic is None) == (modality != "acoustic", modality != "linguistic")
    given = (ACOUSTIC, None) if modality == "acoustic" else (None, LINGUISTIC)
    assert runtime.estimate(*given).presence == modality


def changed(bundle: Path, target: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """Return a sealed copy of the bundle with a changed fusion graph."""
    shutil.copytree(bundle, target)
    model = onnx.load(target / "fusion.onnx")
    change(model)
    onnx.save(model, target / "fusion.onnx")
    seal_bundle(target, load_bundle(bundle).config)
    return target


def test_weights_that_are_not_finite_give_an_error_and_no_estimate(toy_bundle: Path, tmp_path: Path) -> None:
    def poison(model: onnx.ModelProto) -> None:
        weights = next(tensor for tensor in model.graph.initializer if tensor.name == "category_weights")
        values = np.full_like(numpy_helper.to_array(weights), np.nan)
        weights.CopyFrom(numpy_helper.from_array(values, weights.name))

    runtime = Runtime(load_bundle(changed(toy_bundle, tmp_path / "poisoned", poison)), threads=1)
    with pytest.raises(BundleError, match="not finite in 'logits'"):
        runtime.estimate(ACOUSTIC, None)


def test_a_head_of_another_size_than_announced_is_refused(bundle: Bundle) -> None:
    fewer = dataclasses.replace(
        bundle, config=dataclasses.replace(bundle.config, dimensions=bundle.config.dimensions[:2])
    )
    with pytest.raises(BundleError, match=r"'dimensions' of shape \(1, 3\); config\.json announces \(1, 2\)"):
        Runtime(fewer, threads=1).estimate(ACOUSTIC, None)


def test_an_encoder_that_nobody_knows_is_refused(bundle: Bundle) -> None:
    values = bundle.config.to_dict()
    values["encoders"]["acoustic"]["name"] = "compacted"
    with pytest.raises(BundleError, match=r"'compacted'; known: compact; did you mean 'compact'\?"):
        Runtime(dataclasses.replace(bundle, config=BundleConfig.from_dict(values)))


logits = st.lists(st.floats(-50, 50), min_size=2, max_size=7).map(lambda values: np.array(values, np.float32))


@given(logits, st.floats(0.1, 10))
def test_a_temperature_keeps_the_order_and_the_sum(values: np.ndarray, temperature: float) -> None:
    probabilities = softmax(values, temperature)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    order = np.argsort(values, kind="stable")
    assert (np.diff(probabilities[order]) >= 0).all()


@given(logits, st.floats(0, 1))
def test_a_category_set_is_the_smallest_that_reaches_the_threshold(values: np.ndarray, threshold: float) -> None:
    probabilities = softmax(values, 1.0)
    names = tuple("abcdefg"[: len(values)])
    chosen = category_set(probabilities, names, threshold)
    held = [float(probabilities[names.index(name)]) for name in chosen]
    assert names[int(probabilities.argmax())] == chosen[0] or held[0] == probabilities.max()
    assert held == sorted(held, reverse=True)
    assert sum(held) >= threshold - 1e-5
    assert len(held) == 1 or sum(held[:-1]) < threshold


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2), st.floats(0, 1))
def test_an_interval_holds_its_value_and_stays_on_the_scale(values: list[float], half_width: float) -> None:
    found = intervals(np.array(values, np.float32), ("valence", "arousal"), {"arousal": half_width})
    low, high = found["arousal"]
    assert list(found) == ["arousal"]
    assert 0 <= low <= values[1] <= high <= 1
