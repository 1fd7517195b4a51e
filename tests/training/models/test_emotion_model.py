"""Laws of a system: what is hidden or padded has no influence, special tokens are no words, sound is measured."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.labels import PRESENCES
from emobridge.training.data.batches import collate
from emobridge.training.data.examples import Examples
from emobridge.training.models.emotion_model import (
    EmotionSystem,
    SystemConfig,
    drop_special_tokens,
    measure_functionals,
    proportional_positions,
)
from emobridge.training.models.fusion import FusionConfig


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples()


@pytest.fixture(scope="module")
def system(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> EmotionSystem:
    return toy_system(examples).eval()


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_hidden_modality_has_no_influence(examples: Examples, system: EmotionSystem, hidden: int) -> None:
    rows = [0, 7, 14]
    batch = collate(examples, rows, rows)
    presence = torch.ones(3, 2, dtype=torch.bool)
    presence[1:, hidden] = False
    mask, ids = batch.frame_mask[:, :, None], batch.token_ids
    changed = [
        replace(batch, frames=torch.where(mask & ~presence[:, :1, None], 3.0, batch.frames)),
        replace(batch, token_ids=torch.where(presence[:, 1:], ids, (ids * 7 + 3) % 20)),
    ][hidden]
    with torch.inference_mode():
        before, after = system(batch, presence), system(changed, presence)
        assert not torch.equal(before[0], system(batch, torch.ones_like(presence))[0])
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("hidden", [0, 1])
@pytest.mark.parametrize("layers", [1, 2])
def test_work_that_is_saved_where_all_of_a_modality_is_hidden_changes_nothing(
    examples: Examples, hidden: int, layers: int
) -> None:
    rows, shape = [0, 7, 14], VectorShape(6, layers)
    plain = collate(examples, rows, rows)
    batch = replace(
        plain, frames=torch.randn(3, 5, 6 * layers), token_vectors=torch.randn(*plain.token_ids.shape, 6 * layers)
    )
    batch = replace(batch, frame_mask=torch.arange(5) < torch.tensor([[5], [2], [3]]))
    fusion = FusionConfig.sized(
        8, categories=("a", "b"), dimensions=("d",), acoustic_dimension=6, linguistic_dimension=6,
        acoustic_layers=layers, linguistic_layers=layers,
    )  # fmt: skip
    system = EmotionSystem(SystemConfig(fusion, shape, shape)).eval()
    presence = torch.ones(3, 2, dtype=torch.bool)
    presence[:, hidden] = False
    with torch.inference_mode():
        saved = system(batch, presence)
        presence[0, hidden] = True
        computed = system(batch, presence)
    for one, other in zip(saved, computed, strict=True):
        torch.testing.assert_close(one[1:], other[1:], rtol=0, atol=1e-6)
        assert not torch.allclose(one[0], other[0], atol=1e-6)


def test_nothing_at_all_is_an_answer_too(examples: Examples, system: EmotionSystem) -> None:
    batch = collate(examples, [0, 1], [0, 1])
    with torch.inference_mode():
        outputs = system(batch, torch.zeros(2, 2, dtype=torch.bool))
    assert all(torch.isfinite(each).all() and torch.equal(each[0], each[1]) for each in outputs)


def test_presences_follow_the_encoders(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> None:
    assert toy_system(examples).presences == PRESENCES
    for name in ("acoustic", "linguistic"):
        assert toy_system(examples, (name,)).presences == (name,)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_special_tokens_are_dropped_whatever_the_lengths(counts: list[int]) -> None:
    longest = max(counts) + 2
    mask = (torch.arange(longest) < torch.tensor(counts)[:, None] + 2).long()
    places = torch.arange(longest, dtype=torch.float32).expand(len(counts), -1)[:, :, None]
    vectors, kept = drop_special_tokens(places, mask, torch.ones(len(counts), 2, dtype=torch.bool))
    assert vectors.shape[:2] == kept.shape
    for row, count in enumerate(counts):
        assert vectors[row, :, 0][kept[row]].tolist() == list(range(1, count + 1))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_positions_are_the_centres_of_equal_shares(counts: list[int]) -> None:
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    positions = proportional_positions(mask)
    assert (positions.diff(dim=1) >= 0).all()
    for row, count in enumerate(counts):
        expected = (np.arange(count) + 0.5) / count
        np.testing.assert_allclose(positions[row, :count], expected, rtol=1e-6)
        assert (positions[row] <= 1).all()


def test_functionals_are_measured_on_real_sound_alone(
    examples: Examples, toy_system: Callable[..., EmotionSystem]
) -> None:
    system = toy_system(examples)
    batches = [collate(examples, [0, 1, None], [None, None, 2]), collate(examples, [3, 4], [None] * 2)]
    measure_functionals(system, batches)
    heard = np.concatenate([examples.frames(row) for row in (0, 1, 3, 4)])
    assert system.acoustic is not None
    np.testing.assert_allclose(system.acoustic.mean, heard.mean(axis=0), rtol=1e-4, atol=1e-4)
    deviation = np.maximum(heard.std(axis=0, ddof=1), 1e-3)
    np.testing.assert_allclose(system.acoustic.deviation, deviation, rtol=1e-3, atol=1e-4)


def test_a_system_without_sound_measures_nothing(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> None:
    system = toy_system(examples, ("linguistic",))
    before = {name: value.clone() for name, value in system.state_dict().items()}
    measure_functionals(system, [collate(examples, [0], [0])])
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
