"""A recording as mono samples: any format, any length, read in blocks.

A file is read once, a block at a time: memory is bounded by the block, never by the recording.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from emobridge.audio.conditioning import Conditioner, Samples, Warn
from emobridge.audio.containers import OpenRecording
from emobridge.audio.decode import open_recording
from emobridge.audio.refusals import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, bad_rate, no_samples, quoted
from emobridge.errors import AudioError

logger = logging.getLogger(__name__)

SAMPLE_RATE_HZ = 16_000
BLOCK_S = 30.0


@dataclass(frozen=True)
class AudioInfo:
    """What a recording is, before it is read.

    Attributes:
        duration_s: length in seconds; from the header, or counted where the header does not hold it.
        sample_rate_hz: of the file, 4 000 to 192 000.
        channels: at least 1.
        format: container and coding in the decoder's words, such as ``WAV/PCM_16``.
    """

    duration_s: float
    sample_rate_hz: int
    channels: int
    format: str


def probe(path: str | Path | bytes, *, track: int | None = None, warn: Warn | None = None) -> AudioInfo:
    """Return what a recording is; what its header can show to be wrong is found here. Arguments: see `read_blocks`.

    Raises:
        AudioError: there is no such file, it is no recording, or its header is absurd or promises more than is there.
        MissingExtraError: the format needs the extra [media].
    """
    path = path if isinstance(path, bytes) else Path(path)
    with open_recording(path, warn or _log(path), track) as source:
        duration_s = source.duration_s
        if duration_s is None:
            duration_s = sum(len(chunk) for chunk in source.chunks) / source.sample_rate_hz
        if duration_s == 0:
            raise no_samples(path)
        return AudioInfo(duration_s, source.sample_rate_hz, source.channels, source.format)


def read_blocks(
    path: str | Path | bytes,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    channel: int | None = None,
    block_s: float = BLOCK_S,
    track: int | None = None,
    warn: Warn | None = None,
) -> Iterator[Samples]:
    """Yield the recording at ``path`` as mono blocks (N,) float32; joined, they equal the file resampled in one go.

    Nothing is opened before the first block is asked for, and errors come up as the file is read.
    Full scale is [-1, 1]; float files that go beyond it are left as they are. A constant offset and infrasound are
    removed, see `conditioning`.

    Args:
        path: the recording, or the bytes of its file.
        sample_rate_hz: of the blocks, 4 000 to 192 000.
        channel: which channel to read, counted from 1; None mixes all of them down to their mean.
        block_s: length of every block but the last, in seconds, more than 0.
        track: which audio track to read, counted from 1; None is the first.
        warn: called with what is odd about the recording; None logs it.

    Raises:
        AudioError: as `probe`; also for no such channel or track, for samples that are not finite numbers, for a
            recording that ends before the length that it declares, and for one without samples.
        MissingExtraError: the format needs the extra [media].
    """
    path = path if isinstance(path, bytes) else Path(path)
    warn = warn or _log(path)
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"a target rate of {sample_rate_hz} Hz")
    if not block_s > 0:
        raise AudioError(f"blocks of {block_s} s", "a block is longer than 0 s", "ask for 30 s")
    with open_recording(path, warn, track) as source:
        mono = _mono(path, source, channel, warn)
        resampled = _resampled(mono, source.sample_rate_hz, sample_rate_hz)
        empty = True
        for block in _in_blocks(resampled, max(1, round(block_s * sample_rate_hz))):
            empty = False
            yield block
        if empty:
            raise no_samples(path)


def load_audio(path: str | Path, *, sample_rate_hz: int = SAMPLE_RATE_HZ, channel: int | None = None) -> Samples:
    """Return the whole recording as mono samples (N,) float32; arguments and errors are those of `read_blocks`."""
    return np.concatenate(list(read_blocks(path, sample_rate_hz=sample_rate_hz, channel=channel)))


def _log(path: Path | bytes) -> Warn:
    return lambda told: logger.warning("%s: %s", quoted(path), told)


def _mono(path: Path | bytes, source: OpenRecording, channel: int | None, warn: Warn) -> Iterator[Samples]:
    if channel is not None and not 1 <= channel <= source.channels:
        raise AudioError(
            f"channel {channel} of {quoted(path)}",
            f"its channels are 1 to {source.channels}",
            "name one of these, or none to mix them down",
        )
    conditioner = Conditioner(source.sample_rate_hz, channel, warn, quoted(path))
    for chunk in source.chunks:
        yield conditioner.add(chunk)
    yield conditioner.add(np.zeros((0, source.channels), np.float32), is_last=True)


def _resampled(pieces: Iterable[Samples], from_hz: int, to_hz: int) -> Iterator[Samples]:
    if from_hz == to_hz:
        yield from pieces
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _in_blocks(pieces: Iterable[Samples], block_samples: int) -> Iterator[Samples]:
    held: list[Samples] = []
    held_samples = 0
    for piece in pieces:
        held.append(piece)
        held_samples += len(piece)
        if held_samples < block_samples:
            continue
        joined = np.concatenate(held)
        whole_samples = len(joined) - len(joined) % block_samples
        for start in range(0, whole_samples, block_samples):
            yield joined[start : start + block_samples]
        held = [joined[whole_samples:]]
        held_samples = len(held[0])
    if held_samples:
        yield np.concatenate(held)
