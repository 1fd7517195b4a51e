"""Laws of weak teaching: each part acts alone, on what it is about, and is silent where it has nothing to compare."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from emobridge.training.data.batches import Batch, collate
from emobridge.training.data.examples import Examples
from emobridge.training.data.rankings import rank_by_category
from emobridge.training.data.text_pairing import CONTRADICTING
from emobridge.training.fit.losses import correlation_loss, ranking_loss
from emobridge.training.fit.weak_supervision import WeakConfig, WeakTeaching
from emobridge.training.models.emotion_model import EmotionSystem

ROWS = list(range(8))
SPEECH, TEXT = torch.tensor([True, False]), torch.tensor([False, True])


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    """Clips with their words; angry ones are half normal and half strong."""
    made = toy_examples(dimensions=("valence", "arousal"))
    words = ("normal", "strong")
    utterances = tuple(
        replace(utterance, attributes={**utterance.attributes, "intensity": words[row % 2]})
        for row, utterance in enumerate(made.utterances)
    )
    return replace(made, utterances=utterances)


@pytest.fixture(scope="module")
def system(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> EmotionSystem:
    return toy_system(examples, dropout=0.0)


@pytest.fixture(scope="module")
def batch(examples: Examples) -> Batch:
    return collate(examples, ROWS, ROWS)


def taught(
    examples: Examples,
    system: EmotionSystem,
    batch: Batch,
    predicted: Tensor,
    presence: Tensor | None = None,
    **parts: Any,
) -> tuple[Tensor, dict[str, Tensor]]:
    teaching = WeakTeaching(WeakConfig(**parts), examples, np.arange(len(examples)))
    return teaching.losses(system, batch, batch.presence if presence is None else presence, predicted)


def predictions(seed: int = 0) -> Tensor:
    return torch.rand(len(ROWS), 2, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_nothing_is_switched_on_by_default(examples: Examples, system: EmotionSystem, batch: Batch) -> None:
    total, parts = taught(examples, system, batch, predictions())
    assert (total.item(), parts) == (0.0, {})
    teaching = WeakTeaching(WeakConfig(), examples, np.arange(len(examples)))
    assert torch.equal(teaching.targets(batch, predictions()), batch.dimensions)


def test_weights_multiply_their_parts(examples: Examples, system: EmotionSystem, batch: Batch) -> None:
    weights = {"category_order": 0.5, "intensity_order": 2.0, "text_teacher": 3.0}
    total, parts = taught(examples, system, batch, predictions(), **weights)
    assert parts.keys() == weights.keys()
    assert all(value > 0 for value in parts.values())
    assert total.item() == pytest.approx(sum(weights[name] * value.item() for name, value in parts.items()))


def test_the_order_of_categories_is_the_mean_ranking_loss_over_dimensions(
    examples: Examples, system: EmotionSystem, batch: Batch
) -> None:
    predicted = predictions()
    ranking = rank_by_category([examples.utterances[row] for row in ROWS], examples.dimension_names)
    places = torch.from_numpy(ranking.places)
    expected = [ranking_loss(predicted[:, axis], places[:, axis], torch.zeros(8), margin=0.1) for axis in (0, 1)]
    _, parts = taught(examples, system, batch, predicted, category_order=1.0)
    assert parts["category_order"].item() == pytest.approx(torch.stack(expected).mean().item())


def test_clips_that_are_hidden_or_contradicted_have_no_order(
    examples: Examples, system: EmotionSystem, batch: Batch
) -> None:
    _, parts = taught(examples, system, batch, predictions(), batch.presence & TEXT, category_order=1.0)
    assert parts["category_order"] == 0
    others = [*ROWS[1:], 0]
    mixed = collate(examples, ROWS, others, pairing=[CONTRADICTING] * 8)
    _, parts = taught(examples, system, mixed, predictions(), intensity_order=1.0, category_order=1.0, text_teacher=1.0)
    assert all(value == 0 for value in parts.values())
    assert "text_teacher" not in parts


def test_only_weak_labels_are_tolerant(examples: Examples) -> None:
    rated = examples.rated_dimensions.copy()
    rated[ROWS[:4]] = np.nan
    batch = collate(replace(examples, rated_dimensions=rated), ROWS, ROWS)
    teaching = WeakTeaching(WeakConfig(tolerance=0.2), examples, np.arange(len(examples)))
    targets = teaching.targets(batch, torch.ones(8, 2))
    torch.testing.assert_close(targets[:4], (batch.dimensions[:4] + 0.2).clamp(max=1.0))
    assert torch.equal(targets[4:], batch.dimensions[4:])


def test_speech_alone_follows_text_alone_and_text_learns_nothing(
    examples: Examples, system: EmotionSystem, batch: Batch
) -> None:
    system.zero_grad()
    torch.manual_seed(0)
    total, parts = taught(examples, system, batch, predictions(), text_teacher=1.0)
    total.backward()
    assert system.training
    teacher = system.eval()(batch, batch.presence & TEXT)[1].detach()
    torch.manual_seed(0)  # the encoders' dropout
    pupil = system.train()(batch, batch.presence & SPEECH)[1].detach()
    expected = [correlation_loss(pupil[:, axis], teacher[:, axis]) for axis in (0, 1)]
    assert parts["text_teacher"].item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-3)
    assert system.linguistic is not None
    assert system.acoustic is not None
    assert not any(weight.grad is not None and weight.grad.any() for weight in system.linguistic.parameters())
    assert any(weight.grad is not None and weight.grad.any() for weight in system.acoustic.parameters())


def test_without_a_pair_there_is_no_teacher(examples: Examples, system: EmotionSystem) -> None:
    alone = collate(examples, ROWS, [None] * 8)
    assert taught(examples, system, alone, predictions(), text_teacher=1.0)[1] == {}


def test_a_system_without_dimensions_is_taught_none(examples: Examples, system: EmotionSystem, batch: Batch) -> None:
    total, parts = taught(examples, system, batch, predictions()[:, :0], category_order=1.0, text_teacher=1.0)
    assert (total.item(), parts) == (0.0, {})
