"""Docstrings, types and tables as Markdown."""

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$")
ENTRY = re.compile(r"^([\w*]+(?:, [\w*]+)*): ?(.*)$")


@dataclass
class Docstring:
    """A docstring in its parts.

    Attributes:
        text: everything before the first section, as Markdown.
        entries: section -> name -> description; names that share a line share the description.
    """

    text: str
    entries: dict[str, dict[str, str]]

    @classmethod
    def of(cls, documented: Any) -> "Docstring":
        """Return the docstring of a module, class or function; a class also has the attributes of its bases."""
        entries: dict[str, dict[str, str]] = {}
        if inspect.isclass(documented):
            for base in documented.__bases__[:1] if documented.__bases__ != (object,) else ():
                entries = {"Attributes": cls.of(base).entries.get("Attributes", {})}
        text: list[str] = []
        section, names = "", [""]
        for line in (inspect.getdoc(documented) or "").splitlines():
            if found := SECTION.match(line):
                section = found[1]
                entries.setdefault(section, {})
            elif not section:
                text.append(line)
            elif entry := ENTRY.match(line.removeprefix("    ")):
                names = entry[1].split(", ")
                entries[section] |= dict.fromkeys(names, entry[2])
            elif line.strip():
                entries[section] |= {name: f"{entries[section][name]} {line.strip()}" for name in names}
        return cls(markdown("\n".join(text).strip()), entries)

    @property
    def first(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.text.partition("\n\n")[0].split())

    def __getitem__(self, name: str) -> str:
        """Return the description of an argument or attribute as a sentence; empty where there is none."""
        described = {**self.entries.get("Attributes", {}), **self.entries.get("Args", {})}
        return sentence(described.get(name, ""))


def markdown(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return text.replace("``", "`")


def sentence(text: str) -> str:
    """Return the text as Markdown, with a capital at its start and a full stop at its end."""
    text = markdown(text.strip())
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table and an empty one; nothing where it has no rows."""
    lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
    if lines:
        names = list(columns)
        yield from (f"| {' | '.join(names)} |", "|---" * len(names) + "|", *(f"| {line} |" for line in lines), "")


def hints(documented: Any) -> dict[str, Any]:
    """Return the types of a class or function; as written where a type is only there for type checkers."""
    try:
        return typing.get_type_hints(documented, include_extras=True)
    except NameError:
        return dict(inspect.get_annotations(documented))


def spelled(kind: Any) -> str:
    """Return a type as it is written in source."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return spelled(inner[0])
    if origin in (Literal, typing.Union, types.UnionType):
        return " | ".join(dict.fromkeys(f'"{one}"' if origin is Literal else spelled(one) for one in inner))
    if origin is np.ndarray:
        return f"NDArray[{spelled(typing.get_args(inner[1])[0]).rstrip('_')}]"
    if isinstance(kind, list) or origin is not None:
        inside = ", ".join("..." if one is Ellipsis else spelled(one) for one in inner or kind)
        return f"{origin.__name__ if origin else ''}[{inside}]"
    return "None" if kind is type(None) else getattr(kind, "__name__", str(kind))


def signature(function: Callable[..., Any], *, skip_first: bool = False) -> str:
    """Return the call of a function with its types, on several lines where one would be too long."""
    kinds, shown = hints(function), list[str]()
    has_star = False
    for one in list(inspect.signature(function).parameters.values())[skip_first:]:
        if one.kind is one.KEYWORD_ONLY and not has_star:
            shown.append("*")
        has_star = has_star or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        value = one.default.__name__ if callable(one.default) else repr(one.default)
        default = "" if one.default is one.empty else f" = {value}"
        shown.append(f"{star}{one.name}: {spelled(kinds.get(one.name, Any))}{default}")
    name, returned = function.__name__, spelled(kinds.get("return", type(None)))
    line = f"{name}({', '.join(shown)}) -> {returned}"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(shown) + f",\n) -> {returned}"
