"""SubRip (SRT): a cue for each segment; who and the words, then category, confidence and flags in brackets.

Design: SRT has no way to escape markup, and players differ in what they take for it. So ``<`` ``>`` ``{`` ``}`` in a
text are written as ``‹`` ``›`` ``(`` ``)``, and a time like 00:00:01,000 with ``∶``; nothing that was said can style a
cue or begin another one. Times are milliseconds.
"""

import re
from collections.abc import Sequence

from emobridge.results import Result
from emobridge.writers.tracks import clock, one_line, only_one, place, verdict

MARKUP = str.maketrans("<>{}", "‹›()")
TIME = re.compile(r"\d+:\d+:\d+[.,]\d+")


def render(results: Sequence[Result]) -> bytes:
    """Return the cues of the one result in UTF-8; those of two speakers may overlap.

    Raises:
        OutputError: there are several results or none, or a segment has no duration.
    """
    cues = []
    for number, each in enumerate(place(only_one(results, "SRT"), 1000), start=1):
        segment = each.segment
        words = ": ".join(one_line(part) for part in (segment.speaker, segment.text) if part)
        body = "".join(f"{_harmless(line)}\n" for line in (words, verdict(segment)) if line)
        times = f"{clock(each.start_ticks, ',')} --> {clock(each.end_ticks, ',')}"
        cues.append(f"{number}\n{times}\n{body}")
    return "\n".join(cues).encode()


def _harmless(text: str) -> str:
    return TIME.sub(lambda time: time[0].replace(":", "∶"), text.translate(MARKUP))
