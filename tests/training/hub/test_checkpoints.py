"""Laws of public checkpoints: found or told how to fetch, fingerprinted by content, loaded whole or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging as transformers_logging

from emobridge.encoders.hub.checkpoints import Checkpoint, computes_in_half, load_weights, open_checkpoint
from emobridge.errors import BundleError


def open_hubert(folder: str | Path, revision: str = "") -> Checkpoint:
    return open_checkpoint(str(folder), revision, ("hubert", "wavlm"), ("preprocessor_config.json",))


@pytest.fixture
def copy(checkpoint: Callable[..., str], tmp_path: Path) -> Path:
    """A HuBERT that a test may change."""
    return Path(shutil.copytree(checkpoint("hubert"), tmp_path / "copy"))


def test_a_model_that_is_not_here_is_told_with_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for revision, option in (("", ""), ("v1", " --revision v1")):
        with pytest.raises(BundleError) as caught:
            open_hubert("nobody/nothing-of-this-name", revision)
        assert str(caught.value).endswith(f"run: hf download nobody/nothing-of-this-name{option}")
        assert "\n" not in str(caught.value)
    with pytest.raises(BundleError, match=r"encoder 'no/such/folder' is not on this machine"):
        open_hubert("no/such/folder")


def test_a_hub_name_is_found_where_the_hub_keeps_its_models(
    checkpoint: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0" * 40
    home = tmp_path / "models--people--hubert-tiny"
    shutil.copytree(checkpoint("hubert"), home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found, same = open_hubert("people/hubert-tiny"), open_hubert(checkpoint("hubert"))
    assert found.folder == home / "snapshots" / commit
    assert (found.digest, found.family, found.depth, found.width) == (same.digest, "hubert", 2, 16)


@pytest.mark.parametrize(
    ("file", "missing"), [("config.json", r"config\.json"), ("model.safetensors", r"weights \(model")]
)
def test_an_incomplete_folder_is_refused(copy: Path, file: str, missing: str) -> None:
    (copy / file).unlink()
    with pytest.raises(BundleError, match=rf"has no {missing}.*; fetch it again"):
        open_hubert(copy)


def test_the_digest_follows_every_byte_of_what_counts_and_nothing_else(copy: Path) -> None:
    before = open_hubert(copy).digest
    (copy / "README.md").write_text("about")
    assert open_hubert(copy).digest == before
    for name in ("preprocessor_config.json", "config.json", "model.safetensors"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content.replace(b"16000", b"16001") if b"16000" in content else content + b" ")
        assert open_hubert(copy).digest != before
        (copy / name).write_bytes(content)
    assert open_hubert(copy).digest == before


@pytest.mark.parametrize(
    "missing", ["encoder.layers.1.attention.k_proj.weight", "feature_extractor.conv_layers.0.conv.weight"]
)
def test_a_checkpoint_without_all_weights_is_refused_and_never_filled_up(copy: Path, missing: str) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights[missing]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BundleError) as caught:
        load_weights(open_hubert(copy))
    assert f"lacks 1 weights: {missing}; a 'hubert' has all of them; none is made up; " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_no_vector_depends_on_may_be_missing(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["masked_spec_embed"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert not any(parameter.requires_grad for parameter in load_weights(open_hubert(copy)).parameters())


def test_weights_of_another_architecture_or_shape_and_damaged_ones_are_refused(copy: Path) -> None:
    whole = (copy / "model.safetensors").read_bytes()
    weights = load_file(copy / "model.safetensors")
    save_file({f"wavlm.{name}": value for name, value in weights.items()}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(BundleError, match=r"lacks \d+ weights"):
        load_weights(open_hubert(copy))
    settings = json.loads((copy / "config.json").read_text())
    (copy / "model.safetensors").write_bytes(whole)
    (copy / "config.json").write_text(json.dumps(settings | {"intermediate_size": 48}))
    with pytest.raises(BundleError) as mismatched:
        load_weights(open_hubert(copy))
    (copy / "config.json").write_text(json.dumps(settings))
    (copy / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=r"cannot be read: .*; fetch it again") as damaged:
        load_weights(open_hubert(copy))
    assert not any("\n" in str(caught.value) for caught in (mismatched, damaged))


def test_weights_are_the_same_under_the_names_that_older_files_give_them(copy: Path) -> None:
    expected = load_weights(open_hubert(copy)).state_dict()
    weights = load_file(copy / "model.safetensors")
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in older.items():
        for name in [name for name in weights if new in name]:
            weights[f"hubert.{name.replace(new, old)}"] = weights.pop(name)
    torch.save(
        {name if name.startswith("hubert.") else f"hubert.{name}": one for name, one in weights.items()},
        copy / "pytorch_model.bin",
    )
    (copy / "model.safetensors").unlink()
    found = load_weights(open_hubert(copy)).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_reading_weights_leaves_the_librarys_own_messages_as_they_were(checkpoint: Callable[..., str]) -> None:
    before = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    load_weights(open_hubert(checkpoint("hubert")))
    assert (transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()) == before


def test_only_units_for_bfloat16_count_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = torch.device("cpu")
    for units, expected in (({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": False}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda units=units: units)
        assert computes_in_half(processor) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not computes_in_half(processor)
