"""Laws of precisions: what the machine is fastest with, measured once, and never what it has no units for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from emobridge.encoders.hub.acceleration import precision
from emobridge.encoders.hub.acceleration.precision import (
    check_precision,
    chosen_precision,
    measured_speeds,
    training_precision,
)
from emobridge.encoders.hub.speech import HubAcousticConfig, named_acoustic, open_acoustic
from emobridge.encoders.hub.text import HubLinguisticConfig, named_linguistic, open_linguistic
from emobridge.errors import BundleError, RecipeError
from emobridge.inference.bundle import Bundle, load_bundle
from emobridge.inference.runtime import Runtime

PROCESSOR, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function (units, **speeds) that makes this a machine with or without units for bfloat16, of these speeds."""

    def make(units: bool, **speeds: float) -> None:
        monkeypatch.setattr(precision, "computes_in_half", lambda device: units)
        monkeypatch.setattr(precision, "measured_speeds", lambda: speeds)

    return make


def sound(samples: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


def test_auto_is_what_is_fastest_here_of_those_that_share_a_cache(machine: Callable[..., None]) -> None:
    machine(True, float32=500.0, bfloat16=900.0, int8=1800.0)
    assert chosen_precision("auto", PROCESSOR) == "bfloat16"
    machine(True, float32=500.0, bfloat16=400.0, int8=1800.0)
    assert chosen_precision("auto", PROCESSOR) == "float32"
    machine(False)  # nothing needs measuring
    assert chosen_precision("auto", PROCESSOR) == chosen_precision("auto", GPU) == "float32"
    machine(True)
    assert chosen_precision("auto", GPU) == "bfloat16"


@pytest.mark.parametrize("asked", ["float32", "bfloat16", "int8"])
def test_what_is_asked_for_by_name_is_done(machine: Callable[..., None], asked: precision.Precision) -> None:
    machine(True, float32=1.0, bfloat16=2.0, int8=3.0)
    check_precision(asked, PROCESSOR, "mine")
    assert chosen_precision(asked, PROCESSOR) == asked


def test_what_the_machine_has_no_units_for_is_refused_in_one_line(machine: Callable[..., None]) -> None:
    machine(False)
    with pytest.raises(RecipeError, match=r"^precision 'bfloat16' for encoder 'mine' on this cpu; .*; use 'auto'$"):
        check_precision("bfloat16", PROCESSOR, "mine")
    with pytest.raises(RecipeError, match=r"^precision 'int8' for encoder 'mine' on this cuda; .*; use 'auto'$"):
        check_precision("int8", GPU, "mine")
    with pytest.raises(RecipeError, match=r"precision 'int4' .*; known: auto, float32, bfloat16, int8; did you mean"):
        check_precision("int4", PROCESSOR, "mine")  # type: ignore[arg-type]


def test_the_machine_is_measured_once_and_again_where_the_figures_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "cache"))
    measured: list[int] = []
    monkeypatch.setattr(precision, "measure_speeds", lambda: measured.append(1) or {"float32": 1.0, "int8": 2.0})
    assert measured_speeds() == measured_speeds() == {"float32": 1.0, "int8": 2.0}
    assert len(measured) == 1
    (stored,) = (tmp_path / "cache").glob("speeds-*.json")
    stored.write_text("{")
    measured_speeds()
    assert len(measured) == 2


def test_a_training_takes_bfloat16_only_where_that_pays(
    tmp_path: Path, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "cache"))
    machine(False)  # nothing needs measuring
    assert training_precision("auto", PROCESSOR) == "float32"
    with pytest.raises(RecipeError, match=r"^training\.precision 'bfloat16' on this cpu; .*; use 'auto'$"):
        training_precision("bfloat16", PROCESSOR)
    machine(True)
    assert training_precision("auto", GPU) == "bfloat16"  # whose units for it are many times faster
    assert [training_precision(asked, PROCESSOR) for asked in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    measured: list[int] = []
    speeds = {"float32": 1.0, "bfloat16": 2.0}
    monkeypatch.setattr(precision, "measure_training_speeds", lambda: measured.append(1) or speeds)
    assert training_precision("auto", PROCESSOR) == training_precision("auto", PROCESSOR) == "bfloat16"
    assert len(measured) == 1


def test_a_step_is_measured_in_both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ROWS": 2, "INPUTS": 8, "OUTPUTS": 8, "REPEATS": 1}.items():
        monkeypatch.setattr(precision, name, value)
    assert set(precision.measure_training_speeds()) == {"float32", "bfloat16"}


def test_what_is_measured_is_what_the_machine_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "OUTPUTS", 64)
    monkeypatch.setattr(precision, "computes_in_half", lambda device: False)
    speeds = precision.measure_speeds()
    assert set(speeds) == {"float32", "int8"}
    assert all(speed > 0 for speed in speeds.values())


@pytest.mark.parametrize(("family", "norm"), [("hubert", "layer"), ("wavlm", "group"), ("whisper", "layer")])
def test_a_speech_encoder_in_eight_bits_is_close_with_its_own_fingerprint(
    checkpoint: Callable[..., str], family: str, norm: str
) -> None:
    whole, eighth = (
        open_acoustic(HubAcousticConfig(checkpoint(family, norm), precision=one)) for one in ("auto", "int8")
    )
    assert whole.fingerprint != eighth.fingerprint
    for samples in (9000, 15_001):
        expected, found = whole.encode(sound(samples)), eighth.encode(sound(samples))
        assert 0 < np.abs(found - expected).max() < 0.5
        assert np.sum(found * expected) / np.linalg.norm(found) / np.linalg.norm(expected) > 0.99


@pytest.mark.parametrize("family", ["deberta-v2", "bert", "xlm-roberta"])
def test_a_text_encoder_in_eight_bits_comes_close_and_hears_nothing_beside_a_text(
    checkpoint: Callable[..., str], family: str
) -> None:
    whole, eighth = (
        open_linguistic(HubLinguisticConfig(checkpoint(family), precision=one)) for one in ("auto", "int8")
    )
    token_ids = torch.tensor([[2, 10, 11, 12, 3], [2, 20, 21, 3, 0]])
    mask = (token_ids > 0).long()
    expected, found = (encoder.read(token_ids, mask) for encoder in (whole, eighth))
    for row, length in ((0, 5), (1, 4)):
        one, other = found[row, :length].flatten(), expected[row, :length].flatten()
        assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.99
        alone = eighth.read(token_ids[row : row + 1, :length], mask[row : row + 1, :length])
        assert torch.equal(alone[0], found[row, :length])


def test_a_bundle_takes_another_precision_and_stays_the_trained_one(
    checkpoint: Callable[..., str],
) -> None:
    heard = open_acoustic(HubAcousticConfig(checkpoint("hubert"))).named(())
    read = open_linguistic(HubLinguisticConfig(checkpoint("bert"))).named(("en",))
    for encoder in (named_acoustic(heard, "int8"), named_linguistic(read, "int8")):
        assert encoder.precision == "int8"
        assert encoder.fingerprint in {heard.fingerprint, read.fingerprint}
    as_trained = named_acoustic(heard).encode(sound(8000))
    assert np.abs(named_acoustic(heard, "int8").encode(sound(8000)) - as_trained).max() > 0


def test_a_model_with_encoders_of_its_own_has_their_precision(toy_bundle: Path) -> None:
    bundle: Bundle = load_bundle(toy_bundle)
    with pytest.raises(BundleError, match=r"^precision 'int8' for the model '.*'; .*; leave it out$"):
        Runtime(bundle, threads=1, precision="int8")
