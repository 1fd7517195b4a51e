"""Laws of the domain: training sound is near, other sound is not, and what was fitted comes back equal."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.covariance import LedoitWolf

from emobridge.audio.load import load_audio
from emobridge.errors import BundleError
from emobridge.inference.runtime import Runtime
from emobridge.training.data.examples import Examples, add_perturbed_copies
from emobridge.training.evaluation.out_of_domain import (
    DOMAIN,
    QUANTILE,
    Domain,
    fit_domain,
    load_domain,
    pool,
    save_domain,
)
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.export import export
from emobridge.training.models.emotion_model import EmotionSystem

TRAIN, VALIDATION = np.arange(24), np.arange(24, 36)


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples(("acoustic",))


@pytest.fixture(scope="module")
def system(toy_system: Callable[..., EmotionSystem], examples: Examples) -> EmotionSystem:
    return toy_system(examples, ("acoustic",))


@pytest.fixture(scope="module")
def domain(system: EmotionSystem, examples: Examples) -> Domain:
    fitted = fit_domain(system, examples, TRAIN, VALIDATION)
    assert fitted is not None
    return fitted


def distances(system: EmotionSystem, examples: Examples, domain: Domain, rows: Any, copy: int = 0) -> np.ndarray:
    found = []
    for row in rows:
        frames = torch.from_numpy(np.array(examples.frames(row, copy), np.float32))[None]
        with torch.inference_mode():
            found.append(domain(*system.acoustic(frames, torch.ones(frames.shape[:2], dtype=torch.bool))).item())
    return np.array(found)


def test_what_was_perturbed_in_training_is_of_the_domain(
    system: EmotionSystem, examples: Examples, domain: Domain
) -> None:
    copies = 2
    add_perturbed_copies(examples, np.concatenate((TRAIN, VALIDATION)), copies)
    wider = fit_domain(system, examples, TRAIN, VALIDATION, copies)
    assert wider is not None

    def share_within(one: Domain) -> float:
        found = [distances(system, examples, one, VALIDATION, copy) for copy in (1, 2)]
        return float(np.mean(np.concatenate(found) <= one.threshold.item()))

    assert share_within(wider) > share_within(domain)


def test_the_distance_is_that_of_mahalanobis() -> None:
    vectors = torch.randn(40, 6, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(40, 6, dtype=torch.bool)
    pooled = pool(vectors, mask).double().numpy()
    np.testing.assert_allclose(pooled[:, :3], vectors.numpy().mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(pooled[:, 3:], vectors.numpy().std(axis=1), atol=1e-6)
    fitted = LedoitWolf().fit(pooled)
    domain = Domain(3)
    domain.mean.copy_(torch.from_numpy(fitted.location_))
    domain.whitening.copy_(torch.from_numpy(np.linalg.cholesky(fitted.precision_)))
    np.testing.assert_allclose(domain(vectors, mask), np.sqrt(fitted.mahalanobis(pooled) / 6), rtol=1e-4)


def test_training_sound_is_near_and_the_threshold_is_that_of_unmet_speakers(
    system: EmotionSystem, examples: Examples, domain: Domain
) -> None:
    assert 0.5 < distances(system, examples, domain, TRAIN).mean() < 1.2
    assert (distances(system, examples, domain, VALIDATION) <= domain.threshold.item()).mean() >= QUANTILE - 1 / 12


def test_vectors_unlike_any_in_training_are_far(domain: Domain) -> None:
    strange = 50 * torch.ones(1, 7, len(domain.mean) // 2)
    assert domain(strange, torch.ones(1, 7, dtype=torch.bool)) > domain.threshold


def test_what_is_not_heard_has_no_distance(domain: Domain) -> None:
    nothing = torch.full((2, 3, len(domain.mean) // 2), float("nan"))
    assert domain(nothing, torch.zeros(2, 3, dtype=torch.bool)).tolist() == [0.0, 0.0]


def test_layers_of_an_encoder_are_averaged(domain: Domain) -> None:
    layers = torch.randn(2, 4, 5, len(domain.mean) // 2, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    torch.testing.assert_close(domain(layers, mask), domain(layers.mean(dim=1), mask))


def test_the_same_training_has_the_same_domain(system: EmotionSystem, examples: Examples, domain: Domain) -> None:
    again = fit_domain(system, examples, TRAIN, VALIDATION)
    assert again is not None
    assert all(torch.equal(value, domain.state_dict()[name]) for name, value in again.state_dict().items())


def test_without_sound_in_both_parts_there_is_no_domain(system: EmotionSystem, examples: Examples) -> None:
    assert fit_domain(system, examples, TRAIN, VALIDATION[:1]) is None
    assert fit_domain(system, examples, TRAIN[:0], VALIDATION) is None


def test_a_domain_stored_comes_back_and_a_damaged_one_is_refused(domain: Domain, tmp_path: Path) -> None:
    save_domain(domain, tmp_path / "domain.safetensors")
    loaded = load_domain(tmp_path / "domain.safetensors")
    assert all(torch.equal(value, domain.state_dict()[name]) for name, value in loaded.state_dict().items())
    (tmp_path / "domain.safetensors").write_bytes(b"nothing")
    for name in ("domain.safetensors", "gone.safetensors"):
        with pytest.raises(BundleError, match=r"delete it and train again"):
            load_domain(tmp_path / name)


def test_a_domain_that_is_missing_is_fitted_again_without_training(toy_run: Any, tmp_path: Path) -> None:
    shutil.copytree(toy_run.folder, tmp_path / "run")
    missing = tmp_path / "run" / "toy" / "fold-1" / DOMAIN
    fitted = missing.read_bytes()
    missing.unlink()
    crossvalidate(toy_run.recipe, None, tmp_path / "run", [1])
    assert missing.read_bytes() == fitted


def test_a_bundle_tells_strange_sound_from_its_own(exported: Any, toy_table: Path) -> None:
    runtime = Runtime(exported.bundle, threads=1)
    assert exported.bundle.config.distance_threshold == load_domain(exported.run / DOMAIN).threshold.item()
    heard = [runtime.acoustic.encode(load_audio(path)) for path in toy_table.parent.glob("*.wav")]
    assert sum(runtime.estimate(vectors, None).out_of_domain for vectors in heard) <= 2
    assert runtime.estimate(1000 * np.ones_like(heard[0]), None).out_of_domain


def test_a_run_without_a_domain_exports_a_bundle_without_distance(toy_run: Any, tmp_path: Path) -> None:
    run = shutil.copytree(toy_run.folder / "toy" / "fold-1", tmp_path / "run")
    (run / DOMAIN).unlink()
    bundle = export(run, tmp_path / "bundle")
    assert bundle.config.distance_threshold is None
    session = onnxruntime.InferenceSession(bundle.path / "fusion.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["logits", "dimensions"]
