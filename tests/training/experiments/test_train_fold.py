"""Laws of a run: what is done is not done again, what was killed goes on, and what cannot be is refused in one line."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import emobridge
from emobridge.errors import LabelError, RecipeError
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments import train_fold
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.overrides import override
from emobridge.training.experiments.provenance import result_folder
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.experiments.train_fold import HELD_OUT, LEARNED, PREDICTIONS, train
from emobridge.training.report.files import report_of_run
from emobridge.training.report.run_facts import read_facts

KILL = """
import json, os, signal, sys, torch
from pathlib import Path
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.overrides import override
from emobridge.training.experiments.recipe import parse_recipe
torch.set_num_threads(1)
def report(what, done, total):
    if (what, done) == ("toy, train fold-2", 3):
        os.kill(os.getpid(), signal.SIGKILL)
crossvalidate(parse_recipe(json.loads(sys.argv[1])), None, Path(sys.argv[2]), [1, 2], report)
"""


def assert_equal(one: Predictions, other: Predictions) -> None:
    for field in dataclasses.fields(one):
        assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def no_training(*_: Any) -> None:
    pytest.fail("trained again")


def test_every_variant_is_judged_on_the_test_part_of_every_fold(toy_run: Any) -> None:
    found = toy_run.predictions
    assert set(found.variants) == {"toy", "categories-alone"}
    assert len(found) == 2 * 2 * 12
    for variant in set(found.variants):
        mine = found.select(found.variants == variant)
        assert len(set(mine.ids)) == 24
        assert set(mine.speakers[mine.folds == "fold-1"]).isdisjoint(mine.speakers[mine.folds == "fold-2"])
        assert np.isnan(mine.predicted_dimensions).all() == (variant == "categories-alone")
    assert_equal(found, Predictions.read(toy_run.folder / PREDICTIONS))
    names = {path.name for path in (toy_run.folder / "toy" / "fold-1").iterdir()}
    kept = {"checkpoint.safetensors", "steps.jsonl", "run.json", "domain.safetensors", HELD_OUT, LEARNED, PREDICTIONS}
    assert names == kept


@pytest.mark.parametrize("name", ["domain.safetensors", HELD_OUT, LEARNED])
def test_what_a_finished_fold_lacks_is_made_from_its_checkpoint(toy_run: Any, tmp_path: Path, name: str) -> None:
    fold = shutil.copytree(toy_run.folder, tmp_path / "run") / "toy" / "fold-1"
    before = (fold / name).read_bytes()
    (fold / name).unlink()
    assert_equal(crossvalidate(toy_run.recipe, None, tmp_path / "run", [1, 2]), toy_run.predictions)
    assert (fold / name).read_bytes() == before


def test_what_is_done_is_not_done_again(toy_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_fold, "train_system", no_training)
    assert_equal(crossvalidate(toy_run.recipe, None, toy_run.folder, [2, 1, 2]), toy_run.predictions)


def test_a_killed_run_goes_on_in_another_process_as_if_never_stopped(toy_run: Any, tmp_path: Path) -> None:
    values = json.dumps(toy_run.recipe.to_dict())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    killed = subprocess.run([sys.executable, "-c", KILL, values, str(tmp_path / "run")], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "toy" / "fold-2" / PREDICTIONS).exists()
    steps: dict[str, list[int]] = {}
    resumed = crossvalidate(
        toy_run.recipe, None, tmp_path / "run", [1, 2], lambda what, done, _: steps.setdefault(what, []).append(done)
    )
    assert "toy, train fold-1" not in steps
    assert steps["toy, train fold-2"] == [3, 4, 5, 6]  # from the checkpoint after two steps
    assert_equal(resumed, toy_run.predictions)


def test_a_run_interrupted_before_its_predictions_were_stored_goes_on(toy_run: Any, tmp_path: Path) -> None:
    shutil.copytree(toy_run.folder, tmp_path / "run")
    (tmp_path / "run" / "toy" / "fold-1" / PREDICTIONS).unlink()
    (tmp_path / "run" / "toy" / "fold-1" / "run.json").unlink()
    assert_equal(crossvalidate(toy_run.recipe, None, tmp_path / "run", [1, 2]), toy_run.predictions)


@pytest.mark.parametrize(("key", "value"), [("seed", 2), ("training.steps", 7), ("data.corpora.0.weight", 2.0)])
def test_a_folder_of_another_recipe_is_refused(toy_run: Any, tmp_path: Path, key: str, value: float) -> None:
    shutil.copytree(toy_run.folder, tmp_path / "run")
    values = toy_run.recipe.to_dict()
    override(values, key, value)
    with pytest.raises(RecipeError, match=r"another training, of digest \w+; .*; choose another --out, or delete it"):
        crossvalidate(parse_recipe(values), None, tmp_path / "run", [1])


@pytest.fixture
def of_two_corpora(
    write_toy_table: Callable[..., Path], toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> Recipe:
    tables = [write_toy_table(tmp_path / name).rename(tmp_path / name / f"{name}.csv") for name in ("one", "two")]
    values = toy_values()
    values["data"]["corpora"] = [{"name": f"table:{table}"} for table in tables]
    values["training"]["steps"] = 1
    return parse_recipe(values)


def test_a_corpus_left_out_is_predicted_whole_stored_and_not_done_again(
    of_two_corpora: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = crossvalidate(of_two_corpora, None, tmp_path / "run", leave_corpus_out=True)
    for name in ("table-one", "table-two"):
        mine = found.select(found.folds == f"without-{name}")
        assert set(mine.corpora) == {name}
        assert len(set(mine.ids)) == len(mine) == 36
        assert_equal(mine, Predictions.read(tmp_path / "run" / "toy" / f"without-{name}" / PREDICTIONS))
    monkeypatch.setattr(train_fold, "train_system", no_training)
    again = crossvalidate(of_two_corpora, None, tmp_path / "run", [2], leave_corpus_out=True)
    assert_equal(again, found.select(found.corpora == "table-two"))


def test_folds_of_speakers_and_of_corpora_share_a_folder_and_each_keeps_its_result(
    of_two_corpora: Recipe, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    within = crossvalidate(of_two_corpora, None, run, [1])
    kept = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    outside = crossvalidate(of_two_corpora, None, run, leave_corpus_out=True)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == kept
    left_out = result_folder(run, leave_corpus_out=True)
    both = {run: (within, ["fold-1"]), left_out: (outside, ["without-table-one", "without-table-two"])}
    for folder, (found, folds) in both.items():
        assert_equal(Predictions.read(folder / PREDICTIONS), found)
        facts = read_facts(folder)
        assert list(facts.folds) == folds
        assert list(facts.costs) == [f"toy/{fold}" for fold in folds]
        report_of_run(folder, resamples=2)
        assert (folder / "report.html").exists()


def test_a_recipe_of_one_corpus_leaves_none_out(toy_run: Any, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="two corpora with sound are needed"):
        crossvalidate(toy_run.recipe, None, tmp_path, leave_corpus_out=True)


def test_changed_labels_or_sound_are_another_training(
    write_toy_table: Callable[..., Path], toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    values = toy_values()
    values["training"]["steps"] = 1
    values["data"]["corpora"][0]["name"] = f"table:{write_toy_table(tmp_path)}"
    recipe = parse_recipe(values)
    train(recipe, None, tmp_path / "run")
    write_toy_table(tmp_path, lambda row: {**row, "label": "sad" if row["file"] == "eva-angry-0.wav" else row["label"]})
    with pytest.raises(RecipeError, match="another training"):
        train(recipe, None, tmp_path / "run")
    write_toy_table(tmp_path)
    (tmp_path / "eva-angry-0.wav").write_bytes((tmp_path / "eva-angry-1.wav").read_bytes())
    with pytest.raises(RecipeError, match="another training"):
        train(recipe, None, tmp_path / "run")


def test_a_variant_may_learn_from_other_labels_of_the_same_corpora(
    write_toy_table: Callable[..., Path], toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    votes = {"votes_angry": 1, "votes_neutral": 1, "votes_sad": 1}
    values = toy_values(variants={"one-label": {"data.votes": False}})
    values["training"]["steps"] = 2
    values["data"]["corpora"][0]["name"] = f"table:{write_toy_table(tmp_path, lambda row: {**row, **votes})}"
    found = crossvalidate(parse_recipe(values), None, tmp_path / "run", [1])
    voted, single = (found.select(found.variants == name) for name in ("toy", "one-label"))
    assert (voted.truth < 0.5).all()
    assert (single.truth.max(axis=1) == 1).all()


def test_a_variant_may_leave_a_modality_out(toy_values: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    values = toy_values(("acoustic", "linguistic"), variants={"heard": {"data.corpora.0.modalities": ["acoustic"]}})
    values["training"]["steps"] = 1
    found = crossvalidate(parse_recipe(values), None, tmp_path, [1])
    assert set(found.presence[found.variants == "toy"]) == {"both"}
    assert set(found.presence[found.variants == "heard"]) == {"acoustic"}


def test_the_doors_read_train_and_judge(
    toy_table: Path, toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    corpus = emobridge.read_corpus(f"table:{toy_table}")
    assert len(corpus.utterances) == 36
    recipe = parse_recipe(toy_values())
    told: list[tuple[str, int, int]] = []
    found = emobridge.train(recipe, None, tmp_path / "run", fold=2, report=lambda *args: told.append(args))
    assert set(found.folds) == {"fold-2"}
    assert told[0] == ("read corpora", 1, 36)
    assert told[-1] == ("train fold-2", 6, 6)


def test_an_unknown_label_is_refused_before_training(
    toy_values: Callable[..., dict[str, Any]], write_toy_table: Callable[..., Path], tmp_path: Path
) -> None:
    values = toy_values()
    table = write_toy_table(tmp_path, lambda row: {**row, "label": row["label"].replace("sad", "blue")})
    values["data"]["corpora"][0]["name"] = f"table:{table}"
    values["data"]["categories"] = "seven"
    with pytest.raises(LabelError, match="label 'blue'"):
        train(parse_recipe(values), None, tmp_path / "run")


def test_ratings_of_texts_alone_are_learned_and_judged(tmp_path: Path) -> None:
    words = ("so", "happy", "sad", "angry", "today", "dog", "door")
    rows = [f"{one} {other} by the {third},{number / 343:.3f}" for number, (one, other, third) in enumerate(
        (one, other, third) for one in words for other in words for third in words
    )][::5]  # fmt: skip
    (tmp_path / "said.csv").write_text("text,valence\n" + "\n".join(rows), encoding="utf-8")
    data = {
        "dimensions": ["valence"],
        "corpora": [{"name": f"table:{tmp_path}/said.csv", "modalities": ["linguistic"]}],
    }
    training = {"steps": 2, "streams": [{"batch_size": 4}]}
    model = {"width": 16, "refinement_layers": 0}
    recipe = {"name": "said", "data": data, "linguistic": {"trainable_layers": 0}, "training": training, "model": model}
    found = train(parse_recipe({**recipe, "evaluation": {"folds": 3}}), None, tmp_path / "run")
    assert found.categories == ()
    assert np.isfinite(found.predicted_dimensions).all()
