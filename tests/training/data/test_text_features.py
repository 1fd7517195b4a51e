"""Laws of frozen texts: the vectors are the encoder's, read once, kept by its weights, and change nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from emobridge.training.data.batches import collate
from emobridge.training.data.examples import Examples, text_key
from emobridge.training.data.text_features import read_texts
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.text_encoder import MiniLmEncoder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    """The toy examples, every fifth without words."""
    made = toy_examples()
    silent = np.zeros(0, np.int64)
    return replace(made, token_ids=tuple(silent if row % 5 == 0 else ids for row, ids in enumerate(made.token_ids)))


@pytest.fixture
def system(toy_system: Callable[..., EmotionSystem], examples: Examples) -> EmotionSystem:
    return toy_system(examples).eval()


def encoder_of(system: EmotionSystem) -> MiniLmEncoder:
    assert system.linguistic is not None
    return system.linguistic


def no_reading(*_: Any) -> None:
    pytest.fail("read again")


def test_kept_vectors_are_those_of_the_encoder_to_half_precision(examples: Examples, system: EmotionSystem) -> None:
    encoder = encoder_of(system).train()  # it reads without dropout all the same
    read = read_texts(encoder, examples)
    encoder.eval()
    for row, ids in enumerate(examples.token_ids):
        found = read.token_vectors(row)
        assert found.shape == (len(ids), encoder.dimension)
        if len(ids):
            whole = torch.from_numpy(ids)[None]
            with torch.inference_mode():
                expected = encoder(whole, torch.ones_like(whole))[0].numpy()
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_the_second_time_nothing_is_read_and_the_bits_are_equal(
    examples: Examples, system: EmotionSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    first = read_texts(encoder_of(system), examples, lambda *args: told.append(args))
    distinct = len({text_key(ids) for ids in examples.token_ids if len(ids)})
    size = sum(len(ids) for ids in {text_key(ids): ids for ids in examples.token_ids if len(ids)}.values()) * 16 * 2
    what = f"minilm: {distinct} texts to encode, {size / 1000:.3g} kB"
    assert [told[0], told[-1]] == [(what, 0, distinct), (what, distinct, distinct)]
    monkeypatch.setattr(MiniLmEncoder, "forward", no_reading)
    second = read_texts(encoder_of(system), examples, no_reading)
    for row in range(len(examples)):
        assert_array_equal(second.token_vectors(row), first.token_vectors(row), strict=True)


def test_only_texts_that_are_new_are_read(
    examples: Examples, system: EmotionSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_texts(encoder_of(system), examples)
    seen: list[int] = []
    forward = MiniLmEncoder.forward

    def watch(encoder: MiniLmEncoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen.append(len(ids))
        return forward(encoder, ids, mask)

    monkeypatch.setattr(MiniLmEncoder, "forward", watch)
    new = np.array([2, 7, 7, 7, 3])
    read_texts(encoder_of(system), replace(examples, token_ids=(*examples.token_ids[:-2], new, new)))
    assert seen == [1]


def test_other_weights_have_another_folder_and_the_same_weights_the_same(
    examples: Examples, system: EmotionSystem, toy_system: Callable[..., EmotionSystem], cache: Path
) -> None:
    def folders() -> set[str]:
        return {path.name for path in cache.iterdir()}

    read_texts(encoder_of(system), examples)
    first = folders()
    assert len(first) == 1
    read_texts(encoder_of(toy_system(examples)), examples)
    assert folders() == first
    other = encoder_of(toy_system(examples, seed=1))
    one, changed = read_texts(encoder_of(system), examples), read_texts(other, examples)
    assert len(folders()) == 2
    assert not np.allclose(one.token_vectors(1), changed.token_vectors(1), atol=0.01)


def test_a_batch_brings_the_vectors_of_its_words_and_nothing_where_nothing_is_read(
    examples: Examples, system: EmotionSystem
) -> None:
    read = read_texts(encoder_of(system), examples)
    batch = collate(read, [1, 2, None, 4], [1, None, 3, 5])
    assert batch.token_vectors is not None
    assert batch.token_vectors.shape == (*batch.token_ids.shape, 16)
    for row, index in enumerate((1, None, 3, 5)):
        vectors = np.zeros((0, 16), np.float32) if index is None else read.token_vectors(index)
        assert_array_equal(batch.token_vectors[row, : len(vectors)].numpy(), vectors)
        assert not batch.token_vectors[row, len(vectors) :].any()
    assert collate(examples, [1], [1]).token_vectors is None


def test_a_system_says_the_same_of_kept_vectors_as_of_the_words(examples: Examples, system: EmotionSystem) -> None:
    read = read_texts(encoder_of(system), examples)
    pairs = ([0, 1, None, 3, 4], [0, 1, 2, None, 4])
    fresh, kept = collate(examples, *pairs), collate(read, *pairs)
    with torch.inference_mode():
        for one, other in zip(system(fresh, fresh.presence), system(kept, kept.presence), strict=True):
            torch.testing.assert_close(one, other, atol=5e-3, rtol=0)


def test_the_examples_are_otherwise_as_they_were(examples: Examples, system: EmotionSystem) -> None:
    read = read_texts(encoder_of(system), examples)
    assert all(getattr(read, name) is getattr(examples, name) for name in vars(examples) if name != "text_cache")
