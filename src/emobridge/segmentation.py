"""A recording in pieces that can be judged one by one: utterances where somebody speaks, or windows.

Design: every rule looks a few seconds around at most, so that a piece does not depend on what is said minutes away, and
every threshold is on time or on the detector's probability, never on loudness, so that gain alone changes nothing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emobridge.quality import BRIEF_S, SPEECH_PROBABILITY, SPEECH_S
from emobridge.speech import CHUNK_S, SpeechTrack

STAYING_PROBABILITY = 0.35  # speech that has begun goes on down to it: a soft syllable ends nothing
SHORTEST_PAUSE_S = 0.3  # a shorter one is a stop consonant or a breath inside an utterance
JOINING_PAUSE_S = 0.6  # across which what is too brief to be judged well joins its neighbour
LONGEST_S = 12.0  # a sentence or two; what is longer is cut at its quietest point
# On either side: the detector is up to .12 s late at soft beginnings and voices fade; but every .1 s of silence more at
# both ends makes the shipped model hear .006 less arousal, in each of three corpora.
PADDING_S = 0.2
QUIET_S = 0.2  # over which loudness is averaged where the quietest point is sought

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Window:
    """One piece of a recording.

    Attributes:
        start_s, end_s: seconds from the start of the file, end-exclusive.
        samples: (N,) float32, mono.
    """

    start_s: float
    end_s: float
    samples: NDArray[np.float32]


def tiles(duration_s: float, window_s: float) -> tuple[Stretch, ...]:
    """Return consecutive windows of ``window_s`` that cover a recording exactly, without overlap.

    A last piece shorter than half a window joins the window before it, so only a recording that is shorter than half a
    window gives a window that is.
    """
    whole = max(1, math.floor(duration_s / window_s + 0.5))
    edges_s = [*(index * window_s for index in range(whole)), duration_s]
    return tuple(pairwise(edges_s))


def utterances(
    track: SpeechTrack, spoken_s: Sequence[float] = (), pause_s: float = SHORTEST_PAUSE_S
) -> tuple[Stretch, ...]:
    """Return where somebody speaks, as stretches (start_s, end_s) of about a sentence that never overlap, in order.

    Speech begins where the detector's probability reaches `SPEECH_PROBABILITY` and ends where it falls below
    `STAYING_PROBABILITY` for ``pause_s``; less than `SPEECH_S` of it is none. What is shorter than `BRIEF_S`
    joins the nearer neighbour across at most `JOINING_PAUSE_S`; what is longer than `LONGEST_S` is cut. Each keeps
    `PADDING_S` around it, or half of the pause to the next.

    Args:
        track: of the recording.
        spoken_s: moments at which somebody is known to speak, whatever the detector says.
        pause_s: the shortest pause that ends an utterance.
    """
    speech = track.speech.copy()
    places = (np.array(spoken_s) / CHUNK_S).astype(int)
    known = np.unique(places.clip(0, len(speech) - 1))
    speech[known] = 1.0
    regions = [
        (start, end)
        for start, end in _bridged(_hysteresis(speech), _chunks(pause_s))
        if int((speech[start:end] >= SPEECH_PROBABILITY).sum()) * CHUNK_S >= SPEECH_S
        or np.searchsorted(known, start) < np.searchsorted(known, end)
    ]
    pieces = [piece for region in _joined(regions) for piece in _split(region, track.level_db)]
    return _padded(pieces, track.duration_s)


def cut_long(stretch: Stretch, track: SpeechTrack) -> tuple[Stretch, ...]:
    """Return ``stretch`` in pieces of at most `LONGEST_S`, each cut made at the quietest point within reach."""
    start_s, end_s = stretch
    if end_s - start_s <= LONGEST_S:
        return (stretch,)
    pieces = _split((round(start_s / CHUNK_S), round(end_s / CHUNK_S)), track.level_db)
    cuts_s = [end * CHUNK_S for _, end in pieces[:-1]]
    return tuple(zip([start_s, *cuts_s], [*cuts_s, end_s], strict=True))


def cut_out(
    blocks: Iterable[NDArray[np.float32]], stretches: Sequence[Stretch], sample_rate_hz: int
) -> Iterator[Window]:
    """Yield the sound of ``stretches``, in their order; they may overlap. What is beyond the end is not there.

    No more is held than from the start of the first unfinished stretch to the end of a block.

    Args:
        blocks: the recording, mono blocks (N,) of any lengths; where they are cut has no influence.
        stretches: (start_s, end_s) by start.
        sample_rate_hz: of the blocks.
    """
    source = iter(blocks)
    held = np.zeros(0, np.float32)
    held_start = position = 0  # of what is held, and of the next block
    for start_s, end_s in stretches:
        start, end = round(start_s * sample_rate_hz), round(end_s * sample_rate_hz)
        assert start >= held_start, "stretches come by their starts"
        parts = [held[start - held_start :]]
        while position < end and (block := next(source, None)) is not None:
            parts.append(block[max(0, start - position) :])
            position += len(block)
        held, held_start = np.concatenate(parts), start
        samples = held[: end - start]
        yield Window(start / sample_rate_hz, (start + len(samples)) / sample_rate_hz, samples)


def _chunks(seconds: float) -> int:
    return round(seconds / CHUNK_S)


def _hysteresis(speech: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the runs of chunks (start, end) that stay, and somewhere in them reach, the two probabilities."""
    staying = np.concatenate([[0], speech >= STAYING_PROBABILITY, [0]])
    edges = np.flatnonzero(np.diff(staying))
    reached = np.concatenate([[0], np.cumsum(speech >= SPEECH_PROBABILITY)])
    return [
        (int(start), int(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if reached[end] > reached[start]
    ]


def _bridged(regions: Iterable[tuple[int, int]], shortest_pause: int) -> list[tuple[int, int]]:
    """Return the regions, those with a shorter pause between them made one."""
    merged: list[tuple[int, int]] = []
    for start, end in regions:
        if merged and start - merged[-1][1] < shortest_pause:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _joined(regions: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the regions, brief ones joined with the nearer neighbour where the two are near and not too long."""
    kept = list(regions)
    reach, longest, brief = _chunks(JOINING_PAUSE_S), _chunks(LONGEST_S), _chunks(BRIEF_S)
    index = 0
    while index < len(kept):
        start, end = kept[index]
        near = [
            (max(kept[one][0], kept[other][0]) - min(kept[one][1], kept[other][1]), one, other)
            for one, other in ((index - 1, index), (index, index + 1))
            if one >= 0 and other < len(kept) and kept[other][1] - kept[one][0] <= longest
        ]
        pause, one, other = min(near, default=(reach + 1, 0, 0))
        if end - start < brief and pause <= reach:
            kept[one : other + 1] = [(kept[one][0], kept[other][1])]
            index = one
        else:
            index += 1
    return kept


def _split(region: tuple[int, int], level_db: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the region in pieces of at most `LONGEST_S`, each but the last of at least half of that.

    The first cut is made without a look at what comes later than one piece, so that a stream cuts as a file is cut.
    """
    start, end = region
    longest, width = _chunks(LONGEST_S), _chunks(QUIET_S)
    pieces = []
    while end - start > longest:
        first, last = start + longest // 2, min(start + longest, end - _chunks(BRIEF_S))
        around = level_db[first - width // 2 : last + width - width // 2]
        quiet = np.convolve(around, np.ones(width) / width, "valid")
        cut = first + int(quiet.argmin())
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)]


def _padded(pieces: Sequence[tuple[int, int]], duration_s: float) -> tuple[Stretch, ...]:
    """Return the pieces in seconds with what is around them, without overlap and within the recording."""
    edges_s = [(start * CHUNK_S, min(end * CHUNK_S, duration_s)) for start, end in pieces]
    before_s = [0.0, *(end_s for _, end_s in edges_s[:-1])]
    after_s = [*(start_s for start_s, _ in edges_s[1:]), duration_s]
    padded = []
    for index, (start_s, end_s) in enumerate(edges_s):
        room_before_s = (start_s - before_s[index]) / (2 if index else 1)
        room_after_s = (after_s[index] - end_s) / (2 if index + 1 < len(edges_s) else 1)
        padded.append((start_s - min(PADDING_S, room_before_s), end_s + min(PADDING_S, room_after_s)))
    return tuple(padded)
