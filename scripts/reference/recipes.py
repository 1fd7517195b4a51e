"""The page of recipes: every key with its type, its default and its meaning."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterator
from typing import Any

from annotated_types import MinLen
from pydantic.fields import FieldInfo

from emobridge.training.experiments.recipe import Recipe

from .markdown import Docstring, hints, spelled, table
from .python_api import PACKAGE

INTRODUCTION = """A recipe is a TOML file that decides a result: which corpora, which network and how it is trained.
On the command line, `--set section.key=value` overrides a key. Required keys are marked; all others may be left out."""
SIGNS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Recipes", "", INTRODUCTION, "", "## Packaged recipes", "")
    rows = []
    for path in sorted((PACKAGE / "recipes").glob("*.toml")):
        text = tomllib.loads(path.read_text(encoding="utf-8")).get("description", "")
        rows.append((f"[`{path.stem}`](../../src/emobridge/recipes/{path.name})", " ".join(text.split())))
    yield from table(("recipe", "what it is"), rows)
    for path, kind, is_list in sections(Recipe, ""):
        yield from section_lines(path, kind, is_list)


def sections(kind: type, path: str, is_list: bool = False) -> Iterator[tuple[str, type, bool]]:
    """Yield each section of a recipe: its path, its dataclass, and whether there are several of it."""
    yield path, kind, is_list
    for name, hint in hints(kind).items():
        for inner, several in dataclasses_in(hint):
            yield from sections(inner, f"{path}.{name}".removeprefix("."), several)


def dataclasses_in(hint: Any, several: bool = False) -> Iterator[tuple[type, bool]]:
    """Yield the dataclasses in a type, and whether it holds several of them."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint, several
    for one in typing.get_args(hint):
        yield from dataclasses_in(one, several or typing.get_origin(hint) is tuple)


def section_lines(path: str, kind: type, is_list: bool) -> Iterator[str]:
    """Yield a section of a recipe with its keys."""
    described = Docstring.of(kind)
    heading = f"`[[{path}]]`" if is_list else f"`[{path}]`" if path else "Top level"
    encoder = " with a public encoder" if kind.__name__.startswith("Hub") else ""
    yield from (f"## {heading}{encoder}", "", described.text, "")
    kinds, rows = hints(kind), []
    for each in dataclasses.fields(kind):
        inner = list(dataclasses_in(kinds[each.name]))
        text = described[each.name]
        if inner:
            place = f"{path}.{each.name}".removeprefix(".")
            told, text = (
                f"{'tables' if inner[0][1] else 'table'}, see `{place}`",
                text or Docstring.of(inner[0][0]).first,
            )
        else:
            told = ", ".join((f"`{toml_type(kinds[each.name])}`", *limits(kinds[each.name])))
        rows.append((f"`{each.name}`", told, default_of(each), text))
    yield from table(("key", "type", "default", "what it is"), rows)


def toml_type(kind: Any) -> str:
    """Return a type as one writes its values in TOML, where there is no None and a tuple is a list."""
    written = spelled(kind).replace(" | None", "").replace(", ...]", "]").replace("tuple[", "list[")
    return written.replace("dict[str, Any]", "table").replace("dict[str, ", "table[")


def limits(kind: Any) -> list[str]:
    """Return the limits of the values of a type, in words."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [limit for one in typing.get_args(kind) for limit in limits(one)]
    found: list[Any] = []
    for note in getattr(kind, "__metadata__", ()):
        found += note.metadata if isinstance(note, FieldInfo) else [note]
    said = [f"{word} {getattr(one, sign):.12g}" for one in found for sign, word in SIGNS.items() if hasattr(one, sign)]
    return said + ["not empty" for one in found if isinstance(one, MinLen)]


def default_of(each: dataclasses.Field[Any]) -> str:
    """Return the default of a key as TOML; empty where a key that is left out has no single value."""
    if each.default is dataclasses.MISSING:
        return "required" if each.default_factory is dataclasses.MISSING else ""
    value = each.default
    if value is None or dataclasses.is_dataclass(value):
        return ""
    if isinstance(value, tuple):
        return "" if any(dataclasses.is_dataclass(one) for one in value) else f"`{[*value]}`".replace("'", '"')
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
