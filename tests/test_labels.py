"""Laws of labels: maps translate both ways and lose only what they say; scales invert; views are distributions."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from emobridge.errors import LabelError
from emobridge.labels import (
    CATEGORIES,
    CATEGORY_SETS,
    FOUR_CATEGORIES,
    Scale,
    label_map,
    sharpened,
    view_probabilities,
    views_of,
)

SOURCES = ("crema_d", "ravdess", "emodb", "nemo", "meld", "emorynlp", "iemocap", "msp_podcast", "common")
maps = pytest.mark.parametrize("target", list(CATEGORY_SETS))
sources = pytest.mark.parametrize("source", SOURCES)
ends = st.floats(-1e6, 1e6)


@maps
@sources
def test_a_category_translated_back_and_forth_is_itself(source: str, target: str) -> None:
    table = label_map(source, target)
    for category in table.target:
        raw = table.translate_back(category)
        assert raw is None or table.translate(raw) == category
    assert {category for category in table.target if table.translate_back(category)} == set(
        np.array(table.target)[table.allowed]
    )


@maps
@sources
def test_every_raw_label_is_kept_or_declared_lost(source: str, target: str) -> None:
    table = label_map(source, target)
    kept = [raw for raw in table.forward if table.translate(raw) in table.target]
    assert sorted([*kept, *table.lost]) == sorted(table.forward)
    assert all(len(group) > 1 for group in table.merged.values())
    assert sum(len(group) - 1 for group in table.merged.values()) == len(kept) - int(table.allowed.sum())


@sources
@pytest.mark.parametrize("target", ["seven", "four"])
def test_a_smaller_set_is_the_nine_class_map_without_what_it_has_no_place_for(source: str, target: str) -> None:
    nine, smaller = label_map(source, "nine"), label_map(source, target)
    assert nine.forward.keys() == smaller.forward.keys()
    for raw, category in nine.forward.items():
        assert smaller.translate(raw) == (category if category in CATEGORY_SETS[target] else None)


def test_each_set_of_categories_begins_with_the_next_smaller_one_of_its_kind() -> None:
    assert [len(names) for names in CATEGORY_SETS.values()] == [9, 7, 6, 5, 4]
    for name, names in CATEGORY_SETS.items():
        assert len(set(names)) == len(names)
        assert label_map("common", name).target == names
        assert names[:4] == FOUR_CATEGORIES
    assert CATEGORY_SETS["nine"][:7] == CATEGORY_SETS["seven"] == CATEGORIES
    assert CATEGORY_SETS["six"][:5] == CATEGORY_SETS["five"]


@sources
def test_excitement_is_happiness_and_frustration_is_lost_unless_the_set_has_them(source: str) -> None:
    nine, six, five = (label_map(source, target) for target in ("nine", "six", "five"))
    for raw, category in nine.forward.items():
        if six.translate(raw) == "excited":
            assert category == five.translate(raw) == "happy"
        elif six.translate(raw) == "frustrated":
            assert (category, five.translate(raw)) == (None, "frustrated")
        else:
            assert six.translate(raw) == five.translate(raw) == (category if category in FOUR_CATEGORIES else None)


def test_calm_and_bored_are_categories_of_nine_and_of_no_smaller_set() -> None:
    for source, raw, category in (
        ("ravdess", "calm", "calm"),
        ("emodb", "boredom", "bored"),
        ("mine", "bored", "bored"),
    ):
        assert [label_map(source, target).translate(raw) for target in CATEGORY_SETS] == [category] + 4 * [None]


@given(st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_own_labels_are_kept_as_they_are(labels: list[str]) -> None:
    table = label_map("anything", "own", tuple(labels))
    assert table.lost == ()
    assert [table.translate(label) for label in labels] == labels == [table.translate_back(label) for label in labels]


def test_a_corpus_without_a_map_of_its_own_uses_the_common_one() -> None:
    assert label_map("mine", "seven") == label_map("common", "seven")


@given(st.dictionaries(st.sampled_from(sorted(label_map("ravdess", "seven").forward)), st.floats(0, 1e3)))
def test_votes_become_a_distribution_or_nothing(votes: dict[str, float]) -> None:
    table = label_map("ravdess", "seven")
    distribution = table.distribution(votes)
    counted = sum(count for raw, count in votes.items() if table.translate(raw))
    assert (distribution >= 0).all()
    assert distribution.sum() == pytest.approx(1.0 if counted > 1e-30 else distribution.sum(), abs=1e-6)
    if not counted:
        assert not distribution.any()


def test_lost_votes_are_dropped_and_the_rest_renormalised() -> None:
    distribution = label_map("ravdess", "seven").distribution({"angry": 1, "sad": 3, "calm": 4})
    assert dict(zip(CATEGORIES, distribution, strict=True)) == dict.fromkeys(CATEGORIES, 0.0) | {
        "angry": 0.25,
        "sad": 0.75,
    }


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: label_map("meld", "eight"), r"'eight'; valid: own, nine, seven, six, five, four"),
        (lambda: label_map("meld", "nin"), r"did you mean 'nine'\?"),
        (lambda: label_map("meld", "seven").translate("joyy"), r"'joyy'.*meld-seven v1.*did you mean 'joy'\?"),
        (lambda: label_map("meld", "seven").translate("JOY"), r"'JOY'.*did you mean 'joy'\?"),
        (lambda: label_map("mine", "own", ("Calm", "Very Sad")).translate("very sad "), r"did you mean 'Very Sad'\?"),
        (lambda: label_map("meld", "seven").translate_back("hapy"), r"'hapy'.*did you mean 'happy'\?"),
        (lambda: label_map("meld", "seven").distribution({"joyy": 1}), r"'joyy'"),
        (lambda: Scale(1, 1), r"scale 1\.\.1"),
        (lambda: Scale(math.nan, 1), r"scale nan"),
        (lambda: view_probabilities(np.ones(2, np.float32), ("a", "b"), ("c",)), r"'c'; the model has a, b"),
    ],
)
def test_what_is_not_known_is_refused_by_name(call: object, told: str) -> None:
    assert callable(call)
    with pytest.raises(LabelError, match=told):
        call()


@given(ends, ends, st.floats(0, 1))
def test_a_scale_there_and_back_is_the_identity(first: float, second: float, share: float) -> None:
    if abs(first - second) < 1e-3:
        return
    scale = Scale(min(first, second), max(first, second))
    assert scale.to_unit(scale.low) == 0.0
    assert scale.to_unit(scale.high) == 1.0
    assert scale.to_unit(scale.from_unit(share)) == pytest.approx(share, abs=1e-6)
    assert math.isnan(scale.to_unit(math.nan))


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda values: sum(values[:4]) > 1e-6))
def test_a_view_is_a_distribution_in_the_same_proportions(values: list[float]) -> None:
    probabilities = np.array(values, dtype=np.float32) / np.float32(sum(values))
    view = view_probabilities(probabilities, CATEGORIES, FOUR_CATEGORIES)
    assert view.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(view * probabilities[:4].sum(), probabilities[:4], atol=1e-6)


def test_a_view_of_many_rows_is_the_view_of_each() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(7), size=(2, 3)).astype(np.float32)
    together = view_probabilities(rows, CATEGORIES, FOUR_CATEGORIES)
    np.testing.assert_array_equal(together[1, 2], view_probabilities(rows[1, 2], CATEGORIES, FOUR_CATEGORIES))


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=4), st.floats(0.05, 20)
)
def test_sharpened_probabilities_are_the_softmax_of_scaled_logarithms(
    rows: list[list[float]], temperature: float
) -> None:
    given = np.array(rows, dtype=np.float32)
    logarithms = np.log(np.maximum(given, np.finfo(np.float32).tiny).astype(np.float64))
    np.testing.assert_allclose(
        sharpened(given, temperature), scipy.special.softmax(logarithms / temperature, axis=1), atol=1e-6
    )


def test_a_set_of_categories_is_a_view_where_it_is_closed() -> None:
    views = {name: list(views_of(categories)) for name, categories in CATEGORY_SETS.items()}
    assert views == {"nine": ["seven", "four"], "seven": ["four"], "six": [], "five": ["four"], "four": []}
    assert views_of(("angry", "happy", "neutral", "sad", "my own")) == {"four": FOUR_CATEGORIES}
