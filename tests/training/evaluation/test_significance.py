"""Paired tests keep their error rate where nothing differs, by speakers, and find what does."""

import dataclasses
import doctest
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from emobridge.errors import CorpusError
from emobridge.training.evaluation import significance
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.significance import PairedTest, holm, mcnemar, paired_tests, shared

Maker = Callable[..., Predictions]
TRIALS, RESAMPLES = 200, 50


def within_chance(rejected: int, trials: int = TRIALS, rate: float = 0.05) -> bool:
    """True where so many rejections at ``rate`` are no surprise: the upper 99.9 % bound of the binomial."""
    return rejected <= stats.binom.ppf(0.999, trials, rate)


def clustered(generator: np.random.Generator, sizes: NDArray[np.int64], gain: float = 0.0) -> list[Predictions]:
    """Two systems of one skill (the first ``gain`` better), each with speakers that it alone is good or bad at."""
    speaker = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(speaker)
    truth = np.eye(2, dtype=np.float32)[generator.integers(0, 2, rows)]
    value = generator.uniform(size=rows)
    both = []
    for name, extra in (("one", gain), ("other", 0.0)):
        ease = 0.6 * generator.normal(size=len(sizes))[speaker]
        score = 0.7 + extra + ease + generator.normal(size=rows)
        top = 1 / (1 + np.exp(-score))
        probabilities = np.where(truth > 0, top[:, None], 1 - top[:, None])
        level = 0.15 * generator.normal(size=len(sizes))[speaker]
        guess = value + level + (0.25 - 0.1 * extra) * generator.normal(size=rows)
        both.append(made(name, speaker, truth, probabilities, value, guess))
    return both


def made(
    name: str, speaker: NDArray[np.int64], truth: NDArray[np.float32], *columns: NDArray[np.float64]
) -> Predictions:
    rows = len(speaker)
    probabilities, value, guess = columns
    words = {field: np.full(rows, word) for field, word in (("corpora", "toy"), ("folds", "1"), ("presence", "both"))}
    return Predictions(
        categories=("angry", "sad"), dimensions=("valence",),
        ids=np.array([str(row) for row in range(rows)]), speakers=np.array([f"s{one}" for one in speaker]),
        genders=np.full(rows, ""), variants=np.full(rows, name), seeds=np.ones(rows, np.int64),
        labels=np.full(rows, ""), **words, truth=truth, allowed=np.ones((rows, 2), bool),
        probabilities=probabilities.astype(np.float32),
        truth_dimensions=value[:, None].astype(np.float32), predicted_dimensions=guess[:, None].astype(np.float32),
        category_threshold=np.full(rows, np.nan, np.float32), half_width=np.full((rows, 1), np.nan, np.float32),
    )  # fmt: skip


def test_where_nothing_differs_a_test_rejects_as_seldom_as_it_says() -> None:
    generator = np.random.default_rng(11)
    rejected: dict[str, int] = {}
    some = 0
    for trial in range(TRIALS):
        found = paired_tests(*clustered(generator, generator.integers(10, 30, 10)), RESAMPLES, trial)
        for test in found:
            rejected[test.metric] = rejected.get(test.metric, 0) + (test.p < 0.05)
        some += any(test.significant for test in found)
    assert set(rejected) == {
        "unweighted_average_recall", "weighted_f1", "concordance_cc_valence", "weighted_average_recall"
    }  # fmt: skip
    assert all(within_chance(count) for count in rejected.values()), rejected
    assert within_chance(some), some  # the whole comparison is wrong once in twenty, not each of its tests
    # Bounds are no proof that the tests can reject at all: the McNemar test of items would reject far too often.
    assert all(count > 0 for count in rejected.values())


def test_drawing_items_in_place_of_speakers_would_reject_far_too_often() -> None:
    generator = np.random.default_rng(12)
    rejected = 0
    for trial in range(40):
        both = clustered(generator, np.full(10, 30))
        alone = [dataclasses.replace(side, speakers=np.full(len(side), "")) for side in both]
        found = {test.metric: test for test in paired_tests(*alone, 2, trial)}
        rejected += found["weighted_average_recall"].p < 0.05
    assert not within_chance(rejected, 40)


def test_a_planted_gain_is_found_in_every_measure() -> None:
    generator = np.random.default_rng(13)
    found = [paired_tests(*clustered(generator, np.full(24, 30), gain=1.5), RESAMPLES, trial) for trial in range(10)]
    for position in range(len(found[0])):
        assert np.mean([tests[position].significant for tests in found]) >= 0.8
        assert all(tests[position].value > tests[position].reference for tests in found if tests[position].significant)


def test_a_system_does_not_differ_from_itself(make_predictions: Maker) -> None:
    base = make_predictions()
    for test in paired_tests(base, base, 50):
        assert (test.value, test.p, test.p_holm, test.significant) == (test.reference, 1, 1, False)


def test_swapping_the_two_systems_swaps_the_signs_alone(make_predictions: Maker) -> None:
    one, other = make_predictions(skill=3.0, variant="one", training_seed=1), make_predictions(variant="other")
    for first, second in zip(paired_tests(one, other, 80), paired_tests(other, one, 80), strict=True):
        assert (first.metric, first.value, first.reference) == (second.metric, second.reference, second.value)
        assert (first.p, first.low, first.high) == pytest.approx((second.p, -second.high, -second.low), nan_ok=True)


def test_of_a_mean_the_test_is_students_test_on_speakers() -> None:
    generator = np.random.default_rng(14)
    both = clustered(generator, np.full(12, 20), gain=0.5)
    right = [(side.probabilities.argmax(axis=1) == side.truth_indices).reshape(12, 20).mean(axis=1) for side in both]
    oracle = stats.ttest_rel(*right)
    difference = significance.compare(*both, 1500, confidence=False)["weighted_average_recall"]
    low, high, p = significance._student(difference)
    assert difference.standard_error == pytest.approx(stats.sem(right[0] - right[1]), rel=0.05)
    assert p == pytest.approx(oracle.pvalue, rel=0.3)
    assert (low, high) == pytest.approx(tuple(oracle.confidence_interval()), abs=0.01)


@pytest.mark.parametrize(("one", "other"), [(9, 2), (0, 0), (5, 5), (30, 12), (1, 0)])
def test_of_single_items_mcnemar_is_the_binomial_test(one: int, other: int) -> None:
    gains = np.array([1] * one + [-1] * other + [0] * 4)
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(gains) == pytest.approx(expected, abs=1e-12)


def test_of_whole_speakers_mcnemar_counts_all_signs() -> None:
    generator = np.random.default_rng(15)
    for _ in range(20):
        gains = generator.integers(-6, 7, 9)
        signs = 1 - 2 * ((np.arange(2**9)[:, None] >> np.arange(9)) & 1)
        sums = np.abs(signs @ np.abs(gains))
        assert mcnemar(gains) == pytest.approx((sums >= abs(gains.sum())).mean(), abs=1e-12)


def test_seeds_of_either_side_count_with_their_share(make_predictions: Maker) -> None:
    one = make_predictions(variant="one", skill=2.0)
    other = make_predictions(variant="other", training_seed=3)
    thrice = Predictions.concatenate([dataclasses.replace(one, seeds=one.seeds + seed) for seed in range(3)])
    assert np.array_equal(significance._gains(thrice, other), significance._gains(one, other))
    for tripled, single in zip(paired_tests(thrice, other, 40), paired_tests(one, other, 40), strict=True):
        assert tripled.p == pytest.approx(single.p)


def test_corrected_values_are_those_of_the_definition_and_never_smaller() -> None:
    assert doctest.testmod(significance).failed == 0
    generator = np.random.default_rng(16)
    for _ in range(20):
        p = generator.uniform(size=7)
        order = np.argsort(p)
        steps = [min(1.0, max((7 - k) * p[order[k]] for k in range(place + 1))) for place in range(7)]
        assert holm(p)[order] == pytest.approx(steps)
        assert (holm(p) >= p).all()
    assert holm(np.array([])).tolist() == []


def test_each_corpus_has_its_tests_and_all_are_corrected_together(make_predictions: Maker) -> None:
    def both(variant: str, skill: float) -> Predictions:
        parts = [make_predictions(corpus=name, variant=variant, skill=skill, training_seed=int(skill)) for name in "ab"]
        return Predictions.concatenate(parts)

    found = paired_tests(both("one", 4.0), both("other", 0.0), 60)
    assert [test.corpus for test in found] == ["a"] * 5 + ["b"] * 5
    assert holm(np.array([test.p for test in found])).tolist() == [test.p_holm for test in found]


def test_what_one_alone_defines_or_was_judged_by_another_truth_is_not_tested(make_predictions: Maker) -> None:
    one, other = make_predictions(variant="one"), make_predictions(variant="other", training_seed=1)
    unlabelled = dataclasses.replace(one, truth=np.zeros_like(one.truth))
    values = {"concordance_cc_valence", "concordance_cc_arousal"}
    assert {test.metric for test in paired_tests(unlabelled, other, 5)} == values
    turned = dataclasses.replace(one, truth=np.roll(one.truth, 1, axis=1))
    assert {test.metric for test in paired_tests(turned, other, 5)} == values


def test_one_speaker_says_nothing(make_predictions: Maker) -> None:
    one, other = (make_predictions(speakers=1, variant=name, training_seed=len(name)) for name in ("a", "bb"))
    for test in paired_tests(one, other, 20):
        assert math.isnan(test.p)
        assert not test.significant


def test_runs_over_other_utterances_say_how_many_they_share_and_can_be_cut_to_these(make_predictions: Maker) -> None:
    one, other = make_predictions(variant="one"), make_predictions(variant="other", training_seed=1)
    part = other.select(np.arange(len(other)) >= 30)
    with pytest.raises(CorpusError, match="'one' and 'other' share 130 utterances of 160 and 130"):
        paired_tests(one, part)
    cut = shared(one, part)
    assert [len(side) for side in cut] == [130, 130]
    assert all(isinstance(test, PairedTest) for test in paired_tests(*cut, 5))
    with pytest.raises(CorpusError, match="share 0 utterances of 160 and 160"):
        shared(one, dataclasses.replace(other, corpora=np.full(160, "elsewhere")))
