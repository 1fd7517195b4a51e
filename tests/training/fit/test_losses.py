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

from emobridge.training.fit.losses import (
    MultiTaskLoss,
    concordance_loss,
    correlation_loss,
    cross_entropy,
    ranking_loss,
    within_tolerance,
)

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


@given(values)
def test_the_gradient_of_concordance_is_that_of_finite_differences(pairs: list[tuple[float, float]]) -> None:
    truth, prediction = torch.tensor(pairs, dtype=torch.float64).T
    assume(truth.var() + prediction.var() > 1e-3)
    weight = torch.linspace(0.5, 2.0, len(truth), dtype=torch.float64)
    given = prediction.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: concordance_loss(values, truth, weight), given)


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


eighths = st.integers(0, 8).map(lambda eighth: eighth / 8)
groups_of_items = st.lists(
    st.tuples(st.integers(0, 2), eighths, st.one_of(st.just(math.nan), eighths)),
    min_size=1,
    max_size=20,
)


def valence_by_group(
    predicted: Tensor, target: Tensor, groups: Tensor | None
) -> tuple[Tensor, Tensor]:  # total and part
    count = len(target)
    loss = MultiTaskLoss(("valence",), category_weight=0.0, dimension_weights={"valence": 1.0})
    given_ = {**batch(count), "dimensions": target[:, None]}
    total, parts = loss((torch.zeros(count, 0), predicted[:, None]), **given_, groups=groups)
    return total, parts["valence"]


@given(groups_of_items)
def test_concordance_by_group_is_the_mean_over_groups_weighted_by_their_valid_items(
    items: list[tuple[int, float, float]],
) -> None:
    groups, predicted, target = (torch.tensor(each) for each in zip(*items, strict=True))
    total, part = valence_by_group(predicted, target, groups)
    losses, counts = [], []
    for group in range(3):
        inside = (groups == group) & target.isfinite()
        if max(len(set(each[inside].tolist())) for each in (predicted, target)) > 1:  # else it is not defined
            losses.append(concordance_loss(predicted[inside], target[inside]).item())
            counts.append(int(inside.sum()))
    assert bool(part.isnan()) == (not counts)
    assert total.item() == pytest.approx(np.average(losses, weights=counts) if counts else 0.0, abs=1e-5)


@given(st.permutations(range(4)), st.floats(-0.3, 0.3))
def test_names_of_groups_do_not_matter_and_one_group_is_the_whole(names: list[int], shift: float) -> None:
    groups = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    predicted, target = random(10).sigmoid(), random(10, seed=1).sigmoid()
    renamed = torch.tensor(names)[groups]
    assert valence_by_group(predicted, target, groups)[0].item() == pytest.approx(
        valence_by_group(predicted, target, renamed)[0].item(), abs=1e-6
    )
    whole = concordance_loss(predicted, target + shift)
    for one_group in (None, torch.full((10,), 7)):
        torch.testing.assert_close(valence_by_group(predicted, target + shift, one_group)[0], whole)


def test_levels_of_another_corpus_leave_the_gradient_of_a_group_alone() -> None:
    groups = torch.tensor([0] * 5 + [1] * 5)
    gradients = []
    for level in (0.0, 0.4):
        predicted = random(10).sigmoid().requires_grad_()
        target = random(10, seed=1).sigmoid() + level * (groups == 1)
        total, _ = valence_by_group(predicted, target, groups)
        gradients.append(torch.autograd.grad(total, predicted)[0])
    torch.testing.assert_close(gradients[0][:5], gradients[1][:5])
    assert not torch.allclose(gradients[0][5:], gradients[1][5:])


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


def test_learned_weights_start_at_the_fixed_ones_and_settle_as_derived() -> None:
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


unit = st.floats(0, 1, width=16)
placed = st.lists(st.tuples(unit, st.sampled_from([0.0, 1.0, 2.0, math.nan]), st.integers(0, 1)), max_size=9)


def columns(items: list[tuple[float, float, int]]) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.tensor([item[column] for item in items]) for column in range(3))  # type: ignore[return-value]


@given(placed)
def test_ranking_equals_the_sum_over_pairs_written_out(items: list[tuple[float, float, int]]) -> None:
    terms = [
        max(0.0, 0.2 * (first[1] - second[1]) - (first[0] - second[0])) / 0.2
        for first in items
        for second in items
        if first[2] == second[2] and first[1] > second[1]
    ]
    expected = sum(terms) / len(terms) if terms else 0.0
    assert ranking_loss(*columns(items), margin=0.2).item() == pytest.approx(expected, abs=1e-5)


@given(placed, st.floats(-1, 1))
def test_ranking_knows_differences_alone(items: list[tuple[float, float, int]], shift: float) -> None:
    prediction, places, groups = columns(items)
    loss = ranking_loss(prediction, places, groups, margin=0.1)
    assert ranking_loss(prediction + shift, places, groups, margin=0.1).item() == pytest.approx(loss.item(), abs=1e-4)


def test_ranking_is_zero_with_zero_gradient_where_the_order_holds_beyond_the_margin() -> None:
    prediction = torch.tensor([0.1, 0.31, 0.52]).requires_grad_()
    loss = ranking_loss(prediction, torch.tensor([0.0, 1.0, 2.0]), torch.zeros(3), margin=0.2)
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad is not None
    assert not prediction.grad.any()


def test_ranking_raises_the_higher_place_and_lowers_the_lower() -> None:
    prediction = torch.tensor([0.5, 0.5, 0.5]).requires_grad_()
    ranking_loss(prediction, torch.tensor([1.0, 0.0, math.nan]), torch.zeros(3), margin=0.1).backward()
    assert prediction.grad is not None
    assert prediction.grad[0] < 0 < prediction.grad[1]
    assert prediction.grad[2] == 0


@given(placed)
def test_ranking_and_correlation_are_blind_to_the_missing(items: list[tuple[float, float, int]]) -> None:
    known = [item for item in items if not math.isnan(item[1])]
    assert ranking_loss(*columns(items), margin=0.1).item() == pytest.approx(
        ranking_loss(*columns(known), margin=0.1).item(), abs=1e-5
    )
    whole, part = (correlation_loss(*columns(each)[:2]) for each in (items, known))
    assert whole.item() == pytest.approx(part.item(), abs=1e-4)


def test_ranking_compares_within_groups_and_beyond_the_least_step() -> None:
    prediction, places = torch.tensor([0.9, 0.1]), torch.tensor([0.0, 0.2])
    assert ranking_loss(prediction, places, torch.tensor([0, 1]), 0.1) == 0
    assert ranking_loss(prediction, places, torch.tensor([0, 0]), 0.1, least=0.25) == 0
    assert ranking_loss(prediction, places, torch.tensor([0, 0]), 0.1, least=0.2) > 0


@given(values, st.floats(0.1, 3), st.floats(-1, 1))
def test_correlation_is_one_minus_pearson_whatever_level_and_spread(
    pairs: list[tuple[float, float]], scale: float, shift: float
) -> None:
    prediction, target = torch.tensor(pairs).T
    assume(float(prediction.var()) > 1e-4 and float(target.var()) > 1e-4)
    expected = 1 - audmetric.pearson_cc(target.numpy(), prediction.numpy())
    assert correlation_loss(prediction, target).item() == pytest.approx(expected, abs=1e-3)
    assert correlation_loss(scale * prediction + shift, target).item() == pytest.approx(expected, abs=2e-3)


@given(st.lists(st.tuples(unit, unit | st.just(math.nan)), min_size=1, max_size=9), st.floats(0, 0.5))
def test_a_tolerant_target_is_the_nearest_value_within_the_tolerance(
    pairs: list[tuple[float, float]], tolerance: float
) -> None:
    prediction, target = torch.tensor(pairs).T
    found = within_tolerance(target, prediction, torch.full_like(target, tolerance))
    for value, wanted, given_ in zip(found.tolist(), prediction.tolist(), target.tolist(), strict=True):
        if math.isnan(given_):
            assert math.isnan(value)
        else:
            assert value == pytest.approx(min(max(wanted, given_ - tolerance), given_ + tolerance), abs=1e-6)


def test_concordance_is_satisfied_within_the_tolerance_alone() -> None:
    prediction, target = torch.tensor([0.2, 0.5, 0.9]), torch.tensor([0.3, 0.5, 0.75])
    for tolerance, satisfied in ((0.16, True), (0.12, False)):
        free = prediction.clone().requires_grad_()
        concordance_loss(free, within_tolerance(target, free, torch.full_like(target, tolerance))).backward()
        assert free.grad is not None
        assert torch.allclose(free.grad, torch.zeros(3), atol=1e-6) == satisfied
