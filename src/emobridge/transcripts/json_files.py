"""JSON: what Whisper and its relatives write (.json), and a span a line (.jsonl).

Valid shapes of a .json file: an object with ``segments`` (openai-whisper, whisperX), the list of segments itself
(faster-whisper, as people save it), an object with ``words`` alone, or with ``text`` alone, and those of other
recognisers and services (`json_shapes`). A segment has ``start``, ``end`` and ``text``, and may have ``words`` and a
``speaker``. Times in a shape that is not known are refused, never dropped.
"""

import json
import math
from pathlib import Path
from typing import Any

from emobridge.errors import TranscriptError
from emobridge.transcripts.asr_words import RecognisedWord, spans_of
from emobridge.transcripts.base import Span, Transcript, in_order
from emobridge.transcripts.files import lines_of, malformed, read_text, shown
from emobridge.transcripts.json_shapes import holds_times, in_seconds, segments_of

_VALID_LINE = (
    'a line is an object such as {"start": 0.5, "end": 1.2, "text": "...", "speaker": "A"} '
    "(also start_s, end_s, word; times and speaker may be missing)"
)
_VALID_DOCUMENT = 'a transcript is {"language": "en", "segments": [{"start": 0.5, "end": 1.2, "text": "..."}, ...]}'
_REMEDY = "write it as Whisper does"


def read_json(path: Path) -> Transcript:
    """Return the segments of a recogniser's result, word by word where it has words; its ``language`` is kept.

    Raises:
        TranscriptError: the file cannot be read as text, is no JSON, has another shape, or times run backwards.
    """
    text = read_text(path)
    try:
        document = _parsed(text)
    except json.JSONDecodeError as error:
        remedy = f"rename it to {path.stem}.jsonl" if error.msg == "Extra data" else "export it again"
        found = "it is empty" if not text.strip() else f"no JSON ({error.msg})"
        raise malformed(path, error.lineno, found, _VALID_DOCUMENT, remedy) from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"is no JSON that can be read ({error})") from error
    content: dict[str, Any] = document if isinstance(document, dict) else {}
    named = [content.get("language"), *(each.get("language") for each in content.values() if isinstance(each, dict))]
    language = next((each for each in named if isinstance(each, str)), None)
    try:
        segments = segments_of(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, "is not in the shape that it begins as") from error
    said = [content[key] for key in ("text", "transcript") if isinstance(content.get(key), str)]
    if not segments and said:
        if any(map(holds_times, content.values())):
            raise _unreadable(path, "has times in a shape that is not known")
        return Transcript(Transcript.from_text(said[0]).spans, language)
    if segments is None:
        raise _unreadable(path, "has no list of segments")
    spans = [
        _Record(f"{str(path)!r} segment {number}", _VALID_DOCUMENT, segment).spans()
        for number, segment in enumerate(segments, start=1)
    ]
    return Transcript(in_order(spans), language)


def read_jsonl(path: Path) -> Transcript:
    """Return the spans of a file with an object a line; blank lines and an empty file are fine.

    Raises:
        TranscriptError: the file cannot be read as text, a line is no such object, or its times run backwards.
    """
    records: dict[int, Any] = {}
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        if not line.strip():
            continue
        try:
            record = _parsed(line)
        except (ValueError, RecursionError) as error:
            whole = number == 1 and line.strip() in ("{", "[")
            remedy = f"rename it to {path.stem}.json if it is one document" if whole else "correct the line"
            raise malformed(path, number, f"{shown(line)} is no JSON", _VALID_LINE, remedy) from error
        if isinstance(record, dict) and "segments" in record:
            remedy = f"rename it to {path.stem}.json"
            raise malformed(path, number, "a whole document with segments", _VALID_LINE, remedy)
        is_of_vosk = isinstance(record, dict) and isinstance(record.get("result"), list)
        records[number] = {"words": record["result"]} if is_of_vosk else record
    spans = [
        _Record(f"{str(path)!r} line {number}", _VALID_LINE, record).spans()
        for number, record in zip(records, in_seconds(list(records.values())), strict=True)
    ]
    return Transcript(in_order(spans))


def _unreadable(path: Path, found: str) -> TranscriptError:
    return TranscriptError(f"{str(path)!r} {found}", _VALID_DOCUMENT, _REMEDY)


def _parsed(text: str) -> Any:
    # Whole numbers too as floats: one of a million digits is then infinite, not an hour's work.
    return json.loads(text, parse_int=float)


class _Record:
    """One segment, line or word, with what an error says of it.

    Args:
        where: the file and the place in it.
        valid: what would be valid there.
        content: as JSON gave it.
    """

    def __init__(self, where: str, valid: str, content: Any) -> None:
        self._where = where
        self._valid = valid
        if not isinstance(content, dict):
            raise self._error(f"{shown(json.dumps(content))} is no object")
        self._content: dict[str, Any] = content

    def spans(self) -> list[Span]:
        """Return its words as spans where it has any, else its text as one span, else nothing."""
        words = self._first("words")
        if words is None or words == []:
            text = self._text("text", "word")
            start_s, end_s = self._times_s()
            if start_s is None and holds_times(self._content):
                raise self._error("a time under a name that is not known")
            return [Span(text.strip(), start_s, end_s, self._speaker())] if text.strip() else []
        if not isinstance(words, list):
            raise self._error("words that are no list")
        timed = [self._word(number, word) for number, word in enumerate(words, start=1)]
        start_s, end_s = self._times_s()
        known_s = [time_s for word in timed for time_s in (word.start_s, word.end_s) if time_s is not None]
        if start_s is None or end_s is None:
            if not known_s:
                return [Span(" ".join(word.text.strip() for word in timed), speaker=self._speaker())]
            start_s, end_s = min(known_s), max(known_s)
        return spans_of(timed, start_s, end_s)

    def _word(self, number: int, content: Any) -> RecognisedWord:
        record = _Record(f"{self._where}, word {number}", self._valid, content)
        start_s, end_s = record._times_s()
        return RecognisedWord(record._text("word", "text"), start_s, end_s, record._speaker() or self._speaker())

    def _times_s(self) -> tuple[float, float] | tuple[None, None]:
        start_s, end_s = self._seconds("start", "start_s"), self._seconds("end", "end_s")
        if start_s is None and end_s is None:
            return None, None
        if start_s is None or end_s is None:
            raise self._error("one time without the other")
        if end_s < start_s:
            raise self._error(f"from {start_s:g} to {end_s:g} s: times run backwards")
        return start_s, end_s

    def _seconds(self, *keys: str) -> float | None:
        value = self._first(*keys)
        if value is None:
            return None
        if not isinstance(value, float) or not math.isfinite(value):
            raise self._error(f"{keys[0]} is {shown(json.dumps(value))}, no number of seconds")
        return value

    def _text(self, *keys: str) -> str:
        if not any(key in self._content for key in keys):
            raise self._error(f"neither {' nor '.join(keys)}")
        value = self._first(*keys)
        if value is not None and not isinstance(value, str):
            raise self._error(f"{keys[0]} is {shown(json.dumps(value))}, no text")
        return value or ""

    def _speaker(self) -> str | None:
        value = self._first("speaker", "speaker_id", "speaker_label")
        if isinstance(value, float) and value.is_integer():  # services count speakers
            return f"speaker {value:.0f}"
        if value is not None and not isinstance(value, str):
            raise self._error(f"speaker is {shown(json.dumps(value))}, no name")
        return value.strip() or None if value else None

    def _first(self, *keys: str) -> Any:
        return next((self._content[key] for key in keys if self._content.get(key) is not None), None)

    def _error(self, found: str) -> TranscriptError:
        return TranscriptError(f"{self._where}: {found}", self._valid, _REMEDY)
