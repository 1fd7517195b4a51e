"""Raw sound on disk as a recording that the library takes."""

import os
import stat
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import BLOCK_S
from emobridge.audio.source import Source, file_name
from emobridge.errors import AudioError
from emobridge.server.processes.decode_messages import Decoded, sound_file

Samples = NDArray[np.float32]


def open_decoded(decoded: Decoded, name: str) -> Source:
    """Return the recording, to be called ``name``. What was not decoded cannot be asked for."""
    return Source(
        file_name(name),
        decoded.duration_s,
        decoded.channels,
        lambda rate_hz, channel: _blocks(decoded, rate_hz, channel, name),
        list(decoded.warnings),
    )


def _blocks(decoded: Decoded, rate_hz: int, channel: int | None, name: str) -> Iterator[Samples]:
    # Whoever wrote the folder may have been taken over: no link is followed, no pipe waited for.
    opened = os.open(sound_file(decoded.folder, rate_hz, channel), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise AudioError(f"'{name}' was not decoded to sound", remedy="send it again")
        count = round(BLOCK_S * rate_hz)
        while len(block := np.fromfile(file, "<f4", count)):
            yield block.astype(np.float32, copy=False)
