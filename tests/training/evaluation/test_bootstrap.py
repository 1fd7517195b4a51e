"""Intervals cover what they claim to cover, and systems are compared on the same speakers."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from emobridge.training.evaluation.bootstrap import Measured, bootstrap_intervals, paired_differences, speaker_units
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import score


def mean_of(values: NDArray[np.float64], units: NDArray[np.str_]) -> Measured:
    return Measured(lambda rows: {"mean": float(values[rows].mean())}, units)


def draw_speakers(generator: np.random.Generator, speakers: int, each: int = 10) -> Measured:
    """The mean of values whose true mean is 0 and in which speakers differ more than their utterances do."""
    values = np.repeat(generator.normal(size=speakers), each) + 0.3 * generator.normal(size=speakers * each)
    return mean_of(values, np.repeat([f"s{speaker}" for speaker in range(speakers)], each))


def test_intervals_cover_the_true_value_nearly_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    results = [bootstrap_intervals(draw_speakers(generator, 40, each=3), 200, seed)["mean"] for seed in range(150)]
    # Percentile intervals of 40 speakers cover 0.93 to 0.94; the bounds are three standard errors of 150 trials away.
    assert 0.87 <= np.mean([result.low <= 0 <= result.high for result in results]) < 1


def test_drawing_utterances_in_place_of_speakers_would_promise_too_much() -> None:
    generator = np.random.default_rng(0)
    covered = []
    for seed in range(50):
        system = draw_speakers(generator, 30)
        alone = Measured(system.measure, np.array([str(row) for row in range(len(system.units))]))
        result = bootstrap_intervals(alone, 200, seed)["mean"]
        covered.append(result.low <= 0 <= result.high)
    assert np.mean(covered) < 0.6


def test_an_interval_holds_its_estimate_and_is_the_same_for_the_same_seed() -> None:
    system = draw_speakers(np.random.default_rng(1), 12)
    first, second, other = (bootstrap_intervals(system, 300, seed)["mean"] for seed in (5, 5, 6))
    assert first.low < first.value < first.high
    assert first == second
    assert (first.low, first.high) != (other.low, other.high)
    assert first.value == other.value


def test_more_speakers_give_a_narrower_interval() -> None:
    few, many = (
        bootstrap_intervals(draw_speakers(np.random.default_rng(2), speakers), 300)["mean"] for speakers in (10, 160)
    )
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_one_speaker_gives_no_interval() -> None:
    result = bootstrap_intervals(draw_speakers(np.random.default_rng(0), 1), 50)["mean"]
    assert np.isfinite(result.value)
    assert np.isnan([result.low, result.high]).all()


def test_resamples_without_the_metric_do_not_count() -> None:
    units = np.array(["a", "b"])
    system = Measured(lambda rows: {"share": 1.0 if set(rows) == {0, 1} else float("nan")}, units)
    result = bootstrap_intervals(system, 50)["share"]
    assert (result.low, result.high) == (1.0, 1.0)


def test_speakers_of_two_corpora_differ_and_an_unknown_one_is_its_own_unit() -> None:
    corpora, speakers = np.array(["x", "y", "x", "x", "x", "x"]), np.array(["1", "1", "1", "", "", ""])
    units = speaker_units(corpora, speakers, np.array(["a", "a", "b", "c", "d", "c"]))
    groups = [np.flatnonzero(units == unit).tolist() for unit in dict.fromkeys(units.tolist())]
    assert groups == [[0, 2], [1], [3, 5], [4]]


def test_a_system_does_not_differ_from_itself() -> None:
    system = draw_speakers(np.random.default_rng(3), 20)
    result = paired_differences(system, system, 100)["mean"]
    assert (result.value, result.low, result.high, result.share_not_positive) == (0, 0, 0, 1)


def test_pairing_finds_a_small_steady_gain_that_separate_intervals_cannot() -> None:
    generator = np.random.default_rng(4)
    base = np.repeat(generator.normal(size=20), 10)
    units = np.repeat([f"s{speaker}" for speaker in range(20)], 10)
    better = mean_of(base + 0.1 + 0.1 * generator.normal(size=200), units)
    result = paired_differences(better, mean_of(base, units), 500)["mean"]
    assert 0 < result.low < result.value < result.high
    assert result.share_not_positive == 0
    apart = [bootstrap_intervals(system, 500)["mean"] for system in (better, mean_of(base, units))]
    assert apart[0].low < apart[1].high


def test_differences_keep_their_error_rate_where_there_is_none() -> None:
    generator = np.random.default_rng(5)
    units = np.repeat([f"s{speaker}" for speaker in range(30)], 5)
    excluded = []
    for seed in range(150):
        base = np.repeat(generator.normal(size=30), 5)
        systems = [mean_of(base + np.repeat(generator.normal(size=30), 5), units) for _ in range(2)]
        result = paired_differences(*systems, 150, seed)["mean"]
        excluded.append(result.low > 0 or result.high < 0)
    assert np.mean(excluded) <= 0.12


def test_a_system_with_more_seeds_is_compared_on_the_same_speakers() -> None:
    system = draw_speakers(np.random.default_rng(6), 15)
    values = np.array([system.measure(np.array([row]))["mean"] for row in range(len(system.units))])
    tripled = mean_of(np.tile(values, 3) + 1.0, np.tile(system.units, 3))
    result = paired_differences(tripled, system, 100)["mean"]
    assert [result.value, result.low, result.high] == pytest.approx([1.0, 1.0, 1.0])


def test_1000_resamples_of_ten_metrics_on_4481_items_take_less_than_ten_seconds(
    make_predictions: Callable[..., Predictions],
) -> None:
    predictions = make_predictions(speakers=9, per_speaker=498)
    start = time.process_time()
    assert len(score(predictions, resamples=250).metrics) >= 10
    assert 4 * (time.process_time() - start) < 10
