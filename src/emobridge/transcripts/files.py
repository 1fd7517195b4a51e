"""What the readers of transcripts share: a file as text, whatever is wrong with it said in one line."""

import re
from pathlib import Path

from emobridge.errors import TranscriptError

MAX_BYTES = 50_000_000  # ten hours of speech, each word with its times as JSON, are a third of it
SHOWN_CHARACTERS = 60

_SNIFFED_CHARACTERS = 4000
_SUBRIP_START = re.compile(r"(?:\d+\s*\n\s*)?\d+:\d\d:\d\d[,.]\d+\s*-->")
_JSON_START = re.compile(r'[\[{]\s*["{]')
_CTM_ROW = re.compile(r"\S+\s+\S+\s+\d+\.\d+\s+\d+\.\d+\s+\S+")


def read_text(path: Path) -> str:
    """Return the text at ``path``: UTF-8, or UTF-16 with its byte order mark, as Praat writes it.

    Raises:
        TranscriptError: the file cannot be opened, is too large, is not text, is in another encoding, or plainly holds
            another format than its extension says.
    """
    content = _read_bytes(path)
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in content and not marked:
        raise TranscriptError(
            f"{str(path)!r} is no text (it holds NUL bytes)", "a transcript is text in UTF-8", "export it as text"
        )
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        likely = "UTF-16" if marked else "CP1252"
        raise malformed(
            path,
            line,
            f"not in UTF-8 (perhaps {likely})" if not marked else "damaged UTF-16",
            "a transcript is text in UTF-8",
            f"convert it: iconv -f {likely} -t UTF-8 FILE > CONVERTED{path.suffix}",
        ) from error
    likely_extensions = _likely_extensions(text)
    if likely_extensions and path.suffix.lower() not in likely_extensions:
        raise TranscriptError(
            f"{str(path)!r} does not hold what the extension '{path.suffix}' says",
            f"its content is that of {' or '.join(likely_extensions)}",
            f"rename it to {path.stem}{likely_extensions[0]}",
        )
    return text


def lines_of(text: str) -> list[str]:
    """Return the lines of ``text``, whichever system ended them."""
    return re.split(r"\r\n|\n|\r", text)


def malformed(path: Path, line: int, found: str, valid: str, remedy: str) -> TranscriptError:
    """Return the error of what was ``found`` in a line of a file, counted from 1."""
    return TranscriptError(f"{str(path)!r} line {line}: {found}", valid, remedy)


def shown(text: str) -> str:
    """Return ``text`` in quotes, cut where it is long."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than is allowed tells a file that is too large, and a device without an end as well.
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TranscriptError(
            f"{str(path)!r} cannot be opened ({error.strerror})",
            "the file must be readable",
            "check its name and permissions",
        ) from error
    if len(content) > MAX_BYTES:
        raise TranscriptError(
            f"{str(path)!r} is larger than {MAX_BYTES // 1_000_000} MB",
            "the transcript of ten hours with word times is far below that",
            "check that it is the transcript, or split it with its recording",
        )
    return content


def _likely_extensions(text: str) -> tuple[str, ...]:
    """Return the extensions that the content speaks for; none where it could be any text."""
    start = text[:_SNIFFED_CHARACTERS].lstrip()
    if start.startswith("WEBVTT"):
        return (".vtt",)
    if "<ANNOTATION_DOCUMENT" in start:
        return (".eaf",)
    if "ooTextFile" in start.partition("\n")[0]:
        return (".textgrid",)
    if _SUBRIP_START.match(start):
        return (".srt",)
    if _JSON_START.match(start):
        return (".json", ".jsonl")
    rows = [line for line in lines_of(start)[:-1] if not line.startswith(";;")]
    return (".ctm",) if len(rows) > 1 and all(_CTM_ROW.match(row) for row in rows[:5]) else ()
