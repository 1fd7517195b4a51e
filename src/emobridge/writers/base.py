"""What a writer is: results in, the bytes of one file out; the formats there are, and how a file is put in place."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from emobridge.errors import OutputError, nearest
from emobridge.registry import load_entry
from emobridge.results import Result

FORMATS = {
    "json": "emobridge.writers.json_writer:JsonWriter",
    "csv": "emobridge.writers.csv_writer:CsvWriter",
    "txt": "emobridge.writers.text_writer:TextWriter",
}


class Writer(Protocol):
    """One output format."""

    def render(self, results: Sequence[Result]) -> bytes:
        """Return the content of one file that holds all ``results``, in their order."""
        ...


def writer_for(extension: str) -> Writer:
    """Return the writer of a format, named by its file extension with or without the dot.

    Raises:
        OutputError: no such format.
    """
    name = extension.lower().removeprefix(".")
    if name not in FORMATS:
        remedy = nearest(name, FORMATS) or "choose one of these"
        raise OutputError(f"format '{extension}'", f"valid: {', '.join(FORMATS)}", remedy)
    return cast("type[Writer]", load_entry(FORMATS, name))()


def write(results: Sequence[Result], path: Path) -> None:
    """Write ``results`` into one file; its extension is the format. The file is there whole, or as it was before.

    Raises:
        OutputError: the extension is no known format, or the file cannot be written.
    """
    content = writer_for(path.suffix).render(results)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        given = f"'{path}' cannot be written: {error.strerror}"
        raise OutputError(given, "the folder must exist and be writable", "choose another place") from error
