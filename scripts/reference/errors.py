"""The page of errors: every class with the messages that the source raises."""

import ast
from collections.abc import Iterator
from functools import cache

from emobridge.errors import EmobridgeError

from .markdown import Docstring, markdown, table
from .python_api import PACKAGE

INTRODUCTION = """\
Whatever a user can do wrong raises an `EmobridgeError` with a message of one line: what was given, what
is valid and what to do. These three also stand alone in its attributes `given`, `valid` and `remedy`. The command line
prints the line and exits with status 1; the service answers with a [problem](service.md#problems).

```python
>>> import emobridge
>>> from emobridge.errors import EmobridgeError
>>> try:
...     emobridge.load().predict("no-such-file.wav")
... except EmobridgeError as error:
...     print(type(error).__name__, "|", error.remedy)
AudioError | check the path

```"""


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    classes, found = error_classes(), messages()
    yield from ("# Errors", "", INTRODUCTION, "")
    rows = []
    for name, (base, text) in classes.items():
        rows.append((f"[`{name}`](#{name.lower()})" if name in found else f"`{name}`", f"`{base}`", text))
    yield from table(("error", "base", "what it is"), rows)
    yield from ("The messages below are those of the source. A name in braces stands for a value.", "")
    for name in classes:
        if name in found:
            yield from (f"## {name}", "")
            yield from table(("message", "valid", "what to do"), sorted(found[name]))


@cache
def trees() -> list[ast.Module]:
    """Return the syntax tree of each module of the package."""
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))]


@cache
def error_classes() -> dict[str, tuple[str, str]]:
    """Return the base and the first paragraph of each error."""
    found = {"EmobridgeError": ("Exception", Docstring.of(EmobridgeError).first)}
    for _ in range(2):  # a module may come before that of the base
        for node in (node for tree in trees() for node in tree.body if isinstance(node, ast.ClassDef) and node.bases):
            base = ast.unparse(node.bases[0])
            if base in found:
                text = markdown((ast.get_docstring(node) or "").partition("\n\n")[0])
                found.setdefault(node.name, (base, " ".join(text.split())))
    return found


def messages() -> dict[str, set[tuple[str, str, str]]]:
    """Return what is given, valid and to be done wherever the source makes each error."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    functions = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        for call in calls:
            name = ast.unparse(call.func) if isinstance(call.func, ast.Name) else ""
            if name in error_classes():
                texts = [text_of(one, function) for one in call.args]
                named = {one.arg: text_of(one.value, function) for one in call.keywords}
                texts += [named.get(key, "") for key in ("given", "valid", "remedy")[len(texts) :]]
                if texts[0]:
                    found.setdefault(name, set()).add((texts[0], texts[1], texts[2]))
    return found


def text_of(node: ast.expr, function: ast.FunctionDef) -> str:
    """Return a message as it stands in the source; empty where it is made elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else value_in(one) for one in node.values)
    if isinstance(node, ast.BoolOp):
        return " or ".join(dict.fromkeys(filter(None, (text_of(one, function) for one in node.values))))
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (text_of(one, function) for one in (node.body, node.orelse))))
    if isinstance(node, ast.Name):
        assigned = [one for one in ast.walk(function) if isinstance(one, ast.Assign) and one.lineno < node.lineno]
        own = [
            one for one in assigned if ast.unparse(one.targets[0]) == node.id and not isinstance(one.value, ast.Name)
        ]
        return text_of(max(own, key=lambda one: one.lineno).value, function) if own else ""
    return ""


def value_in(node: ast.expr) -> str:
    """Return the value in a message by the last name in it: ``{name}`` for ``shown(self._name)``."""
    names = [one.attr if isinstance(one, ast.Attribute) else one.id for one in inner_names(node)]
    return f"{{{names[-1].strip('_')}}}" if names else "{value}"


def inner_names(node: ast.AST) -> Iterator[ast.Attribute | ast.Name]:
    """Yield the names in an expression; of a call those of its arguments, of an attribute its own."""
    if isinstance(node, ast.Attribute | ast.Name):
        yield node
    elif isinstance(node, ast.Call):
        inside = [name for one in node.args for name in inner_names(one)]
        yield from inside or inner_names(node.func)
    elif isinstance(node, ast.GeneratorExp | ast.ListComp):
        yield from inner_names(node.generators[0].iter)
    elif isinstance(node, ast.Subscript | ast.FormattedValue):
        yield from inner_names(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from inner_names(child)
