"""What a page needs of the recording itself: the outline of its waveform, and its bytes where they are few enough."""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import SAMPLE_RATE_HZ, read_blocks
from emobridge.errors import AudioError, MissingExtraError
from emobridge.results import Result

PEAKS = 4000  # of a waveform at most: more than a screen has columns, fewer than a page would feel
PEAKS_PER_S = 50
BLOCK_S = 30.0
SAME_LENGTH_S = 0.5  # a file that differs by more is another recording
# What browsers play; anything else is shown but not embedded.
PLAYABLE = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
}


@dataclass(frozen=True)
class Sound:
    """A recording's outline.

    Attributes:
        low, high: (N,) least and greatest sample of each of N equal stretches, full scale [-1, 1]; empty where the
            recording could not be read.
        missing: why there is no outline, None where there is one.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: str | None = None


_NOTHING = np.zeros(0, dtype=np.float32)
NO_SOUND = Sound(_NOTHING, _NOTHING, "the recording was not there when this page was written")


def outline(result: Result) -> Sound:
    """Return the waveform's outline, read in blocks from the file that the result names."""
    path = Path(result.file)
    if not path.is_file():
        return NO_SOUND
    try:
        low, high, read_s = _extremes(path, result.duration_s)
    except (AudioError, MissingExtraError) as error:
        return Sound(_NOTHING, _NOTHING, str(error))
    if abs(read_s - result.duration_s) > SAME_LENGTH_S:
        reason = f"the file of this name is {read_s:.1f} s long, and the recording was {result.duration_s:.1f} s"
        return Sound(_NOTHING, _NOTHING, reason)
    return Sound(low, high)


def _extremes(path: Path, duration_s: float) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    stretches = max(1, min(PEAKS, round(duration_s * PEAKS_PER_S)))
    stretch_samples = max(1, -(-round(duration_s * SAMPLE_RATE_HZ) // stretches))
    block_samples = stretch_samples * max(1, round(BLOCK_S * SAMPLE_RATE_HZ) // stretch_samples)
    low, high = [], []
    read_samples = 0
    for block in read_blocks(path, block_s=block_samples / SAMPLE_RATE_HZ):
        starts = np.arange(0, len(block), stretch_samples)
        low.append(np.minimum.reduceat(block, starts))
        high.append(np.maximum.reduceat(block, starts))
        read_samples += len(block)
    return np.concatenate(low), np.concatenate(high), read_samples / SAMPLE_RATE_HZ


def embedded_bytes(result: Result) -> int | None:
    """Return how much the recording adds to a page in bytes, None where browsers do not play its format."""
    path = Path(result.file)
    if path.suffix.lower() not in PLAYABLE:
        return None
    return -(-path.stat().st_size // 3) * 4


def data_uri(result: Result) -> str:
    """Return the recording's bytes as a ``data:`` address; its format must be one that browsers play."""
    path = Path(result.file)
    return f"data:{PLAYABLE[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"
