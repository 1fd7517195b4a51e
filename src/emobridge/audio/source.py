"""A recording opened, a file or samples alike: how long it is, and its sound in blocks, as often as it is asked for."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.conditioning import Conditioner, Samples, Warn
from emobridge.audio.load import BLOCK_S, probe, read_blocks
from emobridge.audio.refusals import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, bad_rate
from emobridge.errors import AudioError


@dataclass(frozen=True)
class Source:
    """A recording opened.

    Attributes:
        name: how a result calls it.
        duration_s: its length in seconds.
        channels: how many it has.
        blocks: (sample rate in Hz, channel from 1 or None for their mean) -> its mono sound (N,) in blocks.
        warnings: what is odd about it, complete once its blocks were read.
    """

    name: str
    duration_s: float
    channels: int
    blocks: Callable[[int, int | None], Iterator[Samples]]
    warnings: list[str] = field(default_factory=list, compare=False)


Recording = str | os.PathLike[str] | bytes | BinaryIO | tuple[Any, Any] | Mapping[str, Any] | Source
VALID = "valid: a path, an open file or its bytes, (samples, rate in Hz), or a mapping of 'array' and 'sampling_rate'"


def open_source(recording: Recording, track: int | None = None) -> Source:
    """Open a recording; what is open already stays as it is.

    Args:
        recording: a path; a file open for reading, or its bytes; samples (N,) or (N, channels) with their rate in Hz,
            in either order or as a mapping of ``array`` and ``sampling_rate``.
        track: the audio track of a file, counted from 1; None is the first.

    Raises:
        AudioError: it is none of these, or cannot be read; what is wrong further on in a file comes up as its blocks
            are read.
        MissingExtraError: the format of the file needs the extra [media].
    """
    if isinstance(recording, Source):
        return recording
    if isinstance(recording, Mapping):
        recording = _of_mapping(recording)
    if isinstance(recording, tuple) and len(recording) == 2:
        return _of_samples(*recording)
    if hasattr(recording, "read"):
        name, content = getattr(recording, "name", None), recording.read()
        if not isinstance(content, bytes):
            raise AudioError("a file that is open as text", VALID, "open it with mode 'rb'")
        return _of_file(content, name if isinstance(name, str) else "recording", track)
    if isinstance(recording, bytes | bytearray | memoryview):
        return _of_file(bytes(recording), "recording", track)
    if isinstance(recording, str | os.PathLike):
        return _of_file(Path(recording), file_name(recording), track)
    remedy = "give their rate too: (samples, rate)" if hasattr(recording, "__array__") else "give one of these"
    raise AudioError(f"a recording of type {type(recording).__name__}", VALID, remedy)


def _of_mapping(recording: Mapping[str, Any]) -> Any:
    """Return what a mapping holds in the way of data sets: samples with their rate, a file's bytes, or a path."""
    if recording.get("array") is not None:
        return recording["array"], recording.get("sampling_rate")
    held = recording.get("bytes") or recording.get("path")
    if held is None:
        raise AudioError(f"a mapping of {', '.join(map(repr, recording)) or 'nothing'}", VALID, "give one of these")
    return held


def _of_file(file: Path | bytes, name: str, track: int | None) -> Source:
    warnings: list[str] = []
    warn = _once(warnings)
    info = probe(file, track=track, warn=warn)
    return Source(
        name,
        info.duration_s,
        info.channels,
        lambda rate_hz, channel: read_blocks(file, sample_rate_hz=rate_hz, channel=channel, track=track, warn=warn),
        warnings,
    )


def _of_samples(samples: Any, rate_hz: Any) -> Source:
    if isinstance(samples, int | np.integer):  # as scipy and gradio give them
        samples, rate_hz = rate_hz, samples
    try:
        rate = int(rate_hz)
        is_whole = rate == float(rate_hz)
    except (TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        given = " ".join(repr(rate_hz).split())[:40]
        raise AudioError(f"samples at {given} Hz", VALID, "give the rate as a whole number")
    warnings: list[str] = []
    columns = _columns(samples, rate, warnings)
    return Source(
        "samples",
        len(columns) / rate,
        columns.shape[1],
        lambda wanted_hz, channel: _resampled(_mono(columns, rate, channel, _once(warnings)), rate, wanted_hz),
        warnings,
    )


def file_name(path: str | os.PathLike[str]) -> str:
    """Return the path as it was given; bytes that are no UTF-8 are replaced, so that any writer can write it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _once(warnings: list[str]) -> Warn:
    """Return a function that adds what it is told to ``warnings``, unless it stands there."""
    return lambda told: None if told in warnings else warnings.append(told)


def _columns(samples: Any, sample_rate_hz: int, warnings: list[str]) -> NDArray[Any]:
    """Return samples (N,) or (N, channels) as (N, channels) of floats.

    Full scale of whole numbers is that of 8 or 16 bits where their type has so many, else that of the least of 16, 24
    and 32 bits that holds all of them: wider types often hold samples of fewer bits.

    Raises:
        AudioError: no samples, another shape, type or rate, or a number that is not finite.
    """
    try:
        values = np.asarray(samples)
    except (TypeError, ValueError, OverflowError) as error:
        raise AudioError("samples that are no array of numbers", VALID, "give numbers in equal rows") from error
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"samples at {sample_rate_hz} Hz")
    if values.ndim not in (1, 2) or values.size == 0:
        given = f"samples of shape {values.shape}"
        raise AudioError(given, "valid: (N,) or (N, channels)", "give at least one sample")
    if values.ndim == 2 and values.shape[1] > values.shape[0]:
        given = f"samples of shape {values.shape}, which would be more channels than samples"
        raise AudioError(given, "valid: (N,) or (N, channels)", "transpose them")
    if np.issubdtype(values.dtype, np.signedinteger):
        values = values / _full_scale(values, warnings)
    if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
        given = f"samples of type {values.dtype}, or not all of them numbers"
        raise AudioError(given, "valid: finite floats in [-1, 1], or signed whole numbers", "convert them first")
    return values[:, None] if values.ndim == 1 else values


def _full_scale(values: NDArray[Any], warnings: list[str]) -> float:
    """Return what is 1.0 in whole numbers; see `_columns`."""
    own_bits = 8 * values.dtype.itemsize
    if own_bits <= 16:
        return float(2 ** (own_bits - 1))
    largest = max(int(values.max()), -1 - int(values.min()))
    bits = next((bits for bits in (16, 24, 32) if largest < 2 ** (bits - 1)), None)
    if bits is None:
        raise AudioError(f"samples up to {largest}", "valid: whole numbers of 32 bits at most", "scale them to [-1, 1]")
    if bits < own_bits:
        warnings.append(f"samples of type {values.dtype} were taken to be of {bits} bits, which hold all of them")
    return float(2 ** (bits - 1))


def _mono(columns: NDArray[Any], rate_hz: int, channel: int | None, warn: Warn) -> Samples:
    """Return (N,) float32 of (N, channels): one channel, or all mixed down.

    Raises:
        AudioError: there is no such channel.
    """
    if channel is not None and not 1 <= channel <= columns.shape[1]:
        valid = f"the channels are 1 to {columns.shape[1]}"
        raise AudioError(f"channel {channel} of the samples", valid, "name one of these, or none to mix them down")
    return Conditioner(rate_hz, channel, warn).add(columns, is_last=True)


def _resampled(samples: Samples, from_hz: int, to_hz: int) -> Iterator[Samples]:
    if from_hz != to_hz:
        import soxr

        samples = soxr.resample(samples, from_hz, to_hz)
    block_samples = round(BLOCK_S * to_hz)
    for start in range(0, len(samples), block_samples):
        yield samples[start : start + block_samples]
