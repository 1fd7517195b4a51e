"""What a transcript is: spans of text, each with its time and speaker where they are known."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import TranscriptError


@dataclass(frozen=True)
class Span:
    """One stretch of text.

    Attributes:
        text: the words.
        start_s, end_s: seconds from the start of the file, end-exclusive; both None where not known.
        speaker: who says it, None where not known.

    Raises:
        TranscriptError: only one of the times is given, or the span ends before it starts.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None

    def __post_init__(self) -> None:
        if self.start_s is None and self.end_s is None:
            return
        start_s = math.nan if self.start_s is None else self.start_s
        end_s = math.nan if self.end_s is None else self.end_s
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s <= end_s):
            raise TranscriptError(
                f"a span from {self.start_s} to {self.end_s} s",
                "a span has both times, the start not after the end, or neither",
                "correct its times or leave them out",
            )


@dataclass(frozen=True)
class Transcript:
    """What was said, in order.

    Attributes:
        spans: empty where nothing was said.
        language: what it is in, a code such as ``en``; None where not known.
    """

    spans: tuple[Span, ...] = ()
    language: str | None = None

    @classmethod
    def from_text(cls, text: str) -> "Transcript":
        """Return ``text`` as a transcript without times; blank text gives no spans."""
        return cls((Span(text.strip()),) if text.strip() else ())

    def words_between(self, start_s: float, end_s: float, duration_s: float, speaker: str | None = None) -> str:
        """Return the words of the window from ``start_s`` to ``end_s``, joined by single spaces.

        A word belongs to the window that holds its middle, so windows that tile [0, ``duration_s``) share the words out
        and each lands in exactly one. Inside a span with times, words are laid out by their numbers of characters; all
        text without times is laid out over the whole recording in the same way. Times beyond the recording count as
        its first or last moment.

        Args:
            start_s: start of the window, in seconds.
            end_s: its end, exclusive.
            duration_s: length of the recording, the end of its last window.
            speaker: whose words to keep, with those of nobody known; None keeps everybody's.
        """
        last_moment_s = np.nextafter(duration_s, 0.0)
        middles_s = np.where(self._words.timed, self._words.middles, self._words.middles * duration_s)
        middles_s = middles_s.clip(0.0, last_moment_s)
        inside = (start_s <= middles_s) & (middles_s < end_s)
        if speaker is not None:
            inside &= self._words.said_by(speaker)
        return " ".join(self._words.texts[index] for index in np.flatnonzero(inside))

    @cached_property
    def _words(self) -> "_Words":
        # Kept, for a long recording asks once a window.
        split = [span.text.split() for span in self.spans]
        untimed = [span.start_s is None for span in self.spans]
        texts = [word for words in split for word in words]
        timed = np.repeat(np.logical_not(untimed), [len(words) for words in split])
        middles = np.zeros(len(texts))
        middles[~timed] = _relative_middles([word for word, has_time in zip(texts, timed, strict=True) if not has_time])
        laid_out = [
            span.start_s + _relative_middles(words) * (span.end_s - span.start_s)
            for span, words in zip(self.spans, split, strict=True)
            if span.start_s is not None and span.end_s is not None
        ]
        middles[timed] = np.concatenate([np.zeros(0), *laid_out])
        speakers = [span.speaker for span, words in zip(self.spans, split, strict=True) for _ in words]
        return _Words(texts, timed, middles, speakers)


@dataclass(frozen=True)
class _Words:
    """The words of a transcript; ``middles`` are seconds where ``timed``, else shares of the recording."""

    texts: list[str]
    timed: NDArray[np.bool_]
    middles: NDArray[np.float64]
    speakers: list[str | None]

    def said_by(self, speaker: str) -> NDArray[np.bool_]:
        """Return which words this speaker says, or nobody known."""
        return np.array([name in (None, speaker) for name in self.speakers], dtype=np.bool_)


def _relative_middles(words: list[str]) -> NDArray[np.float64]:
    """Return where each word's middle lies on (0, 1), by numbers of characters and a space after each word."""
    lengths = np.array([len(word) + 1 for word in words], dtype=np.float64)
    ends = lengths.cumsum()
    middles: NDArray[np.float64] = (ends - lengths / 2) / lengths.sum()
    return middles


def laid_out(pieces: Sequence[tuple[str | None, str]], start_s: float, end_s: float) -> list[Span]:
    """Return (speaker, text) pieces one after the other from ``start_s`` to ``end_s``, each by its share of characters.

    Words keep the places that they would have in one span of the whole text.
    """
    said = [(speaker, " ".join(text.split())) for speaker, text in pieces if text.strip()]
    ends = np.array([len(text) + 1 for _, text in said], dtype=np.float64).cumsum()
    edges_s = [start_s, *(start_s + (end_s - start_s) * ends[:-1] / ends[-1:]).tolist(), end_s]
    return [
        Span(text, edges_s[index], max(edges_s[index], edges_s[index + 1]), speaker)
        for index, (speaker, text) in enumerate(said)
    ]


def in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans by their start; those that start together, and all where a time is not known, as they came."""
    held = tuple(spans)
    if any(span.start_s is None for span in held):
        return held
    return tuple(sorted(held, key=lambda span: span.start_s or 0.0))


def reads(language: str | None, languages: Collection[str] = ("en",)) -> bool:
    """Return whether an encoder of ``languages`` is made for a transcript in ``language``.

    Regions count for nothing (``en-GB`` is ``en``), and a language that is not known is taken for one of them.

    Args:
        language: a code such as ``en``, ``en-GB`` or ``eng``, or ``English``; as `Transcript.language` has it.
        languages: two-letter codes in lower case.
    """
    if language is None:
        return True
    code = language.strip().lower().replace("_", "-").partition("-")[0]
    return {"eng": "en", "english": "en"}.get(code, code) in languages
