"""Laws of teachers: what they say is learned beside the labels, they train first and once, and change no test."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.errors import RecipeError
from emobridge.training.data.examples import Examples
from emobridge.training.experiments import train_fold
from emobridge.training.experiments.distillation import Opinion, mean_weights, with_opinion
from emobridge.training.experiments.prepare import Prepared, prepare
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.experiments.train_fold import TEACHER, new_system, train, trained

Values = Callable[..., dict[str, Any]]
TEACHERS = ({"training.steps": 1}, {"training.steps": 2, "data.corpora.0.weight": 2.0, "seed": 5})


@pytest.fixture(scope="module")
def taught_recipe(toy_values: Values) -> Recipe:
    values = toy_values()
    values["training"] |= {"steps": 2, "checkpoint_steps": 1}
    return parse_recipe({**values, "teaching": {"teachers": TEACHERS, "share": 0.5}})


@pytest.fixture(scope="module")
def prepared(taught_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(taught_recipe, None, tmp_path_factory.mktemp("prepared"))


def opinion_of(examples: Examples, rows: np.ndarray, seed: int = 0) -> Opinion:
    generator = np.random.default_rng(seed)
    shape = (len(rows), len(examples.categories))
    dimensions = generator.random((len(rows), len(examples.dimension_names)), np.float32)
    return Opinion(generator.dirichlet(np.ones(shape[1]), shape[0]).astype(np.float32), dimensions)


@given(share=st.floats(0, 1), seed=st.integers(0, 100))
def test_a_label_is_a_distribution_within_what_its_corpus_knows(prepared: Prepared, share: float, seed: int) -> None:
    examples = prepared.examples
    rows = prepared.fold(1).train
    taught = with_opinion(examples, rows, opinion_of(examples, rows, seed), share)
    assert_allclose(taught.targets[rows].sum(axis=1), 1, atol=1e-5)
    assert not taught.targets[~taught.allowed].any()
    labelled = examples.targets[rows].sum(axis=1) > 0
    assert_array_equal(taught.allowed[rows[labelled]], examples.allowed[rows[labelled]])


def test_without_a_share_a_label_is_as_it_was_and_a_missing_one_is_the_teachers(prepared: Prepared) -> None:
    examples, rows = prepared.examples, prepared.fold(1).train
    bare = examples.targets.copy()
    bare[rows[::2]] = 0
    dimensions = examples.dimensions.copy()
    dimensions[rows[::2]] = np.nan
    missing = dataclasses.replace(examples, targets=bare, dimensions=dimensions)
    opinion = opinion_of(examples, rows)
    taught = with_opinion(missing, rows, opinion, 0.0)
    assert_allclose(taught.targets[rows[1::2]], examples.targets[rows[1::2]], atol=1e-6)
    assert_allclose(taught.targets[rows[::2]], opinion.probabilities[::2], atol=1e-6)
    assert_allclose(taught.dimensions[rows[::2]], opinion.dimensions[::2], atol=1e-6)
    assert_array_equal(taught.rated_dimensions, examples.rated_dimensions)


def test_teachers_who_know_nothing_of_a_label_leave_it_alone(prepared: Prepared) -> None:
    examples, rows = prepared.examples, prepared.fold(1).train
    silent = dataclasses.replace(examples, targets=np.zeros_like(examples.targets))
    opinion = opinion_of(examples, rows)
    opinion.probabilities[:, 0] = 0
    taught = with_opinion(silent, rows, opinion, 0.5)
    assert not taught.allowed[rows, 0].any()
    opinion.probabilities[:, 1:] = 0
    opinion.probabilities[0, 0] = 1
    elsewhere = dataclasses.replace(examples, allowed=examples.allowed & (np.arange(len(opinion.probabilities[0])) > 0))
    labelled = rows[examples.targets[rows, 0] == 0]
    kept = with_opinion(elsewhere, labelled, opinion.of_rows(np.isin(rows, labelled)), 0.5)
    assert_array_equal(kept.targets[labelled], examples.targets[labelled])


def test_an_opinion_of_other_labels_is_of_those_that_both_know(prepared: Prepared, taught_recipe: Recipe) -> None:
    system, examples = new_system(taught_recipe, prepared), prepared.examples
    rows = prepared.fold(1).train
    own = Opinion.of(system, examples, rows)
    names = ("unheard of", *examples.categories[1:])
    other = dataclasses.replace(examples, categories=names, dimension_names=("unrated", *examples.dimension_names))
    found = Opinion.of(system, other, rows)
    assert not found.probabilities[:, 0].any()
    shared = own.probabilities[:, 1:]
    assert_allclose(found.probabilities[:, 1:], shared / shared.sum(axis=1, keepdims=True), atol=1e-6)
    assert np.isnan(found.dimensions[:, 0]).all()
    assert_allclose(found.dimensions[:, 1:], own.dimensions, atol=1e-6)


def test_what_is_not_trained_on_keeps_its_labels(prepared: Prepared) -> None:
    examples, parts = prepared.examples, prepared.fold(1)
    taught = with_opinion(examples, parts.train, opinion_of(examples, parts.train), 1.0)
    others = np.concatenate([parts.validation, parts.test])
    for name in ("targets", "allowed", "dimensions"):
        assert_array_equal(getattr(taught, name)[others], getattr(examples, name)[others])


def test_without_a_head_teachers_say_nothing_of_categories(prepared: Prepared) -> None:
    examples, rows = prepared.examples, prepared.fold(1).train
    silent = dataclasses.replace(opinion_of(examples, rows), probabilities=np.zeros_like(examples.targets[rows]))
    assert_array_equal(with_opinion(examples, rows, silent, 0.5).targets, examples.targets)


def test_the_mean_of_weights_is_their_mean_and_of_one_network() -> None:
    states = [
        {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)},
        {"w": torch.tensor([3.0, 6.0]), "n": torch.tensor(3)},
    ]
    assert mean_weights(states)["w"].tolist() == [2.0, 4.0]
    assert mean_weights(states)["n"] == 3
    with pytest.raises(RecipeError, match="one network"):
        mean_weights([states[0], {"w": torch.zeros(3), "n": torch.tensor(3)}])


def test_a_recipe_learns_from_its_teachers_and_a_resumed_one_is_the_same(
    taught_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(taught_recipe, None, tmp_path / "a")
    assert [(tmp_path / "a" / f"{TEACHER}-{number}" / "run.json").exists() for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    alone = train(dataclasses.replace(taught_recipe, teaching=None), None, tmp_path / "alone")
    assert not np.array_equal(first.probabilities, alone.probabilities)

    class Killed(BaseException):
        pass

    wanted = train_fold.with_opinion

    def killed(*_: Any) -> Examples:
        raise Killed

    monkeypatch.setattr(train_fold, "with_opinion", killed)
    with pytest.raises(Killed):
        train(taught_recipe, None, tmp_path / "b")
    monkeypatch.setattr(train_fold, "with_opinion", wanted)
    assert_array_equal(train(taught_recipe, None, tmp_path / "b").probabilities, first.probabilities)


def test_the_network_starts_from_the_mean_of_its_teachers(
    taught_recipe: Recipe, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, torch.Tensor]] = []
    real = train_fold.train_system

    def watched(system: Any, *arguments: Any) -> Any:
        started.append({name: value.clone() for name, value in system.state_dict().items()})
        return real(system, *arguments)

    monkeypatch.setattr(train_fold, "train_system", watched)
    train(taught_recipe, None, tmp_path)
    states = [
        trained(teacher, prepared, tmp_path / f"{TEACHER}-{number}", lambda *_: None)[0].state_dict()
        for number, teacher in enumerate(taught_recipe.teachers, start=1)
    ]
    for name, value in mean_weights(states).items():
        assert torch.equal(started[-1][name], value), name


@pytest.mark.parametrize(
    "overrides", [{"model.width": 32}, {"data.dimensions": []}, {"data.corpora.0.categories": False}]
)
def test_a_teacher_of_another_network_or_other_labels_is_refused(toy_values: Values, overrides: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="a teacher says what the recipe says"):
        parse_recipe({**toy_values(), "teaching": {"teachers": [overrides]}})


def test_an_unknown_key_of_a_teacher_is_told_with_its_place(toy_values: Values) -> None:
    with pytest.raises(RecipeError, match=r"teaching\.teachers.*stepz"):
        parse_recipe({**toy_values(), "teaching": {"teachers": [{"training.stepz": 1}]}})


def test_a_recipe_without_teachers_has_the_digest_that_it_had(toy_values: Values) -> None:
    assert "teaching" not in parse_recipe(toy_values()).to_dict()
