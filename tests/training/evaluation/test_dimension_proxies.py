"""Laws of the proxies: what a dimension that only repeats the category scores, and what one that follows the voice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy.dimension_proxies import (
    measured_proxies,
    rank_correlation,
    right_order_share,
    within_share,
)
from emobridge.training.corpora.base import Utterance
from emobridge.training.evaluation.predictions import Predictions

AROUSAL = {"angry": 0.8, "happy": 0.8, "sad": 0.3}
numbers = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=20)


class Clips:
    """Clips of three categories that the model recognises, every other one strong, of arousal as it is given."""

    def __init__(self, predictions: Predictions) -> None:
        rows = len(predictions)
        self.strong = np.arange(rows) % 2 == 1
        self.by_category = np.array([AROUSAL[label] for label in predictions.labels])
        self.predictions = replace(predictions, dimensions=("valence", "arousal"), probabilities=predictions.truth)
        self.utterances = {
            ("toy", id_): Utterance(id_, "toy", label=label, attributes={"intensity": ("normal", "strong")[row % 2]})
            for row, (id_, label) in enumerate(zip(predictions.ids.tolist(), predictions.labels.tolist(), strict=True))
        }

    def said(self, arousal: NDArray[Any], presence: str = "acoustic") -> Predictions:
        both = np.stack([arousal, arousal], axis=1).astype(np.float32)
        return replace(self.predictions, predicted_dimensions=both, presence=np.full(len(self.predictions), presence))

    def proxies(self, *said: Predictions) -> dict[str, float]:
        return dict(measured_proxies(Predictions.concatenate(said), self.utterances).values())


@pytest.fixture
def clips(make_predictions: Callable[..., Predictions]) -> Clips:
    return Clips(make_predictions())


def test_a_function_of_the_category_alone_keeps_its_order_and_shows_nothing_within(clips: Clips) -> None:
    found = clips.proxies(clips.said(clips.by_category))
    assert found["category_order_arousal"] == 1.0
    assert found["intensity_order_arousal"] == 0.5
    assert found["within_category_arousal"] == pytest.approx(0, abs=1e-9)
    assert found["within_answer_arousal"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(found["intensity_rank_arousal"])


def test_what_follows_the_intensity_too_is_in_order_within_categories(clips: Clips) -> None:
    found = clips.proxies(clips.said(clips.by_category + 0.05 * clips.strong))
    assert found["category_order_arousal"] == found["intensity_order_arousal"] == 1.0
    assert found["intensity_rank_arousal"] == pytest.approx(1.0)
    assert 0 < found["within_category_arousal"] < 0.2


def test_valence_should_move_away_from_neutral_with_intensity(clips: Clips) -> None:
    away = np.where(clips.predictions.labels == "happy", 1, -1) * (0.2 + 0.1 * clips.strong)
    found = clips.proxies(clips.said(0.5 + away))
    assert found["intensity_order_valence"] == found["category_order_valence"] == 1.0
    assert found["intensity_rank_valence"] == pytest.approx(1.0)


def test_noise_is_at_chance_and_the_opposite_below(clips: Clips) -> None:
    found = clips.proxies(clips.said(np.random.default_rng(0).uniform(size=len(clips.predictions))))
    assert found["category_order_arousal"] == pytest.approx(0.5, abs=0.1)
    assert found["intensity_order_arousal"] == pytest.approx(0.5, abs=0.15)
    assert found["within_category_arousal"] > 0.9
    assert clips.proxies(clips.said(1 - clips.by_category))["category_order_arousal"] == 0.0


def test_rows_that_were_read_do_not_count(clips: Clips) -> None:
    heard, read = clips.said(clips.by_category), clips.said(1 - clips.by_category, "both")
    assert clips.proxies(heard, read) == pytest.approx(clips.proxies(heard), nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_of_two_places_the_share_is_the_area_under_the_roc_curve(items: list[tuple[int, bool]]) -> None:
    values, strong = (np.array(column) for column in zip(*items, strict=True))
    found = right_order_share(values.astype(np.float32), strong.astype(np.float32), np.zeros(len(items), np.int64))
    if len(set(strong)) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(strong, values))


@given(numbers)
def test_rank_correlation_is_spearman_s(items: list[tuple[int, int]]) -> None:
    values, places = (np.array(column, np.float64) for column in zip(*items, strict=True))
    found = rank_correlation(values, places, np.zeros(len(items), np.int64))
    if np.ptp(values) == 0 or np.ptp(places) == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(values, places).statistic)


@given(numbers, st.floats(0.5, 3), st.floats(-2, 2))
def test_the_share_within_groups_is_one_minus_that_between_and_has_no_unit(
    items: list[tuple[int, int]], scale: float, shift: float
) -> None:
    values, groups = (np.array(column, np.float64) for column in zip(*items, strict=True))
    found = within_share(values, groups)
    if np.ptp(values) == 0:
        assert np.isnan(found)
        return
    means = np.array([values[groups == group].mean() for group in groups])
    assert found == pytest.approx(1 - means.var() / values.var(), abs=1e-9)
    assert within_share(scale * values + shift, groups) == pytest.approx(found, abs=1e-9)
