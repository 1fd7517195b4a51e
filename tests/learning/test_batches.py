"""Laws of batches: what is in one depends on the seed and its number alone; nothing is lost or added."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from emobridge.encoders.log_mel import LogMelSettings
from emobridge.errors import RecipeError
from emobridge.learning.batches import BatchStream, StreamConfig, collate, sampling_probabilities
from emobridge.learning.cache import ArrayCache
from emobridge.learning.corpora.base import Utterance
from emobridge.learning.features import Examples

Row = tuple[int, int, int, int | None]  # corpus, frames, tokens beside the two special ones, category
CATEGORIES = ("angry", "happy", "sad")


def examples_of(folder: Path, rows: Sequence[Row]) -> Examples:
    """Return examples whose first frame and whose tokens tell which row they are."""
    cache = ArrayCache(folder, np.float16, 64)
    targets = np.zeros((len(rows), 3), np.float32)
    for index, (_, frames, _, category) in enumerate(rows):
        cache.add(str(index), np.random.default_rng(index).standard_normal((frames, 64)))
        if category is not None:
            targets[index, category] = 1
    return Examples(
        utterances=tuple(Utterance(str(index), f"corpus-{row[0]}") for index, row in enumerate(rows)),
        corpus_names=tuple(f"corpus-{number}" for number in range(1 + max(row[0] for row in rows))),
        categories=CATEGORIES,
        dimension_names=("valence",),
        corpora=np.array([row[0] for row in rows]),
        targets=targets,
        allowed=np.ones((len(rows), 3), bool),
        dimensions=np.arange(len(rows), dtype=np.float32)[:, None] / len(rows),
        rated_dimensions=np.full((len(rows), 1), np.nan, np.float32),
        token_ids=tuple(
            np.full(row[2] + 2, index + 10) if row[2] else np.zeros(0, int) for index, row in enumerate(rows)
        ),
        frame_keys=tuple(str(index) if row[1] else None for index, row in enumerate(rows)),
        frame_counts=np.array([row[1] for row in rows]),
        settings=LogMelSettings(),
        cache=cache,
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """40 utterances of sound alone, text alone, or both, some without a label."""
    random = np.random.default_rng(0)
    kinds = [(0, 1), (1, 0), (1, 1)]
    rows: list[Row] = []
    for index in range(40):
        sound, text = kinds[index % 3]
        label = None if index % 7 == 0 else index % 3 if index % 2 else (index + 1) % 3
        rows.append((index % 3, sound * int(random.integers(5, 90)), text * int(random.integers(1, 9)), label))
    return examples_of(tmp_path_factory.mktemp("mixed"), rows)


def stream_of(examples: Examples, kind: Any, seed: int = 1, longest_s: float = 9.0, batch_size: int = 4) -> BatchStream:
    config = StreamConfig(kind, batch_size)
    return BatchStream(examples, np.arange(len(examples)), config, (1.0, 1.0, 1.0), seed, longest_s)


def equal(one: Any, other: Any) -> bool:
    return all(
        torch.equal(torch.nan_to_num(value), torch.nan_to_num(getattr(other, name)))
        for name, value in vars(one).items()
    )


@given(
    st.sampled_from(["natural", "acoustic", "linguistic", "paired"]),
    st.integers(0, 99),
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_a_batch_depends_on_the_seed_and_its_number_alone(
    mixed: Examples, kind: str, seed: int, numbers: list[int]
) -> None:
    jumping = stream_of(mixed, kind, seed, longest_s=0.3)
    for number in numbers:
        fresh = stream_of(mixed, kind, seed, longest_s=0.3)
        assert equal(jumping.batch(number), fresh.batch(number))


def test_reading_in_order_equals_random_access_and_seeds_differ(mixed: Examples) -> None:
    in_order = list(map(stream_of(mixed, "natural").batch, range(20)))
    backwards = stream_of(mixed, "natural")
    assert all(equal(in_order[number], backwards.batch(number)) for number in reversed(range(20)))
    assert not all(equal(batch, stream_of(mixed, "natural", seed=2).batch(n)) for n, batch in enumerate(in_order[:4]))


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_collating_pads_with_a_mask_and_keeps_every_value(mixed: Examples, pairs: list[tuple[int, int]]) -> None:
    heard, read = zip(*pairs, strict=True)
    batch = collate(mixed, heard, read)
    for row, (sound, text) in enumerate(pairs):
        frames, ids = mixed.frames(sound), mixed.token_ids[text]
        assert_array_equal(batch.frames[row][batch.frame_mask[row]].numpy(), frames)
        assert_array_equal(batch.token_ids[row][batch.token_mask[row].bool()].numpy(), ids)
        assert not batch.frames[row][~batch.frame_mask[row]].any()
        assert not batch.token_ids[row][~batch.token_mask[row].bool()].any()
        assert batch.frame_mask[row, : len(frames)].all()
        assert batch.presence[row].tolist() == [len(frames) > 0, len(ids) > 0]
    assert_array_equal(batch.targets.numpy(), mixed.targets[list(heard)])
    assert_array_equal(batch.dimensions.numpy(), mixed.dimensions[list(heard)])


def test_the_absent_is_absent_and_text_alone_brings_its_own_labels(mixed: Examples) -> None:
    batch = collate(mixed, [None, 1], [0, None])
    assert batch.presence.tolist() == [[False, True], [True, False]]
    assert_array_equal(batch.targets.numpy(), mixed.targets[[0, 1]])


@given(st.integers(1, 120), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_crop_is_an_unbroken_piece_of_the_asked_length(mixed: Examples, longest_frames: int, seed: int) -> None:
    whole = mixed.frames(1)
    middle = collate(mixed, [1], [None], longest_frames / 100)
    drawn = collate(mixed, [1], [None], longest_frames / 100, np.random.default_rng(seed))
    for batch in (middle, drawn):
        piece = batch.frames[0][batch.frame_mask[0]].numpy()
        assert len(piece) == min(longest_frames, len(whole))
        assert any(np.array_equal(piece, whole[start : start + len(piece)]) for start in range(len(whole)))
    start = (len(whole) - len(piece)) // 2
    assert_array_equal(middle.frames[0].numpy(), whole[start : start + len(piece)])


def test_streams_hide_what_they_are_not_about(mixed: Examples) -> None:
    expected = {"acoustic": [True, False], "linguistic": [False, True]}
    for kind, presence in expected.items():
        stream = stream_of(mixed, kind)
        assert all((stream.batch(number).presence == torch.tensor(presence)).all() for number in range(10))
    assert all(stream_of(mixed, "natural").batch(number).presence.any(dim=1).all() for number in range(10))
    assert {len(stream_of(mixed, "natural").batch(number).targets) for number in range(16)} == {4}


def test_a_paired_clip_meets_a_sentence_of_its_category(mixed: Examples) -> None:
    stream = stream_of(mixed, "paired")
    for number in range(20):
        batch = stream.batch(number)
        assert batch.presence.all()
        sentences = batch.token_ids[:, 0].numpy() - 10
        assert_array_equal(mixed.targets[sentences], batch.targets.numpy())


@pytest.mark.parametrize(("kind", "rows"), [
    ("acoustic", [(0, 0, 3, 0)]), ("linguistic", [(0, 9, 0, 0)]), ("paired", [(0, 9, 0, 0)]),
    ("paired", [(0, 9, 3, None)]),
])  # fmt: skip
def test_a_stream_with_nothing_to_draw_from_is_refused(tmp_path: Path, kind: str, rows: list[Row]) -> None:
    with pytest.raises(RecipeError, match=f"'{kind}' stream"):
        stream_of(examples_of(tmp_path, rows), kind)


@pytest.fixture(scope="module")
def make_pool(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Examples]:
    def make(sizes: Sequence[int]) -> Examples:
        rows: list[Row] = [(corpus, 0, 1, index % 3) for corpus, size in enumerate(sizes) for index in range(3 * size)]
        return examples_of(tmp_path_factory.mktemp("pool"), rows)

    return make


@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0.1, 9)), min_size=1, max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_corpora_are_drawn_by_weight_and_root_of_size(
    make_pool: Callable[..., Examples], corpora: list[tuple[int, float]]
) -> None:
    sizes, weights = zip(*corpora, strict=True)
    examples = make_pool(sizes)
    probabilities = sampling_probabilities(examples, np.arange(len(examples)), weights)
    assert probabilities.sum() == pytest.approx(1)
    expected = np.array(weights) * np.sqrt(sizes)
    shares = np.bincount(examples.corpora, probabilities)
    np.testing.assert_allclose(shares, expected / expected.sum())
    for number in range(len(sizes)):  # categories are even here
        mine = probabilities[examples.corpora == number]
        np.testing.assert_allclose(mine, mine[0])


def test_a_rare_category_is_drawn_more_often_than_it_occurs_and_never_more_than_a_frequent_one(tmp_path: Path) -> None:
    rows: list[Row] = [(0, 0, 1, 0)] * 16 + [(0, 0, 1, 1)] * 4 + [(0, 0, 1, None)] * 5
    probabilities = sampling_probabilities(examples_of(tmp_path, rows), np.arange(25), [1.0])
    frequent, rare, unlabelled = probabilities[:16], probabilities[16:20], probabilities[20:]
    assert rare[0] == pytest.approx(2 * frequent[0])  # the root of 16 / 4
    assert rare.sum() < frequent.sum()
    assert frequent[0] < unlabelled[0] < rare[0]


def test_a_corpus_of_weight_zero_is_never_drawn_and_one_must_weigh(make_pool: Callable[..., Examples]) -> None:
    examples = make_pool([2, 3])
    rows = np.arange(len(examples))
    assert not sampling_probabilities(examples, rows, (0, 1))[examples.corpora == 0].any()
    with pytest.raises(RecipeError, match="a weight above 0"):
        sampling_probabilities(examples, rows, (0, 0))
