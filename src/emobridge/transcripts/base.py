"""What a transcript is: spans of text, each with its time and speaker where they are known."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

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


def in_order(groups: Iterable[Sequence[Span]]) -> tuple[Span, ...]:
    """Return the spans of groups, such as the words of a sentence, by the starts of the groups.

    Groups stay together where they overlap; those that start together, and all where a time is not known, stay as they
    came.
    """
    held = [group for group in groups if group]
    if any(span.start_s is None for group in held for span in group):
        return tuple(span for group in held for span in group)
    return tuple(span for group in sorted(held, key=lambda group: group[0].start_s or 0.0) for span in group)


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
