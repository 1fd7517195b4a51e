"""Markup that cannot be injected into: what is `Markup` is kept, any other text is escaped.

Design: no template engine, so that a page needs no extra. What is the same on each page is in a template (`filled`),
the rest is a tree of `element` calls.
"""

import html
import json
from collections.abc import Iterable
from importlib.resources import files
from string import Template
from typing import Any

_EMPTY = frozenset({"meta", "input", "br"})


class Markup(str):
    """Text that is markup already; made by this module alone, from escaped parts."""

    __slots__ = ()


def element(name: str, /, *children: str | Iterable[str], **attributes: str | float | bool | None) -> Markup:
    """Return ``<name ...>children</name>``.

    Args:
        name: the tag.
        children: texts, which are escaped, markup, which is not, or iterables of both.
        attributes: an underscore at the end is dropped (``class_``), others become hyphens; None and False are left
            out, True is an attribute without a value.
    """
    written = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: str | Iterable[str]) -> Markup:
    """Return the children one after the other: texts escaped, markup as it is."""
    parts = [part for child in children for part in ((child,) if isinstance(child, str) else child)]
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def table(head: Iterable[str], rows: Iterable[Markup], caption: str = "", class_: str | None = None) -> Markup:
    """Return a table that scrolls by itself where it is wide; ``rows`` are elements of its body."""
    columns = element("tr", [element("th", name, scope="col") for name in head])
    inner = element("table", caption, element("thead", columns), element("tbody", rows), class_=class_)
    return element("div", inner, class_="wide")


def trusted(name: str, content: str, /, **attributes: str) -> Markup:
    """Return an element whose ``content`` comes from this package and is kept as it is: a style or a script."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{name}{written}>{content}</{name}>")


def packaged(name: str) -> str:
    """Return a style, script or template of this package."""
    return files("emobridge.visualization").joinpath(name).read_text("utf-8")


def filled(name: str, /, **values: str | Iterable[str]) -> Markup:
    """Return a template of this package with its ``$names`` filled: texts escaped, markup as it is.

    Line ends and the blanks around them are for those who read the template.
    """
    template = Template("".join(line.strip() for line in packaged(name).splitlines()))
    return Markup(template.substitute({key: joined(value) for key, value in values.items()}))


def data_element(values: Any, identifier: str) -> Markup:
    """Return ``values`` as JSON in a script element that is never run; no text in it can end the element."""
    written = json.dumps(values, allow_nan=False, separators=(",", ":"))
    escaped = written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return trusted("script", escaped, type="application/json", id=identifier)


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    written = value if isinstance(value, str) else f"{value:.6g}"
    return f' {name}="{html.escape(written)}"'
