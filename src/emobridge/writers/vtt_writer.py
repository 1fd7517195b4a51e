"""WebVTT (W3C): a cue for each segment; the speaker's words in a voice span, then the emotion in a class span.

The class span has the category, every flag, and ``abstains`` as its classes, so that a page can style them:
``<c.angry.low_confidence>[angry 0.41, low confidence]</c>``. Times are milliseconds; texts are one line.
"""

import html
import re
from collections.abc import Sequence

from emobridge.results import Result, Segment
from emobridge.writers.tracks import clock, one_line, only_one, place, verdict

NO_CLASS = re.compile(r"[^\w-]")


def render(results: Sequence[Result]) -> bytes:
    """Return the cues of the one result in UTF-8; those of two speakers may overlap.

    Raises:
        OutputError: there are several results or none, or a segment has no duration.
    """
    blocks = ["WEBVTT\n"]
    for number, each in enumerate(place(only_one(results, "VTT"), 1000), start=1):
        times = f"{clock(each.start_ticks, '.')} --> {clock(each.end_ticks, '.')}"
        lines = [str(number), times, *_payload(each.segment)]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks).encode()


def _payload(segment: Segment) -> list[str]:
    marks = [segment.category, *segment.flags, "abstains" if segment.abstain else None]
    classes = "".join(f".{NO_CLASS.sub('_', mark)}" for mark in marks if mark)
    emotion = f"<c{classes}>{_escaped(verdict(segment))}</c>"
    lines = [line for line in (_escaped(segment.text or ""), emotion) if line]
    if speaker := _escaped(segment.speaker or ""):
        lines[0] = f"<v {speaker}>{lines[0]}"
        lines[-1] += "</v>"
    return lines


def _escaped(text: str) -> str:
    return html.escape(one_line(text), quote=False)
