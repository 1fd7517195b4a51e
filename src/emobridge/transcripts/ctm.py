"""CTM, the NIST format of recognisers: a word a line, ``recording channel start duration word [confidence]``."""

import math
from pathlib import Path

from emobridge.transcripts.base import Span, Transcript, in_order
from emobridge.transcripts.files import lines_of, malformed, read_text, shown

_VALID = "a line is: recording channel start_s duration_s word [confidence]"


def read(path: Path) -> Transcript:
    """Return the words of a CTM file. Where it has several channels, each is a speaker, named as the channel.

    Raises:
        TranscriptError: the file cannot be read as text, a line has too few fields or impossible times, the words of a
            channel run backwards, or it holds several recordings.
    """
    spans: list[Span] = []
    recordings: set[str] = set()
    latest_s: dict[str, float] = {}
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        if not line.strip() or line.startswith(";;"):
            continue
        recording, channel, span = _word(path, number, line)
        recordings.add(recording)
        if len(recordings) > 1:
            found = f"the recording {shown(recording)}, after {shown(min(recordings - {recording}))}"
            raise malformed(path, number, found, "one transcript is of one recording", "split it, one file a recording")
        start_s = span.start_s or 0.0
        if start_s < latest_s.get(channel, 0.0):
            found = f"a word at {start_s:g} s after one at {latest_s[channel]:g} s"
            raise malformed(path, number, found, "the times of a channel only go forwards", "sort -k1,1 -k2,2 -k3,3n")
        latest_s[channel] = start_s
        spans.append(span)
    if len(latest_s) < 2:
        spans = [Span(span.text, span.start_s, span.end_s) for span in spans]
    return Transcript(in_order([[span] for span in spans]))


def _word(path: Path, number: int, line: str) -> tuple[str, str, Span]:
    """Return the recording, the channel and the word of one line."""
    fields = line.split()
    if len(fields) < 5:
        raise malformed(path, number, f"{shown(line)} has {len(fields)} fields", _VALID, "correct the line")
    recording, channel, start, duration, word = fields[:5]
    try:
        start_s, duration_s = float(start), float(duration)
    except ValueError:
        start_s = duration_s = math.nan
    if not (0 <= start_s < math.inf and 0 <= duration_s < math.inf):
        found = f"start {shown(start)} and duration {shown(duration)} are no times"
        raise malformed(path, number, found, _VALID + "; times are seconds, 0 or more", "correct the line")
    return recording, channel, Span(word, start_s, start_s + duration_s, channel)
