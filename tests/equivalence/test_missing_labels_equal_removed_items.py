"""Loss and gradient with missing labels equal those with the unlabelled items removed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from emobridge.training.fit.losses import MultiTaskLoss, concordance_loss, cross_entropy

ITEMS, CATEGORIES = 7, 4
some_missing = st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loss_and_gradient(loss: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
    return loss.detach(), torch.autograd.grad(loss, prediction)[0]


@settings(deadline=None)
@given(missing=some_missing, by_weight=st.booleans(), smoothing=st.sampled_from([0.0, 0.1]), seed=st.integers(0, 99))
def test_cross_entropy_with_a_missing_category(
    missing: list[bool], by_weight: bool, smoothing: float, seed: int
) -> None:
    kept = ~torch.tensor(missing)
    logits = random(ITEMS, CATEGORIES, seed=seed).requires_grad_()
    target, weight = random(ITEMS, CATEGORIES, seed=seed + 1).softmax(dim=1), random(ITEMS, seed=seed + 2).exp()
    allowed = torch.ones(ITEMS, CATEGORIES, dtype=torch.bool)
    gaps = (target, weight * kept) if by_weight else (target * kept[:, None], weight)
    loss, gradient = loss_and_gradient(
        cross_entropy(logits, gaps[0], allowed, gaps[1], label_smoothing=smoothing), logits
    )
    assert (gradient[~kept] == 0).all()
    if kept.any():
        whole = (logits[kept], target[kept], allowed[kept], weight[kept])
        expected, expected_gradient = loss_and_gradient(cross_entropy(*whole, label_smoothing=smoothing), logits)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(gradient, expected_gradient)


@settings(deadline=None)
@given(missing=some_missing, seed=st.integers(0, 99))
def test_concordance_with_a_missing_dimension(missing: list[bool], seed: int) -> None:
    kept = ~torch.tensor(missing)
    prediction, target = random(ITEMS, seed=seed).requires_grad_(), random(ITEMS, seed=seed + 1)
    gaps = torch.where(kept, target, math.nan)
    loss, gradient = loss_and_gradient(concordance_loss(prediction, gaps), prediction)
    expected, expected_gradient = loss_and_gradient(concordance_loss(prediction[kept], target[kept]), prediction)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("learned", [False, True])
def test_all_tasks_together_with_items_that_have_no_label_at_all(learned: bool) -> None:
    kept = torch.tensor([True, False, True, True, False, True, True])
    outputs = [random(ITEMS, width, seed=width).requires_grad_() for width in (CATEGORIES, 2)]
    categories, dimensions = random(ITEMS, CATEGORIES, seed=5).softmax(dim=1), random(ITEMS, 2, seed=6)
    allowed, weight = torch.ones(ITEMS, CATEGORIES, dtype=torch.bool), torch.ones(ITEMS)
    loss = MultiTaskLoss(("valence", "arousal"), learned=learned)
    gaps = (categories * kept[:, None], allowed, weight, torch.where(kept[:, None], dimensions, math.nan))
    total, parts = loss((outputs[0], outputs[1]), *gaps)
    whole = (categories[kept], allowed[kept], weight[kept], dimensions[kept])
    expected, expected_parts = loss((outputs[0][kept], outputs[1][kept]), *whole)
    torch.testing.assert_close((total, parts), (expected, expected_parts))
    torch.testing.assert_close(torch.autograd.grad(total, outputs), torch.autograd.grad(expected, outputs))
