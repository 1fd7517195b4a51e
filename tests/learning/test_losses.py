"""Losses against independent references, and their rules for what is missing."""

import math

import audmetric
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from emobridge.learning.losses import MultiTaskLoss, concordance_loss, cross_entropy

CATEGORIES, DIMENSIONS = 4, ("valence", "arousal")
values = st.lists(st.tuples(st.floats(0, 1, width=16), st.floats(0, 1, width=16)), min_size=2, max_size=20)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def everything(count: int) -> tuple[Tensor, Tensor]:
    return torch.ones(count, CATEGORIES, dtype=torch.bool), torch.ones(count)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("classes", [None, (1.0, 2.0, 0.5, 3.0)])
def test_cross_entropy_equals_that_of_torch_where_all_categories_compete(
    smoothing: float, classes: tuple[float, ...] | None
) -> None:
    logits, target = random(6, CATEGORIES), random(6, CATEGORIES, seed=1).softmax(dim=1)
    weights = None if classes is None else torch.tensor(classes)
    loss = cross_entropy(logits, target, *everything(6), class_weights=weights, label_smoothing=smoothing)
    expected = functional.cross_entropy(logits, target, weight=weights, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_categories_that_are_not_allowed_do_not_compete() -> None:
    logits, target = random(5, CATEGORIES), functional.one_hot(torch.tensor([0, 1, 0, 1, 1]), CATEGORIES).float()
    allowed = torch.tensor([True, True, False, False]).expand(5, -1)
    loss = cross_entropy(logits, target, allowed, torch.ones(5), label_smoothing=0.1)
    expected = functional.cross_entropy(logits[:, :2], target[:, :2], label_smoothing=0.1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_logits_that_are_not_allowed_get_no_gradient() -> None:
    logits = random(1, CATEGORIES).requires_grad_()
    allowed = torch.tensor([[True, True, False, True]])
    cross_entropy(logits, torch.tensor([[0.5, 0.5, 0.0, 0.0]]), allowed, torch.ones(1)).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert (logits.grad[0, [0, 1, 3]] != 0).all()


def test_an_item_of_weight_two_counts_as_two_items() -> None:
    logits, target = random(2, CATEGORIES), random(2, CATEGORIES, seed=1).softmax(dim=1)
    allowed, _ = everything(2)
    weighted = cross_entropy(logits, target, allowed, torch.tensor([2.0, 1.0]))
    twice = torch.tensor([0, 0, 1])
    repeated = cross_entropy(logits[twice], target[twice], allowed[twice], torch.ones(3))
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-6)


@given(values)
def test_concordance_loss_is_one_minus_the_reference_concordance(pairs: list[tuple[float, float]]) -> None:
    truth, prediction = np.array(pairs, dtype=np.float64).T
    assume(truth.var() + prediction.var() > 1e-5)
    loss = concordance_loss(torch.tensor(prediction).float(), torch.tensor(truth).float())
    assert loss.item() == pytest.approx(1.0 - audmetric.concordance_cc(truth, prediction), abs=1e-4)


def test_concordance_weight_two_counts_as_two_items() -> None:
    prediction, target = random(3), random(3, seed=1)
    twice = torch.tensor([0, 1, 2, 2])
    weighted = concordance_loss(prediction, target, torch.tensor([1.0, 1.0, 2.0]))
    assert weighted.item() == pytest.approx(concordance_loss(prediction[twice], target[twice]).item(), rel=1e-5)


@pytest.mark.parametrize(
    "target",
    [[math.nan] * 3, [0.4, math.nan, math.nan], [0.5, 0.5, 0.5]],
    ids=["no label", "one label", "no variance"],
)
def test_concordance_that_is_not_defined_gives_zero_loss_and_gradient(target: list[float]) -> None:
    prediction = torch.full((3,), 0.3, requires_grad=True)
    loss = concordance_loss(prediction, torch.tensor(target))
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


def batch(count: int = 6) -> dict[str, Tensor]:
    allowed, weight = everything(count)
    categories, dimensions = random(count, CATEGORIES, seed=2).softmax(dim=1), random(count, 2, seed=3).sigmoid()
    return {"categories": categories, "allowed": allowed, "weight": weight, "dimensions": dimensions}


def outputs(count: int = 6) -> tuple[Tensor, Tensor]:
    return random(count, CATEGORIES), random(count, 2, seed=1).sigmoid()


def test_the_total_is_the_papers_weighted_sum() -> None:
    total, parts = MultiTaskLoss(DIMENSIONS)(outputs(), **batch())
    expected = 0.34 * parts["category"] + 0.33 * parts["valence"] + 0.33 * parts["arousal"]
    assert list(parts) == ["category", "valence", "arousal"]
    assert total.item() == pytest.approx(expected.item())


def test_parts_are_the_losses_of_the_single_tasks() -> None:
    (logits, predicted), given = outputs(), batch()
    _, parts = MultiTaskLoss(DIMENSIONS)((logits, predicted), **given)
    assert parts["category"] == cross_entropy(logits, given["categories"], given["allowed"], given["weight"])
    for column, name in enumerate(DIMENSIONS):
        assert parts[name] == concordance_loss(predicted[:, column], given["dimensions"][:, column])


@pytest.mark.parametrize("learned", [False, True])
def test_a_task_without_labels_contributes_nothing(learned: bool) -> None:
    loss, given = MultiTaskLoss(DIMENSIONS, learned=learned), batch()
    given["dimensions"][:, 1] = math.nan
    total, parts = loss(outputs(), **given)
    alone, _ = MultiTaskLoss(("valence",), learned=learned)(outputs(), **given)
    assert parts["arousal"].isnan()
    assert total.item() == pytest.approx(alone.item())


def test_a_batch_without_any_label_gives_zero_loss_and_gradient() -> None:
    logits, predicted = (each.requires_grad_() for each in outputs())
    given = batch()
    given["categories"].zero_()
    given["dimensions"].fill_(math.nan)
    total, parts = MultiTaskLoss(DIMENSIONS)((logits, predicted), **given)
    total.backward()
    assert total.item() == 0
    assert all(part.isnan() for part in parts.values())
    assert all(each.grad is not None and (each.grad == 0).all() for each in (logits, predicted))


def test_learned_weights_start_at_the_fixed_ones_and_settle_where_weight_times_loss_is_a_half() -> None:
    loss = MultiTaskLoss(DIMENSIONS, learned=True)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)
    assert (-loss.log_variances.detach()).exp().tolist() == pytest.approx([0.34, 0.33, 0.33])
    for _ in range(300):
        optimizer.zero_grad()
        total, parts = loss(outputs(), **batch())
        total.backward()
        optimizer.step()
    weights = (-loss.log_variances.detach()).exp()
    assert (weights * torch.stack(list(parts.values()))).tolist() == pytest.approx([0.5, 0.5, 0.5], abs=1e-3)


def test_a_task_of_weight_zero_needs_no_output() -> None:
    logits, predicted = outputs()
    _, parts = MultiTaskLoss(DIMENSIONS, category_weight=0.0)((logits[:, :0], predicted), **batch())
    assert list(parts) == ["valence", "arousal"]
    without = MultiTaskLoss(DIMENSIONS, dimension_weights={"valence": 0.0, "arousal": 0.0})
    _, parts = without((logits, predicted[:, :0]), **batch())
    assert list(parts) == ["category"]
