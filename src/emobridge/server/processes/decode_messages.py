"""What is asked of decoding, within which limits, and what comes of it: the words of all processes of the service."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Limit = Literal["duration", "channels", "size", "time", "memory"]


@dataclass(frozen=True)
class Wanted:
    """What is to be decoded.

    Attributes:
        rates_hz: the sample rates.
        channels: one, counted from 1; None is the mean of all; ``"all"`` is the mean and each of them.
    """

    rates_hz: tuple[int, ...]
    channels: int | Literal["all"] | None = None


@dataclass(frozen=True)
class Limits:
    """What a recording may need to be decoded.

    Attributes:
        memory_bytes: of the process that decodes it.
        max_duration_s, max_channels: of the recording.
        max_pcm_bytes: of its raw sound on disk.
    """

    memory_bytes: int
    max_duration_s: float
    max_channels: int
    max_pcm_bytes: int


@dataclass(frozen=True)
class Decoded:
    """A recording as raw sound, one file of little-endian float32 for each rate and channel; no header to lie.

    Attributes:
        folder: where its files are; see `sound_file`.
        duration_s: length of the recording in seconds.
        channels: how many it has, not how many were decoded.
        warnings: what is odd about it.
    """

    folder: Path
    duration_s: float
    channels: int
    warnings: tuple[str, ...] = ()


def outputs(wanted: Wanted, channels: int) -> list[tuple[int, int | None]]:
    """Return the (rate in Hz, channel) of each file for a recording of so many channels."""
    numbers = [None, *range(1, channels + 1)] if wanted.channels == "all" else [wanted.channels]
    return [(rate_hz, number) for rate_hz in wanted.rates_hz for number in numbers]


def sound_file(folder: Path, rate_hz: int, channel: int | None) -> Path:
    """Return the file of one channel, None being the mean of all, at one rate."""
    return folder / f"{rate_hz}-{channel or 'mean'}.f32"
