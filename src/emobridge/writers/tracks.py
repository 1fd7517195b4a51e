"""What the formats that lay results along time share: tracks without overlaps, whole ticks of time, text of one line.

Design: a text that such a format cannot hold is changed by one rule (`one_line`), never escaped by guesswork. Where two
segments of one speaker overlap, and an interval tier cannot hold both, the later one goes to a further track of its own
(`A_2`), so that nothing is cut or lost.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from emobridge.errors import OutputError
from emobridge.results import Result, Segment
from emobridge.visualization.content import dimensions_of, flags_of

LABEL_DECIMALS = 4  # of the numbers in tiers
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Placed:
    """A segment in whole ticks of time from the start of the file; ``end_ticks`` is above ``start_ticks``."""

    start_ticks: int
    end_ticks: int
    segment: Segment


@dataclass(frozen=True)
class Track:
    """Segments of one speaker that do not overlap, in order of time.

    Attributes:
        name: the speaker in one line, unique in the recording; empty where the speaker is not known.
        placed: the segments.
    """

    name: str
    placed: tuple[Placed, ...]


def only_one(results: Sequence[Result], format_name: str) -> Result:
    """Return the one result that a file of this format can hold.

    Raises:
        OutputError: there are several, or none.
    """
    if len(results) != 1:
        raise OutputError(
            f"{len(results)} recordings for one file",
            f"a {format_name} file holds one",
            "write into a folder, or all into one table (csv, jsonl)",
        )
    return results[0]


def place(result: Result, ticks_per_s: int) -> list[Placed]:
    """Return the segments in ticks, in order of time; each lasts one tick at least.

    Raises:
        OutputError: a segment has no duration, as when text alone was given.
    """
    placed = []
    for segment in result.segments:
        if not segment.end_s > segment.start_s:
            given = f"a segment of '{result.file}' at {segment.start_s:g} s has no duration"
            raise OutputError(given, "this format holds stretches of time", "choose json, jsonl or csv")
        start_ticks = round(segment.start_s * ticks_per_s)
        end_ticks = max(round(segment.end_s * ticks_per_s), start_ticks + 1)
        placed.append(Placed(start_ticks, end_ticks, segment))
    return sorted(placed, key=lambda each: (each.start_ticks, each.end_ticks))


def tracks(result: Result, ticks_per_s: int) -> list[Track]:
    """Return the tracks of a recording, those of a speaker together; one without segments where there are none.

    Raises:
        OutputError: a segment has no duration.
    """
    lanes: dict[str | None, list[list[Placed]]] = {}
    for each in place(result, ticks_per_s):
        of_speaker = lanes.setdefault(each.segment.speaker, [])
        free = (lane for lane in of_speaker if lane[-1].end_ticks <= each.start_ticks)
        if (lane := next(free, None)) is None:
            of_speaker.append(lane := [])
        lane.append(each)
    flat = [(one_line(speaker or ""), tuple(lane)) for speaker, group in lanes.items() for lane in group] or [("", ())]
    names = unique(name for name, _ in flat)
    return [Track(name, placed) for name, (_, placed) in zip(names, flat, strict=True)]


def tiers(result: Result, track: Track) -> Iterator[tuple[str, list[str]]]:
    """Yield what a track says: words, category, its confidence, each dimension, flags.

    Each has a name that is unique in the recording (``category@A`` of speaker A, ``category`` where the speaker is not
    known) and a label for each segment of the track, an empty one where there is nothing to say.
    """
    segments = [each.segment for each in track.placed]
    labels = {
        "words": [one_line(segment.text or "") for segment in segments],
        "category": [_category(segment) for segment in segments],
        "confidence": [_number(_confidence(segment)) for segment in segments],
        **{name: [_number(segment.dimensions.get(name)) for segment in segments] for name in dimensions_of(result)},
        "flags": ["+".join(segment.flags) for segment in segments],
    }
    for kind, values in labels.items():
        yield f"{one_line(kind)}@{track.name}" if track.name else one_line(kind), values


def caution(segment: Segment) -> str:
    """Return why to be careful with a segment, in words: ``abstains: silence, clipped``; empty where nothing is odd."""
    flags = flags_of(segment)
    if segment.abstain is not None:
        flags.insert(0, f"abstains: {segment.abstain.replace('_', ' ')}")
    return ", ".join(flags)


def verdict(segment: Segment) -> str:
    """Return category, confidence and flags in one bracket: ``[angry 0.71, low confidence]``."""
    value = _confidence(segment)
    said = " ".join(part for part in (segment.category, None if value is None else f"{value:.2f}") if part)
    return one_line(f"[{', '.join(part for part in (said, caution(segment)) if part) or 'not judged'}]")


def one_line(text: str) -> str:
    """Return ``text`` on one line, of characters that every format can hold.

    Control characters and line ends become blanks, outer blanks go; what is no character (lone surrogates, U+FFFE,
    U+FFFF) becomes U+FFFD.
    """
    return _NO_CHARACTERS.sub("\ufffd", _BREAKS.sub(" ", text)).strip()


def unique(names: Iterable[str]) -> list[str]:
    """Return the names with ``_2``, ``_3`` and so on after those that were there before."""
    chosen: list[str] = []
    for name in names:
        numbered = (f"{name}_{count}" for count in itertools.count(2))
        chosen.append(next(each for each in itertools.chain([name], numbered) if each not in chosen))
    return chosen


def clock(time_ms: int, point: str) -> str:
    """Return a time as ``01:02:03.456``, with ``point`` before the thousandths."""
    seconds, thousandths = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"


def _category(segment: Segment) -> str:
    """Return the category alone where it can be used, so that counting labels counts predictions."""
    if segment.abstain is None:
        return one_line(segment.category or "")
    return one_line(f"{segment.category or ''} (abstains: {segment.abstain})")


def _confidence(segment: Segment) -> float | None:
    return segment.probabilities.get(segment.category or "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{LABEL_DECIMALS}f}"
