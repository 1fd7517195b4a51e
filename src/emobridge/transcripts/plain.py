"""Plain text: what was said, without times; with speakers where lines start with their names."""

from pathlib import Path

from emobridge.transcripts.base import Span, Transcript
from emobridge.transcripts.files import lines_of, read_text
from emobridge.transcripts.speaker_prefixes import turns


def read(path: Path) -> Transcript:
    """Return the text at ``path``; an empty file gives no spans.

    Where lines start with names (`names`), each line is a span; one without a name goes on with the turn above it.

    Raises:
        TranscriptError: the file cannot be opened, is not text, is in another encoding, or holds another format.
    """
    text = read_text(path)
    spans: list[Span] = []
    for speaker, words in turns([line.strip() for line in lines_of(text) if line.strip()]):
        said_by = speaker or (spans[-1].speaker if spans else None)
        spans.append(Span(words, speaker=said_by))
    if not spans or spans[0].speaker is None:
        return Transcript.from_text(text)
    return Transcript(tuple(spans))
