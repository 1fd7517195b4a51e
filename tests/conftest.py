"""Shared fixtures: speech of any length, and a tiny model directory whose graphs are real and whose weights
are random. The graphs honour the interfaces of an exported model, so that what runs on them runs on any."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import onnx
import pytest
import soxr
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import emobridge
from emobridge.audio.load import load_audio
from emobridge.encoders.config import AcousticConfig, EncoderConfigs, LinguisticConfig
from emobridge.features.functionals import FunctionalsSettings
from emobridge.inference.bundle import (
    BundleConfig,
    ConformalConfig,
    DimensionConfig,
    TrainingCorpus,
    ViewConfig,
    seal_bundle,
)
from emobridge.labels import CATEGORIES, DIMENSIONS, FOUR_CATEGORIES
from emobridge.results import Result

ACOUSTIC_WIDTH, LINGUISTIC_WIDTH = 8, 12
WORDS = "i am so happy sad angry today the dog dogs sit by door ! . ,"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.split()]
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("emobridge", deadline=None)
hypothesis.settings.load_profile("emobridge")


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Result, Result], None]:
    """A function that takes two results to be the same: all but numbers equal, numbers within the rounding of sums.

    numpy adds products in another order when it has another number of threads, as another process may.
    """

    def same(one: Any, other: Any) -> None:
        assert type(one) is type(other)
        if isinstance(one, dict):
            assert one.keys() == other.keys()
            for key in one:
                same(one[key], other[key])
        elif isinstance(one, list):
            assert len(one) == len(other)
            for pair in zip(one, other, strict=True):
                same(*pair)
        else:
            assert one == (pytest.approx(other, abs=1e-5) if isinstance(other, float) else other)

    return lambda one, other: same(one.to_dict(), other.to_dict())


@pytest.fixture(scope="session")
def speech_like() -> Callable[..., NDArray[np.float32]]:
    """A function (seconds, seed=0, sample_rate_hz=16000) -> (N,) float32: real speech without pauses, in another order
    for each seed."""
    sample = load_audio(emobridge.sample(), sample_rate_hz=16_000)
    slots = sample.reshape(6, -1)  # one clip in each, and pauses around it
    spoken = slots[:, 14_400:27_200]

    def make(seconds: float, seed: int = 0, sample_rate_hz: int = 16_000) -> NDArray[np.float32]:
        speech = np.random.default_rng(seed).permutation(spoken).ravel()
        whole = np.resize(speech, round(seconds * 16_000))
        return whole if sample_rate_hz == 16_000 else soxr.resample(whole, 16_000, sample_rate_hz)

    return make


@pytest.fixture(scope="session")
def build_toy_bundle() -> Callable[..., Path]:
    """A function (directory, modalities=("acoustic", "linguistic"), distance_threshold=None) -> directory, sealed."""

    def build(
        directory: Path,
        modalities: tuple[str, ...] = ("acoustic", "linguistic"),
        distance_threshold: float | None = None,
    ) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        if "acoustic" in modalities:
            _write_acoustic_graph(directory / "acoustic.onnx")
        if "linguistic" in modalities:
            _write_linguistic_graph(directory / "linguistic.onnx")
            _write_tokenizer(directory / "tokenizer.json")
        _write_fusion_graph(directory / "fusion.onnx", modalities)
        (directory / "README.md").write_text("# A model for tests\n", encoding="utf-8")
        config = dataclasses.replace(_toy_config(modalities), distance_threshold=distance_threshold)
        seal_bundle(directory, config)
        return directory

    return build


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory, build_toy_bundle: Callable[..., Path]) -> Path:
    """A sealed model directory with both modalities. Copy it before you change it."""
    return build_toy_bundle(tmp_path_factory.mktemp("models") / "toy")


def _toy_config(modalities: tuple[str, ...]) -> BundleConfig:
    acoustic = AcousticConfig("compact", "acoustic.onnx", ACOUSTIC_WIDTH, "0" * 64, FunctionalsSettings())
    linguistic = LinguisticConfig("minilm", "linguistic.onnx", "tokenizer.json", LINGUISTIC_WIDTH, "1" * 64)
    presences = ("acoustic", "linguistic", "both") if len(modalities) == 2 else modalities
    return BundleConfig(
        name="toy",
        version="0.0.1",
        licence="Apache-2.0",
        description="Random weights for tests.",
        architecture={"fusion": "concat", "width": 4},
        encoders=EncoderConfigs(
            acoustic if "acoustic" in modalities else None, linguistic if "linguistic" in modalities else None
        ),
        categories=CATEGORIES,
        views={
            "four": ViewConfig(
                FOUR_CATEGORIES,
                dict(zip(presences, (0.7, 1.3, 0.9), strict=False)),
                dict(zip(presences, (0.6, 0.7, 0.75), strict=False)),
            )
        },
        dimensions=tuple(
            DimensionConfig(name, (0.0, 1.0), {"acoustic": "weak", "linguistic": "rated"}) for name in DIMENSIONS
        ),
        sample_rate_hz=16_000,
        window_s=2.0,
        temperature=dict(zip(presences, (1.5, 0.8, 1.2), strict=False)),
        conformal={name: ConformalConfig(0.8, {"valence": 0.2, "arousal": 0.15}) for name in presences},
        training_data=(
            TrainingCorpus("toy", "CC0-1.0", "Nobody (2020)", "https://example.org", 10, 2, "acoustic categories"),
            TrainingCorpus("words", "CC0-1.0", "Nobody (2021)", "https://example.org", 20, None, "dimensions"),
        ),
    )


def _write_acoustic_graph(path: Path) -> None:
    """Functionals through one dense layer, less what is known of the voice."""
    size = FunctionalsSettings().width
    nodes = [
        helper.make_node("MatMul", ["frames", "weights"], ["projected"]),
        helper.make_node("Unsqueeze", ["voice", "second"], ["known"]),
        helper.make_node("Sub", ["projected", "known"], ["dense"]),
        helper.make_node("Tanh", ["dense"], ["vectors"]),
        helper.make_node("Identity", ["mask"], ["vector_mask"]),
    ]
    constants = {"weights": 0.005 * _random(1, size, ACOUSTIC_WIDTH), "second": np.array([1])}
    inputs = [("frames", FLOAT, ["B", "T", size]), ("mask", BOOL, ["B", "T"]), ("voice", FLOAT, ["B", ACOUSTIC_WIDTH])]
    outputs = [
        ("vectors", FLOAT, ["B", "T", ACOUSTIC_WIDTH]),
        ("vector_mask", BOOL, ["B", "T"]),
        ("projected", FLOAT, ["B", "T", ACOUSTIC_WIDTH]),
    ]
    _write_graph(path, nodes, constants, inputs, outputs)


def _write_linguistic_graph(path: Path) -> None:
    """A table of token vectors."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["real"], to=FLOAT),
        helper.make_node("Unsqueeze", ["real", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["vectors"]),
    ]
    constants = {"table": _random(2, len(VOCABULARY), LINGUISTIC_WIDTH), "last": np.array([-1])}
    inputs = [("input_ids", INT64, ["B", "T"]), ("attention_mask", INT64, ["B", "T"])]
    _write_graph(path, nodes, constants, inputs, [("vectors", FLOAT, ["B", "T", LINGUISTIC_WIDTH])])


def _write_fusion_graph(path: Path, modalities: tuple[str, ...]) -> None:
    """Masked means side by side, the words also weighted by their positions, then one dense layer for each head."""
    widths = {"acoustic": ACOUSTIC_WIDTH, "linguistic": LINGUISTIC_WIDTH}
    nodes, inputs, pooled = [], [], []
    for name in modalities:
        nodes += _masked_mean(name)
        inputs += [(name, FLOAT, ["B", f"T_{name}", widths[name]]), (f"{name}_mask", BOOL, ["B", f"T_{name}"])]
        pooled.append(f"{name}_mean")
    if "linguistic" in modalities:
        nodes += [
            helper.make_node("Unsqueeze", ["token_positions", "last"], ["position"]),
            helper.make_node("Mul", ["linguistic_real", "position"], ["placed"]),
            helper.make_node("ReduceMean", ["placed", "time"], ["placed_mean"], keepdims=0),
        ]
        inputs.append(("token_positions", FLOAT, ["B", "T_linguistic"]))
        pooled.append("placed_mean")
    nodes += [
        helper.make_node("Cast", ["presence"], ["present"], to=FLOAT),
        helper.make_node("Concat", [*pooled, "present"], ["joined"], axis=1),
        helper.make_node("MatMul", ["joined", "category_weights"], ["logits"]),
        helper.make_node("MatMul", ["joined", "dimension_weights"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["dimensions"]),
    ]
    inputs.append(("presence", BOOL, ["B", 2]))
    outputs = [("logits", FLOAT, ["B", len(CATEGORIES)]), ("dimensions", FLOAT, ["B", len(DIMENSIONS)])]
    if "acoustic" in modalities:
        nodes.append(helper.make_node("ReduceL2", ["acoustic_mean", "time"], ["distance"], keepdims=0))
        outputs.append(("distance", FLOAT, ["B"]))
    width = sum(widths[name] for name in modalities) + LINGUISTIC_WIDTH * ("linguistic" in modalities) + 2
    constants = {
        "category_weights": 0.4 * _random(3, width, len(CATEGORIES)),
        "dimension_weights": 0.4 * _random(4, width, len(DIMENSIONS)),
        "zero": np.array(0, dtype=np.float32),
        "one": np.array(1, dtype=np.float32),
        "last": np.array([-1]),
        "time": np.array([1]),
    }
    _write_graph(path, nodes, constants, inputs, outputs)


def _masked_mean(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Unsqueeze", [f"{name}_mask", "last"], [f"{name}_column"]),
        helper.make_node("Where", [f"{name}_column", name, "zero"], [f"{name}_real"]),
        helper.make_node("ReduceSum", [f"{name}_real", "time"], [f"{name}_sum"], keepdims=0),
        helper.make_node("Cast", [f"{name}_column"], [f"{name}_ones"], to=FLOAT),
        helper.make_node("ReduceSum", [f"{name}_ones", "time"], [f"{name}_count"], keepdims=0),
        helper.make_node("Max", [f"{name}_count", "one"], [f"{name}_divisor"]),
        helper.make_node("Div", [f"{name}_sum", f"{name}_divisor"], [f"{name}_mean"]),
    ]


def _write_graph(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, NDArray[np.generic]],
    inputs: list[tuple[str, int, list[str | int]]],
    outputs: list[tuple[str, int, list[str | int]]],
) -> None:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _random(seed: int, *shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def _write_tokenizer(path: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(word, VOCABULARY.index(word)) for word in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(path))
