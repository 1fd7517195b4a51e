"""Laws of pairs: a sentence says what its kind promises, shares are kept, and the labels follow the kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import RecipeError
from emobridge.training.data.batches import BatchStream, StreamConfig, collate
from emobridge.training.data.examples import Examples
from emobridge.training.data.text_pairing import CONTRADICTING, NEAR_NEUTRAL, PAIRINGS, Partners


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    """Clips with their words, of angry, neutral and sad; every fifth is unlabelled."""
    made = toy_examples(dimensions=("valence", "arousal"))
    targets = made.targets.copy()
    targets[::5] = 0
    return replace(made, targets=targets)


def stream_of(examples: Examples, seed: int = 1, **shares: float) -> BatchStream:
    config = StreamConfig("paired", 6, **shares)
    return BatchStream(examples, np.arange(len(examples)), config, (1.0,), seed)


def read_rows(examples: Examples, batch: Any) -> list[set[int]]:
    """Return for each row which examples have the text that it reads."""
    texts = [tuple(ids.tolist()) for ids in examples.token_ids]
    read = [tuple(ids[mask.bool()].tolist()) for ids, mask in zip(batch.token_ids, batch.token_mask, strict=True)]
    return [{row for row, text in enumerate(texts) if text == one} for one in read]


@given(st.integers(0, 35), st.sampled_from(PAIRINGS), st.integers(0, 99))
def test_a_sentence_is_of_the_kind_that_was_asked(examples: Examples, clip: int, pairing: str, seed: int) -> None:
    if not examples.targets[clip].any():
        return
    partners = Partners(examples, np.arange(36))
    read = partners.draw(clip, pairing, np.random.default_rng(seed))
    assert read is not None
    heard, said = (int(examples.targets[row].argmax()) for row in (clip, read))
    neutral = examples.categories.index("neutral")
    if pairing == "irrelevant":
        rated = np.abs(examples.rated_dimensions[read] - 0.5) <= NEAR_NEUTRAL
        assert said == neutral if examples.targets[read].any() else rated.all()
    else:
        assert (said == heard) == (pairing == "matching")
        assert pairing == "matching" or said != neutral


def test_a_clip_that_everything_else_agrees_with_has_no_contradiction(examples: Examples) -> None:
    angry = np.flatnonzero(examples.targets[:, examples.categories.index("angry")])
    partners = Partners(examples, angry)
    assert partners.can("contradicting")
    assert partners.draw(int(angry[0]), "contradicting", np.random.default_rng(0)) is None
    assert not partners.can("irrelevant")


@given(st.integers(0, 50), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_labels_are_the_mix_where_words_contradict_and_the_clip_s_elsewhere(
    examples: Examples, number: int, seed: int
) -> None:
    batch = stream_of(examples, seed, matching=1.0, contradicting=1.0, irrelevant=1.0).batch(number)
    for row, read in enumerate(read_rows(examples, batch)):
        clip, kind = int(batch.rows[row]), int(batch.pairing[row])
        own = torch.from_numpy(examples.targets[clip])
        if kind == CONTRADICTING:
            others = [torch.from_numpy(examples.targets[one]) for one in read]
            assert any(torch.equal(batch.targets[row], (own + other) / 2) for other in others)
            assert batch.targets[row].max() == 0.5
        else:
            assert torch.equal(batch.targets[row], own)
            assert torch.equal(batch.dimensions[row], torch.from_numpy(examples.dimensions[clip]))


def test_dimensions_of_a_contradiction_are_the_mean_of_both_or_missing(examples: Examples) -> None:
    dimensions = examples.dimensions.copy()
    dimensions[3, 0] = np.nan
    gappy = replace(examples, dimensions=dimensions)
    batch = collate(gappy, [1, 3], [3, 1], pairing=[CONTRADICTING, 0])
    assert torch.isnan(batch.dimensions[:, 0]).all()
    assert batch.dimensions[0, 1] == pytest.approx(float(dimensions[[1, 3], 1].mean()))
    assert batch.dimensions[1, 1] == dimensions[3, 1]


def test_what_is_allowed_in_a_contradiction_is_what_either_may_be(examples: Examples) -> None:
    allowed = np.zeros_like(examples.allowed)
    allowed[1, 0] = allowed[3, 2] = True
    batch = collate(replace(examples, allowed=allowed), [1, 1], [3, 3], pairing=[CONTRADICTING, 0])
    assert batch.allowed.tolist() == [[True, False, True], [True, False, False]]


def test_weak_are_the_labels_that_nobody_rated(examples: Examples) -> None:
    rated = examples.rated_dimensions.copy()
    rated[1] = np.nan
    batch = collate(
        replace(examples, rated_dimensions=rated), [1, 2, 2], [None, None, 1], pairing=[0, 0, CONTRADICTING]
    )
    assert batch.weak.tolist() == [[True, True], [False, False], [True, True]]


@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (2, 1, 1), (0.1, 0, 0.3)])
def test_shares_are_kept_over_many_draws(examples: Examples, shares: tuple[float, float, float]) -> None:
    labelled = examples.targets.any(axis=1)
    whole = replace(examples, targets=np.where(labelled[:, None], examples.targets, np.eye(3, dtype=np.float32)[0]))
    stream = stream_of(whole, **dict(zip(PAIRINGS, shares, strict=True)))
    kinds = torch.cat([stream.batch(number).pairing for number in range(150)])
    found = np.bincount(kinds.numpy(), minlength=3) / len(kinds)
    expected = np.array(shares) / sum(shares)
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / np.sqrt(len(kinds)))
    assert (found[expected == 0] == 0).all()


def test_matching_clips_meet_the_same_sentences_whatever_their_share(examples: Examples) -> None:
    for number in range(6):
        one, other = (stream_of(examples, matching=share).batch(number) for share in (1.0, 3.0))
        assert torch.equal(one.token_ids, other.token_ids)
        assert not one.pairing.any()


@pytest.mark.parametrize(("kind", "shares", "words"), [
    ("paired", {"matching": 0.0}, "are all 0"), ("acoustic", {"irrelevant": 0.5}, "belong to a 'paired' stream"),
])  # fmt: skip
def test_shares_that_mean_nothing_are_refused(kind: Any, shares: dict[str, float], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        StreamConfig(kind, 4, **shares)


def test_pairs_without_any_sentence_for_them_are_refused(examples: Examples) -> None:
    rated = np.zeros_like(examples.rated_dimensions)
    nothing = replace(examples, categories=("angry", "plain", "sad"), rated_dimensions=rated)
    with pytest.raises(RecipeError, match="irrelevant pairs; the training part has no sentence"):
        stream_of(nothing, irrelevant=0.2)
