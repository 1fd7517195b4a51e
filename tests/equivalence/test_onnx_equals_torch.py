"""An exported graph gives what the module gives, for sizes that the exporter never saw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from emobridge.features.functionals import FunctionalsSettings
from emobridge.training.evaluation.out_of_domain import Domain, FusionWithDistance
from emobridge.training.experiments.export import ACOUSTIC_AXES, export_fusion, export_graph
from emobridge.training.models.acoustic_encoder import AgainstVoice, CompactConfig, CompactEncoder
from emobridge.training.models.emotion_model import EmotionSystem, SystemConfig
from emobridge.training.models.fusion import Fusion, FusionConfig

NAMES = ("acoustic", "acoustic_mask", "linguistic", "linguistic_mask", "token_positions", "presence")
SIZES = [([9, 3, 5], [2, 7, 6]), ([4], [11]), ([1, 1], [1, 1]), ([1, 50], [3, 1])]
PRESENCES = [(True, True), (True, False), (False, True), (False, False)]


def load_graph(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run_graph(session: onnxruntime.InferenceSession, inputs: dict[str, Tensor]) -> list[np.ndarray]:
    return session.run(None, {each.name: inputs[each.name].numpy() for each in session.get_inputs()})


def assert_graph_equals_model(
    path: Path, system: EmotionSystem, make_inputs: Callable, domain: Domain | None = None
) -> None:
    session = load_graph(path)
    fusion = system.fusion if domain is None else FusionWithDistance(system.fusion, domain)
    for seed, (frames, tokens) in enumerate(SIZES):
        for presence in PRESENCES:
            presences = [presence] + [(True, True)] * (len(frames) - 1)
            inputs = make_inputs(frames, tokens, presences, seed=seed, padding=0.0)
            config = system.config.fusion
            given = list(inputs)
            if config.acoustic_dimension is None:
                given[:2] = [None, None]
            if config.linguistic_dimension is None:
                given[2:5] = [None, None, None]
            with torch.no_grad():
                expected = fusion(*given)
            found = run_graph(session, dict(zip(NAMES, inputs, strict=True)))
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other.numpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("timeline", ["common", "padded"])
def test_fusion(make_model: Callable, make_inputs: Callable, fusion: Fusion, timeline: str, tmp_path: Path) -> None:
    system = EmotionSystem(SystemConfig(make_model(fusion=fusion, timeline=timeline, pooling="statistics").config))
    export_fusion(system.eval(), tmp_path / "fusion.onnx")
    assert_graph_equals_model(tmp_path / "fusion.onnx", system, make_inputs)


@pytest.mark.parametrize("linguistic_dimension", [12, None])
def test_fusion_with_distance(
    make_model: Callable, make_inputs: Callable, domain: Domain, linguistic_dimension: int | None, tmp_path: Path
) -> None:
    config: FusionConfig = make_model(fusion="concat", linguistic_dimension=linguistic_dimension).config
    system = EmotionSystem(SystemConfig(config)).eval()
    export_fusion(system, tmp_path / "fusion.onnx", domain)
    outputs = [output.name for output in load_graph(tmp_path / "fusion.onnx").get_outputs()]
    assert outputs == ["logits", "dimensions", "distance"]
    assert_graph_equals_model(tmp_path / "fusion.onnx", system, make_inputs, domain)


@pytest.mark.parametrize("absent", ["acoustic", "linguistic"])
def test_fusion_of_a_single_modality(make_model: Callable, make_inputs: Callable, absent: str, tmp_path: Path) -> None:
    config: FusionConfig = make_model(**{f"{absent}_dimension": None}).config
    system = EmotionSystem(SystemConfig(config))
    export_fusion(system.eval(), tmp_path / "fusion.onnx")
    assert_graph_equals_model(tmp_path / "fusion.onnx", system, make_inputs)


def test_compact_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, size = CompactEncoder(CompactConfig(width=12)).eval(), FunctionalsSettings().width
    encoder.mean.copy_(torch.randn(size))
    encoder.deviation.copy_(0.5 + torch.rand(size))
    example = (torch.randn(2, 3, size), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 12))
    export_graph(AgainstVoice(encoder), example, tmp_path / "acoustic.onnx", ACOUSTIC_AXES)
    session = load_graph(tmp_path / "acoustic.onnx")
    for frames in ([1], [1, 1, 1], [8, 3], [40]):
        mask = torch.arange(max(frames)) < torch.tensor(frames)[:, None]
        batch = 9 * torch.randn(len(frames), max(frames), size)
        with torch.no_grad():
            vectors, vector_mask = encoder(batch, mask)
        nobody = torch.zeros(len(frames), 12)
        found, found_mask, _ = run_graph(session, {"frames": batch, "mask": mask, "voice": nobody})
        np.testing.assert_allclose(found, vectors.numpy(), atol=1e-4, rtol=0)
        np.testing.assert_array_equal(found_mask, vector_mask.numpy())
