"""Laws of the model directory: it says everything, and is refused unless it is exactly what was sealed."""

import copy
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge.errors import BundleError
from emobridge.inference.bundle import BundleConfig, load_bundle, seal_bundle


@pytest.fixture
def own_bundle(toy_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_bundle, tmp_path / "own"))


@pytest.fixture
def config_values(toy_bundle: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((toy_bundle / "config.json").read_text(encoding="utf-8"))
    return values


def change(values: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """Return a copy with ``value`` at the dotted ``place``; a value of ``...`` deletes the key."""
    changed = copy.deepcopy(values)
    *parents, last = place.split(".")
    inner: Any = changed
    for name in parents:
        inner = inner[int(name)] if isinstance(inner, list) else inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return changed


def test_config_written_is_config_read(config_values: dict[str, Any]) -> None:
    config = BundleConfig.from_dict(config_values)
    assert config.to_dict() == config_values
    assert BundleConfig.from_dict(config.to_dict()) == config


def test_a_threshold_of_distance_may_be_there_or_not(config_values: dict[str, Any]) -> None:
    assert "distance_threshold" not in config_values
    assert BundleConfig.from_dict(config_values).distance_threshold is None
    measured = change(config_values, "distance_threshold", 1.5)
    assert BundleConfig.from_dict(measured).to_dict() == measured


def test_sealing_twice_gives_the_same_bundle(own_bundle: Path) -> None:
    first = load_bundle(own_bundle)
    assert seal_bundle(own_bundle, first.config) == first
    assert not list(own_bundle.glob(".*"))


def test_a_model_of_one_modality_has_one_presence(tmp_path: Path, build_toy_bundle: Callable[..., Path]) -> None:
    config = load_bundle(build_toy_bundle(tmp_path / "hears", ("acoustic",))).config
    assert config.presences == ("acoustic",)
    assert config.encoders.linguistic is None
    assert "linguistic" not in config.to_dict()["encoders"]


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("format_version", 2, "format_version 2"),
        ("format_version", ..., "format_version None"),
        ("surprise", 1, "unknown key 'surprise'"),
        ("categoris", [], "did you mean 'categories'?"),
        ("temperature", ..., "'temperature' is missing"),
        ("encoders.acoustic.settings.version", ..., "'version' is missing"),
        ("encoders.acoustic.settings.version", "first", "version is 'first'"),
        ("encoders.acoustic.settings.version", 2, "functionals of version 2"),
        ("encoders.acoustic.dimension", True, "dimension is True"),
        ("encoders", {}, "encoders is empty"),
        ("encoders.acoustic", "compact", "acoustic is 'compact'"),
        ("encoders.acoustic.graph", "other.onnx", "files lacks"),
        ("dimensions.0.scale", [1.0, 0.0], "scale"),
        ("dimensions.0.scale", [1.0], "scale"),
        ("dimensions.1.name", "valence", "twice"),
        ("views.four.categories", ["angry", "bored"], "bored"),
        ("views.four.temperature", {"acoustic": 1.0}, "lacks a presence"),
        ("views.four.temperature.both", 0.0, "temperature is not above 0"),
        ("views.four.category_weights", {"acoustic": [1.0, 1.0, 1.0]}, "view's weights"),
        ("views.four.category_weights", {"acoustic": [1.0, 1.0, 1.0, 0.0]}, "view's weights"),
        ("views.four.category_weights", {"silent": [1.0, 1.0, 1.0, 1.0]}, "view's weights"),
        ("views.four.category_weights", {"acoustic": 1.0}, "acoustic is 1.0"),
        ("temperature.both", 0.0, "not above 0"),
        ("temperature.both", ..., "temperature is given for"),
        ("conformal.both", ..., "conformal is given for"),
        ("conformal.both.half_width", {"tension": 0.1}, "tension"),
        ("window_s", -1.0, "window_s"),
        ("distance_threshold", 0.0, "distance_threshold is not above 0"),
        ("distance_threshold", "far", "distance_threshold is 'far'"),
        ("name", 3, "name is 3"),
        ("training_data.0.speakers", "few", "speakers is 'few'"),
    ],
)
def test_config_that_is_not_right_is_refused_with_its_place(
    config_values: dict[str, Any], place: str, value: object, told: str
) -> None:
    with pytest.raises(BundleError, match=r"\S") as caught:
        BundleConfig.from_dict(change(config_values, place, value))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["fusion.onnx", "tokenizer.json", "README.md"])
def test_any_changed_byte_is_refused(own_bundle: Path, name: str) -> None:
    content = bytearray((own_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name}.*sha256"):
        load_bundle(own_bundle)


def test_a_missing_file_is_refused(own_bundle: Path) -> None:
    (own_bundle / "linguistic.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks the file 'linguistic\.onnx'"):
        load_bundle(own_bundle)


@pytest.mark.parametrize("name", ["extra.bin", ".hidden", "folder"])
def test_an_unexpected_file_is_refused(own_bundle: Path, name: str) -> None:
    (own_bundle / name).mkdir() if name == "folder" else (own_bundle / name).write_bytes(b"")
    with pytest.raises(BundleError, match=f"unexpected file '{name}'"):
        load_bundle(own_bundle)


def test_a_name_outside_the_directory_is_never_a_file_of_it(own_bundle: Path, config_values: dict[str, Any]) -> None:
    (own_bundle.parent / "outside").write_bytes(b"")
    changed = change(config_values, "files", {**config_values["files"], "../outside": "0" * 64})
    (own_bundle / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(BundleError, match=r"lacks the file '\.\./outside'"):
        load_bundle(own_bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format_version": NaN}'])
def test_a_damaged_config_is_refused(own_bundle: Path, content: bytes) -> None:
    (own_bundle / "config.json").write_bytes(content)
    with pytest.raises(BundleError, match="own"):
        load_bundle(own_bundle)


def test_a_directory_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"config\.json"):
        load_bundle(tmp_path)


def test_a_name_that_is_no_directory_is_refused_with_what_a_model_is() -> None:
    with pytest.raises(BundleError, match=r"'nowhere'; a model is a directory with a config\.json; give"):
        load_bundle("nowhere")


def test_checking_thirty_megabytes_takes_little_time(own_bundle: Path) -> None:
    (own_bundle / "large.onnx").write_bytes(bytes(30_000_000))
    seal_bundle(own_bundle, load_bundle_config(own_bundle))
    times_s = []
    for _ in range(3):
        start_s = time.process_time()
        load_bundle(own_bundle)
        times_s.append(time.process_time() - start_s)
    assert min(times_s) < 0.25


def load_bundle_config(directory: Path) -> BundleConfig:
    return BundleConfig.from_dict(json.loads((directory / "config.json").read_text(encoding="utf-8")))
