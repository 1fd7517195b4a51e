"""Laws of training in several processes: they share the batches of a step; what comes out is that of one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from emobridge.errors import RecipeError
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments import crossvalidation
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.experiments.train_fold import PREDICTIONS, train
from emobridge.training.fit.distributed import Processes
from emobridge.training.fit.trainer import CHECKPOINT

pytestmark = pytest.mark.alone

TRAIN = "from emobridge.cli import main; main()"
RECIPE = """
name = "toy"
[data]
dimensions = ["valence", "arousal"]
[[data.corpora]]
name = "table:{table}"
[acoustic]
width = 16
[model]
width = 16
[training]
steps = 5
checkpoint_steps = 2
batches_a_step = 2
[[training.streams]]
batch_size = 8
[evaluation]
folds = 3
resamples = 20
"""


def of_two(place: int) -> Processes:
    return Processes(SimpleNamespace(num_processes=2, process_index=place, device=torch.device("cpu")))


def test_a_step_is_shared_evenly_or_refused() -> None:
    assert [list(of_two(place).share(4)) for place in (0, 1)] == [[0, 2], [1, 3]]
    assert list(Processes().share(3)) == [0, 1, 2]
    with pytest.raises(RecipeError, match=r"training\.batches_a_step 3 in 2 processes; .*; set .* to a multiple of 2"):
        of_two(0).share(3)


def test_folds_are_for_processes_of_their_own(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossvalidation, "processes", lambda: of_two(0))
        with pytest.raises(RecipeError, match=r"in 2 processes of torchrun; .*--jobs"):
            crossvalidation.crossvalidate(toy_recipe(), None, tmp_path)


def test_two_processes_of_torchrun_train_as_one_with_two_batches_a_step(toy_table: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "toy.toml"
    recipe.write_text(RECIPE.format(table=toy_table), encoding="utf-8")
    expected = train(recipe, None, tmp_path / "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command += [sys.executable, "-c", TRAIN, "train", str(recipe), "--out", str(tmp_path / "two")]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('{"page": ') == 1, "the first process alone tells"
    one, two = (load_file(tmp_path / name / CHECKPOINT) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-6)
    found = Predictions.read(tmp_path / "two" / PREDICTIONS)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=0, atol=1e-6)
    logs = [(tmp_path / name / "steps.jsonl").read_text().splitlines() for name in ("one", "two")]
    for line, other in zip(*logs, strict=True):
        np.testing.assert_allclose(list(json.loads(line).values()), list(json.loads(other).values()), atol=2e-6)
