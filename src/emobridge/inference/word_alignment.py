"""Which words belong to which turn: by their times and speakers where these are known, else by their order.

Every word belongs to exactly one turn, so that none is read twice and none is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from emobridge.diarization import Turn
from emobridge.transcripts import Span, Transcript
from emobridge.transcripts.base import laid_out

SNAP_WORDS = 3  # laying words out by their lengths is off by about so many
SENTENCE_ENDS = (".", "!", "?", "…", "。", "？", "！")
NEAR_S = 1.0  # a word that far from every turn is not one of a recogniser's or a diariser's usual slips


@dataclass(frozen=True)
class PlacedWord:
    """A word in its turn.

    Attributes:
        text: the word.
        time_s: the moment of its middle, in seconds from the start of the file.
        own_times_s: its start and end where the transcript has these, None where it has times of more than a word.
    """

    text: str
    time_s: float
    own_times_s: tuple[float, float] | None = None


def words_within(transcript: Transcript | None, duration_s: float) -> tuple[Transcript | None, int]:
    """Return a transcript without what lies outside of a recording, and how many words that leaves out.

    A span that starts in the recording and outlasts it, as last captions do, ends with it.
    """
    if transcript is None:
        return None, 0
    kept, left_out = [], 0
    for span in transcript.spans:
        if span.start_s is None or span.end_s is None:
            kept.append(span)
        elif span.start_s >= duration_s or span.end_s < 0 or span.end_s == 0 > span.start_s:
            left_out += len(span.text.split())
        else:
            kept.append(replace(span, start_s=max(0.0, span.start_s), end_s=min(span.end_s, duration_s)))
    return replace(transcript, spans=tuple(kept)), left_out


def spoken_times(transcript: Transcript | None) -> list[float]:
    """Return the middles in seconds of all words whose times are known."""
    return [] if transcript is None else [_middle(word) for word, _ in _timed_words(transcript)]


def place_words(transcript: Transcript | None, turns: Sequence[Turn]) -> tuple[tuple[PlacedWord, ...], ...]:
    """Return the words of each turn, their moments within it. Words of one span stay together where spans overlap.

    A word with a time belongs to the turn of its speaker that holds its middle, else to the nearest one; where its
    speaker is not known, or has no turn, to anybody's. Words without times are laid out over all turns, one after the
    other, by their numbers of characters; a sentence that would end within `SNAP_WORDS` of a turn's end ends with it.
    """
    held: list[list[PlacedWord]] = [[] for _ in turns]
    if transcript is None or not turns:
        return tuple(map(tuple, held))
    starts, ends = np.array([(turn.start_s, turn.end_s) for turn in turns]).T
    speakers = np.array([turn.speaker or "" for turn in turns])
    for word, own_times_s in _timed_words(transcript):
        middle_s = _middle(word)
        index = _turn_at(middle_s, word.speaker, starts, ends, speakers)
        held[index].append(PlacedWord(word.text, float(np.clip(middle_s, starts[index], ends[index])), own_times_s))
    held = [_never_backwards(placed) for placed in held]
    for index, words in enumerate(_shared_out(transcript, ends - starts)):
        held[index] += [PlacedWord(word.text, float(starts[index] + _middle(word))) for word in words]
    return tuple(map(tuple, held))


def stray_words(transcript: Transcript | None, turns: Sequence[Turn]) -> int:
    """Return how many words with times lie further than `NEAR_S` from every turn."""
    if transcript is None or not turns:
        return 0
    starts, ends = np.array([(turn.start_s, turn.end_s) for turn in turns]).T
    return sum(bool(_distances(time_s, starts, ends).min() > NEAR_S) for time_s in spoken_times(transcript))


def _turn_at(
    time_s: float,
    speaker: str | None,
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    speakers: NDArray[np.str_],
) -> int:
    """Return the turn that a word belongs to; of several that hold it, the one whose middle is nearest."""
    distances = _distances(time_s, starts, ends)
    own = speakers == speaker
    if speaker is not None and own.any():
        distances = np.where(own, distances, np.inf)
    nearest = np.flatnonzero(distances == distances.min())
    from_middle = np.abs((starts[nearest] + ends[nearest]) / 2 - time_s)
    return int(nearest[from_middle.argmin()])


def _distances(time_s: float, starts: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.maximum(0.0, np.maximum(starts - time_s, time_s - ends))
    return distances


def _never_backwards(placed: Sequence[PlacedWord]) -> list[PlacedWord]:
    """Return words whose moments do not go back, where those of a span overlap with those of the span before."""
    latest_s = accumulate((word.time_s for word in placed), max)
    return [
        word if word.time_s == time_s else replace(word, time_s=time_s)
        for word, time_s in zip(placed, latest_s, strict=True)
    ]


def _timed_words(transcript: Transcript) -> list[tuple[Span, tuple[float, float] | None]]:
    """Return the words that lie in spans with times, and a word's own times where it is all of its span.

    They come by time, but spans that follow each other in the transcript stay together.
    """
    runs: list[list[Span]] = []
    for span in transcript.spans:
        if not runs or (span.start_s or 0.0) < (runs[-1][-1].start_s or 0.0):
            runs.append([])
        runs[-1].append(span)
    runs.sort(key=lambda run: run[0].start_s or 0.0)
    words = []
    for span in (span for run in runs for span in run):
        if span.start_s is not None and span.end_s is not None:
            laid = laid_out([(span.speaker, text) for text in span.text.split()], span.start_s, span.end_s)
            words += [(word, (span.start_s, span.end_s) if len(laid) == 1 else None) for word in laid]
    return words


def _shared_out(transcript: Transcript, durations_s: NDArray[np.float64]) -> list[list[Span]]:
    """Return the words without times of each turn, their times counted from its start."""
    texts, sentence_ends = [], []
    for span in transcript.spans:
        if span.start_s is None:
            words = span.text.split()
            texts += words
            sentence_ends += [word.endswith(SENTENCE_ENDS) for word in words[:-1]] + [True] * bool(words)
    if not texts:
        return [[] for _ in durations_s]
    edges_s = np.concatenate([[0.0], durations_s.cumsum()])
    middles_s = [_middle(word) for word in laid_out([(None, text) for text in texts], 0.0, float(edges_s[-1]))]
    starts = [0]
    for start in np.searchsorted(middles_s, edges_s[1:-1]).tolist():
        near = range(max(starts[-1], start - SNAP_WORDS), min(len(texts), start + SNAP_WORDS + 1))
        ends = [place for place in near if place and sentence_ends[place - 1]]
        starts.append(max(starts[-1], min(ends, key=lambda place: abs(place - start), default=start)))
    return [
        laid_out([(None, text) for text in texts[start:end]], 0.0, float(duration_s)) if end > start else []
        for start, end, duration_s in zip(starts, [*starts[1:], len(texts)], durations_s, strict=True)
    ]


def _middle(word: Span) -> float:
    assert word.start_s is not None, "a word that was laid out has times"
    assert word.end_s is not None, "a word that was laid out has times"
    return (word.start_s + word.end_s) / 2
