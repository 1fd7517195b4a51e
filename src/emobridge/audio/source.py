"""A recording opened, a file or samples alike: how long it is, and its sound in blocks, as often as it is asked for."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.decode import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, bad_rate
from emobridge.audio.load import BLOCK_S, probe, read_blocks
from emobridge.errors import AudioError

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A recording opened.

    Attributes:
        name: how a result calls it.
        duration_s: its length in seconds.
        channels: how many it has.
        blocks: (sample rate in Hz, channel from 1 or None for their mean) -> its mono sound (N,) in blocks.
    """

    name: str
    duration_s: float
    channels: int
    blocks: Callable[[int, int | None], Iterator[Samples]]


Recording = str | Path | tuple[NDArray[Any], int] | Source


def open_source(recording: Recording) -> Source:
    """Open a file, or samples (N,) or (N, channels) with their rate in Hz; what is open already stays as it is.

    Raises:
        AudioError: it cannot be read; what is wrong further on in a file comes up as its blocks are read.
        MissingExtraError: the format of the file needs the extra [media].
    """
    if isinstance(recording, Source):
        return recording
    if isinstance(recording, tuple):
        columns, rate_hz = _columns(*recording), recording[1]
        return Source(
            "samples",
            len(columns) / rate_hz,
            columns.shape[1],
            lambda wanted_hz, channel: _resampled(_mono(columns, channel), rate_hz, wanted_hz),
        )
    path = Path(recording)
    info = probe(path)
    return Source(
        file_name(path),
        info.duration_s,
        info.channels,
        lambda wanted_hz, channel: read_blocks(path, sample_rate_hz=wanted_hz, channel=channel),
    )


def file_name(path: str | Path) -> str:
    """Return the path as it was given; bytes that are no UTF-8 are replaced, so that any writer can write it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _columns(samples: NDArray[Any], sample_rate_hz: int) -> NDArray[Any]:
    """Return samples (N,) or (N, channels) as (N, channels) of floats.

    Raises:
        AudioError: no samples, another shape, type or rate, or a number that is not finite.
    """
    values = np.asarray(samples)
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"samples at {sample_rate_hz} Hz")
    if values.ndim not in (1, 2) or values.size == 0:
        given = f"samples of shape {values.shape}"
        raise AudioError(given, "valid: (N,) or (N, channels)", "give at least one sample")
    if values.ndim == 2 and values.shape[1] > values.shape[0]:
        given = f"samples of shape {values.shape}, which would be more channels than samples"
        raise AudioError(given, "valid: (N,) or (N, channels)", "transpose them")
    if np.issubdtype(values.dtype, np.signedinteger):
        values = values / -float(np.iinfo(values.dtype).min)
    if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
        given = f"samples of type {values.dtype}, or not all of them numbers"
        raise AudioError(given, "valid: finite floats in [-1, 1], or signed whole numbers", "convert them first")
    return values[:, None] if values.ndim == 1 else values


def _mono(columns: NDArray[Any], channel: int | None) -> Samples:
    """Return (N,) float32 of (N, channels): one channel, or all mixed down.

    Raises:
        AudioError: there is no such channel.
    """
    if channel is not None and not 1 <= channel <= columns.shape[1]:
        valid = f"the channels are 1 to {columns.shape[1]}"
        raise AudioError(f"channel {channel} of the samples", valid, "name one of these, or none to mix them down")
    mono = columns.mean(axis=1, dtype=np.float64) if channel is None else columns[:, channel - 1]
    return np.ascontiguousarray(mono, dtype=np.float32)


def _resampled(samples: Samples, from_hz: int, to_hz: int) -> Iterator[Samples]:
    if from_hz != to_hz:
        import soxr

        samples = soxr.resample(samples, from_hz, to_hz)
    block_samples = round(BLOCK_S * to_hz)
    for start in range(0, len(samples), block_samples):
        yield samples[start : start + block_samples]
