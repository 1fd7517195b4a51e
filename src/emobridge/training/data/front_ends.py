"""Sound to the vectors that training starts from, each clip once: functionals, or what a frozen encoder gives.

Clips are encoded in the order of their length, so that those that go through an encoder together are alike; what is
done is in the cache at once, so that a pass that was killed goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import load_audio, probe
from emobridge.errors import AudioError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.utils.cache import ArrayCache
from emobridge.utils.progress import ProgressCallback, no_report

LARGEST_HALF = float(np.finfo(np.float16).max)


class FrontEnd(Protocol):
    """What turns clips into the vectors that are kept of them."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def dimension(self) -> int:
        """Size of a vector."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Of the sound that it takes."""
        ...

    @property
    def batch_s(self) -> float:
        """How much sound is best encoded at once; 0: clip by clip."""
        ...

    @property
    def cache_name(self) -> str:
        """Name of the cache's folder: another one for whatever gives other vectors."""
        ...

    def vector_count(self, duration_s: float) -> int:
        """Return how many vectors a clip of ``duration_s`` gives."""
        ...

    def encode_batch(self, sounds: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return (T, dimension) for each of ``sounds`` (N,); what is beside a clip in a batch has no influence."""
        ...


@dataclass(frozen=True)
class FunctionalsFrontEnd:
    """The front end of `compact`: one vector of functionals a clip."""

    settings: FunctionalsSettings = field(default_factory=FunctionalsSettings)
    name: str = "functionals"
    batch_s: float = 0.0

    @property
    def dimension(self) -> int:
        """Number of functionals."""
        return self.settings.width

    @property
    def sample_rate_hz(self) -> int:
        """Of the sound that is described."""
        return self.settings.sample_rate_hz

    @property
    def cache_name(self) -> str:
        """Name of the cache's folder, by the settings."""
        settings = json.dumps(self.settings.to_dict(), sort_keys=True).encode()
        return f"functionals-{hashlib.sha256(settings).hexdigest()[:16]}"

    def vector_count(self, duration_s: float) -> int:
        """Return 1, however long the clip is."""
        return 1

    def encode_batch(self, sounds: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return (1, dimension) for each of ``sounds`` (N,)."""
        return [self.settings.frames(sound) for sound in sounds]


ClipEncoder = Callable[[FrontEnd, ArrayCache, Mapping[str, Path], ProgressCallback], None]


def encode_clips(
    front_end: FrontEnd, cache: ArrayCache, clips: Mapping[str, Path], report: ProgressCallback = no_report
) -> None:
    """Put the vectors of every clip that is not in the cache yet into it.

    Args:
        front_end: gives the vectors.
        cache: of its ``dimension``.
        clips: key -> recording.
        report: called before anything is written, with how much that will be, and then with the clips done.

    Raises:
        AudioError: a recording cannot be read, or its vectors are not finite.
        OutputError: the disk has no room for the vectors.
    """
    durations_s, what = missing_clips(front_end, cache, clips, report)
    done = 0
    for keys in batches(durations_s, front_end.batch_s):
        encode_together(front_end, cache, {key: clips[key] for key in keys})
        done += len(keys)
        report(what, done, len(durations_s))


def missing_clips(
    front_end: FrontEnd, cache: ArrayCache, clips: Mapping[str, Path], report: ProgressCallback
) -> tuple[dict[str, float], str]:
    """Return key -> length in seconds of the clips to encode, and what that is in words, which has been reported.

    Raises:
        AudioError: a recording cannot be read.
        OutputError: the disk has no room for the vectors.
    """
    durations_s = {key: probe(path).duration_s for key, path in clips.items() if key not in cache}
    if not durations_s:
        return {}, ""
    size = cache.make_room(sum(front_end.vector_count(duration_s) for duration_s in durations_s.values()))
    what = announcement(len(durations_s), "clips", front_end.name, size)
    report(what, 0, len(durations_s))
    return durations_s, what


def encode_together(front_end: FrontEnd, cache: ArrayCache, clips: Mapping[str, Path]) -> None:
    """Put the vectors of clips that are encoded at once into the cache.

    Raises:
        AudioError: a recording cannot be read, or its vectors are not finite.
    """
    sounds = [load_audio(path, sample_rate_hz=front_end.sample_rate_hz) for path in clips.values()]
    for key, vectors in zip(clips, front_end.encode_batch(sounds), strict=True):
        if not np.isfinite(vectors).all():
            given = f"'{clips[key]}' through {front_end.name} gives numbers that are not finite"
            raise AudioError(given, "every vector is finite", "take the recording out of the corpus")
        cache.add(key, vectors.clip(-LARGEST_HALF, LARGEST_HALF))


def announcement(count: int, things: str, name: str, size_bytes: int) -> str:
    """Return in words what an encoder is about to do and how much it will write."""
    return f"{name}: {count:,} {things} to encode, {readable_size(size_bytes)}"


def readable_size(size_bytes: int) -> str:
    """Return a number of bytes as people read it, with three digits: ``2.55 GB``."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min((len(str(max(size_bytes, 1))) - 1) // 3, len(units) - 1)
    return f"{size_bytes / 1000**power:.3g} {units[power]}"


def batches(durations_s: Mapping[str, float], batch_s: float) -> Iterator[list[str]]:
    """Yield keys by falling length, as many at once as fill ``batch_s`` when all are as long as the longest."""
    ordered = sorted(durations_s, key=lambda key: (-durations_s[key], key))
    while ordered:
        # The longest come first: what takes too much memory fails at once and not at the end.
        count = max(1, int(batch_s / durations_s[ordered[0]]))
        yield ordered[:count]
        ordered = ordered[count:]
