"""The output formats: each is a module with a function `render`, results in and the bytes of one file out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from emobridge.errors import OutputError, nearest
from emobridge.results import Result
from emobridge.utils.extras import load_entry
from emobridge.utils.files import write_file

FORMATS = {
    "json": "emobridge.writers.json_writer:render",
    "jsonl": "emobridge.writers.jsonl_writer:render",
    "csv": "emobridge.writers.csv_writer:render",
    "parquet": "emobridge.writers.parquet_writer:render",
    "txt": "emobridge.writers.text_writer:render",
    "textgrid": "emobridge.writers.textgrid_writer:render",
    "eaf": "emobridge.writers.eaf_writer:render",
    "rttm": "emobridge.writers.rttm_writer:render",
    "srt": "emobridge.writers.srt_writer:render",
    "vtt": "emobridge.writers.vtt_writer:render",
    "emotionml": "emobridge.writers.emotionml_writer:render",
    "zip": "emobridge.writers.audformat_writer:render",
    "html": "emobridge.writers.html_writer:render",
}
# What a server calls them; each format has one.
MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "txt": "text/plain; charset=utf-8",
    "textgrid": "text/praat-textgrid; charset=utf-8",
    "eaf": "application/eaf+xml",
    "rttm": "text/rttm; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "emotionml": "application/emotionml+xml",
    "zip": "application/zip",
    "html": "text/html; charset=utf-8",
}
# Other names that people have for these formats.
ALIASES = {"text": "txt", "praat": "textgrid", "elan": "eaf", "webvtt": "vtt", "audformat": "zip"}


def format_named(name: str) -> str:
    """Return the format, an entry of `FORMATS`, behind a file extension (dot and case do not count) or another name.

    Raises:
        OutputError: no such format.
    """
    plain = name.strip().lower().removeprefix(".")
    plain = ALIASES.get(plain, plain)
    if plain not in FORMATS:
        remedy = nearest(plain, [*FORMATS, *ALIASES]) or "choose one of these"
        raise OutputError(f"format '{name}'", f"valid: {', '.join(FORMATS)}", remedy)
    return plain


def formats_named(names: str) -> tuple[str, ...]:
    """Return the formats of a list such as ``srt,eaf``, each once, in order.

    Raises:
        OutputError: one of them is no format.
    """
    return tuple(dict.fromkeys(format_named(name) for name in names.split(",")))


def extension_of(format_name: str) -> str:
    """Return the extension, with its dot, that files of a format in `FORMATS` have."""
    return ".TextGrid" if format_name == "textgrid" else f".{format_name}"


def render(results: Sequence[Result], name: str) -> bytes:
    """Return the content of one file that holds all ``results``, in their order.

    Args:
        results: one or more; some formats hold one recording a file.
        name: of the format: its file extension with or without the dot, or another name.

    Raises:
        OutputError: there is no such format, or it cannot hold these results.
        MissingExtraError: the extra of the format is not installed.
    """
    return cast(Callable[[Sequence[Result]], bytes], load_entry(FORMATS, format_named(name)))(results)


def write(results: Sequence[Result], path: Path) -> None:
    """Write ``results`` into one file; its extension is the format. The file is there whole, or as it was before.

    Raises:
        OutputError: the extension is no known format, or the file cannot be written.
    """
    write_file(path, render(results, path.suffix))
