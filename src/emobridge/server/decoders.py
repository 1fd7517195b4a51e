"""Strangers' files made raw sound by processes with limits on memory, time and what they write."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emobridge.errors import EmobridgeError

Limit = Literal["duration", "channels", "size", "time", "memory"]


class LimitError(EmobridgeError):
    """A recording that needs more than the service gives it.

    Attributes:
        limit: which of its limits.
    """

    def __init__(self, limit: Limit, given: str, valid: str = "", remedy: str = "") -> None:
        super().__init__(given, valid, remedy)
        self.limit = limit


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
class Decoded:
    """A recording as raw sound, one file of little-endian float32 for each rate and channel; see `pcm`.

    Attributes:
        folder: where the files are.
        duration_s: length of the recording in seconds.
        channels: how many it has.
    """

    folder: Path
    duration_s: float
    channels: int


class Decoders:
    """Processes that decode, each one file at a time.

    Args:
        count: how many.
        memory_bytes: that a process may have.
        time_limit_s: that a file may take.
        max_duration_s: of a recording.
        max_channels: of a recording.
        max_pcm_bytes: that the raw sound of a recording may take on disk.
    """

    def __init__(
        self,
        count: int,
        memory_bytes: int,
        time_limit_s: float,
        max_duration_s: float,
        max_channels: int,
        max_pcm_bytes: int,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Start the processes."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End the processes; what they have in hand is lost."""
        raise NotImplementedError

    async def decode(self, upload: Path, into: Path, wanted: Wanted, name: str) -> Decoded:
        """Decode ``upload`` into the folder ``into``, which must be there; whoever made it deletes it. Cancelling kills the process.

        Args:
            upload: the file, whatever it holds.
            into: an empty folder.
            wanted: what is to be decoded.
            name: what the recording is called in errors.

        Raises:
            AudioError: it cannot be read.
            MissingExtraError: its format needs an extra.
            LimitError: it is longer, has more channels, or takes more time, memory or disk than it may.
        """
        raise NotImplementedError
