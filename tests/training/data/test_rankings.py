"""Laws of orders: higher rungs and stronger clips stand higher, in their own corpus and category alone."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.labels import DIMENSIONS
from emobridge.training.corpora.base import Utterance
from emobridge.training.data.rankings import DIRECTIONS, LADDERS, heard_category, rank_by_category, rank_by_intensity
from emobridge.training.data.weak_labels import PROTOTYPES

strengths = st.lists(st.floats(0, 100), min_size=2, max_size=12)


def clip(label: str | None = None, corpus: str = "toy", **fields: Any) -> Utterance:
    return Utterance("id", corpus, label=label, **fields)


def rated(label: str, values: list[float]) -> list[Utterance]:
    return [clip(label, dimensions={"intensity": value}) for value in values]


def test_ladders_and_directions_agree_with_the_prototypes() -> None:
    assert LADDERS.keys() == DIRECTIONS.keys() == set(DIMENSIONS)
    for axis, name in enumerate(DIMENSIONS):
        rungs = [[PROTOTYPES[category][axis] for category in rung] for rung in LADDERS[name]]
        assert all(max(lower) < min(upper) for lower, upper in pairwise(rungs))
        for category, sign in DIRECTIONS[name].items():
            assert PROTOTYPES[category][axis] * sign > 0


@pytest.mark.parametrize(("dimension", "higher", "lower"), [
    ("arousal", "angry", "neutral"), ("arousal", "neutral", "sad"), ("arousal", "happy", "boredom"),
    ("valence", "happy", "calm"), ("valence", "surprised", "neutral"), ("valence", "neutral", "disgust"),
    ("dominance", "angry", "neutral"), ("dominance", "neutral", "fear"),
])  # fmt: skip
def test_rungs_are_in_their_order(dimension: str, higher: str, lower: str) -> None:
    above, below = rank_by_category([clip(higher), clip(lower)], [dimension]).places[:, 0]
    assert above >= below + 1


def test_a_category_without_a_rung_and_a_clip_without_category_have_no_place() -> None:
    clips = [clip("disgusted"), clip(None), clip("zorn"), clip("sad")]
    assert np.isnan(rank_by_category(clips, ["arousal", "warmth"]).places).tolist() == [[True, True]] * 3 + [
        [False, True]
    ]


def test_votes_count_before_the_label_and_a_tie_is_no_category() -> None:
    assert heard_category(clip("happy", votes={"angry": 3, "happy": 2})) == "angry"
    assert heard_category(clip("happy", votes={"angry": 2, "happy": 2})) is None
    assert heard_category(clip("fear", votes={"angry": 0})) == "fearful"
    assert heard_category(clip()) is None


def test_clips_are_grouped_by_corpus_and_for_intensity_by_category_too() -> None:
    clips = [clip("angry", "one"), clip("anger", "one"), clip("sad", "one"), clip("angry", "two")]
    by_category, by_intensity = (rank(clips, DIMENSIONS).groups for rank in (rank_by_category, rank_by_intensity))
    assert [by_category[0] == group for group in by_category] == [True, True, True, False]
    assert [by_intensity[0] == group for group in by_intensity] == [True, True, False, False]


@given(st.sampled_from(sorted(DIRECTIONS["valence"])), strengths)
def test_places_rise_with_intensity_in_the_direction_of_the_category(label: str, values: list[float]) -> None:
    ranking = rank_by_intensity(rated(label, values), ["valence"])
    places = ranking.places[:, 0] * DIRECTIONS["valence"][label]
    assert ((places >= 0) & (places <= 1)).all()
    for one, place in zip(values, places, strict=True):
        for other, other_place in zip(values, places, strict=True):
            assert (one > other) == (place > other_place)


@given(strengths, st.floats(0.1, 5), st.floats(-9, 9))
def test_places_do_not_depend_on_the_unit_of_the_intensity(values: list[float], scale: float, shift: float) -> None:
    spread = [float(round(value)) for value in values]
    one = rank_by_intensity(rated("angry", spread), ["arousal"]).places
    other = rank_by_intensity(rated("angry", [scale * value + shift for value in spread]), ["arousal"]).places
    np.testing.assert_allclose(one, other)


def test_an_acted_intensity_counts_where_the_corpus_rates_none() -> None:
    acted = [clip("angry", attributes={"intensity": word}) for word in ("normal", "strong")]
    weak, strong = rank_by_intensity(acted, ["arousal"]).places[:, 0]
    assert (weak, strong) == (0.25, 0.75)
    mixed = rank_by_intensity([*acted, *rated("angry", [10, 90])], ["arousal"]).places[:, 0]
    assert np.isnan(mixed[:2]).all()
    assert np.isfinite(mixed[2:]).all()


def test_strength_is_counted_against_the_known_clips_alone() -> None:
    clips = rated("angry", [10, 20, 30, 99, 99, 99])
    known = rank_by_intensity(clips, ["arousal"], np.array([0, 1, 2])).places[:3]
    assert np.array_equal(known, rank_by_intensity(clips[:3], ["arousal"]).places)


@pytest.mark.parametrize("label", ["sad", "neutral", "bored"])
def test_nothing_is_said_where_the_direction_is_not_known(label: str) -> None:
    assert np.isnan(rank_by_intensity(rated(label, [10, 90]), ["arousal"]).places).all()
