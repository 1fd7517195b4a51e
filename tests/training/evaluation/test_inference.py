"""Laws of estimates: order and company do not matter, the hidden does not count, the unmeasured promises nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.calibration import category_sets
from emobridge.training.evaluation.inference import Calibration, Pairs, calibrate, estimate, predict
from emobridge.training.evaluation.metrics import set_coverage
from emobridge.training.models.emotion_model import EmotionSystem

ROWS = list(range(0, 36, 2))
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples(dimensions=("valence", "arousal"))


@pytest.fixture(scope="module")
def system(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> EmotionSystem:
    return toy_system(examples)


@pytest.fixture(scope="module")
def unfitted() -> dict[str, Calibration]:
    return {name: Calibration(1.0, 1.0, {}, 0) for name in ("acoustic", "linguistic", "both")}


@pytest.fixture(scope="module")
def every_presence() -> Pairs:
    """Each row heard and read, heard alone, and read alone."""
    nothing = [None] * len(ROWS)
    return Pairs([*ROWS, *ROWS, *nothing], [*ROWS, *nothing, *ROWS])


def test_order_and_company_do_not_matter(examples: Examples, system: EmotionSystem, every_presence: Pairs) -> None:
    together = estimate(system, examples, every_presence)
    order = np.random.default_rng(0).permutation(len(every_presence.acoustic))
    shuffled = Pairs(*([side[row] for row in order] for side in (every_presence.acoustic, every_presence.linguistic)))
    for whole, moved in zip(together, estimate(system, examples, shuffled), strict=True):
        assert_allclose(moved, whole[order], atol=TOLERANCE)
    for row in (0, 20, 50):
        alone = estimate(system, examples, Pairs([every_presence.acoustic[row]], [every_presence.linguistic[row]]))
        for whole, one in zip(together, alone, strict=True):
            assert_allclose(one[0], whole[row], atol=TOLERANCE)


def test_a_hidden_modality_has_no_influence(examples: Examples, system: EmotionSystem) -> None:
    strange = replace(examples, token_ids=tuple(np.full(9, 5) for _ in examples.token_ids))
    heard = Pairs(ROWS, [None] * len(ROWS))
    for one, other in zip(estimate(system, examples, heard), estimate(system, strange, heard), strict=True):
        assert_array_equal(one, other)


def test_natural_pairs_have_what_their_utterances_have(examples: Examples) -> None:
    token_ids = tuple(np.zeros(0, int) if row % 3 == 0 else ids for row, ids in enumerate(examples.token_ids))
    counts = np.where(np.arange(36) % 3 == 1, 0, examples.frame_counts)
    pairs = Pairs.natural(replace(examples, token_ids=token_ids, frame_counts=counts), [3, 4, 5])
    assert (pairs.acoustic, pairs.linguistic) == ([3, None, 5], [None, 4, 5])
    assert pairs.presence.tolist() == ["acoustic", "linguistic", "both"]
    assert pairs.labelled_by.tolist() == [3, 4, 5]


def test_calibration_has_each_presence_of_the_system(
    examples: Examples, system: EmotionSystem, every_presence: Pairs, toy_system: Callable[..., EmotionSystem]
) -> None:
    found = calibrate(system, examples, every_presence)
    assert list(found) == ["acoustic", "linguistic", "both"]
    assert all(one.items == len(ROWS) and one.temperature > 0 for one in found.values())
    assert list(calibrate(toy_system(examples, ("acoustic",)), examples, Pairs(ROWS, [None] * len(ROWS)))) == [
        "acoustic"
    ]


def test_what_nobody_measured_promises_nothing(examples: Examples, system: EmotionSystem) -> None:
    found = calibrate(system, examples, Pairs(ROWS, [None] * len(ROWS)))
    assert found["acoustic"].items == len(ROWS)
    assert found["linguistic"] == found["both"] == Calibration(1.0, 1.0, {}, 0)


def test_half_widths_come_from_rated_dimensions_alone(examples: Examples, system: EmotionSystem) -> None:
    rated = examples.rated_dimensions.copy()
    rated[:, 1] = np.nan
    everyone = list(range(36))
    found = calibrate(system, replace(examples, rated_dimensions=rated), Pairs.natural(examples, everyone))["both"]
    _, guessed = estimate(system, examples, Pairs.natural(examples, everyone))
    assert list(found.half_width) == ["valence"]
    covered = np.abs(guessed[:, 0] - rated[:, 0]) <= found.half_width["valence"] + 1e-6
    assert covered.mean() >= 0.9


def test_temperatures_apply_by_presence_and_keep_the_order(
    examples: Examples, system: EmotionSystem, every_presence: Pairs, unfitted: dict[str, Calibration]
) -> None:
    fitted = unfitted | {"acoustic": Calibration(4.0, 1.0, {}, 9)}
    told = {"fold": "fold-1", "variant": "toy", "seed": 3}
    plain, cooled = (predict(system, examples, every_presence, one, **told) for one in (unfitted, fitted))
    heard = every_presence.presence == "acoustic"
    assert_array_equal(plain.probabilities[~heard], cooled.probabilities[~heard])
    assert_array_equal(plain.probabilities.argmax(axis=1), cooled.probabilities.argmax(axis=1))
    expected = plain.probabilities[heard].astype(float) ** 0.25
    assert_allclose(cooled.probabilities[heard], expected / expected.sum(axis=1, keepdims=True), rtol=1e-4)
    assert set(plain.folds) == {"fold-1"}
    assert set(plain.variants) == {"toy"}
    assert set(plain.seeds) == {3}


def test_predictions_carry_raw_labels_truth_and_ratings(
    examples: Examples, system: EmotionSystem, unfitted: dict[str, Calibration]
) -> None:
    found = predict(system, examples, Pairs.natural(examples, ROWS), unfitted, fold="f", variant="v", seed=1)
    assert found.labels.tolist() == [examples.utterances[row].label for row in ROWS]
    assert found.ids.tolist() == [examples.utterances[row].id for row in ROWS]
    assert_array_equal(found.truth, examples.targets[ROWS])
    assert_array_equal(found.truth_dimensions, examples.rated_dimensions[ROWS])


def test_predictions_carry_what_was_promised_of_them(
    examples: Examples, system: EmotionSystem, every_presence: Pairs, unfitted: dict[str, Calibration]
) -> None:
    fitted = unfitted | {"both": Calibration(1.0, 0.75, {"arousal": 0.125}, 9)}
    found = predict(system, examples, every_presence, fitted, fold="f", variant="v", seed=1)
    both = every_presence.presence == "both"
    assert_array_equal(found.category_threshold, np.where(both, 0.75, 1.0))
    assert np.isnan(found.half_width[:, 0]).all()
    assert_array_equal(found.half_width[:, 1], np.where(both, 0.125, np.nan))


def test_nine_in_ten_calibration_items_lie_in_the_sets_made_from_them(
    examples: Examples, system: EmotionSystem
) -> None:
    pairs = Pairs.natural(examples, list(range(36)))
    fitted = calibrate(system, examples, pairs)
    found = predict(system, examples, pairs, fitted, fold="f", variant="v", seed=1)
    sets = category_sets(found.probabilities, found.category_threshold)
    assert 0.9 <= set_coverage(found.truth, sets) <= 0.95
    assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_system_without_a_head_is_not_judged_on_it(
    examples: Examples, toy_system: Callable[..., EmotionSystem], unfitted: dict[str, Calibration]
) -> None:
    pairs = Pairs.natural(examples, ROWS)
    told = {"fold": "f", "variant": "v", "seed": 1}
    rating = predict(toy_system(examples, categories=()), examples, pairs, unfitted, **told)
    assert not rating.truth.any()
    assert_allclose(rating.probabilities, 1 / 3, rtol=1e-6)
    naming = predict(toy_system(examples, dimensions=()), examples, pairs, unfitted, **told)
    assert np.isnan(naming.predicted_dimensions).all()
    assert naming.truth.any()


def test_a_recipe_without_categories_is_calibrated_and_predicted(
    toy_examples: Callable[..., Examples], toy_system: Callable[..., EmotionSystem]
) -> None:
    rated = toy_examples()
    empty = {name: getattr(rated, name)[:, :0] for name in ("targets", "allowed")}
    rated = replace(rated, categories=(), **empty)
    system = toy_system(rated)
    pairs = Pairs.natural(rated, list(range(36)))
    calibration = calibrate(system, rated, pairs)
    assert list(calibration["both"].half_width) == ["valence"]
    found = predict(system, rated, pairs, calibration, fold="f", variant="v", seed=1)
    assert found.probabilities.shape == (36, 0)
