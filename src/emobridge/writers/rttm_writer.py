"""RTTM (NIST, 2009): who spoke when, a line for each segment; several recordings in one file.

Emotions have no place in it. Of flags it can tell one thing, and does: what abstains as silence, noise or music is no
speech, and its line says ``NON-SPEECH``. Times have three decimals of a second; blanks in names become ``_``.
"""

from collections.abc import Sequence
from pathlib import PurePath

from emobridge.results import Result
from emobridge.writers.tracks import Placed, one_line, place, unique

NON_SPEECH = {"silence": "other", "noise": "noise", "music": "music"}  # flag -> the subtype that RTTM has for it
UNKNOWN = "unknown"
MISSING = "<NA>"


def render(results: Sequence[Result]) -> bytes:
    """Return the lines of all results in UTF-8, ten fields each, in order of time within each recording.

    The recording's id is its name without folder and extension; where two would be the same, the whole path.

    Raises:
        OutputError: a segment has no duration.
    """
    stems = [_word(PurePath(result.file).stem) for result in results]
    ids = stems if len(set(stems)) == len(stems) else [_word(result.file) for result in results]
    lines = [line for result, name in zip(results, ids, strict=True) for line in _lines(result, name)]
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(result: Result, recording: str) -> list[str]:
    placed = place(result, 1000)
    speakers = list(dict.fromkeys(each.segment.speaker for each in placed))
    words = unique(UNKNOWN if speaker is None else _word(speaker) for speaker in speakers)
    names = dict(zip(speakers, words, strict=True))
    return [" ".join(_fields(each, recording, names[each.segment.speaker])) for each in placed]


def _fields(each: Placed, recording: str, speaker: str) -> list[str]:
    subtype = NON_SPEECH.get(each.segment.abstain or "")
    kind, name = ("SPEAKER", speaker) if subtype is None else ("NON-SPEECH", MISSING)
    duration_ms = each.end_ticks - each.start_ticks
    times = [f"{each.start_ticks / 1000:.3f}", f"{duration_ms / 1000:.3f}"]
    return [kind, recording, "1", *times, MISSING, subtype or MISSING, name, MISSING, MISSING]


def _word(name: str) -> str:
    """Return a name without blanks, never empty."""
    return "_".join(one_line(name).split()) or UNKNOWN
