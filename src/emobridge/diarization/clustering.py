"""Utterances grouped by voice: an approximation, good for two speakers and rough beyond.

An utterance is described by its cepstra and its pitch; `voices.npz` maps these to a space in which what differs between
speakers is wide and what differs between moods of one speaker is narrow (linear discriminants [Fisher 1936]).
`scripts/make_voice_space` made it from CREMA-D and EMO-DB. There the recording's own mean is taken off, and the nearest
groups are joined by their mean cosine distance until as many are left as people speak. How many do, cannot be told
by these features: who asks has to know. `benchmarks/speed/speakers.py` measures it on corpora that it was not made
from.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.diarization.turn import Turn
from emobridge.features.descriptors import describe
from emobridge.features.functionals import statistics, voice_frames
from emobridge.segmentation.utterances import LONGEST_S, Window

SPACE = Path(__file__).with_name("voices.npz")
MOST_GROUPED = 600  # utterances, the longest, that make the groups; the rest join the nearest, so that time is bounded
SMALLEST_SHARE = 0.2  # of an even share of the time, that makes a group a speaker and no outlier
PITCH_ROWS = (0, 1, 4, 5)  # of `statistics`: mean, deviation, lower quartile and median
TOUCHING_S = 1e-6

Vectors = NDArray[np.float64]


def group_by_voice(windows: Iterable[Window], count: int) -> tuple[Turn, ...]:
    """Return the turns of ``count`` speakers, ``speaker 1`` being the first to speak; fewer where less is said.

    Args:
        windows: utterances at 16 kHz, in order of time; those of one speaker that touch become one turn.
        count: how many speak, at least 1.
    """
    stretches, voices = [], []
    for window in windows:
        stretches.append((window.start_s, window.end_s))
        voices.append(voice_features(window.samples))
    if not stretches:
        return ()
    seconds = np.array([end_s - start_s for start_s, end_s in stretches])
    groups = group(in_voice_space(np.array(voices)), seconds, min(count, len(stretches)))
    names = {number: f"speaker {place}" for place, number in enumerate(dict.fromkeys(groups.tolist()), start=1)}
    turns: list[Turn] = []
    for (start_s, end_s), number in zip(stretches, groups.tolist(), strict=True):
        last = turns[-1] if turns else None
        touches = last is not None and start_s - last.end_s <= TOUCHING_S and end_s - last.start_s <= LONGEST_S
        if last is not None and touches and last.speaker == names[number]:
            turns[-1] = Turn(last.start_s, end_s, last.speaker)
        else:
            turns.append(Turn(start_s, end_s, names[number]))
    return tuple(turns)


def voice_features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (42,) of mono ``samples`` (N,) at 16 kHz: what a voice is like, whatever its loudness.

    Cepstra but the first (loudness): their means over voiced frames, their deviations over frames that carry the voice;
    then statistics of the pitch.
    """
    voice = describe(samples)
    active, voiced = voice_frames(voice)
    cepstra = voice.cepstra[:, 1:]
    pitch = statistics(voice.pitch[voiced][:, None])[list(PITCH_ROWS), 0]
    return np.concatenate([cepstra[voiced].mean(axis=0), cepstra[active].std(axis=0), pitch]).astype(np.float32)


def in_voice_space(features: NDArray[np.float32]) -> Vectors:
    """Return `voice_features` (N, 42) in the space that separates speakers, (N, 24)."""
    centre, scale, projection = _space()
    vectors: Vectors = np.clip((features - centre) / scale, -5.0, 5.0) @ projection
    return vectors


@cache
def _space() -> tuple[Vectors, Vectors, Vectors]:
    with np.load(SPACE, allow_pickle=False) as stored:
        return stored["centre"], stored["scale"], stored["projection"]


def group(vectors: Vectors, seconds: Vectors, count: int) -> NDArray[np.int64]:
    """Return (N,) which of ``count`` groups each of ``vectors`` (N, D) belongs to.

    Groups are the ``count`` largest of the least number of groups in which so many hold `SMALLEST_SHARE`; what is in
    none of them joins the nearest.

    Args:
        vectors: what is to be grouped, at least ``count`` of them.
        seconds: (N,) how much each counts.
        count: of groups, at least 1.
    """
    if count == 1:
        return np.zeros(len(vectors), np.int64)
    directions = _unit(vectors - np.average(vectors, axis=0, weights=seconds))
    longest = np.sort(np.argsort(-seconds, kind="stable")[:MOST_GROUPED])
    labels = _cut(_merges(1.0 - directions[longest] @ directions[longest].T), seconds[longest], count)
    sizes = np.bincount(labels, weights=seconds[longest])
    largest = np.argsort(-sizes, kind="stable")[:count]
    centres = np.array([np.average(directions[longest[labels == one]], axis=0) for one in largest])
    nearest: NDArray[np.int64] = (directions @ _unit(centres).T).argmax(axis=1)
    place = {int(one): number for number, one in enumerate(largest)}
    nearest[longest] = [place.get(int(one), int(near)) for one, near in zip(labels, nearest[longest], strict=True)]
    return nearest


def _cut(merges: list[tuple[int, int]], seconds: Vectors, count: int) -> NDArray[np.int64]:
    """Return the labels (N,) at the first number of groups, from ``count`` up, of which so many are large enough."""
    smallest = SMALLEST_SHARE * seconds.sum() / count
    for groups in range(count, len(seconds) + 1):
        labels = _labels(merges[: len(seconds) - groups], len(seconds))
        if (np.bincount(labels, weights=seconds) >= smallest).sum() >= count:
            return labels
    return _labels(merges[: len(seconds) - count], len(seconds))


def _merges(distances: Vectors) -> list[tuple[int, int]]:
    """Return the pairs that are joined one after the other, each into its first, by their mean ``distances`` (N, N)."""
    apart = distances.copy()
    np.fill_diagonal(apart, np.inf)
    sizes = np.ones(len(apart))
    merges = []
    for _ in range(len(apart) - 1):
        one, other = sorted(divmod(int(apart.argmin()), len(apart)))
        joined = (sizes[one] * apart[one] + sizes[other] * apart[other]) / (sizes[one] + sizes[other])
        apart[one], apart[:, one] = joined, joined
        apart[other], apart[:, other], apart[one, one] = np.inf, np.inf, np.inf
        sizes[one] += sizes[other]
        merges.append((one, other))
    return merges


def _labels(merges: list[tuple[int, int]], items: int) -> NDArray[np.int64]:
    """Return (N,) group numbers from 0 after these merges."""
    labels = np.arange(items)
    for one, other in merges:
        labels[labels == other] = one
    return np.unique(labels, return_inverse=True)[1]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)
    return unit
