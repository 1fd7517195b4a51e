"""Recognised words to spans: what Whisper and its relatives know of each word, whichever way it came here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from emobridge.transcripts.base import Span, laid_out


@dataclass(frozen=True)
class RecognisedWord:
    """A word as a recogniser gives it.

    Attributes:
        text: may start with a space, which Whisper writes before each word that does not go on with the one before.
        start_s, end_s: in seconds; both None where it could not be placed.
        speaker: None where not known.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None


def spans_of(words: Sequence[RecognisedWord], start_s: float, end_s: float) -> list[Span]:
    """Return the words of a segment from ``start_s`` to ``end_s`` as one-word spans.

    Words that could not be placed lie between their neighbours, by their numbers of characters.
    """
    runs = groupby(_whole(words), key=lambda word: word.start_s is None)
    grouped = [(untimed, list(run)) for untimed, run in runs]
    spans: list[Span] = []
    for index, (untimed, run) in enumerate(grouped):
        if not untimed:
            spans += [Span(word.text, word.start_s, word.end_s, word.speaker) for word in run]
            continue
        from_s = spans[-1].end_s if spans and spans[-1].end_s is not None else start_s
        following = grouped[index + 1][1][0].start_s if index + 1 < len(grouped) else end_s
        until_s = max(from_s, end_s if following is None else following)
        for word, span in zip(run, laid_out([(None, word.text) for word in run], from_s, until_s), strict=True):
            spans.append(replace(span, speaker=word.speaker))
    return spans


def _whole(words: Sequence[RecognisedWord]) -> list[RecognisedWord]:
    """Return words that are not blank, without spaces around them, pieces of one (``" twenty"``, ``"-one"``) joined."""
    spaced = any(word.text.startswith(" ") for word in words)
    joined: list[RecognisedWord] = []
    for word in words:
        if not word.text.strip():
            continue
        if spaced and joined and not word.text.startswith(" "):
            before = joined.pop()
            end_s = before.end_s
            if end_s is not None and word.end_s is not None:
                end_s = max(end_s, word.end_s)
            joined.append(replace(before, text=before.text + word.text.strip(), end_s=end_s))
        else:
            joined.append(replace(word, text=word.text.strip()))
    return joined
