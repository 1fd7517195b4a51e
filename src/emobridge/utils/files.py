"""Folders for results, and files in them, whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emobridge.errors import OutputError, ResultError


def make_folder(path: Path) -> Path:
    """Make a folder for results, if it is not there yet, and return it.

    Raises:
        OutputError: something else lies there, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        given = f"folder '{path}' cannot be made: {error.strerror}"
        raise OutputError(given, "a new folder, or one that is there", "choose another one") from error
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put what was written there in the place of ``path`` once the block has ended.

    A kill leaves the file before it or the new one, never a half; an error leaves the file before it alone.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):  # there is none, nor ever was where the folder cannot be written to
            partial.unlink()


def write_file(path: Path, content: bytes) -> None:
    """Put ``content`` in place as the file at ``path``: whole, or what was there stays.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        given = f"'{path}' cannot be written: {error.strerror}"
        raise OutputError(given, "the folder must exist and be writable", "choose another place") from error


def write_json(path: Path, values: Any, indent: int = 2) -> None:
    """Write ``values`` as JSON, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote.

    Raises:
        ResultError: the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "delete it, and run again what wrote it"
        raise ResultError(f"'{path}' cannot be read ({error})", "a JSON file that emobridge wrote", remedy) from error
