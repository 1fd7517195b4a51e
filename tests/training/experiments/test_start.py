"""Laws of a start: a linguistic encoder begins with another training, which never learns from what is tested."""

import copy
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.errors import RecipeError
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments import train_fold
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.prepare import Prepared, prepare
from emobridge.training.experiments.provenance import training_digest
from emobridge.training.experiments.recipe import Recipe, parse_recipe, read_recipe
from emobridge.training.experiments.train_fold import (
    RUN,
    START,
    Start,
    new_system,
    train,
)
from emobridge.training.fit.checkpoint import load_average
from emobridge.training.fit.trainer import CHECKPOINT
from emobridge.training.models.text_encoder import MinilmConfig
from emobridge.utils.files import read_json
from emobridge.utils.progress import no_report

TABLE = """
name = "words"
[data]
dimensions = ["valence"]
[[data.corpora]]
name = "table:{table}"
modalities = ["linguistic"]
[linguistic]
trainable_layers = 1
{linguistic}
[model]
fusion = "concat"
width = 16
refinement_layers = 0
[training]
steps = {steps}
checkpoint_steps = 1
[[training.streams]]
kind = "linguistic"
batch_size = 4
[evaluation]
folds = 3
"""


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


WriteStart = Callable[..., Path]
MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def write_start(toy_table: Path, tmp_path_factory: pytest.TempPathFactory) -> WriteStart:
    """A function (table=the toy table, steps=2, linguistic="") -> the file of a recipe over its words."""

    def write(table: Path = toy_table, steps: int = 2, linguistic: str = "") -> Path:
        path = tmp_path_factory.mktemp("recipes") / "words.toml"
        path.write_text(TABLE.format(table=table, steps=steps, linguistic=linguistic), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def recipe_of(toy_values: Callable[..., dict[str, Any]]) -> MakeRecipe:
    """A function (start, trainable_layers=0) -> a recipe that hears and reads, its words frozen by default."""

    def make(start: Path | str, trainable_layers: int = 0) -> Recipe:
        values = copy.deepcopy(toy_values(("acoustic", "linguistic")))
        values["linguistic"] = {"trainable_layers": trainable_layers, "start": str(start)}
        values["model"] |= {"fusion": "concat"}
        values["training"] |= {"steps": 4, "checkpoint_steps": 2}
        return parse_recipe(values)

    return make


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished crossvalidation, the folders that were trained in, in their order, and its recipe."""

    recipe: Recipe
    folder: Path
    predictions: Predictions
    trained: tuple[Path, ...]

    def start_of(self, prepared: Prepared, fold: int) -> Path:
        start = Start.of(self.recipe, None, self.folder, no_report)
        assert start is not None
        return start.run(prepared.examples, prepared.fold(fold))


@pytest.fixture(scope="module")
def finished(recipe_of: MakeRecipe, write_start: WriteStart, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All three folds of a recipe whose words are frozen after their start. Do not change it."""
    folder, recipe, trained = tmp_path_factory.mktemp("started") / "run", recipe_of(write_start()), []
    whole = train_fold.train_system

    def watch(system: Any, setup: Any, *rest: Any) -> Any:
        trained.append(setup.folder)
        return whole(system, setup, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_fold, "train_system", watch)
        predictions = crossvalidate(recipe, None, folder)
    return Run(recipe, folder, predictions, tuple(trained))


@pytest.fixture(scope="module")
def prepared(finished: Run) -> Prepared:
    return prepare(finished.recipe, None, finished.folder)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_fold, "train_system", lambda *_: pytest.fail("trained"))


def assert_equal(one: Predictions, other: Predictions) -> None:
    for field in dataclasses.fields(one):
        assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_the_encoder_begins_with_the_weights_that_the_start_ended_with(
    finished: Run, prepared: Prepared, no_training: None
) -> None:
    released = new_system(finished.recipe, prepared).linguistic
    assert released is not None
    for fold in (1, 2, 3):
        started = load_average(finished.start_of(prepared, fold) / CHECKPOINT, "linguistic.")
        ended = load_average(finished.folder / "toy" / f"fold-{fold}" / CHECKPOINT)
        assert started.keys() == released.state_dict().keys()
        assert all(torch.equal(value, ended[f"linguistic.{key}"]) for key, value in started.items())
        assert not all(torch.equal(value, released.state_dict()[key]) for key, value in started.items())


def test_a_start_never_learned_from_what_is_tested(finished: Run, prepared: Prepared, no_training: None) -> None:
    words = prepare(read_recipe(finished.recipe.linguistic.start), None, finished.folder / START / "words")
    for fold in (1, 2, 3):
        used = finished.start_of(prepared, fold).name
        parts = words.fold(int(used.removeprefix("fold-")))
        learned = {words.examples.utterances[row].id for row in (*parts.train, *parts.validation)}
        tested = {prepared.examples.utterances[row].id for row in prepared.fold(fold).test}
        assert learned
        assert learned.isdisjoint(tested)


def test_a_start_is_split_as_the_recipe_that_starts_from_it(
    recipe_of: MakeRecipe, write_start: WriteStart, tmp_path: Path
) -> None:
    recipe = recipe_of(write_start())
    entries = tuple(dataclasses.replace(entry, protocol="speakers") for entry in recipe.data.corpora)
    data = dataclasses.replace(recipe.data, corpora=entries)
    split = dataclasses.replace(recipe, data=data, evaluation=dataclasses.replace(recipe.evaluation, folds=4))
    prepared = prepare(split, None, tmp_path)
    start = Start.of(split, None, tmp_path, no_report)
    assert start is not None
    assert len(prepared.folds) == len(start.prepared.folds) == 4
    for ours, theirs in zip(prepared.folds, start.prepared.folds, strict=True):
        tested = ({u.utterances[row].id for row in rows} for u, rows in
                  ((prepared.examples, ours.test), (start.prepared.examples, theirs.test)))  # fmt: skip
        assert next(tested) == next(tested)


def test_a_start_is_trained_once_and_shared_by_all_folds_that_may_have_it(
    finished: Run, prepared: Prepared, no_training: None
) -> None:
    used = {finished.start_of(prepared, fold) for fold in (1, 2, 3)}
    starts = [path for path in finished.trained if START in path.parts]
    assert len(starts) == len(set(starts))
    assert set(starts) == used
    assert len(finished.trained) == len(starts) + 3
    assert_equal(crossvalidate(finished.recipe, None, finished.folder), finished.predictions)


def test_a_start_that_must_learn_from_what_is_tested_is_refused_before_any_training(
    finished: Run,
    prepared: Prepared,
    recipe_of: MakeRecipe,
    write_start: WriteStart,
    write_toy_table: Callable[..., Path],
    tmp_path: Path,
    no_training: None,
) -> None:
    tested, validated = (
        {prepared.examples.utterances[row].speaker for row in rows}
        for rows in (prepared.fold(1).test, prepared.fold(1).validation)
    )

    def turned(row: dict[str, Any]) -> dict[str, Any]:
        side = "train" if row["speaker"] in tested else "validation" if row["speaker"] in validated else "test"
        return {**row, "split": side, "text": f"{row['text']} {row['file']} {row['label']} {row['valence']}"}

    recipe = recipe_of(write_start(write_toy_table(tmp_path / "split", turned)))
    with pytest.raises(RecipeError, match=r"fold-1 starts from the recipe 'words'; a start must have a fold that"):
        train(recipe, None, tmp_path / "run")


def test_killed_in_its_start_or_after_it_a_run_goes_on_as_if_never_stopped(
    recipe_of: MakeRecipe, write_start: WriteStart, tmp_path: Path
) -> None:
    recipe = recipe_of(write_start())
    whole = train(recipe, None, tmp_path / "whole")
    kills = [1, 3]  # steps: of the start's two, and of the four after it

    def report(what: str, done: int, total: int) -> None:
        if what.startswith("train") and kills and done == kills[0] and total == (2 if len(kills) == 2 else 4):
            kills.pop(0)
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            train(recipe, None, tmp_path / "part", report=report)
    assert kills == []
    assert_equal(train(recipe, None, tmp_path / "part"), whole)


def test_another_start_is_another_training(
    finished: Run, prepared: Prepared, recipe_of: MakeRecipe, write_start: WriteStart, no_training: None
) -> None:
    with pytest.raises(RecipeError, match="another training"):
        crossvalidate(recipe_of(write_start(steps=3)), None, finished.folder, [1])
    parts = prepared.fold(1)
    digests = {training_digest(finished.recipe, prepared, parts, started) for started in (None, "one", "other")}
    assert len(digests) == 3
    began = read_json(finished.start_of(prepared, 1) / RUN)["digest"]
    stored = read_json(finished.folder / finished.recipe.name / "fold-1" / RUN)["digest"]
    assert stored == training_digest(finished.recipe, prepared, parts, began)


@pytest.mark.alone
def test_side_by_side_starts_are_trained_once_each_in_processes_of_their_own(
    finished: Run, tmp_path: Path, no_training: None
) -> None:
    told = set()
    again = crossvalidate(finished.recipe, None, tmp_path, report=lambda what, *_: told.add(what), jobs=2)
    assert_equal(again, finished.predictions)
    trained = {path.parent.name for path in (tmp_path / START / "words").glob(f"*/{RUN}")}
    assert trained == {path.name for path in finished.trained if START in path.parts}
    assert {what for what in told if what.startswith("words, train")} == {f"words, train {name}" for name in trained}


def test_what_starts_from_a_training_may_learn_on(
    finished: Run, prepared: Prepared, recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    shutil.copytree(finished.folder / START, tmp_path / "run" / START)
    found = train(recipe_of(finished.recipe.linguistic.start, trainable_layers=1), None, tmp_path / "run")
    assert np.isfinite(found.probabilities).all()
    started = load_average(finished.start_of(prepared, 1) / CHECKPOINT, "linguistic.")
    ended = load_average(tmp_path / "run" / CHECKPOINT)
    moved = {key for key, value in started.items() if not torch.equal(value, ended[f"linguistic.{key}"])}
    assert moved
    assert all(".layer.5." in key for key in moved)


def test_a_start_has_its_share_in_the_labels_of_texts_in_training_alone(
    finished: Run, prepared: Prepared, no_training: None
) -> None:
    start = Start.of(finished.recipe, None, finished.folder, no_report)
    assert start is not None
    parts, examples = prepared.fold(1), prepared.examples
    texts = parts.train[::2]
    silent = examples.frame_counts.copy()
    silent[texts] = 0
    written = dataclasses.replace(examples, frame_counts=silent)
    words = dataclasses.replace(finished.recipe.linguistic, start_share=0.25)
    recipe = dataclasses.replace(finished.recipe, linguistic=words)
    taught = start.teach(recipe, written, parts, start.run(written, parts))
    moved = np.flatnonzero((taught.targets != examples.targets).any(axis=1))
    assert_array_equal(moved, np.sort(texts))
    assert (taught.targets[texts] * examples.targets[texts]).sum() > 0.75 * len(texts)
    assert_allclose(taught.targets[texts].sum(axis=1), 1, atol=1e-5)
    assert start.teach(finished.recipe, written, parts, Path("unread")) is written


def test_a_share_of_no_start_is_refused(recipe_of: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r"start_share = 0\.5 without linguistic\.start; it is what the start says"):
        MinilmConfig(start_share=0.5)


def test_without_a_start_there_is_none(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    for modalities in (("acoustic",), ("acoustic", "linguistic")):
        assert Start.of(toy_recipe(modalities), None, tmp_path, no_report) is None
    assert not (tmp_path / START).exists()


def test_a_start_that_reads_nothing_or_has_a_start_itself_is_refused(
    recipe_of: MakeRecipe, write_start: WriteStart, toy_table: Path, tmp_path: Path
) -> None:
    hears = tmp_path / "hears.toml"
    hears.write_text(f'name = "hears"\n[data]\n[[data.corpora]]\nname = "table:{toy_table}"\n[acoustic]\n', "utf-8")
    for start in (hears, write_start(linguistic='start = "default_text"')):
        with pytest.raises(
            RecipeError, match=r"linguistic\.start is the recipe '(hears|words)'; a start has a section"
        ):
            train(recipe_of(start), None, tmp_path / "run")


def test_an_unknown_start_is_answered_with_the_nearest(recipe_of: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'defalt_text'.*did you mean 'default_text'\?"):
        train(recipe_of("defalt_text"), None, tmp_path / "run")
