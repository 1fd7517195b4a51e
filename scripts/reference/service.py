"""The page of the service: its addresses, schemas, settings and problems."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emobridge import results
from emobridge.server.api.app import build_app
from emobridge.server.problems import KINDS
from emobridge.server.settings import ENVIRONMENT, TOLD, TYPES

from .markdown import Docstring, markdown, spelled, table

SETTINGS = f"""Each is an option of `emobridge serve` (`--max-upload-mb`), a variable (`{ENVIRONMENT}MAX_UPLOAD_MB`) and
a key of the TOML file that `--config` names (`max_upload_mb`). Options override variables, and variables the file."""
METHODS = {"get": "GET", "post": "POST", "delete": "DELETE"}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    gate: Any = build_app(None, {})  # type: ignore[arg-type]  # the schema asks nothing of the service
    (app,) = (one for one in vars(gate).values() if hasattr(one, "openapi"))
    schema = app.openapi()
    yield from (
        "# Service",
        "",
        "How to use it is in [The service and its page](../service.md).",
        "",
        "## Addresses",
        "",
    )
    yield from ("`GET /openapi.json` gives programs the same, with examples.", "")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield from (f"### `{METHODS[method]} {path}`", "", markdown(operation["summary"]), "")
            yield from operation_lines(operation)
    yield from ("### `WS /v1/stream`", "", schema["info"]["description"].split("\n\n")[1], "", "## Schemas", "")
    for name, one in schema["components"]["schemas"].items():
        yield from schema_lines(name, one)
    yield from ("## Settings", "", SETTINGS, "")
    yield from table(("setting", "type", "default", "what it is"), settings())
    yield from ("## Problems", "", "Each is an `application/problem+json` document (RFC 9457).", "")
    rows = [(f"`{name}`", str(kind.status), f"{kind.title}.", kind.meaning) for name, kind in KINDS.items()]
    yield from table(("problem", "status", "what it is", "what it means, what to do"), rows)


def operation_lines(operation: dict[str, Any]) -> Iterator[str]:
    """Yield the parameters, the body and the responses of an address."""
    rows = []
    for one in operation.get("parameters", ()):
        text = one.get("description") or one["schema"].get("description", "")
        rows.append((f"`{one['name']}`", one["in"], json_type(one["schema"]), text))
    yield from table(("parameter", "in", "type", "what it is"), rows)
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield from (f"Body: {', '.join(f'`{name}`' for name in body)}.", "")
    rows = [(status, response(status, one)) for status, one in sorted(operation["responses"].items())]
    yield from table(("status", "response"), rows)


def response(status: str, told: dict[str, Any]) -> str:
    """Return what a response is: its description, or the names of the problems that it may be."""
    if int(status) < 400:
        return " ".join(told["description"].split())
    (content,) = told["content"].values()
    return ", ".join(f"[`{name}`](#problems)" for name in content["examples"])


def schema_lines(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the members of an object of JSON, or of the items of a list."""
    shape = schema.get("items", schema)
    text = f"A list; each item: {shape['description']}" if shape is not schema else shape["description"]
    yield from (f"### {name}", "", text, "")
    required, rows = shape.get("required", ()), []
    documented = Docstring.of(getattr(results, name)) if hasattr(results, name) else None
    for key, one in shape["properties"].items():
        optional = "" if key in required else ", may be missing"
        text = documented[key] if documented else one.get("description", "")
        rows.append((f"`{key}`", f"{json_type(one)}{optional}", text))
    yield from table(("key", "type", "what it is"), rows)


def json_type(schema: dict[str, Any]) -> str:
    """Return the type of a JSON value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(json_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f'`"{one}"`' for one in schema["enum"])
    kinds = schema.get("type", "any")
    if kinds == "array":
        items = schema.get("prefixItems", [schema.get("items", {})])
        return f"list of {f'{len(items)} ' if len(items) > 1 else ''}{json_type(items[0])}"
    if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {json_type(schema['additionalProperties'])}"
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def settings() -> Iterator[tuple[str, str, str, str]]:
    """Yield the row of each setting."""
    script = Path(__file__).parents[1] / "make_service_docs"
    for name, _, default, meaning in runpy.run_path(str(script))["settings"]():
        kind = spelled(TYPES[name]).replace(" | None", "").replace("tuple[str, ...]", "list of str")
        bounds = f", {TOLD[name].low:,.15g} to {TOLD[name].high:,.15g}" if kind in ("int", "float") else ""
        yield f"`{name}`", f"{kind}{bounds}", default, meaning
