"""Laws of colour: one a category, told apart by eyes of every kind."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.labels import CATEGORY_SETS
from emobridge.visualization.palette import COLOURS, FAINTEST, category_colours, opacity

# Machado, Oliveira and Fernandes, 2009: full severity, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colour: str, sight: str) -> NDArray[np.float64]:
    encoded = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SIGHTS[sight]) @ linear, 0, 1)
    root = np.cbrt(TO_XYZ @ seen / WHITE)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_categories_look_different(sight: str) -> None:
    seen = {name: lab(colour, sight) for name, colour in COLOURS.items()}
    assert min(np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(seen, 2)) >= 20


def test_every_category_of_ours_has_its_colour() -> None:
    assert category_colours(CATEGORY_SETS["nine"]) == COLOURS


@given(st.lists(st.text(), unique=True, max_size=4), st.sets(st.sampled_from(sorted(COLOURS)), max_size=5))
def test_categories_of_ones_own_get_colours_that_are_left(own: list[str], ours: set[str]) -> None:
    colours = category_colours([*own, *sorted(ours)])
    assert len(set(colours.values())) == len(colours)
    assert all(colours[name] == COLOURS[name] for name in ours)


@given(st.lists(st.text(min_size=1), min_size=10, max_size=30))
def test_more_categories_than_colours_still_have_one_each(names: list[str]) -> None:
    assert category_colours(names).keys() == set(names)


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_surer_is_never_fainter(one: float, other: float) -> None:
    assert FAINTEST <= opacity(min(one, other)) <= opacity(max(one, other)) <= 1
