"""Laws of grids: what is asked fits the recipe, nothing is trained twice, and what does not apply is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge.errors import RecipeError
from emobridge.training.experiments import train_fold
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.grid import Grid, Question, plan, read_grid
from emobridge.training.experiments.recipe import Recipe, parse_recipe, read_recipe

BOTH = ("acoustic", "linguistic")


@pytest.fixture
def recipe(toy_recipe: Callable[..., Recipe]) -> Recipe:
    return toy_recipe(BOTH, model={"fusion": "bridge", "width": 16, "refinement_layers": 1, "bridge_tokens": 5})


def test_the_ablations_ask_all_that_the_paper_asks(recipe: Recipe) -> None:
    planned = plan(read_grid("ablations"), recipe)
    assert [asked.name for asked in planned.questions] == [
        "tasks", "modalities", "refinement", "fusion", "masking", "tokens"
    ]  # fmt: skip
    assert not planned.left_out
    trained = {name: planned.recipe.variant(name) for name in planned.recipe.variants}
    assert trained["speech-alone"].linguistic is None
    assert trained["text-alone"].acoustic is None
    assert trained["categories-alone"].loss.dimension_weight == 0
    assert trained["no-refinement"].model.refinement_layers == 0
    assert trained["cross-attention"].model.fusion == "cross"
    assert trained["no-masking"].masking.start == 0
    assert trained["tokens-30"].model.bridge_tokens == 30


def test_what_is_the_recipe_itself_or_was_asked_already_is_not_trained_again(recipe: Recipe) -> None:
    planned = plan(read_grid("ablations"), recipe)
    members = {asked.name: dict(asked.members) for asked in planned.questions}
    assert members["tokens"]["tokens-5"] == members["fusion"]["bridge"] == members["masking"]["paper-masking"] == "toy"
    assert members["refinement"] == {"one-refinement-layer": "toy", "no-refinement": "no-refinement"}
    digests = [recipe.digest, *(planned.recipe.variant(name).digest for name in planned.recipe.variants)]
    assert len(set(digests)) == len(digests)
    for asked in planned.questions:
        assert next(iter(asked.members.values())) == "toy"
        assert set(asked.members.values()) <= {"toy", *planned.recipe.variants}


@pytest.mark.parametrize("name", ["ravdess", "crema_d", "emobank", "default"])
def test_a_question_that_does_not_apply_is_left_out_with_its_reason(name: str) -> None:
    planned = plan(read_grid("ablations"), read_recipe(name))
    asked = {question.name for question in planned.questions}
    assert asked
    assert asked | set(planned.left_out) == set(read_grid("ablations").questions)
    assert planned.left_out["modalities"].startswith("not every corpus of the recipe uses sound and text")


def test_a_grid_that_asks_nothing_says_why(toy_recipe: Callable[..., Recipe]) -> None:
    grid = Grid("one", {"tokens": Question("?", {"t": {"model.bridge_tokens": 2}}, ("bridge", "linguistic"))})
    values = toy_recipe(model={"fusion": "concat", "width": 16, "refinement_layers": 0})
    with pytest.raises(RecipeError, match=r"asks nothing of recipe 'toy'; tokens: .* no bridge tokens and no corpus"):
        plan(grid, values)


def test_one_name_may_not_mean_two_variants(recipe: Recipe) -> None:
    questions = {name: Question("?", {"same": {"training.steps": steps}}) for name, steps in (("one", 3), ("other", 4))}
    with pytest.raises(RecipeError, match="variant 'same'; two questions give it other overrides"):
        plan(Grid("twice", questions), recipe)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name =", "is not TOML"),
        ('name = "x"', "key 'questions'"),
        (
            'name = "x"\n[questions.a]\ntitle = "t"\nneeds = ["sound"]\n[questions.a.variants]',
            "key 'questions.a.needs.0'",
        ),
        ('name = "x"\nquestion = 3\n[questions]', "key 'question'"),
    ],
)
def test_a_grid_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "grid.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        read_grid(tmp_path / "grid.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_grid_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"no grid 'ablation'; .*did you mean 'ablations'\?"):
        read_grid("ablation")


def test_a_star_sets_a_key_in_all_of_a_list(toy_recipe: Callable[..., Recipe]) -> None:
    values = toy_recipe(BOTH).to_dict()
    values["data"]["corpora"].append({**values["data"]["corpora"][0], "name": "table:other.csv"})
    values["variants"] = {"heard": {"data.corpora.*.modalities": ["acoustic"]}}
    heard = parse_recipe(values).variant("heard")
    assert [entry.modalities for entry in heard.data.corpora] == [("acoustic",)] * 2
    values["variants"] = {"heard": {"data.*.modalities": ["acoustic"]}}
    with pytest.raises(RecipeError, match="unknown recipe key"):
        parse_recipe(values)


def test_a_grid_runs_each_variant_on_each_fold_and_seed_and_resumes(
    toy_values: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse_recipe(toy_values(variants={"own": {"training.steps": 2}}))
    grid = Grid("small", {"tasks": Question("Two?", {"categories-alone": {"loss.dimension_weight": 0.0}})})
    train, calls = train_fold.train_system, []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(train_fold, "train_system", counted)
    with pytest.raises(KeyboardInterrupt):
        crossvalidate(recipe, None, tmp_path / "run", [1], seeds=[1, 2], grid=grid)
    found = crossvalidate(recipe, None, tmp_path / "run", [1], seeds=[1, 2], grid=grid)
    assert len(calls) == 5  # two before the interruption, the one that it hit, and two after it
    assert set(zip(found.variants.tolist(), found.seeds.tolist(), strict=True)) == {
        (variant, seed) for variant in ("toy", "categories-alone") for seed in (1, 2)
    }
    told = json.loads((tmp_path / "run" / "experiment.json").read_text(encoding="utf-8"))
    assert (told["seeds"], told["folds"], told["grid"]["name"]) == ([1, 2], ["fold-1"], "small")
    # The recipe's own seed lies where it always lay: a run of it alone reads what the grid trained.
    monkeypatch.setattr(train_fold, "train_system", lambda *_: pytest.fail("trained again"))
    alone = crossvalidate(recipe.variant("toy"), None, tmp_path / "run", [1], grid=grid)
    assert set(alone.seeds.tolist()) == {1}
