"""Calibrated figures keep their promise on data like those that they were fitted on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.inference.runtime import category_set
from emobridge.training.evaluation.calibration import (
    category_sets,
    category_threshold,
    fit_temperature,
    fit_weights,
    half_width,
    masked_softmax,
)
from emobridge.training.evaluation.metrics import cross_entropy_soft, expected_calibration_error, set_coverage

WIDTH = 6


def draw(seed: int, items: int, sharpness: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits ``sharpness`` times those that the truths are drawn from."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.normal(size=(items, WIDTH))
    shares = masked_softmax(logits, np.ones_like(logits, dtype=bool))
    truth = (shares.cumsum(axis=1) < generator.random((items, 1))).sum(axis=1).clip(max=WIDTH - 1)
    return sharpness * logits, truth


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_the_temperature_is_the_factor_by_which_the_logits_are_too_sharp(sharpness: float) -> None:
    logits, truth = draw(0, 4000, sharpness)
    everything = np.ones_like(logits, dtype=bool)
    assert fit_temperature(logits, np.eye(WIDTH)[truth], everything) == pytest.approx(sharpness, rel=0.06)


@pytest.mark.parametrize("sharpness", [0.3, 4.0])
def test_calibration_lowers_likelihood_loss_and_calibration_error_on_unseen_items(sharpness: float) -> None:
    logits, truth = draw(1, 4000, sharpness)
    everything = np.ones_like(logits[:2000], dtype=bool)
    temperature = fit_temperature(logits[:2000], np.eye(WIDTH)[truth[:2000]], everything)
    before, after = (masked_softmax(logits[2000:], everything, heat) for heat in (1.0, temperature))
    labels = np.eye(WIDTH)[truth[2000:]]
    assert expected_calibration_error(labels, after) < 0.5 * expected_calibration_error(labels, before)
    assert cross_entropy_soft(labels, after) < cross_entropy_soft(labels, before)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.2, 10))
def test_calibration_keeps_the_top_category_and_never_raises_its_loss(seed: int, sharpness: float) -> None:
    logits, _ = draw(seed, 60, sharpness)
    generator = np.random.default_rng(seed)
    allowed = generator.random(logits.shape) < 0.7
    allowed[:, 0] = True
    votes = generator.multinomial(5, [1 / WIDTH] * WIDTH, 60) * allowed
    votes = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    temperature = fit_temperature(logits, votes, allowed)
    before, after = (masked_softmax(logits, allowed, heat) for heat in (1.0, temperature))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert cross_entropy_soft(votes, after) <= cross_entropy_soft(votes, before) + 1e-6


def test_weights_make_each_category_as_frequent_as_it_was_labelled() -> None:
    logits, truth = draw(5, 4000)
    habit = np.array([3.0, 1.0, 0.5, 1.0, 0.2, 1.5])
    # Annotators who call the same things otherwise: what they say is drawn from the same shares, times their habit.
    everything = np.ones_like(logits, dtype=bool)
    said = masked_softmax(logits + np.log(habit), everything)
    truth = (said.cumsum(axis=1) < np.random.default_rng(6).random((4000, 1))).sum(axis=1).clip(max=WIDTH - 1)
    labels = np.eye(WIDTH)[truth]
    shares = masked_softmax(logits, everything)
    weights = fit_weights(shares, labels)
    assert np.log(weights).sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(weights / weights[1], habit / habit[1], rtol=0.25)
    weighed = shares * weights / (shares * weights).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weighed.mean(axis=0), (labels.sum(axis=0) + 1) / (4000 + WIDTH), atol=1e-5)
    assert cross_entropy_soft(labels, weighed) < cross_entropy_soft(labels, shares)
    assert fit_temperature(logits, labels, everything, weights) == pytest.approx(1.0, rel=0.06)


def test_a_category_that_nobody_named_keeps_a_weight() -> None:
    logits, _ = draw(7, 60)
    shares = masked_softmax(logits, np.ones_like(logits, dtype=bool))
    weights = fit_weights(shares, np.eye(WIDTH)[np.zeros(60, int)])
    assert (weights > 0).all()
    assert weights.argmax() == 0


def test_masked_softmax_gives_nothing_to_a_category_that_is_not_allowed() -> None:
    logits = np.array([[1000.0, -1000.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    allowed = np.array([[False, True, True], [True, True, False], [False, False, False]])
    result = masked_softmax(logits, allowed)
    np.testing.assert_allclose(result, [[0, 0, 1], [0.5, 0.5, 0], [0, 0, 0]])


def test_unlabelled_items_and_disallowed_logits_do_not_move_the_temperature() -> None:
    logits, truth = draw(2, 300, 3.0)
    labels, allowed = np.eye(WIDTH)[truth], np.ones((300, WIDTH), dtype=bool)
    alone = fit_temperature(logits, labels, allowed)
    extra = np.full((50, WIDTH), 9.0)
    with_unlabelled = fit_temperature(
        np.concatenate([logits, extra]), np.concatenate([labels, 0 * extra]), np.concatenate([allowed, extra > 0])
    )
    wider = fit_temperature(np.pad(logits, ((0, 0), (0, 1)), constant_values=50), np.pad(labels, ((0, 0), (0, 1))),
                            np.pad(allowed, ((0, 0), (0, 1))))  # fmt: skip
    assert with_unlabelled == wider == alone
    assert fit_temperature(logits, 0 * labels, allowed) == 1.0


@pytest.mark.parametrize("sharpness", [0.3, 3.0])
@pytest.mark.parametrize("raters", [1, 5])
def test_category_sets_hold_the_truth_nine_times_in_ten_and_not_much_more(sharpness: float, raters: int) -> None:
    covered = []
    for seed in range(40):
        logits, _ = draw(100 + seed, 600, sharpness)
        everything = np.ones_like(logits, dtype=bool)
        generator = np.random.default_rng(seed)
        truth = generator.multinomial(raters, masked_softmax(logits, everything, sharpness)) / raters
        probabilities = masked_softmax(logits, everything)
        threshold = category_threshold(probabilities[:300], truth[:300])
        covered.append(set_coverage(truth[300:], category_sets(probabilities[300:], np.full(300, threshold))))
    assert 0.89 <= np.mean(covered) <= 0.92


def test_category_threshold_is_just_over_its_finite_sample_rank() -> None:
    top = np.arange(51, 60) / 100
    probabilities = np.stack([top, 1 - top], axis=1)
    second = np.eye(2)[np.ones(9, dtype=int)]
    assert category_threshold(probabilities, second) == pytest.approx(0.59)
    assert category_threshold(probabilities, second) > 0.59
    assert category_threshold(probabilities, second, coverage=0.8) == pytest.approx(0.58)
    assert category_threshold(probabilities, second[:, ::-1]) == pytest.approx(0)
    assert category_threshold(probabilities, np.concatenate([second[:-1], np.zeros((1, 2))])) == 1.0
    assert category_threshold(probabilities, 0 * second) == 1.0


def test_votes_count_with_their_share_in_the_threshold() -> None:
    probabilities = np.tile([0.6, 0.3, 0.1], (99, 1))
    assert category_threshold(probabilities, np.tile([0.5, 0.42, 0.08], (99, 1))) == pytest.approx(0.6)
    assert category_threshold(probabilities, np.tile([0.5, 0.38, 0.12], (99, 1))) == pytest.approx(0.9)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=9),
    threshold=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])),
)
def test_the_sets_that_are_measured_are_those_that_a_user_gets(rows: list[list[int]], threshold: float) -> None:
    probabilities = np.array([np.array(row) / sum(row) for row in rows], np.float32)
    sets = category_sets(probabilities, np.full(len(rows), threshold))
    for row, members in zip(probabilities, sets, strict=True):
        names = category_set(row, ("a", "b", "c"), threshold)
        assert {name for name, there in zip("abc", members, strict=True) if there} == set(names)


def test_half_widths_hold_the_truth_at_least_nine_times_in_ten() -> None:
    covered = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        truth = generator.uniform(size=300)
        prediction = truth + 0.1 * generator.standard_t(4, 300)
        width = half_width(prediction[:100], truth[:100])
        assert width is not None
        covered.append((np.abs(prediction - truth)[100:] <= width).mean())
    assert 0.89 <= np.mean(covered) <= 0.93


def test_fewer_than_twenty_rated_items_promise_no_interval() -> None:
    truth = np.linspace(0, 1, 20)
    residual = np.arange(1, 21) / 100
    assert half_width(truth + residual, truth) == pytest.approx(0.19)
    truth[3] = np.nan
    assert half_width(truth + residual, truth) is None
    assert half_width(np.linspace(0, 1, 20), np.linspace(0, 1, 20), coverage=0.99) is None
