"""The JSON of recognisers and services, brought to one shape: segments as openai-whisper writes them.

Each shape is known by the key that holds its list. What holds times in no known shape is not taken for text without
times: `holds_times` finds it, so that it can be refused.

Source: the documentation of transformers (``chunks``), whisper.cpp (``transcription``), Vosk (``result``), NeMo
(``timestamp``), AssemblyAI and Gladia (``utterances``), Deepgram (``results.channels``), Amazon Transcribe
(``results.items``), Google Speech-to-Text and Speechmatics (a list ``results``), Rev (``monologues``) and Azure Speech
(``recognizedPhrases``, ``phrases``).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]  # an object of JSON

MILLISECONDS_A_CHARACTER = 3.0  # speech takes 0.07 s a character; times in milliseconds look as if it took 70
CHARACTER_S = 0.07  # of a last word whose end is not given
_TIME_KEY = re.compile(r"(?:start|begin|from|offset|timestamp|ts|end)(?:$|_|(?=[A-Z]))")
_TIME_TEXT = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)s?")


def segments_of(document: Any) -> list[Any] | None:
    """Return the segments of a document in any known shape, their times in seconds; None where it is in none.

    Raises:
        AttributeError, KeyError, TypeError: what it holds is not of the shape that it begins as.
    """
    if isinstance(document, list):
        if any(isinstance(each, dict) and isinstance(each.get("result"), list) for each in document):  # one a pause
            return [segment for each in document for segment in segments_of(each) or [{"text": each["text"]}]]
        return in_seconds(document)
    if not isinstance(document, dict):
        return None
    for key, convert in _SHAPES.items():
        content = document.get(key)
        if isinstance(content, list):
            return in_seconds(convert(content))
        if isinstance(content, dict) and (nested := segments_of(_with_speakers(content))) is not None:
            return nested
    return None


def holds_times(content: Any) -> bool:
    """Return whether anything in a piece of JSON is named like a time and is one."""
    if isinstance(content, list):
        return any(map(holds_times, content))
    if not isinstance(content, dict):
        return False
    return any(
        (_TIME_KEY.match(key) is not None and any(_seconds(each) is not None for each in _listed(value)))
        or holds_times(value)
        for key, value in content.items()
    )


def in_seconds(segments: list[Any]) -> list[Any]:
    """Return segments with their times in seconds, where whole numbers can only be milliseconds."""
    pieces = [piece for each in segments if isinstance(each, dict) for piece in _listed(each.get("words") or each)]
    timed = [
        (each["start"], each["end"], str(each.get("word") or each.get("text")))
        for each in pieces
        if isinstance(each, dict) and isinstance(each.get("start"), float) and isinstance(each.get("end"), float)
    ]
    characters = sum(len(text) for _, _, text in timed)
    is_whole = all(start.is_integer() and end.is_integer() for start, end, _ in timed)
    if not is_whole or sum(end - start for start, end, _ in timed) <= MILLISECONDS_A_CHARACTER * characters:
        return segments
    return [_scaled(each) for each in segments]


def _scaled(segment: Any) -> Any:
    if not isinstance(segment, dict):
        return segment
    scaled = {key: segment[key] / 1000 for key in ("start", "end") if isinstance(segment.get(key), float)}
    if segment.get("words"):
        scaled["words"] = [_scaled(word) for word in _listed(segment["words"])]
    return {**segment, **scaled}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _seconds(value: Any) -> float | None:
    """Return a time that is a number, or a text such as ``1.3s`` or ``00:01:02,500``; None for anything else."""
    if isinstance(value, float):
        return value
    match = _TIME_TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _as_they_are(items: list[Any]) -> list[Any]:
    return items


def _words(items: list[Any]) -> list[Any]:
    return [{"words": items}] if items else []


def _word(text: Any, start: Any, end: Any, speaker: Any) -> dict[str, Any]:
    return {"word": text, "start": _seconds(start), "end": _seconds(end), "speaker": speaker}


def _best(item: Record) -> Record:
    """Return the first of several readings of the same sound."""
    readings: list[Record] = item.get("alternatives") or item.get("nBest") or [{}]
    return readings[0]


def _chunks(items: list[Any]) -> list[Any]:
    """Return those of transformers: a pair of times, the last of which may be open."""
    segments = []
    for item in items:
        start, end = item.get("timestamp") or (None, None)
        if end is None and start is not None:
            end = start + CHARACTER_S * len(item["text"])
        segments.append({"text": item["text"], "start": start, "end": end})
    return segments


def _transcription(items: list[Any]) -> list[Any]:
    """Return those of whisper.cpp, whose times are texts."""
    return [_word(item["text"], item["timestamps"]["from"], item["timestamps"]["to"], None) for item in items]


def _results(items: list[Any]) -> list[Any]:
    """Return those of Google, which are readings of a stretch, or of Speechmatics, which are words and marks."""
    if any("type" in item for item in items):
        return _words(_marked(items))
    segments: list[Any] = []
    for stretch in map(_best, items):
        words = [
            _word(each["word"], each.get("startTime"), each.get("endTime"), each.get("speakerTag"))
            for each in stretch.get("words") or ()
        ]
        segments.append({"words": words} if words else {"text": stretch.get("transcript", "")})
    return segments


def _marked(items: list[Any]) -> list[Any]:
    """Return words of Amazon and Speechmatics; marks are items of their own that belong to the word before."""
    words: list[dict[str, Any]] = []
    for item in items:
        best = _best(item)
        if item.get("type") == "punctuation" and words:
            words[-1]["word"] += best["content"]
        elif item.get("type") in ("word", "pronunciation"):
            speaker = best.get("speaker", item.get("speaker_label"))
            words.append(_word(best["content"], item.get("start_time"), item.get("end_time"), speaker))
    return words


def _with_speakers(results: dict[str, Any]) -> dict[str, Any]:
    """Return results of Amazon in which each word has the speaker that older ones give in a list of their own."""
    labels = results.get("speaker_labels")
    if not labels or "items" not in results:
        return results
    who = {item["start_time"]: item["speaker_label"] for segment in labels["segments"] for item in segment["items"]}
    items = [{"speaker_label": who.get(item.get("start_time")), **item} for item in results["items"]]
    return {**results, "items": items}


def _channels(items: list[Any]) -> list[Any]:
    """Return those of Deepgram: the best reading of each channel."""
    segments: list[Any] = []
    for number, best in enumerate(map(_best, items), start=1):
        who = {"speaker": f"channel {number}"} if len(items) > 1 else {}
        words = [{**who, **word, "word": word.get("punctuated_word", word["word"])} for word in best.get("words") or ()]
        segments.append({"words": words} if words else {"text": best["transcript"], **who})
    return segments


def _monologues(items: list[Any]) -> list[Any]:
    """Return those of Rev, with marks and blanks between the words."""
    words: list[dict[str, Any]] = []
    for speaker, element in ((item.get("speaker"), element) for item in items for element in item["elements"]):
        if element["type"] == "text":
            words.append(_word(element["value"], element.get("ts"), element.get("end_ts"), speaker))
        elif words:
            words[-1]["word"] += element["value"].strip()
    return _words(words)


def _phrases(items: list[Any]) -> list[Any]:
    """Return those of Azure: an offset and a duration, in milliseconds or in ticks of 100 ns."""
    segments = []
    for item in items:
        unit, a_second = ("Milliseconds", 1e3) if "offsetMilliseconds" in item else ("InTicks", 1e7)
        start_s = item[f"offset{unit}"] / a_second
        end_s = start_s + item[f"duration{unit}"] / a_second
        text = item.get("text") or _best(item).get("display", "")
        segments.append({"text": text, "start": start_s, "end": end_s, "speaker": item.get("speaker")})
    return segments


_SHAPES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "segments": _as_they_are,
    "utterances": _as_they_are,
    "chunks": _chunks,
    "transcription": _transcription,
    "monologues": _monologues,
    "recognizedPhrases": _phrases,
    "phrases": _phrases,
    "channels": _channels,
    "items": lambda items: _words(_marked(items)),
    "results": _results,
    "words": _words,
    "word": _words,
    "result": _words,
    "timestamp": _as_they_are,
}
