"""Laws of the benchmark of training: both loops are one function, epochs add up, and a broken bound is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.speed import training, training_memory
from benchmarks.speed.peaks import Peaks
from benchmarks.speed.training import Stratum, mean_step_s, strata, useful

FOLD = {"step_s": 0.1, "minutes": 50}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, training_memory):
        monkeypatch.setattr(module, "WIDTH", 16)
        monkeypatch.setattr(module, "VECTORS_HZ", 5)
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "TRIAL_UTTERANCES", 40)
    monkeypatch.setattr(training, "SMALL", ("model.width=16", "model.heads=2"))
    monkeypatch.setattr(training.OwnLoop, "of", classmethod(of(training.OwnLoop.of.__func__)))  # type: ignore[attr-defined]
    monkeypatch.setattr(training, "peaks", lambda threads: Peaks(threads, {"fp32": 80.0}, {}, 10.0))
    monkeypatch.setattr(training, "folds", lambda *_: dict.fromkeys(training.VARIANTS, FOLD))


def of(real: Any) -> Any:
    """Return `OwnLoop.of` for a small network of few steps."""
    small = ("model.width=16", "model.heads=2", "model.bridge_tokens=5", "training.steps=40", "model.dropout=0")
    return lambda kind, examples, overrides, folder: real(kind, examples, (*overrides, *small), folder)


def test_one_command_compares_one_function_and_writes_a_page(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "keep_freed_memory", lambda: None)
    assert training.main(["--trial", "--out", str(tmp_path)]) == 1
    results = json.loads((tmp_path / "training.json").read_text())
    assert 0 < results["epoch"]["difference"] < 1e-5
    assert 0.3 < results["epoch"]["useful"]["plain"] < results["epoch"]["useful"]["own"]
    assert 0 < results["epoch"]["hidden_share"] < 0.4  # of 40 steps; the schedule hides sound in 16 %
    page = (tmp_path / "training.md").read_text(encoding="utf-8")
    assert "ten folds take 50 minutes" in page
    assert "outside its bound: ten folds take 50 minutes" in capsys.readouterr().err
    assert page.count("| mean of 4 vectors") == 2


def test_an_epoch_is_the_sum_of_its_groups() -> None:
    counts = np.array([10, 20, 30, 40, 50, 60])
    batches = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5]), np.array([0, 5])]
    groups = strata(batches, counts, 2)
    assert groups == [Stratum(1, 0.5, 60 / 80), Stratum(3, 0.5, 1.0)]
    seconds_a_vector = 0.01
    taken = [[80 * seconds_a_vector] * 3, [120 * seconds_a_vector]]
    assert mean_step_s(groups, taken) == pytest.approx(seconds_a_vector * (40 + 80 + 120 + 120) / 4)
    assert useful(batches, counts) == pytest.approx((30 + 70 + 110 + 70) / 360)


def test_bounds_that_are_kept_are_no_fault() -> None:
    epoch = {
        "plain_step_s": 12.0, "shown_step_s": 1.0, "hidden_step_s": 1.0, "loading_step_s": 0.01, "hidden_share": 0.1,
        "useful": {"own": 0.96}, "difference": 1e-6,
    }  # fmt: skip
    results = {"epoch": epoch, "cache_gb": 2.75, "folds": {name: {"minutes": 44} for name in training.VARIANTS}}
    assert training.broken(results) == []
    assert training.broken(results | {"cache_gb": 2.9}) == ["the cache takes 2.90 GB"]
