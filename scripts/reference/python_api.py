"""The page of the Python API: the functions and classes of the front door, and what they return."""

import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import emobridge

from .markdown import Docstring, hints, sentence, signature, spelled, table

PACKAGE = Path(inspect.getfile(emobridge)).parent
# Whose methods and attributes lead to more classes that a user of the front door meets.
FOLLOWED = ("emobridge.inference.predictor", "emobridge.results")


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    offered = {name: getattr(emobridge, name) for name in emobridge.__all__ if not name.startswith("_")}
    functions = {name: one for name, one in offered.items() if inspect.isfunction(one)}
    classes = [one for one in offered.values() if inspect.isclass(one) and not issubclass(one, BaseException)]
    classes = reached(list(functions.values()), classes)
    yield from ("# Python", "", Docstring.of(emobridge).text, "")
    rows = [(f"[`emobridge.{name}`](#emobridge{name})", Docstring.of(one).first) for name, one in functions.items()]
    rows += [(f"[`{one.__name__}`](#{one.__name__.lower()})", Docstring.of(one).first) for one in classes]
    yield from table(("name", "what it is"), rows)
    yield from ("Errors have [a page of their own](errors.md).", "")
    for name, function in functions.items():
        yield from function_lines(f"## `emobridge.{name}`", function)
    for one in classes:
        yield from class_lines(one)


def function_lines(heading: str, function: Callable[..., Any], *, skip_first: bool = False) -> Iterator[str]:
    """Yield what a function takes, does and raises."""
    described = Docstring.of(function)
    yield from (heading, "", "```python", signature(function, skip_first=skip_first), "```", "", described.text, "")
    arguments = described.entries.get("Args", {})
    yield from table(("argument", "what it is"), [(f"`{one}`", described[one]) for one in arguments])
    raised = described.entries.get("Raises", {})
    yield from table(("raises", "when"), [(f"`{one}`", sentence(text)) for one, text in raised.items()])


def class_lines(kind: type) -> Iterator[str]:
    """Yield what a class is, its attributes and its public methods."""
    described = Docstring.of(kind)
    yield from (f"## `{kind.__name__}`", "", f"From `{kind.__module__}`.", "", described.text, "")
    kinds = hints(kind)
    if dataclasses.is_dataclass(kind):
        names = [one.name for one in dataclasses.fields(kind) if not one.name.startswith("_")]
        rows = [(f"`{name}`", f"`{spelled(kinds[name])}`", described[name]) for name in names]
        yield from table(("attribute", "type", "what it is"), rows)
    else:
        arguments = described.entries.get("Args", {})
        yield from table(("argument", "what it is"), [(f"`{one}`", described[one]) for one in arguments])
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        function = member.__func__ if isinstance(member, classmethod) else member
        heading = f"### `{kind.__name__}.{name}`"
        if inspect.isfunction(function):
            yield from function_lines(heading, function, skip_first=True)
        elif isinstance(member, property) and member.fget is not None:
            returned = spelled(hints(member.fget)["return"])
            yield from (heading, "", f"`{returned}`", "", sentence(Docstring.of(member).text), "")


def reached(functions: list[Callable[..., Any]], classes: list[type]) -> list[type]:
    """Return the classes and those that the functions, their methods and their attributes lead to, each once."""
    found = dict.fromkeys(classes)
    waiting = [*classes, *(one for function in functions for one in classes_in(hints(function).get("return")))]
    while waiting:
        kind = waiting.pop(0)
        found[kind] = None
        if kind.__module__ in FOLLOWED:
            methods = [one for name, one in vars(kind).items() if inspect.isfunction(one) and name[0] != "_"]
            types = [*(hints(one).get("return") for one in methods), *hints(kind).values()]
            waiting += [one for hint in types for one in classes_in(hint) if one not in found]
    return list(found)


def classes_in(hint: Any) -> list[type]:
    """Return the classes of emobridge that a type names; a name alone is looked up in the package."""
    if isinstance(hint, str):
        places = module_of_class()
        names = [name for name in re.findall(r"\w+", hint) if name in places]
        return [getattr(importlib.import_module(places[name]), name) for name in names]
    if isinstance(hint, type) and hint.__module__.startswith("emobridge"):
        return [hint]
    return [one for inner in typing.get_args(hint) for one in classes_in(inner)]


@cache
def module_of_class() -> dict[str, str]:
    """Return the module of each public class of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("emobridge", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        names = re.findall(r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        found |= dict.fromkeys(names, module)
    return found
