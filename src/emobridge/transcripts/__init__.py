"""Transcripts, read by extension; a format is a module here and a line in `READERS`."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript, reads
from emobridge.utils.extras import load_entry

__all__ = ["READERS", "Span", "Transcript", "read_transcript", "reads"]

# Extensions in lower case; case does not matter in a file's name. Where a folder has several transcripts of a
# recording, the first here is taken: by hand before recognised, with word times before cues, cues before plain text.
READERS = {
    ".textgrid": "emobridge.transcripts.textgrid:read",
    ".eaf": "emobridge.transcripts.elan:read",
    ".json": "emobridge.transcripts.json_files:read_json",
    ".jsonl": "emobridge.transcripts.json_files:read_jsonl",
    ".ctm": "emobridge.transcripts.ctm:read",
    ".vtt": "emobridge.transcripts.subtitles:read_vtt",
    ".srt": "emobridge.transcripts.subtitles:read_srt",
    ".txt": "emobridge.transcripts.plain:read",
}


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
            "save it as one of these; plain text in UTF-8 is .txt",
        )
    read = cast(Callable[[Path], Transcript], load_entry(READERS, extension))
    return read(path)
