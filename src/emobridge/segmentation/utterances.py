"""A recording in pieces that can be predicted one by one: utterances where somebody speaks, or windows.

Design: every rule looks a few seconds around at most, so that a piece does not depend on what is said minutes away, and
every threshold is on time or on the detector's probability, never on loudness, so that gain alone changes nothing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emobridge.segmentation.quality import BRIEF_S, SPEECH_PROBABILITY, SPEECH_S
from emobridge.segmentation.speech_detector import CHUNK_S, SAMPLE_RATE_HZ, SpeechTrack

STAYING_PROBABILITY = 0.35  # speech that has begun goes on down to it: a soft syllable ends nothing
SHORTEST_PAUSE_S = 0.3  # a shorter one is a stop consonant or a breath inside an utterance
JOINING_PAUSE_S = 0.6  # across which what is too brief to be predicted well joins its neighbour
LONGEST_S = 12.0  # a sentence or two; what is longer is cut at its quietest point
# On either side: the detector is up to 0.12 s late at soft beginnings, and voices fade. But each further 0.1 s of
# silence at both ends lowers the arousal that the shipped model predicts by 0.004 to 0.007, in each of three corpora.
PADDING_S = 0.2
QUIET_S = 0.2  # over which loudness is averaged where the quietest point is sought

Stretch = tuple[float, float]  # in seconds
Region = tuple[int, int]  # in chunks


def _chunks(seconds: float) -> int:
    return round(seconds / CHUNK_S)


_CUT_CHUNKS = _chunks(LONGEST_S) + _chunks(BRIEF_S)  # what is so long is cut in the same place whatever follows


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
    known = np.sort(places.clip(0, len(speech) - 1))
    speech[known] = 1.0
    regions = [
        (start, end)
        for start, end in _bridged(_hysteresis(speech), _chunks(pause_s))
        if _is_enough(speech[start:end]) or np.searchsorted(known, start) < np.searchsorted(known, end)
    ]
    groups, _ = _joined(regions)
    return _padded([piece for group in groups for piece in _split(group, track.level_db)], track.duration_s)


class UtteranceStream:
    """The `utterances` of a track that grows: each once, as soon as nothing that may follow can change it.

    That is after a pause of `JOINING_PAUSE_S`, or where a next utterance has lasted for `BRIEF_S`; one that is long is
    cut as it goes on. What is held is looked at anew with every part that comes, and what is final is let go, so that
    no more is held than about twice `LONGEST_S`.

    They are those of the whole track, with one exception: doubt (a probability that may go on, but begins no speech)
    is let go after `LONGEST_S`; where speech begins in it then, the utterance reaches back no further.

    Attributes:
        has_found: whether somebody has spoken so far.
        needed_s: no utterance that is still to come starts before this, in seconds.
    """

    def __init__(self) -> None:
        self.has_found = False
        self.needed_s = 0.0
        self._samples = 0
        self._speech = self._level_db = np.zeros(0, np.float32)
        self._held = 0  # chunk at which the two start; all others are counted from there
        self._cut_start: int | None = None  # of the region in whose middle they start, where they do
        self._before_s = -math.inf  # end of the last piece, without padding

    def add(self, track: SpeechTrack) -> list[Stretch]:
        """Return the stretches that are final with this next part of the track, in order."""
        self._samples += track.samples
        self._speech = np.concatenate([self._speech, track.speech])
        self._level_db = np.concatenate([self._level_db, track.level_db])
        runs, spoken = self._runs()
        until = _open_start(self._speech, runs)
        doubted = len(self._speech) - _chunks(LONGEST_S)
        growing = spoken.pop() if spoken and spoken[-1][1] > max(until, doubted) else None
        if growing is None:
            until = max(until, doubted)
        return self._settled(spoken, growing, until)

    def end(self) -> list[Stretch]:
        """Return the stretches that are left."""
        return self._settled(self._runs()[1], None, math.inf)

    def _runs(self) -> tuple[list[Region], list[Region]]:
        """Return the regions of what is held that may be speech, and those of them that are."""
        speech = self._speech.copy()
        if self._cut_start is not None:
            speech[: math.ceil(SPEECH_S / CHUNK_S)] = 1.0  # a cut may lie in a short pause, and speech goes on after it
        runs = _bridged(_hysteresis(speech), _chunks(SHORTEST_PAUSE_S))
        spoken = [run for run in runs if _is_enough(speech[slice(*run)])]
        if self._cut_start is not None:
            spoken[0] = runs[0] = (self._cut_start, spoken[0][1])
        return runs, spoken

    def _settled(self, closed: list[Region], growing: Region | None, until: float) -> list[Stretch]:
        """Return what is final and let go of it; see `_parted`."""
        self.has_found = self.has_found or bool(closed) or growing is not None
        final, left = _parted(closed, growing, until)
        pieces = [piece for start, end in final for piece in _split((max(start, 0), end), self._level_db)]
        held_from = int(min(until, len(self._speech))) if left is None else max(left[0], 0)
        while left is not None and left == growing and growing[1] - held_from >= _CUT_CHUNKS:
            pieces.append(_split((held_from, held_from + _CUT_CHUNKS), self._level_db)[0])
            held_from = pieces[-1][1]
        self._cut_start = left[0] - held_from if left is not None and left[0] < held_from else None
        shifted = [(self._held + start, self._held + end) for start, end in pieces]
        after_s = (self._held + (until if left is None else held_from)) * CHUNK_S
        stretches = _padded(shifted, self._samples / SAMPLE_RATE_HZ, self._before_s, after_s)
        if shifted:
            self._before_s = shifted[-1][1] * CHUNK_S
        self._forget(held_from)
        return list(stretches)

    def _forget(self, chunks: int) -> None:
        self._speech, self._level_db = self._speech[chunks:], self._level_db[chunks:]
        self._held += chunks
        self.needed_s = max(0.0, self._held * CHUNK_S - PADDING_S)


class HeldSound:
    """Sound that comes in blocks, held from where it is still needed.

    Args:
        sample_rate_hz: of the blocks.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._parts: list[NDArray[np.float32]] = []
        self._start = 0
        self.end = 0  # in samples

    @property
    def held_samples(self) -> int:
        """How much is held."""
        return self.end - self._start

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next block (N,)."""
        skipped = max(0, self._start - self.end)
        self._parts.append(block[skipped:])
        self.end += len(block)

    def forget(self, start: int) -> None:
        """Let go of all before sample ``start``, also of what is still to come."""
        if start > self._start:
            whole = self._whole()
            self._parts, self._start = [whole[start - self._start :].copy()], start

    def cut(self, start_s: float, end_s: float) -> Window:
        """Return the sound of a stretch, as far as it is there."""
        start, end = round(start_s * self._rate_hz), round(end_s * self._rate_hz)
        assert start >= self._start, "sound that was let go"
        samples = self._whole()[start - self._start : end - self._start]
        return Window(start / self._rate_hz, (start + len(samples)) / self._rate_hz, samples)

    def _whole(self) -> NDArray[np.float32]:
        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.zeros(0, np.float32), *self._parts])]
        return self._parts[0]


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
    held = HeldSound(sample_rate_hz)
    for start_s, end_s in stretches:
        held.forget(round(start_s * sample_rate_hz))
        while held.end < round(end_s * sample_rate_hz) and (block := next(source, None)) is not None:
            held.add(block)
        yield held.cut(start_s, end_s)


def _hysteresis(speech: NDArray[np.float32]) -> list[Region]:
    """Return the runs of chunks (start, end) that stay, and somewhere in them reach, the two probabilities."""
    staying = np.concatenate([[0], speech >= STAYING_PROBABILITY, [0]])
    edges = np.flatnonzero(np.diff(staying))
    reached = np.concatenate([[0], np.cumsum(speech >= SPEECH_PROBABILITY)])
    return [
        (int(start), int(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if reached[end] > reached[start]
    ]


def _is_enough(speech: NDArray[np.float32]) -> bool:
    return int((speech >= SPEECH_PROBABILITY).sum()) * CHUNK_S >= SPEECH_S


def _bridged(regions: Iterable[Region], shortest_pause: int) -> list[Region]:
    """Return the regions, those with a shorter pause between them made one."""
    merged: list[Region] = []
    for start, end in regions:
        if merged and start - merged[-1][1] < shortest_pause:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _open_start(speech: NDArray[np.float32], runs: Sequence[Region]) -> int:
    """Return where what may still grow starts: the last of ``runs``, or what stays up to the end; else the end."""
    pauses = np.flatnonzero(speech < STAYING_PROBABILITY)
    staying = int(pauses[-1]) + 1 if len(pauses) else 0
    if runs and runs[-1][1] + _chunks(SHORTEST_PAUSE_S) > staying:
        return runs[-1][0]
    return staying


def _joined(regions: Sequence[Region], until: float = math.inf) -> tuple[list[Region], int]:
    """Return the regions, brief ones joined with the nearer neighbour where the two are near and not too long.

    Args:
        regions: in order.
        until: where another one may start.

    Returns:
        The groups of regions, and of how many of them it is decided with what they join: of all but the last at least,
        which has to wait where it is brief and the next one may be near.
    """
    kept = list(regions)
    reach, longest, brief = _chunks(JOINING_PAUSE_S), _chunks(LONGEST_S), _chunks(BRIEF_S)
    index = 0
    while index < len(kept):
        start, end = kept[index]
        if end - start < brief and index + 1 == len(kept) and until - end <= reach:
            break
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
    return kept, index


def _parted(closed: Sequence[Region], growing: Region | None, until: float) -> tuple[list[Region], Region | None]:
    """Return the groups of regions that nothing which may follow can change, and the first region after them, if any.

    Args:
        closed: regions that are over, in order.
        growing: the one after them that goes on, None where there is none.
        until: where another one may start; where ``growing`` does, if there is one.
    """
    if growing is not None and growing[1] - growing[0] >= _CUT_CHUNKS:
        groups, _ = _joined([*closed, growing])  # nothing joins what is so long
        return groups[:-1], growing
    groups, decided = _joined(closed, until)
    following = groups[decided] if decided < len(groups) else growing
    if decided and not _are_apart(groups[decided - 1], following, until):
        decided -= 1
    return groups[:decided], groups[decided] if decided < len(groups) else growing


def _are_apart(group: Region, following: Region | None, until: float) -> bool:
    """Return whether what follows, from ``until`` on where nothing does yet, never joins the group."""
    if following is None:
        return until - group[1] > _chunks(JOINING_PAUSE_S)
    start, end = following
    is_far = start - group[1] > _chunks(JOINING_PAUSE_S) or end - group[0] > _chunks(LONGEST_S)
    return is_far or end - start >= _chunks(BRIEF_S)


def _split(region: Region, level_db: NDArray[np.float32]) -> list[Region]:
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


def _padded(
    pieces: Sequence[Region], duration_s: float, before_s: float = -math.inf, after_s: float = math.inf
) -> tuple[Stretch, ...]:
    """Return the pieces in seconds with what is around them, without overlap and within the recording.

    Args:
        pieces: in order.
        duration_s: of the recording.
        before_s: end of the piece before them.
        after_s: start of the piece after them.
    """
    edges_s = [(start * CHUNK_S, min(end * CHUNK_S, duration_s)) for start, end in pieces]
    ends_s = [before_s, *(end_s for _, end_s in edges_s)]
    starts_s = [*(start_s for start_s, _ in edges_s[1:]), after_s]
    return tuple(
        (
            max(0.0, start_s - min(PADDING_S, (start_s - last_s) / 2)),
            min(duration_s, end_s + min(PADDING_S, (next_s - end_s) / 2)),
        )
        for (start_s, end_s), last_s, next_s in zip(edges_s, ends_s, starts_s, strict=False)
    )
