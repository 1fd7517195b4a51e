"""Results in the formats of the library: which there are, which one a client asks for, and how it is made."""

import asyncio
import json
from dataclasses import dataclass
from importlib.util import find_spec

from emobridge.errors import OutputError
from emobridge.results import Result
from emobridge.server.problems import Problem
from emobridge.writers import FORMATS, MEDIA_TYPES, extension_of, format_named, html_writer, render

JSON = "json"
EXTRAS = {"parquet": "pyarrow", "zip": "audformat"}  # what a format needs beyond the core
PLAIN_TYPES = {name: media_type.partition(";")[0] for name, media_type in MEDIA_TYPES.items()}


@dataclass(frozen=True)
class Rendered:
    """A result in one format.

    Attributes:
        content: of the file.
        media_type: of it.
        extension: with its dot.
    """

    content: bytes
    media_type: str
    extension: str


def formats() -> list[dict[str, str]]:
    """Return the formats that can be asked for: ``name``, ``extension`` without its dot, ``media_type``."""
    return [
        {"name": name, "extension": extension_of(name).removeprefix("."), "media_type": MEDIA_TYPES[name]}
        for name in FORMATS
        if name not in EXTRAS or find_spec(EXTRAS[name]) is not None
    ]


def by_extension(extension: str) -> str:
    """Return the format of an extension.

    Raises:
        Problem: there is none.
    """
    try:
        return format_named(extension)
    except OutputError as error:
        raise Problem("not-acceptable", error.given, error.valid, error.remedy) from error


def by_accept(accept: str) -> str:
    """Return the format that a header ``Accept`` asks for: JSON where anything will do.

    Raises:
        Problem: it is none of ours.
    """
    if not accept or accept == "*/*":
        return JSON
    best, best_weight = None, 0.0
    for part in accept.split(","):
        media_type, *parameters = (piece.strip() for piece in part.lower().split(";"))
        weight = _weight(parameters)
        name = next((each for each in FORMATS if _matches(media_type, PLAIN_TYPES[each])), None)
        if name is not None and weight > best_weight:
            best, best_weight = name, weight
    if best is None:
        valid = f"valid: {', '.join(dict.fromkeys(PLAIN_TYPES.values()))}"
        raise Problem("not-acceptable", "the header Accept asks for another format", valid, "ask for one of these")
    return best


def _weight(parameters: list[str]) -> float:
    for each in parameters:
        if each.startswith("q="):
            try:
                return float(each[2:])
            except ValueError:
                return 0.0
    return 1.0


def _matches(wanted: str, media_type: str) -> bool:
    return wanted in ("*/*", media_type) or (wanted.endswith("/*") and media_type.startswith(wanted[:-1]))


async def rendered(result: bytes, name: str) -> Rendered:
    """Return a result in a format.

    Args:
        result: its JSON, which goes through as it is where JSON is asked for.
        name: of the format.

    Raises:
        MissingExtraError: the format needs an extra that is not installed.
        OutputError: the format cannot hold this result.
    """
    content = result if name == JSON else await asyncio.to_thread(_render, result, name)
    return Rendered(content, MEDIA_TYPES[name], extension_of(name))


def _render(result: bytes, name: str) -> bytes:
    # The name of a recording is a stranger's: no path to look for on this machine, or to complete with one of its own.
    values = json.loads(result)
    results = [Result.from_dict({**values, "file": f"/{values['file']}"} if name == "eaf" else values)]
    return html_writer.render(results, looks_for_recordings=False) if name == "html" else render(results, name)
