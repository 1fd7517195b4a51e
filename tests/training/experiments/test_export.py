"""Laws of export: graphs say what the network says, a training gives one bundle, nothing else is touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from safetensors.torch import load_file

import emobridge
from emobridge.audio.load import load_audio
from emobridge.encoders.base import TokenVectors
from emobridge.errors import CorpusError, OutputError, ResultError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.inference.bundle import BundleConfig
from emobridge.inference.runtime import Runtime
from emobridge.training.experiments.export import export, load_system, quantise
from emobridge.training.models.acoustic_encoder import AgainstVoice, CompactEncoder
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.text_encoder import load_tokenizer, starting_weights
from emobridge.utils.files import read_json
from emobridge.utils.onnx import Graph

SAME = 1e-4  # between the network and its graphs
INT8 = 0.05  # between probabilities or dimensions from the linguistic encoder and from its int8 graph


@pytest.fixture(scope="module")
def system(exported: Any) -> EmotionSystem:
    return load_system(exported.run, read_json(exported.run / "run.json"), exported.recipe)


@pytest.fixture(scope="module")
def runtime(exported: Any) -> Runtime:
    return Runtime(exported.bundle, threads=1)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fuse(system: EmotionSystem, acoustic: NDArray[Any] | None, linguistic: NDArray[Any] | None) -> list[NDArray[Any]]:
    """Return logits (C,) and dimensions (K,) of the network's fusion for one utterance's vectors."""
    inputs: list[torch.Tensor] = []
    for vectors, width in ((acoustic, 16), (linguistic, 384)):
        inputs.append(torch.zeros(1, 1, width) if vectors is None else torch.from_numpy(vectors)[None])
        inputs.append(torch.full(inputs[-1].shape[:2], vectors is not None))
    positions = (torch.arange(inputs[2].shape[1]) + 0.5)[None] / inputs[2].shape[1]
    presence = torch.tensor([[acoustic is not None, linguistic is not None]])
    with torch.inference_mode():
        return [output[0].numpy() for output in system.fusion(*inputs, positions, presence)]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(0, 99))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_acoustic_graph_is_the_encoder_at_any_length(
    exported: Any, system: EmotionSystem, lengths: list[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    frames = random.standard_normal((len(lengths), max(lengths), FunctionalsSettings().width)).astype(np.float32)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    graph = Graph(exported.bundle.path / "acoustic.onnx", ("vectors", "vector_mask", "projected"), threads=1)
    width = system.config.acoustic.width
    found = graph.run({"frames": frames, "mask": mask, "voice": np.zeros((len(lengths), width), np.float32)})
    assert isinstance(system.acoustic, CompactEncoder)
    given = torch.from_numpy(frames), torch.from_numpy(mask)
    with torch.inference_mode():
        vectors, vector_mask = system.acoustic(*given)
    np.testing.assert_array_equal(found["vector_mask"], vector_mask)
    assert_allclose(found["vectors"], vectors, atol=SAME)
    voice = random.standard_normal((len(lengths), width)).astype(np.float32)
    against = graph.run({"frames": frames, "mask": mask, "voice": voice})
    with torch.inference_mode():
        shifted, _, projected = AgainstVoice(system.acoustic)(*given, torch.from_numpy(voice))
    assert_allclose(against["vectors"], shifted, atol=SAME)
    assert_allclose(against["projected"], projected, atol=10 * SAME)
    assert_allclose(against["projected"], found["projected"], atol=0)


@given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_runtime_fuses_and_calibrates_as_the_network_does(
    exported: Any, system: EmotionSystem, runtime: Runtime, frames: int, tokens: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    if frames + tokens == 0:
        frames = 1
    acoustic = random.standard_normal((frames, 16)).astype(np.float32) if frames else None
    linguistic = random.standard_normal((tokens, 384)).astype(np.float32) if tokens else None
    words = None if linguistic is None else TokenVectors(linguistic, ((0, 1),) * tokens)
    found = runtime.estimate(acoustic, words)
    logits, dimensions = fuse(system, acoustic, linguistic)
    scaled = torch.from_numpy(logits) / exported.bundle.config.temperature[found.presence]
    assert_allclose(found.probabilities, scaled.softmax(dim=0), atol=SAME)
    assert_allclose(found.dimensions, dimensions, atol=SAME)


def test_the_int8_text_graph_stays_near_the_encoder(exported: Any, system: EmotionSystem, runtime: Runtime) -> None:
    assert runtime.linguistic is not None
    assert system.linguistic is not None
    tokenizer = load_tokenizer(exported.bundle.path)
    for text in ("i am so happy", "No!", "The dogs sit by the door, today. " * 9):
        encoded = runtime.linguistic.encode(text)
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.inference_mode():
            exact = system.linguistic(ids, torch.ones_like(ids))[0, 1:-1].numpy()
        cosine = (exact * encoded.vectors).sum(axis=1) / np.linalg.norm(exact, axis=1)
        assert (cosine / np.linalg.norm(encoded.vectors, axis=1)).min() > 0.95
        found = runtime.estimate(None, encoded)
        logits, dimensions = fuse(system, None, exact)
        scaled = torch.from_numpy(logits) / exported.bundle.config.temperature["linguistic"]
        assert_allclose(found.probabilities, scaled.softmax(dim=0), atol=INT8)
        assert_allclose(found.dimensions, dimensions, atol=INT8)


def test_what_is_exported_predicts(exported: Any, speech_like: Callable[..., NDArray[np.float32]]) -> None:
    result = emobridge.load(exported.bundle.path, threads=1).predict((speech_like(1.5), 16_000), text="i am sad")
    (segment,) = result.segments
    assert segment.modalities == ("acoustic", "linguistic")
    assert set(segment.probabilities) == {"angry", "neutral", "sad"}
    assert set(segment.dimensions) == {"valence", "arousal", "dominance"}
    assert "dominance" not in segment.intervals  # nobody rated it


def test_an_exported_model_that_only_hears_predicts(
    toy_run: Any, speech_like: Callable[..., NDArray[np.float32]], tmp_path: Path
) -> None:
    bundle = export(toy_run.folder / "categories-alone" / "fold-2", tmp_path / "bundle")
    names = {"README.md", "acoustic.onnx", "config.json", "fusion.onnx", "fusion.safetensors"}
    assert set(content(bundle.path)) == names
    assert bundle.config.presences == ("acoustic",)
    (segment,) = emobridge.load(bundle.path, threads=1).predict((speech_like(1.5), 16_000)).segments
    assert segment.dimensions == {}
    assert sum(segment.probabilities.values()) == pytest.approx(1)


def test_the_same_training_gives_the_same_bundle(toy_run: Any, tmp_path: Path) -> None:
    run = toy_run.folder / "toy" / "fold-1"
    torch.manual_seed(1)
    export(run, tmp_path / "a")
    torch.manual_seed(2)
    export(run, tmp_path / "b")
    export(run, tmp_path / "b")  # over itself
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_int8_graphs_are_smaller_and_the_same_each_time(exported: Any, tmp_path: Path) -> None:
    source = exported.bundle.path / "fusion.onnx"
    for name in ("a", "b"):
        quantise(source, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    released_bytes = (starting_weights() / "model.safetensors").stat().st_size
    assert (exported.bundle.path / "linguistic.onnx").stat().st_size < 0.3 * released_bytes


def test_the_bundle_tells_where_it_comes_from(exported: Any, toy_run: Any) -> None:
    config: BundleConfig = exported.bundle.config
    (corpus,) = config.training_data
    assert (corpus.corpus, corpus.utterances, corpus.speakers) == ("table-toy", 12, 2)
    assert corpus.used_for == "categories and rated dimensions and weak dimensions from speech and text"
    taught = {one.name: set(one.supervision.values()) for one in config.dimensions}
    assert taught == {"valence": {"rated"}, "arousal": {"rated"}, "dominance": {"weak"}}
    assert config.architecture["recipe"] == exported.recipe.to_dict()
    assert set(config.temperature) == set(config.conformal) == {"acoustic", "linguistic", "both"}
    card = " ".join((exported.bundle.path / "README.md").read_text(encoding="utf-8").split())
    for words in ("A toy.", "CC0 1.0", "table-toy", "not stated", "| dominance | weak | weak |", "**Weak** means"):
        assert words in card
    assert "| valence | rated | rated |" in card


def test_the_card_tells_of_corpora_left_out_by_folds_of_the_same_recipe(toy_run: Any, tmp_path: Path) -> None:
    for name in ("fold-1", "fold-2"):
        shutil.copytree(toy_run.folder / "toy" / name, tmp_path / "toy" / name)
    card = export(tmp_path / "toy" / "fold-1", tmp_path / "alone").path / "README.md"
    assert "Corpora left out" not in card.read_text(encoding="utf-8")
    shutil.copytree(toy_run.folder / "toy" / "fold-2", tmp_path / "toy" / "without-elsewhere")
    shutil.copytree(toy_run.folder / "categories-alone" / "fold-2", tmp_path / "toy" / "without-another")
    (tmp_path / "toy" / "without-unfinished").mkdir()
    card = export(tmp_path / "toy" / "fold-1", tmp_path / "beside").path / "README.md"
    section = card.read_text(encoding="utf-8").partition("## Corpora left out")[2].partition("##")[0]
    assert [line.split()[1] for line in section.splitlines() if line.startswith("| ")] == ["corpus", "elsewhere"]


def test_weights_for_further_training_leave_the_released_ones_out(exported: Any, system: EmotionSystem) -> None:
    found = load_file(exported.bundle.path / "fusion.safetensors")
    expected = {name: value for name, value in system.state_dict().items() if not name.startswith("linguistic.")}
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name].to(value.dtype)) for name, value in found.items())
    assert all(value.dtype == torch.float16 for value in found.values() if value.is_floating_point())


def test_a_folder_that_is_no_bundle_is_left_alone(toy_run: Any, tmp_path: Path) -> None:
    run = toy_run.folder / "toy" / "fold-1"
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(OutputError, match=r"is not empty and holds no bundle; .*; choose another one"):
        export(run, tmp_path)
    with pytest.raises(OutputError, match=r"thesis\.txt' cannot be made"):
        export(run, tmp_path / "thesis.txt")
    assert content(tmp_path) == {"thesis.txt": b"three years of work"}


def test_what_is_no_finished_fold_is_refused(toy_run: Any, tmp_path: Path) -> None:
    for folder in (tmp_path / "gone", toy_run.folder):
        with pytest.raises(ResultError, match=r"run\.json' cannot be read"):
            export(folder, tmp_path / "out")
    shutil.copytree(toy_run.folder / "toy" / "fold-1", tmp_path / "run")
    (tmp_path / "run" / "predictions.parquet").unlink()
    with pytest.raises(CorpusError, match=r"predictions\.parquet' does not exist"):
        export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_an_export_that_fails_keeps_the_old_bundle(
    toy_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy_run.folder / "toy" / "fold-1"
    before = content(export(run, tmp_path / "bundle").path)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("emobridge.training.experiments.export.seal_bundle", fail)
    with pytest.raises(KeyboardInterrupt):
        export(run, tmp_path / "bundle")
    assert content(tmp_path / "bundle") == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_record_is_plain_json_with_the_split_speakers_alone(exported: Any) -> None:
    record = json.loads((exported.run / "run.json").read_text(encoding="utf-8"))
    assert record["fold"] == "fold-1"
    assert record["corpora"][0]["utterances"] == 12
    assert {name: one["items"] for name, one in record["calibration"].items()} == dict.fromkeys(
        ("acoustic", "linguistic", "both"), 12
    )


def test_short_sound_and_silence_go_through_the_graphs(runtime: Runtime, toy_table: Path) -> None:
    assert runtime.acoustic is not None
    for samples in (
        np.zeros(1, np.float32),
        np.zeros(16_000, np.float32),
        load_audio(toy_table.parent / "anna-sad-0.wav")[:500],
    ):
        assert np.isfinite(runtime.estimate(runtime.acoustic.encode(samples), None).probabilities).all()
