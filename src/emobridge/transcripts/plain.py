"""Plain text in UTF-8: what was said, without times or speakers."""

from pathlib import Path

from emobridge.transcripts.base import Transcript, read_utf_8


def read(path: Path) -> Transcript:
    """Return the text at ``path``; an empty file gives no spans.

    Raises:
        TranscriptError: the file cannot be opened, is not text, or is not UTF-8.
    """
    return Transcript.from_text(read_utf_8(path))
