"""Laws of folds side by side: the same bits as one after another; what ends too early costs its own fold alone."""

import dataclasses
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import load_file

from emobridge.errors import EmobridgeError, RecipeError
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.experiments.train_fold import PREDICTIONS

pytestmark = pytest.mark.alone

CHECKPOINT = "checkpoint.safetensors"


def assert_equal(one: Predictions, other: Predictions) -> None:
    for field in dataclasses.fields(one):
        assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def left_behind(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial"))


def test_a_killed_process_costs_its_own_fold_alone(toy_run: Any, tmp_path: Path) -> None:
    def kill(what: str, done: int, _: int) -> None:
        for process in multiprocessing.active_children():
            if (what, done, process.name) == ("toy, train fold-2", 3, "toy, fold-2"):
                process.kill()

    recipe, run = replace(toy_run.recipe, variants={}), tmp_path / "run"
    with pytest.raises(
        EmobridgeError, match=r"^processes ended .*: toy, fold-2 \(SIGKILL\); all others are done; give"
    ):
        crossvalidate(recipe, None, run, [1, 2], kill, jobs=2)
    assert [path.parent.name for path in run.rglob(PREDICTIONS)] == ["fold-1"]
    steps: dict[str, list[int]] = {}
    again = crossvalidate(recipe, None, run, [1, 2], lambda what, done, _: steps.setdefault(what, []).append(done))
    expected = toy_run.predictions
    assert_equal(again, expected.select(expected.variants == "toy"))
    trained = {what: done for what, done in steps.items() if "train" in what}
    # It goes on from its last checkpoint: there is one every second step, and the kill may come late.
    assert trained.pop("toy, train fold-2", []) in ([3, 4, 5, 6], [5, 6], [])
    assert not trained
    for fold in ("fold-1", "fold-2"):
        one, other = (load_file(folder / "toy" / fold / CHECKPOINT) for folder in (toy_run.folder, run))
        assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert not left_behind(run)


def test_an_interruption_ends_all_processes_and_the_next_run_goes_on(toy_run: Any, tmp_path: Path) -> None:
    def interrupt(what: str, done: int, _: int) -> None:
        if ("train" in what, done) == (True, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crossvalidate(toy_run.recipe, None, tmp_path, [1], interrupt, jobs=2)
    assert not multiprocessing.active_children()
    assert not left_behind(tmp_path)
    found = crossvalidate(toy_run.recipe, None, tmp_path, [1])
    expected = toy_run.predictions.select(toy_run.predictions.folds == "fold-1")
    assert_array_equal(found.ids, expected.ids)


def test_what_a_fold_raises_is_raised(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    training = {"steps": 3, "learning_rate": 1e30, "gradient_norm": 1e30, "streams": [{"batch_size": 8}]}
    with pytest.raises(RecipeError, match=r"lower training\.learning_rate"):
        crossvalidate(toy_recipe(training=training), None, tmp_path, [1], jobs=2)
    assert not multiprocessing.active_children()
