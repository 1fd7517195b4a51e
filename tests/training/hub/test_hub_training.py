"""Laws of trainings on public encoders: encoded once for all, resumed after a kill, predicted with like the others."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors import safe_open

import emobridge
from emobridge import cli
from emobridge.audio.load import load_audio
from emobridge.encoders.config import NamedEncoderConfig
from emobridge.encoders.hub import base
from emobridge.encoders.hub.speech import HubAcousticEncoder
from emobridge.errors import BundleError, OutputError, RecipeError
from emobridge.inference.bundle import Bundle, load_bundle
from emobridge.training.evaluation.bundles import evaluate_bundle
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.export import export
from emobridge.training.experiments.overrides import override
from emobridge.training.experiments.prepare import encode, prepare
from emobridge.training.experiments.recipe import Recipe, parse_recipe, read_recipe
from emobridge.training.experiments.train_fold import train
from emobridge.utils.cache import ArrayCache

BRIDGES = {"width": 16, "fusion": "bridge_crossed", "bridge_tokens": 5, "refinement_layers": 1, "heads": 2}
KILL = """
import json, os, signal, sys, torch
from emobridge.training.experiments.prepare import encode
from emobridge.training.experiments.recipe import parse_recipe
torch.set_num_threads(1)
def report(what, done, total):
    if "clips to encode" in what and done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
encode(parse_recipe(json.loads(sys.argv[1])), None, report)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def public_recipe(toy_values: Callable[..., dict[str, Any]], checkpoint: Callable[..., str]) -> Callable[..., Recipe]:
    """A function (acoustic={}, linguistic={}, **sections) -> a recipe that hears by HuBERT and reads by DeBERTaV3."""

    def make(
        acoustic: dict[str, Any] | None = None, linguistic: dict[str, Any] | None = None, **sections: Any
    ) -> Recipe:
        values = toy_values(("acoustic", "linguistic"), **{"model": BRIDGES, **sections})
        values["acoustic"] = {"encoder": checkpoint("hubert"), **(acoustic or {})}
        values["linguistic"] = {"encoder": checkpoint("deberta-v2"), **(linguistic or {})}
        return parse_recipe(values)

    return make


def of_table(table: Path) -> list[str]:
    """Return what makes a recipe of IEMOCAP one of a table."""
    return [f"data.corpora.0.{key}" for key in (f"name=table:{table}", "only=[]", "protocol=speakers")]


def no_weights(*_: Any) -> Any:
    pytest.fail("an encoder was touched")


def test_every_fold_seed_and_variant_shares_one_pass(
    public_recipe: Callable[..., Recipe], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    encode(public_recipe(), None, lambda *args: told.append(args))
    assert [done for what, done, _ in told if "clips to encode" in what] == list(range(37))
    monkeypatch.setattr(base, "load_weights", no_weights)
    variants = {"categories-alone": {"loss.dimension_weight": 0.0}, "no-bridges": {"model.fusion": "cross"}}
    found = crossvalidate(public_recipe(variants=variants), None, tmp_path / "run", [1, 2])
    assert set(found.variants) == {"toy", *variants}
    assert set(found.presence) == {"both"}
    assert np.isfinite(found.probabilities).all()
    crossvalidate(public_recipe(seed=2), None, tmp_path / "other", [1])
    assert len([one for one in cache.iterdir() if one.name not in {"near-duplicates", "graphs"}]) == 2


def test_what_is_cached_is_what_the_encoder_gives(public_recipe: Callable[..., Recipe], cache: Path) -> None:
    prepared = encode(public_recipe({"pool_frames": 3}), None)
    heard, read = prepared.public["acoustic"], prepared.public["linguistic"]
    assert isinstance(heard, HubAcousticEncoder)
    examples = prepared.examples
    for row in (0, 17, 35):
        utterance = examples.utterances[row]
        assert utterance.audio is not None
        expected = heard.encode(load_audio(utterance.audio))
        assert len(examples.frames(row)) == examples.frame_counts[row] == len(expected)
        np.testing.assert_allclose(examples.frames(row), expected, rtol=2e-3, atol=2e-3)
        words = read.encode(utterance.text).vectors  # type: ignore[arg-type, union-attr]
        np.testing.assert_allclose(examples.token_vectors(row)[1:-1], words, rtol=2e-3, atol=2e-3)


def test_what_was_prepared_goes_to_another_process_without_the_cache_it_maps(
    public_recipe: Callable[..., Recipe], cache: Path
) -> None:
    prepared = encode(public_recipe(), None)
    expected = prepared.examples.frames(0)
    sent = pickle.dumps(prepared)
    assert expected.astype(np.float16).tobytes() not in sent
    found = pickle.loads(sent)
    assert_array_equal(found.examples.frames(0), expected)
    assert_array_equal(found.examples.token_vectors(1), prepared.examples.token_vectors(1))
    for name, encoder in prepared.public.items():
        assert found.public[name].fingerprint == encoder.fingerprint
    found.examples.cache.add("other", expected)
    assert "other" not in prepared.examples.cache


def test_the_size_is_told_before_anything_is_written_and_is_right(
    public_recipe: Callable[..., Recipe], cache: Path
) -> None:
    first: dict[str, int] = {}

    def report(what: str, done: int, total: int) -> None:
        if "to encode" in what and done == 0:
            first[what] = sum(file.stat().st_size for file in cache.rglob("*.bin"))

    prepared = encode(public_recipe(), None, report)
    sizes = [store.size_bytes for store in (prepared.examples.cache, prepared.examples.text_cache) if store is not None]
    assert list(first.values()) == [0, sizes[0]]  # the sound before the texts
    assert sum(file.stat().st_size for file in cache.rglob("*.bin")) == sum(sizes)
    for what, size in zip(first, sizes, strict=True):
        number, unit = re.findall(r"([\d.]+) (k?B)$", what)[0]
        assert float(number) * {"B": 1, "kB": 1000}[unit] == pytest.approx(size, rel=0.01)


def test_pooled_frames_shrink_the_cache(public_recipe: Callable[..., Recipe], cache: Path) -> None:
    sizes = [encode(public_recipe({"pool_frames": pooled}), None).examples.cache.size_bytes for pooled in (1, 4)]
    assert 3 < sizes[0] / sizes[1] <= 4


def test_a_killed_pass_goes_on_where_it_stopped_and_ends_the_same(
    public_recipe: Callable[..., Recipe], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = public_recipe({"precision": "float32"}, {"precision": "float32"})  # in the other process too
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", KILL, json.dumps(recipe.to_dict())]
    assert subprocess.run(command, check=False, env=environment).returncode == -signal.SIGKILL
    told: list[tuple[str, int, int]] = []
    resumed = encode(recipe, None, lambda *args: told.append(args)).examples
    assert next(total for what, _, total in told if "clips to encode" in what) == 36 - 5
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "another"))
    whole = encode(recipe, None).examples
    for row in range(len(whole)):
        np.testing.assert_allclose(resumed.frames(row), whole.frames(row), atol=2e-3)
        assert_array_equal(resumed.token_vectors(row), whole.token_vectors(row))


def test_a_disk_without_room_is_told_before_anything_is_encoded(
    public_recipe: Callable[..., Recipe], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: usage)
    monkeypatch.setattr(base, "load_weights", no_weights)
    with pytest.raises(
        OutputError, match=r"a cache of 0\.00 GB in .*; its disk has 0\.00 GB left; set EMOBRIDGE_CACHE"
    ):
        encode(public_recipe(), None)


def test_another_checkpoint_under_the_same_name_is_another_training(
    public_recipe: Callable[..., Recipe], checkpoint: Callable[..., str], cache: Path, tmp_path: Path
) -> None:
    place = tmp_path / "encoder"
    shutil.copytree(checkpoint("hubert"), place)
    recipe = public_recipe({"encoder": str(place)})
    train(recipe, None, tmp_path / "run")
    shutil.rmtree(place)
    shutil.copytree(checkpoint("hubert", "group"), place)
    with pytest.raises(RecipeError, match=r"holds the results of another training"):
        train(recipe, None, tmp_path / "run")


def test_the_published_recipe_runs_with_other_encoders_under_its_names(
    toy_table: Path, checkpoint: Callable[..., str], cache: Path, tmp_path: Path
) -> None:
    small = ("model.width=16", "model.heads=2", "training.steps=3", "evaluation.resamples=10", "evaluation.folds=3")
    names = (f"acoustic.encoder={checkpoint('wav2vec2')}", f"linguistic.encoder={checkpoint('xlm-roberta')}")
    recipe = read_recipe("ispas2023", [*of_table(toy_table), *names, *small])
    assert (recipe.model.bridge_tokens, recipe.model.fusion) == (30, "bridge_crossed")
    found = train(recipe, None, tmp_path / "run")
    assert found.categories == ("angry", "happy", "neutral", "sad")
    assert np.isfinite(found.predicted_dimensions).all()


def test_clips_that_are_sequences_are_not_mixed(public_recipe: Callable[..., Recipe]) -> None:
    for key in ("mixup", "voices"):
        streams = [{"kind": "acoustic", "batch_size": 8, key: 0.3}]
        with pytest.raises(RecipeError, match=r"a stream with mixup or voices beside the encoder .*; leave them out"):
            public_recipe(training={"steps": 2, "streams": streams})


def test_our_own_and_public_encoders_go_together(
    public_recipe: Callable[..., Recipe], cache: Path, tmp_path: Path
) -> None:
    values = public_recipe().to_dict()
    values["training"] |= {"steps": 2, "perturbed_copies": 1}
    values["linguistic"] = {"trainable_layers": 0}
    assert np.isfinite(train(parse_recipe(values), None, tmp_path / "reads").probabilities).all()
    values = public_recipe().to_dict() | {"acoustic": {"width": 16}}
    values["training"] |= {"steps": 2}
    assert np.isfinite(train(parse_recipe(values), None, tmp_path / "hears").probabilities).all()


@dataclass(frozen=True)
class PublicRun:
    """A trained recipe on public encoders, all their layers summed with learned weights, and its bundle."""

    recipe: Recipe
    run: Path
    predictions: Predictions
    bundle: Bundle


@pytest.fixture(scope="session")
def public_run(public_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> PublicRun:
    """Do not change it."""
    recipe = public_recipe({"layers": "all", "pool_frames": 2}, {"layers": [0, 2]}, licence="CC0 1.0")
    folder = tmp_path_factory.mktemp("public")
    predictions = train(recipe, None, folder / "run")
    return PublicRun(recipe, folder / "run", predictions, export(folder / "run", folder / "bundle"))


def test_a_checkpoint_holds_the_weights_of_the_layers_and_none_of_the_encoders(public_run: PublicRun) -> None:
    with safe_open(public_run.run / "checkpoint.safetensors", framework="np") as file:
        names = {name.removeprefix("model.system.") for name in file.keys() if name.startswith("model.system.")}  # noqa: SIM118
        scores = [
            file.get_tensor(f"average.fusion.refinements.{one}.layer_scores") for one in ("acoustic", "linguistic")
        ]
    assert {name.partition(".")[0] for name in names} == {"fusion"}
    assert [score.shape for score in scores] == [(3,), (2,)]
    assert all(score.any() for score in scores)


def test_a_bundle_predicts_what_was_trained(public_run: PublicRun, tmp_path: Path) -> None:
    prepared = prepare(public_run.recipe, None, tmp_path)
    rows = [int(row) for row in prepared.fold(1).test]
    judged = evaluate_bundle(public_run.bundle, prepared.examples, rows, "fold-1")
    assert judged.ids.tolist() == public_run.predictions.ids.tolist()
    np.testing.assert_allclose(judged.probabilities, public_run.predictions.probabilities, atol=5e-3)
    np.testing.assert_allclose(judged.predicted_dimensions, public_run.predictions.predicted_dimensions, atol=5e-3)


def test_a_bundle_names_its_encoders_and_loads_like_any_other(
    public_run: PublicRun, checkpoint: Callable[..., str]
) -> None:
    names = {path.name for path in public_run.bundle.path.iterdir()}
    assert names == {"config.json", "fusion.onnx", "fusion.safetensors", "README.md"}
    encoders = public_run.bundle.config.encoders
    assert isinstance(encoders.linguistic, NamedEncoderConfig)
    assert encoders.linguistic.settings["encoder"] == str(Path(checkpoint("deberta-v2")).resolve())
    card = (public_run.bundle.path / "README.md").read_text(encoding="utf-8")
    assert "48 wide in 3 layers; public, not part of the model" in card
    model = emobridge.load(public_run.bundle.path)
    sound, words = emobridge.sample(), "i am so sad"
    given = ((sound, None), (None, words), (sound, words))
    rests_on = [model.predict(one, text=text).segments[0].modalities for one, text in given]
    assert rests_on == [("acoustic",), ("linguistic",), ("acoustic", "linguistic")]


def test_a_bundle_refuses_encoders_that_it_was_not_trained_with(
    public_run: PublicRun, checkpoint: Callable[..., str], tmp_path: Path
) -> None:
    bundle = load_bundle(public_run.bundle.path)
    for named in (bundle.config.encoders.acoustic, bundle.config.encoders.linguistic):
        assert isinstance(named, NamedEncoderConfig)
    config = json.loads((public_run.bundle.path / "config.json").read_text(encoding="utf-8"))
    for place, problem in (
        (checkpoint("hubert", "group"), r"has the fingerprint \w+; the model was trained with \w+; put the checkpoint"),
        ("gone/for-good", r"is not on this machine; .*; run: hf download gone/for-good"),
    ):
        shutil.rmtree(tmp_path / "changed", ignore_errors=True)
        shutil.copytree(public_run.bundle.path, tmp_path / "changed")
        override(config, "encoders.acoustic.settings.encoder", place)
        (tmp_path / "changed" / "config.json").write_text(json.dumps(config), encoding="utf-8")
        with pytest.raises(BundleError, match=problem) as caught:
            emobridge.load(tmp_path / "changed")
        assert "\n" not in str(caught.value)


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """A function (*arguments) -> (exit status, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
        capfd.readouterr()  # what making a checkpoint printed
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int | None)
        return ended.value.code or 0, *capfd.readouterr()

    return run


def test_encode_tells_how_much_it_writes_and_where(
    run: Command, toy_table: Path, checkpoint: Callable[..., str], cache: Path
) -> None:
    names = (f"acoustic.encoder={checkpoint('hubert')}", f"linguistic.encoder={checkpoint('bert')}")
    options = [text for name in (*names, *of_table(toy_table)) for text in ("--set", name)]
    status, output, _ = run("encode", "ispas2023", *options, "--pool-frames", 2)
    assert status == 0
    lines = output.splitlines()
    assert re.match(r".*hubert.*: 36 clips to encode, [\d.]+ kB", lines[0])
    assert re.match(r".*bert.*: \d+ texts to encode, [\d.]+ kB", lines[1])
    assert lines[2].startswith(str(cache / "hubert-"))
    assert lines[2].endswith("36 clips, " + lines[0].rpartition(", ")[2])
    assert lines[-1] == "train with --set acoustic.pool_frames=2"
    status, output, _ = run("encode", "ispas2023", *options, "--pool-frames", 2)
    assert (status, output.splitlines()) == (0, lines[2:])


def test_models_names_the_encoders(run: Command, public_run: PublicRun, checkpoint: Callable[..., str]) -> None:
    status, output, _ = run("models", public_run.bundle.path)
    assert status == 0
    assert f"acoustic {Path(checkpoint('hubert')).resolve()}" in output


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("acoustic.encoder=no/such-encoder", "encoder 'no/such-encoder' is not on this machine"),
        ("acoustic.pool_frames=0", "'acoustic.pool_frames' is 0"),
        ("acoustic.layer=last", "unknown recipe key 'acoustic.layer'; valid here: encoder, revision, layers"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_1(run: Command, toy_table: Path, option: str, words: str) -> None:
    options = [text for value in (*of_table(toy_table), "linguistic.encoder=.", option) for text in ("--set", value)]
    status, output, errors = run("encode", "ispas2023", *options)
    assert (status, output) == (1, "")
    lines = [line for line in errors.splitlines() if line.startswith("emobridge: ")]
    assert len(lines) == 1
    assert words in lines[0]


def test_arrays_of_a_cache_count_their_bytes(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path, np.float16, 4)
    assert (len(cache), cache.size_bytes) == (0, 0)
    cache.add("a", np.zeros((3, 4)))
    assert (
        (len(cache), cache.size_bytes)
        == (1, 24)
        == (len(again := ArrayCache(tmp_path, np.float16, 4)), again.size_bytes)
    )
