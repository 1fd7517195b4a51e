"""Laws of batches: what is in one depends on the seed and its number alone; nothing is lost or added; mixing sums."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from emobridge.errors import RecipeError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.training.corpora.base import Utterance
from emobridge.training.data.batches import (
    LONGEST_BLOCK,
    Batch,
    BatchStream,
    StreamConfig,
    collate,
    mix,
    sampling_probabilities,
    spread,
)
from emobridge.training.data.examples import Examples
from emobridge.training.data.front_ends import FunctionalsFrontEnd
from emobridge.utils.cache import ArrayCache

Row = tuple[int, int, int, int | None]  # corpus, clips (0 or 1), tokens beside the two special ones, category
WIDTH = FunctionalsSettings().width
CATEGORIES = ("angry", "happy", "sad")


def examples_of(folder: Path, rows: Sequence[Row]) -> Examples:
    """Return examples whose functionals and whose tokens tell which row they are."""
    cache = ArrayCache(folder, np.float16, WIDTH)
    targets = np.zeros((len(rows), 3), np.float32)
    for index, (_, clips, _, category) in enumerate(rows):
        if clips:
            cache.add(str(index), np.random.default_rng(index).standard_normal((clips, WIDTH)))
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
        front_end=FunctionalsFrontEnd(),
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
        rows.append((index % 3, sound, text * int(random.integers(1, 9)), label))
    return examples_of(tmp_path_factory.mktemp("mixed"), rows)


def stream_of(examples: Examples, kind: Any, seed: int = 1, batch_size: int = 4, **fields: float) -> BatchStream:
    config = StreamConfig(kind, batch_size, **fields)
    return BatchStream(examples, np.arange(len(examples)), config, (1.0, 1.0, 1.0), seed)


def equal(one: Any, other: Any) -> bool:
    return all(
        value is getattr(other, name) or torch.equal(torch.nan_to_num(value), torch.nan_to_num(getattr(other, name)))
        for name, value in vars(one).items()
    )


@given(
    st.sampled_from([("natural", 0.0), ("acoustic", 0.0), ("acoustic", 0.3), ("linguistic", 0.0), ("paired", 0.0)]),
    st.integers(0, 99),
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_a_batch_depends_on_the_seed_and_its_number_alone(
    mixed: Examples, kind: tuple[str, float], seed: int, numbers: list[int]
) -> None:
    jumping = stream_of(mixed, kind[0], seed, mixup=kind[1])
    for number in numbers:
        fresh = stream_of(mixed, kind[0], seed, mixup=kind[1])
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


@given(st.lists(st.integers(0, 39), min_size=1, max_size=9), st.floats(0.05, 5), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_mixed_clip_keeps_half_of_itself_and_mixes_within_its_corpus(
    mixed: Examples, drawn: list[int], parameter: float, seed: int
) -> None:
    rows = [row for row in drawn if mixed.frame_counts[row]] or [1]
    plain = collate(mixed, rows, [None] * len(rows))
    found = mix(plain, mixed.corpora[rows], parameter, np.random.default_rng(seed))
    for row, index in enumerate(rows):
        shares = [share_of(plain, found, row, other) for other in range(len(rows))]
        fitting = [other for other, share in enumerate(shares) if share is not None]
        assert fitting
        for other in fitting:
            share = shares[other]
            assert share is not None
            assert 0.5 <= share <= 1.0
            for name in ("targets", "dimensions"):
                before, after = getattr(plain, name), getattr(found, name)
                expected = share * before[row] + (1 - share) * before[other]
                # The share is measured on functionals, in 32 bits.
                torch.testing.assert_close(after[row], expected, atol=1e-3, rtol=0, equal_nan=True)
        assert any(mixed.corpora[rows[other]] == mixed.corpora[index] for other in fitting)
    kept = ("frame_mask", "token_ids", "token_mask", "presence", "allowed", "weak", "rows", "pairing")
    assert all(torch.equal(getattr(found, name), getattr(plain, name)) for name in kept)


def share_of(plain: Batch, found: Batch, row: int, other: int) -> float | None:
    """Return how much of itself a mixed clip kept if the rest is that of another; None if it is not."""
    own, rest, whole = plain.frames[row, 0], plain.frames[other, 0], found.frames[row, 0]
    difference = own - rest
    share = 1.0 if not difference.any() else float((whole - rest) @ difference / (difference @ difference))
    fits = torch.allclose(whole, share * own + (1 - share) * rest, atol=1e-4)
    return min(share, 1.0) if fits and share > 0.4999 else None


def test_mixing_keeps_the_sum_of_labels_within_a_corpus(mixed: Examples) -> None:
    rows = np.flatnonzero((mixed.frame_counts > 0) & (mixed.targets.sum(axis=1) > 0))
    found = mix(collate(mixed, rows, [None] * len(rows)), mixed.corpora[rows], 0.3, np.random.default_rng(0))
    torch.testing.assert_close(found.targets.sum(dim=1), torch.ones(len(rows)))
    assert (found.targets.max(dim=1).values < 0.999).any()


def test_a_clip_that_is_alone_in_its_corpus_stays_as_it_is(mixed: Examples) -> None:
    rows = [1, 2, 5]
    assert len({mixed.corpora[row] for row in (1, 2)}) == 2
    plain = collate(mixed, rows[:2], [None] * 2)
    assert equal(mix(plain, mixed.corpora[rows[:2]], 0.3, np.random.default_rng(1)), plain)


def test_a_dimension_that_either_clip_lacks_is_missing(mixed: Examples) -> None:
    rows = np.flatnonzero((mixed.frame_counts > 0) & (mixed.corpora == 1))
    plain = collate(mixed, rows, [None] * len(rows))
    lacking = replace(plain, dimensions=torch.where(torch.arange(len(rows))[:, None] % 3 == 0, torch.nan, 0.5))
    found = mix(lacking, mixed.corpora[rows], 0.3, np.random.default_rng(2))
    missing = found.dimensions.isnan()[:, 0]
    assert missing[::3].all()
    assert len(rows) > missing.sum() > len(rows[::3])
    assert (found.dimensions[~missing] == 0.5).all()


def test_a_stream_mixes_if_asked_to_and_draws_the_same_clips(mixed: Examples) -> None:
    plain, mixing = (stream_of(mixed, "acoustic", batch_size=8, mixup=mixup) for mixup in (0.0, 0.3))
    batches = [(plain.batch(number), mixing.batch(number)) for number in range(4)]
    assert all(torch.equal(one.rows, other.rows) for one, other in batches)
    assert not all(torch.equal(one.frames, other.frames) for one, other in batches)


@pytest.mark.parametrize("kind", ["natural", "linguistic", "paired"])
def test_only_clips_are_mixed(kind: Any) -> None:
    with pytest.raises(RecipeError, match=f"a '{kind}' stream with mixup; only clips are mixed; leave it out"):
        StreamConfig(kind, mixup=0.2)


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
    ("acoustic", [(0, 0, 3, 0)]), ("linguistic", [(0, 1, 0, 0)]), ("paired", [(0, 1, 0, 0)]),
    ("paired", [(0, 1, 3, None)]),
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
    probabilities = sampling_probabilities(examples, np.arange(len(examples)), weights, 0.5)
    assert probabilities.sum() == pytest.approx(1)
    expected = np.array(weights) * np.sqrt(sizes)
    shares = np.bincount(examples.corpora, probabilities)
    np.testing.assert_allclose(shares, expected / expected.sum())
    for number in range(len(sizes)):  # categories are even here
        mine = probabilities[examples.corpora == number]
        np.testing.assert_allclose(mine, mine[0])


def test_a_rare_category_is_drawn_more_often_but_never_the_most(tmp_path: Path) -> None:
    rows: list[Row] = [(0, 0, 1, 0)] * 16 + [(0, 0, 1, 1)] * 4 + [(0, 0, 1, None)] * 5
    probabilities = sampling_probabilities(examples_of(tmp_path, rows), np.arange(25), [1.0], 0.5)
    frequent, rare, unlabelled = probabilities[:16], probabilities[16:20], probabilities[20:]
    assert rare[0] == pytest.approx(2 * frequent[0])  # the root of 16 / 4
    assert rare.sum() < frequent.sum()
    assert frequent[0] < unlabelled[0] < rare[0]


@given(st.lists(st.integers(1, 20), min_size=3, max_size=3), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_balance_leads_from_drawing_categories_as_they_occur_to_drawing_them_evenly(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], balance: float
) -> None:
    rows: list[Row] = [(0, 0, 1, category) for category, count in enumerate(counts) for _ in range(count)]
    examples = examples_of(tmp_path_factory.mktemp("counted"), rows)
    probabilities = sampling_probabilities(examples, np.arange(len(rows)), [1.0], balance)
    expected = np.array(counts) ** (1.0 - balance)
    shares = [probabilities[examples.targets[:, category] == 1].sum() for category in range(3)]
    np.testing.assert_allclose(shares, expected / expected.sum())
    for extreme, even in ((0.0, np.array(counts) / len(rows)), (1.0, np.full(3, 1 / 3))):
        drawn = sampling_probabilities(examples, np.arange(len(rows)), [1.0], extreme)
        np.testing.assert_allclose(examples.targets.T @ drawn, even, rtol=1e-6)


def test_a_corpus_of_weight_zero_is_never_drawn_and_one_must_weigh(make_pool: Callable[..., Examples]) -> None:
    examples = make_pool([2, 3])
    rows = np.arange(len(examples))
    assert not sampling_probabilities(examples, rows, (0, 1), 0.5)[examples.corpora == 0].any()
    with pytest.raises(RecipeError, match="a weight above 0"):
        sampling_probabilities(examples, rows, (0, 0), 0.5)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """4,400 utterances of 0.6 to 34 s, 4.5 s on average, fifty vectors a second, in categories of unequal size."""
    drawn_s = np.random.default_rng(1).lognormal(np.log(3.6), 0.68, 4400).clip(0.6, 34.0)
    rows: list[Row] = [(0, 0, 3, min(index % 4, 2)) for index in range(len(drawn_s))]
    examples = examples_of(tmp_path_factory.mktemp("spoken"), rows)
    return replace(examples, frame_counts=np.round(50 * drawn_s).astype(np.int64))


@pytest.mark.parametrize("batch_size", [16, 32])
def test_batches_of_speech_are_full_and_hold_nobody_twice(spoken: Examples, batch_size: int) -> None:
    stream = stream_of(spoken, "natural", batch_size=batch_size)
    drawn = [stream.chosen(number) for number in range(stream.block)]
    lengths = [spoken.frame_counts[rows] for rows in drawn]
    assert sum(map(sum, lengths)) / sum(len(one) * one.max() for one in lengths) >= 0.95
    assert len(set(np.concatenate(drawn).tolist())) == stream.block * batch_size
    longest = [int(one.max()) for one in lengths]
    assert np.abs(np.corrcoef(longest, np.arange(stream.block))[0, 1]) < 0.4  # in random order


def test_a_batch_of_speech_depends_on_the_seed_and_its_number_alone(spoken: Examples) -> None:
    one, other = (stream_of(spoken, "natural", seed=seed, batch_size=32) for seed in (1, 2))
    numbers = (200, 3, 130, 3)
    fresh = [stream_of(spoken, "natural", batch_size=32).chosen(number) for number in numbers]
    assert all(np.array_equal(one.chosen(number), rows) for number, rows in zip(numbers, fresh, strict=True))
    assert not any(np.array_equal(other.chosen(number), rows) for number, rows in zip(numbers, fresh, strict=True))


def test_few_or_unequal_utterances_make_shorter_blocks(spoken: Examples) -> None:
    assert stream_of(spoken, "natural", batch_size=16).block == LONGEST_BLOCK
    few = BatchStream(spoken, np.arange(640), StreamConfig(batch_size=16, balance=0.0), (1.0,), 1)
    assert few.block == 40
    unequal = BatchStream(spoken, np.arange(640), StreamConfig(batch_size=16, balance=1.0), (1.0,), 1)
    assert unequal.block == 30  # three categories alike, of which one has half of the utterances


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Sentences whose lengths are as those of the text corpora: half of them up to 12 tokens, some of 100."""
    tokens = np.random.default_rng(2).lognormal(np.log(12), 0.8, 4400).clip(3, 128).astype(int)
    return examples_of(tmp_path_factory.mktemp("written"), [(0, 0, int(count), 0) for count in tokens])


def test_batches_of_text_are_full_and_hold_nobody_twice(written: Examples) -> None:
    stream = stream_of(written, "linguistic", batch_size=32)
    drawn = [stream.chosen(number) for number in range(stream.block)]
    lengths = [np.array([len(written.token_ids[row]) for row in rows]) for rows in drawn]
    assert stream.block == LONGEST_BLOCK
    assert sum(map(sum, lengths)) / sum(len(one) * one.max() for one in lengths) >= 0.95
    assert len(set(np.concatenate(drawn).tolist())) == stream.block * 32


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), st.integers(1, 60), st.integers(0, 99), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_each_is_drawn_as_often_as_expected_rounded_up_or_down(
    shares: list[float], size: int, seed: int, never: int
) -> None:
    probabilities = np.array(shares + [0.0] * never)
    probabilities /= probabilities.sum()
    pool = 7 + np.arange(len(probabilities))
    drawn = spread(pool, probabilities, size, np.random.default_rng(seed))
    assert len(drawn) == size
    counts, expected = np.bincount(drawn - 7, minlength=len(pool)), probabilities * size
    assert (counts >= np.floor(expected - 1e-9)).all()
    assert (counts <= np.ceil(expected + 1e-9)).all()
