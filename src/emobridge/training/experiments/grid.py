"""A grid: questions to ask of a recipe, each answered by variants of it. A TOML file beside the recipes.

Design: a variant is a recipe's own (`Recipe.variant`), so a grid adds no second way to train. What turns out to be the
recipe itself, or what two questions share, is trained once.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pydantic

from emobridge.errors import RecipeError, nearest
from emobridge.labels import MODALITIES
from emobridge.training.experiments.recipe import Recipe

Need = Literal["acoustic", "linguistic", "both", "categories", "dimensions", "bridge"]
_LACKS: dict[str, str] = {
    "acoustic": "no corpus of the recipe uses sound",
    "linguistic": "no corpus of the recipe uses text",
    "both": "not every corpus of the recipe uses sound and text",
    "categories": "the recipe learns no categories",
    "dimensions": "the recipe learns no dimensions",
    "bridge": "the recipe's fusion has no bridge tokens",
}


@dataclass(frozen=True)
class Question:
    """One part of the system, in and out, or in several sizes.

    Attributes:
        title: the question in words, the heading of its plot.
        variants: name -> overrides (``"section.key" = value``) of the recipe.
        needs: what a recipe must have for the question to make sense.
    """

    title: str
    variants: dict[str, dict[str, Any]]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Questions by name.

    Attributes:
        name, description: what it is.
        questions: name -> question.
    """

    __pydantic_config__ = pydantic.ConfigDict(extra="forbid")

    name: str
    questions: dict[str, Question]
    description: str = ""


@dataclass(frozen=True)
class Asked:
    """A question with the systems that answer it.

    Attributes:
        name, title: of the question.
        members: what each answer is called -> the variant of the recipe that gives it; the recipe itself comes first.
    """

    name: str
    title: str
    members: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"name": self.name, "title": self.title, "members": dict(self.members)}


@dataclass(frozen=True)
class Plan:
    """A grid laid over a recipe.

    Attributes:
        recipe: with the grid's variants in the place of its own.
        questions: those that apply.
        left_out: question -> why it does not apply.
    """

    recipe: Recipe
    questions: tuple[Asked, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the questions as plain values."""
        return {"questions": [asked.to_dict() for asked in self.questions], "left_out": dict(self.left_out)}


def read_grid(name_or_path: str | Path) -> Grid:
    """Read a grid: a file, or by its name one that comes with emobridge.

    Raises:
        RecipeError: no such grid, no TOML, or a key or value that does not fit.
    """
    packaged = resources.files("emobridge") / "recipes" / "grids"
    names = sorted(entry.name.removesuffix(".toml") for entry in packaged.iterdir() if entry.name.endswith(".toml"))
    path = Path(name_or_path)
    if path.is_file():
        content = path.read_bytes()
    elif str(name_or_path) in names:
        content = (packaged / f"{name_or_path}.toml").read_bytes()
    else:
        valid = f"a TOML file, or one of {', '.join(names)}"
        raise RecipeError(f"there is no grid '{name_or_path}'", valid, nearest(str(name_or_path), names))
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"grid '{name_or_path}' is not TOML: {error}", "see the packaged grids") from error
    try:
        return pydantic.TypeAdapter(Grid).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecipeError(f"grid '{name_or_path}', key '{place}'", first["msg"], "correct the grid") from error


def plan(grid: Grid, recipe: Recipe) -> Plan:
    """Lay a grid over a recipe.

    Raises:
        RecipeError: no question applies, two variants of one name differ, or a variant does not fit the recipe.
    """
    variants: dict[str, dict[str, Any]] = {}
    known = {recipe.digest: recipe.name}
    asked, left_out = [], {}
    for name, question in grid.questions.items():
        lacking = [_LACKS[need] for need in question.needs if not _has(recipe, need)]
        members = {} if lacking else _members(recipe, question, variants, known)
        if len(set(members.values())) > 1:
            asked.append(Asked(name, question.title, members))
        else:
            left_out[name] = " and ".join(lacking) or "every variant is the recipe itself"
    if not asked:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise RecipeError(f"grid '{grid.name}' asks nothing of recipe '{recipe.name}'", reasons, "take another grid")
    return Plan(replace(recipe, variants=variants), tuple(asked), left_out)


def _members(
    recipe: Recipe, question: Question, variants: dict[str, dict[str, Any]], known: dict[str, str]
) -> dict[str, str]:
    """Return the answers of a question, adding to ``variants`` what must be trained and to ``known`` its digest."""
    members = {}
    for name, overrides in question.variants.items():
        digest = replace(recipe, variants={name: overrides}).variant(name).digest
        if digest not in known:
            if name in variants:
                raise RecipeError(f"variant '{name}'", "two questions give it other overrides", "rename one")
            variants[name] = overrides
            known[digest] = name
        members[name] = known[digest]
    itself = next((name for name, variant in members.items() if variant == recipe.name), recipe.name)
    return {itself: recipe.name} | members


def _has(recipe: Recipe, need: Need) -> bool:
    if need == "categories":
        return recipe.loss.category_weight > 0 and any(entry.categories for entry in recipe.data.corpora)
    if need == "dimensions":
        return recipe.loss.dimension_weight > 0 and bool(recipe.data.dimensions)
    if need == "both":
        return all(len(entry.modalities) == len(MODALITIES) for entry in recipe.data.corpora)
    return recipe.model.fusion.startswith("bridge") if need == "bridge" else need in recipe.modalities
