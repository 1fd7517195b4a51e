"""ELAN's .eaf: annotations on tiers, their times in a table of slots.

Design: read in one pass of the standard library's parser, without a tree, so that every complaint knows its line; and
a file that declares a document type is refused at once, for that is where entities come from that grow without bound.
Annotations without times of their own (subdivisions, references) share the time of what they belong to, by their
numbers of characters.
"""

from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from xml.parsers import expat

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript
from emobridge.transcripts.files import malformed, read_text, shown
from emobridge.transcripts.tiers import Tier, transcript_of

_ROOT = "ANNOTATION_DOCUMENT"
_VALID = "an .eaf file is as ELAN saves it"
_REMEDY = "open it in ELAN and save it"

Times = tuple[float, float]  # start and end, in seconds


@dataclass
class _Annotation:
    """Its times are those of two slots, or of the annotation that it refers to."""

    line: int
    slots: tuple[str, str] | None
    refers_to: str | None
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()


@dataclass
class _RawTier:
    name: str
    participant: str | None
    parent: str | None
    language: str | None
    annotations: dict[str, _Annotation] = field(default_factory=dict)


def read(path: Path) -> Transcript:
    """Return the words of an ELAN file; `tiers` tells which tiers hold them.

    Raises:
        TranscriptError: the file cannot be read as text, is no ELAN file or declares a document type, an annotation has
            no times or they run backwards, or it is not clear which tiers hold the words.
    """
    document = _Document(path)
    document.parse(read_text(path))
    times_s: dict[str, Times] = {}
    for raw in document.tiers:
        times_s |= _slot_times(document, raw)
    referred = {name: each.refers_to for raw in document.tiers for name, each in raw.annotations.items()}
    return transcript_of(path, [_tier(document, raw, times_s, referred) for raw in document.tiers])


class _Document:
    """What is read of a file: its tiers in order, and ``slots_s``, a time or None by the id of the slot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slots_s: dict[str, float | None] = {}
        self.tiers: list[_RawTier] = []
        self._root: str | None = None
        self._annotation = _Annotation(0, None, None)
        self._is_in_value = False
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def parse(self, text: str) -> None:
        try:
            self._parser.Parse(text, True)
        except expat.ExpatError as error:
            raise self.error(error.lineno, f"no well-formed XML ({expat.ErrorString(error.code)})") from error
        except KeyError as error:
            raise self.error(self._parser.CurrentLineNumber, f"an element without {error.args[0]}") from error

    def error(self, line: int, found: str) -> TranscriptError:
        return malformed(self.path, line, found, _VALID, _REMEDY)

    def _refuse_document_type(self, *_: object) -> None:
        raise self.error(self._parser.CurrentLineNumber, "a document type declaration, which ELAN never writes")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._root = self._root or tag
        if self._root != _ROOT:
            raise self.error(self._parser.CurrentLineNumber, f"<{tag}> where <{_ROOT}> should be")
        if tag == "TIME_SLOT":
            self.slots_s[attributes["TIME_SLOT_ID"]] = self._seconds(attributes.get("TIME_VALUE"))
        elif tag == "TIER":
            participant, parent, language = (
                attributes.get(key) or None for key in ("PARTICIPANT", "PARENT_REF", "LANG_REF")
            )
            self.tiers.append(_RawTier(attributes["TIER_ID"], participant, parent, language))
        elif tag == "ALIGNABLE_ANNOTATION":
            slots = (attributes["TIME_SLOT_REF1"], attributes["TIME_SLOT_REF2"])
            self._add(attributes["ANNOTATION_ID"], slots, None)
        elif tag == "REF_ANNOTATION":
            self._add(attributes["ANNOTATION_ID"], None, attributes["ANNOTATION_REF"])
        self._is_in_value = tag == "ANNOTATION_VALUE"

    def _end(self, _: str) -> None:
        self._is_in_value = False

    def _characters(self, text: str) -> None:
        if self._is_in_value:
            self._annotation.pieces.append(text)

    def _seconds(self, milliseconds: str | None) -> float | None:
        if milliseconds is None:
            return None
        if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) <= 12):
            found = f"the time {shown(milliseconds)}, which is no whole number of milliseconds"
            raise self.error(self._parser.CurrentLineNumber, found)
        return int(milliseconds) / 1000

    def _add(self, name: str, slots: tuple[str, str] | None, refers_to: str | None) -> None:
        line = self._parser.CurrentLineNumber
        if not self.tiers:
            raise self.error(line, "an annotation outside of any tier")
        self._annotation = _Annotation(line, slots, refers_to)
        self.tiers[-1].annotations[name] = self._annotation


def _slot_times(document: _Document, raw: _RawTier) -> dict[str, Times]:
    """Return the times of a tier's annotations that have slots; neighbours with no time between them share theirs."""
    times_s: dict[str, Times] = {}
    waiting: list[str] = []
    start_s: float | None = None
    for name, annotation in raw.annotations.items():
        if annotation.slots is None:
            continue
        first_s, end_s = (_slot_s(document, annotation, slot) for slot in annotation.slots)
        start_s = first_s if not waiting else start_s
        if start_s is None:
            raise document.error(annotation.line, f"annotation {shown(name)} has no time to start at")
        waiting.append(name)
        if end_s is None:
            continue
        if end_s < start_s:
            raise document.error(annotation.line, f"from {start_s:g} to {end_s:g} s: times run backwards")
        times_s |= dict.fromkeys(waiting, (start_s, end_s))
        waiting = []
    if waiting:
        raise document.error(raw.annotations[waiting[0]].line, f"annotation {shown(waiting[0])} has no time to end at")
    return times_s


def _slot_s(document: _Document, annotation: _Annotation, slot: str) -> float | None:
    if slot not in document.slots_s:
        raise document.error(annotation.line, f"the time slot {shown(slot)}, which is not there")
    return document.slots_s[slot]


def _tier(document: _Document, raw: _RawTier, times_s: dict[str, Times], referred: dict[str, str | None]) -> Tier:
    """Return a tier with a span for each stretch of time, its annotations joined where several share it."""
    placed = []
    for name, annotation in raw.annotations.items():
        owner: str | None = name
        seen = set()
        while owner is not None and owner not in times_s and owner not in seen:
            seen.add(owner)
            owner = referred.get(owner)
        if owner is None or owner not in times_s:
            raise document.error(annotation.line, f"annotation {shown(name)} refers to none that has times")
        times_s |= dict.fromkeys(seen, times_s[owner])  # a chain is followed once, however many stand in it
        placed.append((times_s[owner], annotation.text))
    placed.sort(key=lambda each: each[0])
    spans = [
        Span(" ".join(text for _, text in run if text), start_s, end_s)
        for (start_s, end_s), run in groupby(placed, key=lambda each: each[0])
    ]
    return Tier(raw.name, tuple(spans), raw.participant, raw.parent is not None, raw.language)
