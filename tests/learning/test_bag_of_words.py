"""Laws of the bag of words: it never judges a dialogue that it learned from, and speaks only of labelled texts."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.learning.bag_of_words import bag_of_words_says
from emobridge.learning.features import Examples
from emobridge.learning.teaching import Opinion, with_bag_of_words


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    """The table's 36 clips, six to a dialogue."""
    made = toy_examples()
    talks = [dataclasses.replace(one, dialogue=str(row // 6)) for row, one in enumerate(made.utterances)]
    return dataclasses.replace(made, utterances=tuple(talks))


def all_rows(examples: Examples) -> np.ndarray:
    return np.arange(len(examples.utterances))


def test_words_that_tell_the_category_are_found(examples: Examples) -> None:
    said = bag_of_words_says(examples, all_rows(examples))
    assert_allclose(said.sum(axis=1), 1, atol=1e-5)
    assert_array_equal(said.argmax(axis=1), examples.targets.argmax(axis=1))


def test_a_dialogue_has_no_part_in_what_is_said_of_it(examples: Examples) -> None:
    rows = all_rows(examples)
    turned = examples.targets.copy()
    turned[:6] = np.roll(turned[:6], 1, axis=1)
    before, after = (
        bag_of_words_says(examples, rows),
        bag_of_words_says(dataclasses.replace(examples, targets=turned), rows),
    )
    assert_array_equal(after[:6], before[:6])
    assert not np.array_equal(after[6:], before[6:])


def test_what_has_no_category_or_no_dialogue_beside_it_is_not_spoken_of(examples: Examples) -> None:
    targets = examples.targets.copy()
    targets[::2] = 0
    said = bag_of_words_says(dataclasses.replace(examples, targets=targets), all_rows(examples))
    assert not said[::2].any()
    assert_allclose(said[1::2].sum(axis=1), 1, atol=1e-5)
    assert not bag_of_words_says(examples, all_rows(examples)[:6]).any()


def test_apostrophes_count_alike_however_they_are_written(examples: Examples) -> None:
    def with_mark(mark: str) -> Examples:
        lines = [dataclasses.replace(one, text=f"it{mark}s {one.text}") for one in examples.utterances]
        return dataclasses.replace(examples, utterances=tuple(lines))

    straight, curly = (bag_of_words_says(with_mark(mark), all_rows(examples)) for mark in "'’")
    assert_array_equal(straight, curly)


def test_its_share_of_an_opinion_is_what_the_recipe_says(examples: Examples) -> None:
    rows = all_rows(examples)
    even = Opinion(np.full(examples.targets.shape, 0.2, np.float32), np.zeros((len(rows), 1), np.float32))
    said = bag_of_words_says(examples, rows)
    mixed = with_bag_of_words(even, examples, rows, 0.25)
    allowed = examples.allowed / examples.allowed.sum(axis=1, keepdims=True)
    assert_allclose(mixed.probabilities, 0.75 * allowed + 0.25 * said, atol=1e-6)
    silent = dataclasses.replace(examples, targets=np.zeros_like(examples.targets))
    assert_array_equal(with_bag_of_words(even, silent, rows, 0.25).probabilities, even.probabilities)
