"""SubRip (.srt) and WebVTT (.vtt): cues, each with a start and an end.

Design: strict about what would lose words or misplace them (a block without times, times that run backwards), lenient
about the rest (cue numbers, settings, styles, either decimal sign in SubRip). Speakers come from WebVTT's voice tags,
else from names that cues start with. Captions that roll up, as live ones do on the web, are read once; the
emotions that emobridge writes into cues are left out.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript, laid_out
from emobridge.transcripts.files import lines_of, malformed, read_text, shown
from emobridge.transcripts.speaker_prefixes import starts_with_name, turns

_SUBRIP_TIME = r"(\d{1,4}):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_WEBVTT_TIME = r"(?:(\d{2,4}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_SUBRIP_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")
_WEBVTT_TAG = re.compile(r"<([^>]*)(?:>|$)")
_WEBVTT_VOICE = re.compile(r"v(?:\.\S*)?\s+(.*)", re.DOTALL)
_WEBVTT_LANGUAGE = re.compile(r"Language:\s*([A-Za-z-]+)\s*")
_WEBVTT_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
# Own results, fed back: what `writers.tracks.verdict` puts below the words, such as [angry 0.71, low confidence].
_EMOTION = re.compile(
    r"(?:<v [^>]*>)?(?:<c[^>]*>)?"
    r"\[(?:[^\[\]]+ [01]\.\d\d|abstains: [^\[\],]+|not judged)(?:, [^\[\]]+)?\]"
    r"(?:</c>)?(?:</v>)?"
)
_ROLLING_PAUSE_S = 0.1  # captions that roll up follow each other at once
_ROLLING_SHARE = 0.5  # of the cues that follow at once; a word that somebody repeats stays far below

_Piece = tuple[str | None, str]  # speaker and words


@dataclass(frozen=True)
class _Format:
    name: str
    timing: re.Pattern[str]
    valid: str


_SUBRIP = _Format(
    "SubRip",
    re.compile(rf"\s*{_SUBRIP_TIME}\s*-->\s*{_SUBRIP_TIME}(?:\s.*)?"),
    "a cue is a number, a line 00:00:01,000 --> 00:00:02,500 and its words, then a blank line",
)
_WEBVTT = _Format(
    "WebVTT",
    re.compile(rf"\s*{_WEBVTT_TIME}[ \t]+-->[ \t]+{_WEBVTT_TIME}(?:\s.*)?"),
    "a cue is a line 00:01.000 --> 00:02.500 and its words, then a blank line",
)


@dataclass(frozen=True)
class _Cue:
    """``line`` is that of its times, counted from 1; ``lines`` are its words, markup included."""

    line: int
    start_s: float
    end_s: float
    lines: tuple[str, ...]


def read_srt(path: Path) -> Transcript:
    """Return the cues of a SubRip file; an empty one, as recognisers write for silence, gives no spans.

    Raises:
        TranscriptError: the file cannot be read as text, a block is no cue, or times run backwards.
    """
    cues = [_cue(path, block, _SUBRIP) for block in _blocks(lines_of(read_text(path)), _SUBRIP)]
    return Transcript(_spans(path, cues, lambda text: [(None, _SUBRIP_MARKUP.sub("", text))]))


def read_vtt(path: Path) -> Transcript:
    """Return the cues of a WebVTT file; its header may name the language.

    Raises:
        TranscriptError: the file cannot be read as text, lacks its header, a block is no cue, or times run backwards.
    """
    lines = lines_of(read_text(path))
    header, *blocks = _blocks(lines, _WEBVTT) or [[(1, "")]]
    if not re.match(r"WEBVTT(?:\s|$)", header[0][1]):
        raise malformed(path, header[0][0], shown(header[0][1]), "a WebVTT file begins with WEBVTT", "put it there")
    for line, text in header:
        if "-->" in text:
            raise malformed(path, line, "a cue in the header", _WEBVTT.valid, "put a blank line after the header")
    languages = [match[1] for _, text in header if (match := _WEBVTT_LANGUAGE.fullmatch(text))]
    cues = [_cue(path, block, _WEBVTT) for block in blocks if not _WEBVTT_BLOCK.match(block[0][1])]
    return Transcript(_spans(path, cues, _voices), languages[0] if languages else None)


def _blocks(lines: Sequence[str], file_format: _Format) -> list[list[tuple[int, str]]]:
    """Return runs of lines between empty ones, each filled line with its number from 1.

    A line of blanks alone ends a block too where another one follows it; inside a cue it is a line without words.
    """
    blocks: list[list[tuple[int, str]]] = []
    block: list[tuple[int, str]] = []
    for number, line in reversed(list(enumerate(lines, start=1))):
        if line.strip():
            block.append((number, line))
        elif block and (not line or _begins([text for _, text in block[:-3:-1]], file_format)):
            blocks.append(block[::-1])
            block = []
    return [*([block[::-1]] if block else []), *reversed(blocks)]


def _begins(first: Sequence[str], file_format: _Format) -> bool:
    """Return whether two lines begin a block: times are in one of them, or they are a note."""
    return any(map(file_format.timing.fullmatch, first)) or _WEBVTT_BLOCK.match(first[0]) is not None


def _cue(path: Path, block: Sequence[tuple[int, str]], file_format: _Format) -> _Cue:
    line, text = block[0]
    after = 1
    if len(block) > 1 and "-->" not in text and (text.strip().isdigit() or "-->" in block[1][1]):
        line, text = block[1]
        after = 2
    match = file_format.timing.fullmatch(text)
    if match is None:
        raise malformed(
            path, line, f"{shown(text)} is no {file_format.name} time line", file_format.valid, "correct it"
        )
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end_s < start_s:
        raise _backwards(path, line, f"the cue ends at {end_s:g} s, before its start at {start_s:g} s")
    for later_line, later in block[after:]:
        if "-->" in later:
            found = f"{shown(later)} inside the words of a cue"
            raise malformed(path, later_line, found, file_format.valid, "put a blank line between the two cues")
    return _Cue(line, start_s, end_s, tuple(later for _, later in block[after:]))


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    milliseconds = int(fraction.ljust(3, "0"))
    return (((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + milliseconds) / 1000


def _backwards(path: Path, line: int, found: str) -> TranscriptError:
    return malformed(path, line, found, "times only go forwards", "correct the times, or sort the cues by their start")


def _spans(path: Path, cues: Sequence[_Cue], pieces_of: Callable[[str], list[_Piece]]) -> tuple[Span, ...]:
    """Return the spans of cues; ``pieces_of`` takes the markup out of a cue's text."""
    for cue, following in pairwise(cues):
        if following.start_s < cue.start_s:
            found = f"the cue starts at {following.start_s:g} s, before the one above at {cue.start_s:g} s"
            raise _backwards(path, following.line, found)
    cues = _rolled_up_once(cues)
    pieces = [pieces_of("\n".join(line for line in cue.lines if not _EMOTION.fullmatch(line.strip()))) for cue in cues]
    if all(speaker is None for each in pieces for speaker, _ in each):
        pieces = _by_names(["".join(words for _, words in each) for each in pieces])
    return tuple(
        span for cue, each in zip(cues, pieces, strict=True) for span in laid_out(each, cue.start_s, cue.end_s)
    )


def _rolled_up_once(cues: Sequence[_Cue]) -> list[_Cue]:
    """Return cues without the lines that they carry over from the cue before, where captions roll up or grow.

    Live captions show the line before above the new one, or the same line with more words in each cue.
    """
    carried = [0, *(_carried(cue, following) for cue, following in pairwise(cues))][: len(cues)]
    touching = [
        count
        for count, (cue, following) in zip(carried[1:], pairwise(cues), strict=True)
        if following.start_s - cue.end_s <= _ROLLING_PAUSE_S
    ]
    repeated = [count for count in touching if count]
    grows = any(count < len(_words(cue.lines)) for count, cue in zip(carried, cues, strict=True) if count)
    if not grows or len(repeated) < max(2, _ROLLING_SHARE * len(touching)):
        return list(cues)
    return [_without(cue, count) for count, cue in zip(carried, cues, strict=True)]


def _carried(cue: _Cue, following: _Cue) -> int:
    """Return how many words ``following`` begins with that are the last lines of ``cue``, or all of its words."""
    shown, begin = ([words for line in each.lines if (words := _words([line]))] for each in (cue, following))
    count = next((count for count in range(len(shown), 0, -1) if shown[-count:] == begin[:count]), 0)
    if count:
        return sum(map(len, shown[-count:]))
    words = _words(cue.lines)
    return len(words) if _words(following.lines)[: len(words)] == words else 0


def _words(lines: Sequence[str]) -> list[str]:
    return _WEBVTT_TAG.sub("", " ".join(lines)).split()


def _without(cue: _Cue, count: int) -> _Cue:
    """Return the cue without its first ``count`` words, and without the tags among them."""
    lines = []
    for line in cue.lines:
        words = _words([line])
        if count < len(words):
            lines.append(" ".join(words[count:]) if count else line)
        count = max(0, count - len(words))
    return replace(cue, lines=tuple(lines))


def _by_names(texts: Sequence[str]) -> list[list[_Piece]]:
    """Return each cue's text as pieces, a new one at each line that starts with a name, where names are to be had."""
    units = [(index, unit) for index, text in enumerate(texts) for unit in _units(text)]
    pieces: list[list[_Piece]] = [[] for _ in texts]
    for (index, _), piece in zip(units, turns([unit for _, unit in units]), strict=True):
        pieces[index].append(piece)
    return pieces


def _units(text: str) -> Iterator[str]:
    """Yield the lines of a cue, those without a name joined to the line above."""
    held: list[str] = []
    for line in text.split("\n"):
        if held and starts_with_name(line):
            yield " ".join(held)
            held = []
        if line.strip():
            held.append(line.strip())
    if held:
        yield " ".join(held)


def _voices(text: str) -> list[_Piece]:
    """Return the pieces of a WebVTT cue: tags taken out, each stretch with the voice that it stands in."""
    pieces: list[_Piece] = []
    speaker: str | None = None
    position = 0
    for tag in _WEBVTT_TAG.finditer(text):
        pieces.append((speaker, html.unescape(text[position : tag.start()])))
        position = tag.end()
        if voice := _WEBVTT_VOICE.fullmatch(tag[1].strip()):
            speaker = " ".join(html.unescape(voice[1]).split()) or None
        elif tag[1].strip() == "/v":
            speaker = None
    pieces.append((speaker, html.unescape(text[position:])))
    return [
        (speaker, "".join(words for _, words in run)) for speaker, run in groupby(pieces, key=lambda piece: piece[0])
    ]
