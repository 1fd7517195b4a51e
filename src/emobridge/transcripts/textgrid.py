"""Praat's TextGrid, long and short text format: intervals of text on tiers.

Design: read as Praat itself reads it. What stands free is a value (a number, a "string", a <flag>), everything else is
decoration, so the long and the short format are the same list of values. This needs no library, and knows the line of
every value.
"""

import math
import re
from pathlib import Path

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript
from emobridge.transcripts.files import malformed, read_text, shown
from emobridge.transcripts.tiers import Tier, transcript_of

_VALUE = re.compile(
    r'(?<!\S)(?:"(?P<text>[^"]*(?:""[^"]*)*)"'
    r"|(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\S)"
    r"|(?P<flag><\w+>)(?!\S)"
    r"|!.*)"
)
_VALID = "a TextGrid is a text file of Praat, in the long or the short format"
_REMEDY = "open it in Praat and save it as a text file"


def read(path: Path) -> Transcript:
    """Return the words of a TextGrid; `tiers` tells which tiers hold them. Point tiers are left aside.

    Raises:
        TranscriptError: the file cannot be read as text or is no whole TextGrid, times run backwards, or it is not
            clear which tiers hold the words.
    """
    values = _Values(path, read_text(path))
    if [values.text("a file type"), values.text("an object class")] != ["ooTextFile", "TextGrid"]:
        raise values.error("it is no TextGrid")
    values.number("a start"), values.number("an end")
    if values.flag() != "<exists>":
        return Transcript()
    tiers = [_tier(values) for _ in range(values.count("a number of tiers"))]
    return transcript_of(path, [tier for tier in tiers if tier is not None])


def _tier(values: "_Values") -> Tier | None:
    """Return the next tier, None for a tier of points."""
    kind, name = values.text("a tier's class"), values.text("a tier's name")
    values.number("a tier's start"), values.number("a tier's end")
    size = values.count("a number of intervals")
    if kind == "TextTier":
        for _ in range(size):
            values.number("a time"), values.text("a mark")
        return None
    if kind != "IntervalTier":
        raise values.error(f"a tier of class {shown(kind)}")
    spans = []
    latest_s = -1e9
    for _ in range(size):
        start_s, end_s = values.number("an interval's start"), values.number("an interval's end")
        if not latest_s <= start_s <= end_s:
            raise values.error(f"an interval from {start_s:g} to {end_s:g} s: times run backwards")
        latest_s = start_s
        spans.append(Span(values.text("an interval's text"), start_s, end_s))
    return Tier(name, tuple(spans))


class _Values:
    """The free-standing values of a file, one after the other."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._matches = (match for match in _VALUE.finditer(text) if match.lastgroup)
        self._position = 0

    def number(self, what: str) -> float:
        value = float(self._next("number", what))
        if not math.isfinite(value):
            raise self.error(f"a number without bound where {what} should be")
        return value

    def count(self, what: str) -> int:
        value = self.number(what)
        if value < 0 or not value.is_integer():
            raise self.error(f"{value:g} where {what} should be")
        return int(value)

    def text(self, what: str) -> str:
        return self._next("text", what).replace('""', '"')

    def flag(self) -> str:
        return self._next("flag", "<exists>")

    def _next(self, group: str, what: str) -> str:
        match = next(self._matches, None)
        if match is None:
            self._position = len(self._text.rstrip())
            raise self.error(f"the file ends where {what} should be")
        self._position = match.start()
        value: str | None = match[group]
        if value is None:
            raise self.error(f"{shown(match[0])} where {what} should be")
        return value

    def error(self, found: str) -> TranscriptError:
        return malformed(self._path, self._text.count("\n", 0, self._position) + 1, found, _VALID, _REMEDY)
