"""Transcripts, read by extension; a format is a module here and a line in `READERS`."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from emobridge.errors import TranscriptError
from emobridge.registry import load_entry
from emobridge.transcripts.base import Span, Transcript

__all__ = ["READERS", "Span", "Transcript", "read_transcript"]

READERS = {".txt": "emobridge.transcripts.plain:read"}


def read_transcript(path: str | Path) -> Transcript:
    """Return the transcript at ``path``; its extension is the format.

    Raises:
        TranscriptError: its extension is no known format, or the file is not there or does not hold that format.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension not in READERS:
        raise TranscriptError(
            f"the extension '{extension}' of {str(path)!r}",
            f"a transcript is one of: {' '.join(READERS)}",
            "save it as plain text in UTF-8, .txt",
        )
    read = cast(Callable[[Path], Transcript], load_entry(READERS, extension))
    return read(path)
