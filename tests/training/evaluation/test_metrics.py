"""Metrics agree with other implementations and keep their documented rules."""

import doctest
import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.training.evaluation import metrics

REFERENCE = Path(__file__).parents[2] / "reference"
CASES = json.loads((REFERENCE / "metrics.json").read_text(encoding="utf-8"))
ON_CATEGORIES = (
    metrics.unweighted_average_recall,
    metrics.weighted_average_recall,
    metrics.macro_f1,
    metrics.weighted_f1,
)
ON_CONFIDENCE = (metrics.expected_calibration_error, metrics.debiased_calibration_error)
ON_VALUES = (metrics.concordance_cc, metrics.pearson_cc, metrics.mean_absolute_error, metrics.root_mean_square_error)
labelled_pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)
value_pairs = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=40)
fast = settings(max_examples=50, deadline=None)


def computed(inputs: dict[str, Any]) -> dict[str, Any]:
    truth, probabilities, votes = (np.array(inputs[name]) for name in ("truth", "probabilities", "votes"))
    predicted = probabilities.argmax(axis=1)
    count = probabilities.shape[1]
    values = inputs["true_values"], inputs["predicted_values"]
    recalls = metrics.per_class_recall(truth, predicted, count)
    return {
        "confusion_matrix": metrics.confusion_matrix(truth, predicted, count).tolist(),
        "per_class_recall": recalls[~np.isnan(recalls)].tolist(),
        **{metric.__name__: metric(truth, predicted) for metric in ON_CATEGORIES},
        **{metric.__name__: metric(*values) for metric in ON_VALUES},
        "expected_calibration_error": metrics.expected_calibration_error(np.eye(count)[truth], probabilities),
        "expected_calibration_error_votes": metrics.expected_calibration_error(votes, probabilities),
        "debiased_calibration_error_votes": metrics.debiased_calibration_error(votes, probabilities),
        "negative_log_likelihood": metrics.cross_entropy_soft(np.eye(count)[truth], probabilities),
        "cross_entropy_votes": metrics.cross_entropy_soft(votes, probabilities),
        "brier_votes": metrics.brier_score(votes, probabilities),
    }


def assert_same(values: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_metrics_equal_the_stored_values_of_other_implementations(case: dict[str, Any]) -> None:
    assert_same(computed(case["inputs"]), case["values"], tolerance=1e-12)


def test_the_oracles_still_give_the_stored_values() -> None:
    for package in ("audmetric", "sklearn", "scipy"):
        pytest.importorskip(package)
    specification = importlib.util.spec_from_file_location("make_reference", REFERENCE / "make_reference.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for seed, case in enumerate(CASES):
        # Exponentials differ in the last bit from processor to processor.
        assert_same(module.make_inputs(seed), case["inputs"], tolerance=1e-12)
        assert_same(module.make_values(case["inputs"]), case["values"], tolerance=1e-12)


def test_every_public_metric_has_an_example_that_runs() -> None:
    finder = doctest.DocTestFinder(exclude_empty=False)
    with_examples = {test.name.split(".")[-1] for test in finder.find(metrics) if test.examples}
    public = {
        name for name, value in vars(metrics).items()
        if callable(value) and not name.startswith("_") and value.__module__ == metrics.__name__
    }  # fmt: skip
    assert public == with_examples
    assert doctest.testmod(metrics).failed == 0


@pytest.mark.parametrize("metric", ON_CATEGORIES)
@fast
@given(pairs=labelled_pairs, missing=st.lists(st.integers(0, 4), max_size=10))
def test_an_unlabelled_item_changes_nothing(metric: Any, pairs: list[tuple[int, int]], missing: list[int]) -> None:
    truth, predicted = (list(column) for column in zip(*pairs, strict=True))
    assert metric(truth + [-1] * len(missing), predicted + missing) == metric(truth, predicted)


@pytest.mark.parametrize("metric", ON_CATEGORIES)
@fast
@given(pairs=labelled_pairs)
def test_category_metrics_lie_in_0_to_1_and_reach_1_for_the_truth(metric: Any, pairs: list[tuple[int, int]]) -> None:
    truth, predicted = zip(*pairs, strict=True)
    assert 0 <= metric(truth, predicted) <= 1
    assert metric(truth, truth) == pytest.approx(1)


@fast
@given(pairs=labelled_pairs)
def test_recall_is_the_diagonal_over_the_row_and_unweighted_recall_its_mean(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = zip(*pairs, strict=True)
    recalls = metrics.per_class_recall(truth, predicted, 5)
    matrix = metrics.confusion_matrix(truth, predicted, 5)
    assert matrix.sum() == len(pairs)
    assert np.isnan(recalls).tolist() == [label not in truth for label in range(5)]
    assert metrics.unweighted_average_recall(truth, predicted) == pytest.approx(np.nanmean(recalls))


@pytest.mark.parametrize("metric", ON_VALUES)
@fast
@given(pairs=value_pairs, known=st.floats(0, 1))
def test_a_missing_value_on_either_side_changes_nothing(
    metric: Any, pairs: list[tuple[int, int]], known: float
) -> None:
    truth, predicted = (list(column) for column in zip(*pairs, strict=True))
    with_missing = metric([*truth, math.nan, known], [*predicted, known, math.nan])
    assert with_missing == pytest.approx(metric(truth, predicted), nan_ok=True)


@fast
@given(pairs=value_pairs)
def test_concordance_is_symmetric_and_never_above_correlation(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = zip(*pairs, strict=True)
    value = metrics.concordance_cc(truth, predicted)
    assert value == pytest.approx(metrics.concordance_cc(predicted, truth), nan_ok=True)
    correlation = metrics.pearson_cc(truth, predicted)
    if not math.isnan(correlation):
        assert abs(value) <= abs(correlation) + 1e-9


def test_concordance_of_constants_follows_its_rule() -> None:
    assert math.isnan(metrics.concordance_cc([0.1] * 3, [0.1] * 3))
    assert math.isnan(metrics.concordance_cc([0.1] * 3, [0.7] * 3))
    assert math.isnan(metrics.concordance_cc([0.5], [0.5]))
    assert metrics.concordance_cc([0.0, 0.5, 1.0], [0.3] * 3) == pytest.approx(0)
    assert math.isnan(metrics.pearson_cc([0.0, 0.5, 1.0], [0.3] * 3))


def test_a_metric_that_nothing_is_left_for_is_nan() -> None:
    for on_categories in ON_CATEGORIES:
        assert math.isnan(on_categories([-1, -1], [0, 1]))
        assert math.isnan(on_categories([], []))
    for on_values in ON_VALUES:
        assert math.isnan(on_values([math.nan], [0.5]))
    for on_distributions in (*ON_CONFIDENCE, metrics.brier_score, metrics.cross_entropy_soft):
        assert math.isnan(on_distributions([[0, 0]], [[0.5, 0.5]]))
    for on_sets in (metrics.set_coverage, metrics.mean_set_size):
        assert math.isnan(on_sets([[0, 0]], [[True, True]]))
    assert math.isnan(metrics.interval_coverage([0.5, math.nan, 0.5], [math.nan, 0.5, 0.5], [0.1, 0.1, math.nan]))


def test_probabilities_that_are_right_as_often_as_stated_have_no_error() -> None:
    truth = np.eye(2)[[0] * 8 + [1] * 2]
    for metric in ON_CONFIDENCE:
        assert metric(truth, [[0.8, 0.2]] * 10) == pytest.approx(0)
    assert metrics.expected_calibration_error(truth, [[1.0, 0.0]] * 10) == pytest.approx(0.2)


def test_saying_what_the_raters_say_has_no_calibration_error() -> None:
    votes = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]] * 5)
    majority = np.eye(3)[votes.argmax(axis=1)]
    for metric in ON_CONFIDENCE:
        assert metric(votes, votes) == pytest.approx(0)
    assert metrics.expected_calibration_error(majority, votes) == pytest.approx(1 - np.mean([0.6, 0.5, 0.8]))


def test_few_items_raise_the_plain_calibration_error_not_the_debiased_one() -> None:
    generator = np.random.default_rng(0)
    plain, squared = [], []
    for _ in range(400):
        confidence = generator.uniform(0.5, 1, 60)
        truth = np.eye(2)[(generator.random(60) >= confidence).astype(int)]
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        plain.append(metrics.expected_calibration_error(truth, probabilities))
        squared.append(metrics.debiased_calibration_error(truth, probabilities, bins=5) ** 2)
    assert np.mean(plain) > 0.08
    assert np.median(squared) == 0


@fast
@given(
    pairs=st.lists(st.tuples(st.integers(0, 2), st.integers(34, 100)), min_size=2, max_size=40), seed=st.integers(0, 9)
)
def test_the_order_of_items_and_unlabelled_ones_change_no_calibration_error(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    truth = np.eye(3)[[one for one, _ in pairs]]
    top = np.array([[two / 100] for _, two in pairs])
    probabilities = np.concatenate([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    order = np.random.default_rng(seed).permutation(len(pairs))
    for metric in ON_CONFIDENCE:
        expected = pytest.approx(metric(truth, probabilities), abs=1e-7)
        assert metric(truth[order], probabilities[order]) == expected
        more = np.concatenate([truth, np.zeros((2, 3))]), np.concatenate([probabilities, probabilities[:2]])
        assert metric(*more) == expected


@fast
@given(votes=st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=20))
def test_majority_is_the_only_leader_and_a_tie_has_none(votes: list[list[int]]) -> None:
    shares = np.array([np.array(row) / max(sum(row), 1) for row in votes])
    for row, winner in zip(votes, metrics.vote_majority(shares), strict=True):
        alone = row.count(max(row)) == 1
        assert winner == (row.index(max(row)) if alone else -1)


def test_votes_themselves_have_the_lowest_cross_entropy_and_brier_score() -> None:
    votes = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    other = np.array([[0.8, 0.1, 0.1], [0.1, 0.3, 0.6]])
    assert metrics.brier_score(votes, votes) == 0
    assert metrics.cross_entropy_soft(votes, votes) < metrics.cross_entropy_soft(votes, other)


def test_restricted_probabilities_sum_to_1_within_the_allowed_categories() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 50)
    allowed = generator.random((50, 4)) < 0.5
    probabilities[0], allowed[0] = [1, 0, 0, 0], [False, True, True, False]
    result = metrics.restrict_to_allowed(probabilities, allowed)
    np.testing.assert_allclose(result.sum(axis=1), allowed.any(axis=1))
    assert not result[~allowed].any()
    assert result[0].tolist() == [0, 0.5, 0.5, 0]
