"""Bridges without keys and values give, and learn, what bridges with them do, and so do their graphs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.speed.plain_bridges import PlainBridgeFusion
from emobridge.training.experiments.export import export_fusion
from emobridge.training.models.emotion_model import EmotionSystem, SystemConfig
from emobridge.training.models.fusion import FusionModel

SAME, SAME_GRADIENT = 1e-5, 1e-4
NAMES = ("acoustic", "acoustic_mask", "linguistic", "linguistic_mask", "token_positions", "presence")
utterances = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.tuples(st.booleans(), st.booleans())), min_size=1, max_size=4
)
every_shape = pytest.mark.parametrize(
    "shape",
    [
        {"fusion": "bridge_crossed"},
        {"fusion": "bridge_crossed", "timeline": "padded"},
        {"fusion": "bridge_crossed", "pooling": "attention", "heads": 1},
        {"fusion": "bridge_crossed", "bridge_tokens": 1, "heads": 3},
        {"fusion": "bridge"},
        {"fusion": "bridge", "pooling": "statistics"},
    ],
    ids=lambda shape: " ".join(map(str, shape.values())),
)


def with_plain_bridges(model: FusionModel) -> FusionModel:
    plain = FusionModel(model.config).eval()
    plain.fusion = PlainBridgeFusion(model.config)
    plain.load_state_dict(model.state_dict(), strict=True)
    return plain


def gradients(model: FusionModel, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Return the gradients of all parameters and of what both encoders gave, of a sum that tells all outputs apart."""
    acoustic, acoustic_mask, linguistic, *rest = batch
    given = {"acoustic": acoustic.clone().requires_grad_(), "linguistic": linguistic.clone().requires_grad_()}
    model.zero_grad()
    outputs = torch.cat(model(given["acoustic"], acoustic_mask, given["linguistic"], *rest), dim=1)
    (outputs * torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape)).sum().backward()
    found = {**given, **dict(model.named_parameters())}
    return {name: torch.zeros_like(each) if each.grad is None else each.grad for name, each in found.items()}


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(items=utterances, seed=st.integers(0, 99))
@every_shape
def test_outputs_and_gradients_at_any_lengths_and_presences(
    make_model: Callable, make_inputs: Callable, shape: dict, items: list, seed: int
) -> None:
    model = make_model(**shape)
    plain = with_plain_bridges(model)
    frames, tokens, presences = (list(each) for each in zip(*items, strict=True))
    batch = make_inputs(frames, tokens, presences, seed=seed)  # padding holds NaN
    for one, other in zip(model(*batch), plain(*batch), strict=True):
        torch.testing.assert_close(one, other, atol=SAME, rtol=0)
    expected = gradients(plain, batch)
    for name, gradient in gradients(model, batch).items():
        torch.testing.assert_close(gradient, expected[name], atol=SAME_GRADIENT, rtol=SAME_GRADIENT, msg=name)


@pytest.mark.parametrize("absent", ["acoustic", "linguistic"])
@pytest.mark.parametrize("fusion", ["bridge_crossed", "bridge"])
def test_a_model_of_one_modality(make_model: Callable, make_inputs: Callable, fusion: str, absent: str) -> None:
    model = make_model(fusion=fusion, **{f"{absent}_dimension": None})
    batch = list(make_inputs([5, 2, 9], [4, 7, 1]))
    for place in (0, 1) if absent == "acoustic" else (2, 3, 4):
        batch[place] = None
    for one, other in zip(model(*batch), with_plain_bridges(model)(*batch), strict=True):
        torch.testing.assert_close(one, other, atol=SAME, rtol=0)


@every_shape
def test_the_graph(make_model: Callable, make_inputs: Callable, shape: dict, tmp_path: Path) -> None:
    system = EmotionSystem(SystemConfig(make_model(**shape).config)).eval()
    export_fusion(system, tmp_path / "fusion.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "fusion.onnx", providers=["CPUExecutionProvider"])
    plain = with_plain_bridges(system.fusion)
    presences = [(True, True), (True, False), (False, True), (False, False)]
    for frames, tokens in (([9, 3, 5, 1], [2, 7, 6, 1]), ([1, 50, 2, 3], [3, 1, 1, 40])):
        batch = make_inputs(frames, tokens, presences, padding=0.0)
        given = dict(zip(NAMES, batch, strict=True))
        found = session.run(None, {each.name: given[each.name].numpy() for each in session.get_inputs()})
        with torch.no_grad():
            for one, other in zip(found, plain(*batch), strict=True):
                np.testing.assert_allclose(one, other.numpy(), atol=SAME, rtol=0)
