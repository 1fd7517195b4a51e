"""What a writer is: results in, the bytes of one file out; and the formats there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from emobridge.errors import OutputError, nearest
from emobridge.results import Result
from emobridge.utils.extras import load_entry
from emobridge.utils.files import write_file

FORMATS = {
    "json": "emobridge.writers.json_writer:JsonWriter",
    "jsonl": "emobridge.writers.jsonl_writer:JsonlWriter",
    "csv": "emobridge.writers.csv_writer:CsvWriter",
    "parquet": "emobridge.writers.parquet_writer:ParquetWriter",
    "txt": "emobridge.writers.text_writer:TextWriter",
    "textgrid": "emobridge.writers.textgrid_writer:TextGridWriter",
    "eaf": "emobridge.writers.eaf_writer:EafWriter",
    "rttm": "emobridge.writers.rttm_writer:RttmWriter",
    "srt": "emobridge.writers.srt_writer:SrtWriter",
    "vtt": "emobridge.writers.vtt_writer:VttWriter",
    "emotionml": "emobridge.writers.emotionml_writer:EmotionmlWriter",
    "zip": "emobridge.writers.audformat_writer:AudformatWriter",
    "html": "emobridge.writers.html_writer:HtmlWriter",
}
# Other names that people have for these formats.
ALIASES = {"text": "txt", "praat": "textgrid", "elan": "eaf", "webvtt": "vtt", "audformat": "zip"}


class Writer(Protocol):
    """One output format."""

    def render(self, results: Sequence[Result]) -> bytes:
        """Return the content of one file that holds all ``results``, in their order."""
        ...


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


def writer_for(name: str) -> Writer:
    """Return the writer of a format, named by its file extension with or without the dot, or by another name.

    Raises:
        OutputError: no such format.
    """
    return cast("type[Writer]", load_entry(FORMATS, format_named(name)))()


def write(results: Sequence[Result], path: Path) -> None:
    """Write ``results`` into one file; its extension is the format. The file is there whole, or as it was before.

    Raises:
        OutputError: the extension is no known format, or the file cannot be written.
    """
    write_file(path, writer_for(path.suffix).render(results))
