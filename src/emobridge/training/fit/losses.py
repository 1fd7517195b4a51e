"""What training minimises: cross-entropy over categories and 1 - concordance over dimensions, both blind to gaps.

Missing is normal: a category is missing as an all-zero distribution, a dimension as NaN. Loss and gradient are those of
the same batch with the missing items removed. Missing targets are replaced before any arithmetic, because a NaN that is
only multiplied by zero afterwards still poisons the gradient.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

EXCLUDED_LOGIT = -1e4
LEAST_VARIANCE = 1e-10  # on [0, 1]; below it a float32 variance is rounding


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    allowed: Tensor,
    weight: Tensor,
    *,
    class_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the weighted mean over items of -sum_c class_weight_c target_c log softmax(logits)_c, a scalar.

    Args:
        logits: (B, C).
        target: (B, C) distributions; all zero = missing. Mass outside ``allowed`` is dropped.
        allowed: (B, C) bool, the categories that an item's corpus knows; the others do not compete.
        weight: (B,), at least 0; 0 = missing.
        class_weights: (C,).
        label_smoothing: share of the target, in [0, 1), that is spread evenly over the allowed categories.

    A batch without any label gives 0 with zero gradient.
    """
    target = torch.where(allowed, target, 0.0)
    weight = torch.where(target.sum(dim=1) > 0, weight, 0.0)
    log_probabilities = logits.float().masked_fill(~allowed, EXCLUDED_LOGIT).log_softmax(dim=1)
    even = allowed / allowed.sum(dim=1, keepdim=True).clamp(min=1)
    smoothed = (1.0 - label_smoothing) * target + label_smoothing * even
    if class_weights is not None:
        smoothed = smoothed * class_weights
    losses = -(smoothed * log_probabilities).sum(dim=1)
    total = weight.sum()
    return (weight * losses).sum() / torch.where(total > 0, total, 1.0)


def concordance_loss(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return 1 - CCC, a scalar in [0, 2], with CCC = 2 cov / (var x + var y + (mean x - mean y)^2) [Lin 1989].

    Args:
        prediction: (B,).
        target: (B,), NaN = missing.
        weight: (B,), at least 0; 0 = missing. None: every item counts the same.

    Fewer than two valid items, or no variance in either, give 0 with zero gradient.
    """
    return _concordance_loss(prediction, target, weight)[0]


def _concordance_by_group(prediction: Tensor, target: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss over groups, each counting by its valid items, and whether any group defines one."""
    total, count = prediction.new_zeros(()), prediction.new_zeros(())
    for group in set(groups.tolist()):
        inside = torch.where(groups == group, target, math.nan)
        loss, defined = _concordance_loss(prediction, inside, None)
        items = inside.isfinite().sum() * defined
        total, count = total + items * loss, count + items
    return total / count.clamp(min=1), count > 0


def _concordance_loss(prediction: Tensor, target: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the loss and whether it is defined, both scalars."""
    weight = torch.ones_like(target) if weight is None else weight
    valid = target.isfinite() & (weight > 0)
    target = torch.where(valid, target, 0.0)
    prediction = torch.where(valid, prediction.to(torch.promote_types(prediction.dtype, torch.float32)), 0.0)
    weight = torch.where(valid, weight, 0.0)
    share = weight / torch.where(valid.any(), weight.sum(), 1.0)
    prediction_mean, target_mean = (share * prediction).sum(), (share * target).sum()
    prediction_rest, target_rest = prediction - prediction_mean, target - target_mean
    variance = (share * (prediction_rest.square() + target_rest.square())).sum()
    covariance = (share * prediction_rest * target_rest).sum()
    defined = (valid.sum() >= 2) & (variance > LEAST_VARIANCE)
    scatter = torch.where(defined, variance + (prediction_mean - target_mean).square(), 1.0)
    return torch.where(defined, 1.0 - 2.0 * covariance / scatter, 0.0), defined


def within_tolerance(target: Tensor, prediction: Tensor, tolerance: Tensor) -> Tensor:
    """Return for each target the value nearest to the prediction within ``tolerance`` of it; all of one shape.

    Against these targets a loss is zero, gradient too, where every prediction is close enough. NaN stays NaN.
    """
    return torch.minimum(torch.maximum(prediction.detach().float(), target - tolerance), target + tolerance)


def ranking_loss(prediction: Tensor, places: Tensor, groups: Tensor, margin: float, least: float = 0.0) -> Tensor:
    """Return how far pairs of items are from the order of their places, a scalar, at least 0.

    The mean of max(0, margin x (place_i - place_j) - (prediction_i - prediction_j)) / margin over pairs of one group
    with place_i above place_j: zero where each pair is in order with at least its margin, 1 a step of place where the
    predictions are equal.

    Args:
        prediction: (B,).
        places: (B,), NaN = compared with none.
        groups: (B,) integers; only items of one group are compared.
        margin: asked for each unit of difference in place, above 0.
        least: difference in place from which on a pair counts.

    Without any pair it is 0 with zero gradient.
    """
    steps = places[:, None] - places[None, :]
    pairs = (groups[:, None] == groups[None, :]) & (steps > 0) & (steps >= least)  # False for NaN
    gaps = prediction.float()[:, None] - prediction.float()[None, :]
    missing = torch.where(pairs, margin * torch.where(pairs, steps, 0.0) - gaps, 0.0).clamp(min=0.0) / margin
    return missing.sum() / pairs.sum().clamp(min=1)


def correlation_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return 1 - Pearson's correlation over (B,) items, a scalar in [0, 2]: the course counts, level and spread do not.

    NaN targets are missing. Fewer than two valid items, or no variance in either, give 0 with zero gradient.
    """
    valid = target.isfinite()
    count = valid.sum().clamp(min=1)
    prediction, target = torch.where(valid, prediction.float(), 0.0), torch.where(valid, target, 0.0)
    rest, other = (torch.where(valid, each - each.sum() / count, 0.0) for each in (prediction, target))
    spread, other_spread = rest.square().sum() / count, other.square().sum() / count
    defined = (valid.sum() >= 2) & (spread > LEAST_VARIANCE) & (other_spread > LEAST_VARIANCE)
    scatter = torch.where(defined, spread * other_spread, 1.0).sqrt()
    return torch.where(defined, 1.0 - (rest * other).sum() / count / scatter, 0.0)


class MultiTaskLoss(nn.Module):
    """The sum over tasks, the category and each dimension, of weight x loss.

    Weights are fixed (the paper: 0.34 for the category, 0.33 for each dimension) or learned from each task's
    uncertainty: exp(-s) x loss + s / 2, s = the task's log variance [Kendall 2018], starting at the fixed weights.
    A task of weight 0 is left out: the model need not predict it.

    Args:
        dimensions: names, in the order of the model's outputs.
        category_weight: at least 0.
        dimension_weights: dimension -> weight, at least 0; None: 0.33 each.
        learned: learn the weights.
        class_weights: (C,), see ``cross_entropy``.
        label_smoothing: see ``cross_entropy``.
    """

    weights: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        dimensions: Sequence[str],
        *,
        category_weight: float = 0.34,
        dimension_weights: Mapping[str, float] | None = None,
        learned: bool = False,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        fixed = dict.fromkeys(dimensions, 0.33) if dimension_weights is None else dimension_weights
        columns = {name: (column, fixed[name]) for column, name in enumerate(dimensions) if fixed[name] > 0}
        self.columns = {name: column for name, (column, _) in columns.items()}
        self.with_category = category_weight > 0
        self.label_smoothing = label_smoothing
        weights = [category_weight] * self.with_category + [weight for _, weight in columns.values()]
        self.register_buffer("weights", torch.tensor(weights))
        self.register_buffer("class_weights", class_weights)
        self.log_variances = nn.Parameter(-self.weights.log()) if learned else None

    def forward(
        self,
        outputs: tuple[Tensor, Tensor],
        categories: Tensor,
        allowed: Tensor,
        weight: Tensor,
        dimensions: Tensor,
        groups: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total, a scalar, and each task's own loss, detached and unweighted.

        Args:
            outputs: the model's logits (B, C) and dimensions (B, K).
            categories: (B, C) target distributions, all zero = missing.
            allowed: (B, C) bool, the categories that compete in each item.
            weight: (B,), at least 0, of each item in the category task.
            dimensions: (B, K) targets in [0, 1], NaN = missing.
            groups: (B,) the corpus of each item: concordance is taken within each, since raters of one corpus use a
                scale otherwise than those of another; None: all are one group.

        A task without labels in the batch contributes nothing, and its part is NaN.
        """
        logits, predicted = outputs
        groups = predicted.new_zeros(len(predicted), dtype=torch.int64) if groups is None else groups
        losses: dict[str, tuple[Tensor, Tensor]] = {}  # task -> loss and whether the batch has labels for it
        if self.with_category:
            losses["category"] = self._category(logits, categories, allowed, weight)
        for name, column in self.columns.items():
            losses[name] = _concordance_by_group(predicted[:, column], dimensions[:, column], groups)
        values, defined = (torch.stack(each) for each in zip(*losses.values(), strict=True))
        weighted = self.weights * values
        if self.log_variances is not None:
            weighted = (-self.log_variances).exp() * values + self.log_variances / 2
        parts = torch.where(defined, values, math.nan).detach()
        return torch.where(defined, weighted, 0.0).sum(), dict(zip(losses, parts.unbind(), strict=True))

    def _category(self, logits: Tensor, target: Tensor, allowed: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        loss = cross_entropy(
            logits, target, allowed, weight, class_weights=self.class_weights, label_smoothing=self.label_smoothing
        )
        return loss, ((torch.where(allowed, target, 0.0).sum(dim=1) > 0) & (weight > 0)).any()
