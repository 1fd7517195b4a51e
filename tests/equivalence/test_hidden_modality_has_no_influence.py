"""A hidden modality changes neither outputs nor gradients, whatever it holds and however long it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from emobridge.training.models.fusion import Fusion

HIDDEN = {"acoustic": (False, True), "linguistic": (True, False), "both": (False, False)}
timelines = pytest.mark.parametrize("timeline", ["common", "padded"])
hidden_ones = pytest.mark.parametrize("hidden", HIDDEN)


def with_other_contents(inputs: tuple[Tensor, ...], hidden: str, make_inputs: Callable) -> tuple[Tensor, ...]:
    """Return the inputs with longer, other and partly undefined sequences where a modality is hidden."""
    acoustic, acoustic_mask, linguistic, linguistic_mask, positions, presence = inputs
    others = make_inputs([40, 23], [31, 17], seed=9)
    if hidden in {"acoustic", "both"}:
        acoustic, acoustic_mask = others[0] * 1e3, others[1]
        acoustic[0, 3] = float("nan")
    if hidden in {"linguistic", "both"}:
        linguistic, linguistic_mask, positions = others[2] * 1e3, others[3], others[4]
        linguistic[1, 0], positions[1, 0] = float("inf"), float("nan")
    return acoustic, acoustic_mask, linguistic, linguistic_mask, positions, presence


@timelines
@hidden_ones
def test_outputs_are_the_same_with_other_contents(
    make_model: Callable, make_inputs: Callable, fusion: Fusion, timeline: str, hidden: str
) -> None:
    model = make_model(fusion=fusion, timeline=timeline, pooling="statistics")
    inputs = make_inputs([6, 3], [2, 5], [HIDDEN[hidden]] * 2)
    expected = model(*inputs)
    assert all(each.isfinite().all() for each in expected)
    torch.testing.assert_close(model(*with_other_contents(inputs, hidden, make_inputs)), expected, atol=1e-5, rtol=0)


@timelines
@hidden_ones
def test_gradients_are_the_same_and_none_reach_the_hidden_modality(
    make_model: Callable, make_inputs: Callable, fusion: Fusion, timeline: str, hidden: str
) -> None:
    model = make_model(fusion=fusion, timeline=timeline, pooling="statistics")
    inputs = make_inputs([6, 3], [2, 5], [HIDDEN[hidden]] * 2)
    gradients = []
    for given in (inputs, with_other_contents(inputs, hidden, make_inputs)):
        vectors = {"acoustic": given[0].requires_grad_(), "linguistic": given[2].requires_grad_()}
        model.zero_grad()
        sum(each.square().sum() for each in model(*given)).backward()
        gradients.append({name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None})
        for name, each in vectors.items():
            assert each.grad.isfinite().all()
            assert hidden not in {name, "both"} or (each.grad == 0).all()
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-4)


def test_a_modality_without_any_real_vector_is_absent_even_if_flagged(
    make_model: Callable, make_inputs: Callable, fusion: Fusion
) -> None:
    model = make_model(fusion=fusion)
    acoustic, acoustic_mask, linguistic, _, positions, presence = make_inputs([6], [2])
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    flagged = model(acoustic, acoustic_mask, linguistic, nothing, positions, presence)
    hidden = model(acoustic, acoustic_mask, linguistic, nothing, positions, torch.tensor([[True, False]]))
    torch.testing.assert_close(flagged, hidden)


def test_one_hidden_item_changes_no_other_item(make_model: Callable, make_inputs: Callable, fusion: Fusion) -> None:
    model = make_model(fusion=fusion)
    inputs = make_inputs([6, 3], [2, 5])
    shown = model(*inputs)
    half_hidden = model(*inputs[:5], torch.tensor([[True, True], [True, False]]))
    for one, other in zip(shown, half_hidden, strict=True):
        torch.testing.assert_close(one[0], other[0], atol=1e-6, rtol=0)
        assert not torch.allclose(one[1], other[1])
