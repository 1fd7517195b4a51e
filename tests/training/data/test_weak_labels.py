"""Laws of weak labels: on [0, 1], between their prototypes, further from neutral the stronger the emotion."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.labels import DIMENSIONS, Scale
from emobridge.training.corpora.base import Utterance
from emobridge.training.data.weak_labels import PROTOTYPES, weak_dimensions

SCALES = {"intensity": Scale(0, 100)}
labels = st.sampled_from(sorted(PROTOTYPES))
votes = st.dictionaries(labels, st.floats(0.1, 20), min_size=1)
percent = st.floats(0, 100)


def weak(scales: dict[str, Scale] = SCALES, **fields: Any) -> dict[str, float]:
    return weak_dimensions(Utterance("id", "toy", **fields), scales)


@given(votes, percent)
def test_values_lie_within_0_and_1(votes: dict[str, float], rated: float) -> None:
    found = weak(votes=votes, dimensions={"intensity": rated})
    assert tuple(found) == DIMENSIONS
    assert all(0 <= value <= 1 for value in found.values())


@given(labels, percent, percent)
def test_the_stronger_the_further_from_neutral(label: str, one: float, other: float) -> None:
    weaker, stronger = (weak(label=label, dimensions={"intensity": rated}) for rated in sorted((one, other)))
    for name in DIMENSIONS:
        assert abs(weaker[name] - 0.5) <= abs(stronger[name] - 0.5)
        assert (weaker[name] - 0.5) * (stronger[name] - 0.5) >= 0


@pytest.mark.parametrize("label", sorted(set(PROTOTYPES) - {"neutral"}))
def test_within_a_category_the_intensity_tells_clips_apart(label: str) -> None:
    assert len({weak(label=label, dimensions={"intensity": rated})["valence"] for rated in (0, 20, 60, 100)}) == 4
    low, normal, high = (weak(label=label, attributes={"intensity": word}) for word in ("low", "normal", "high"))
    assert abs(low["arousal"] - 0.5) < abs(normal["arousal"] - 0.5) < abs(high["arousal"] - 0.5)


@given(labels, labels, st.floats(0.01, 0.99))
def test_votes_lie_between_the_prototypes_by_their_share(one: str, other: str, share: float) -> None:
    first, second, mixed = (weak(votes=votes) for votes in ({one: 1}, {other: 1}, {one: share, other: 1 - share}))
    for name in DIMENSIONS:
        expected = first[name] if one == other else share * first[name] + (1 - share) * second[name]
        assert mixed[name] == pytest.approx(expected)


def test_angry_and_happy_are_more_aroused_than_neutral_and_neutral_than_sad() -> None:
    arousal = {label: weak(label=label)["arousal"] for label in PROTOTYPES}
    assert min(arousal["angry"], arousal["happy"]) > arousal["neutral"] == 0.5 > arousal["sad"]


@given(labels, st.floats(0, 1), st.sampled_from([Scale(0, 1), Scale(1, 5), Scale(-3, 3)]))
def test_intensity_counts_on_the_scale_of_its_corpus(label: str, share: float, scale: Scale) -> None:
    expected = weak(label=label, dimensions={"intensity": 100 * share})
    found = weak({"intensity": scale}, label=label, dimensions={"intensity": scale.from_unit(share)})
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("label", "same"), [("anger", "angry"), ("boredom", "bored"), ("joy", "happy")])
def test_a_synonym_counts_as_its_category(label: str, same: str) -> None:
    assert weak(label=label) == weak(label=same)
    assert weak(votes={label: 1, same: 1, "sad": 1}) == pytest.approx(weak(votes={same: 2, "sad": 1}))


@pytest.mark.parametrize("fields", [{}, {"label": "contempt"}, {"label": "zorn"}, {"votes": {"angry": 0.0}}])
def test_nothing_is_guessed_without_a_prototype(fields: dict[str, Any]) -> None:
    assert weak(**fields) == {}
