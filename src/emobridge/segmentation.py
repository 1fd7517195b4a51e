"""A recording in pieces that can be judged one by one: fixed windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import AudioError


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


def fixed_windows(blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, window_s: float) -> Iterator[Window]:
    """Yield consecutive windows of ``window_s`` that cover the recording exactly, without overlap.

    A last piece shorter than half a window joins the window before it, so only a recording that is shorter than half a
    window gives a window that is. At most a block and one and a half windows are held at a time.

    Args:
        blocks: the recording, mono blocks (N,) of any lengths; where they are cut has no influence.
        sample_rate_hz: of the blocks.
        window_s: length of a window in seconds, at least one sample.

    Raises:
        AudioError: the window is shorter than a sample.
    """
    window_samples = round(window_s * sample_rate_hz)
    if window_samples < 1:
        raise AudioError(f"a window of {window_s} s", f"a window is at least {1 / sample_rate_hz} s", "ask for more")
    # With half a window beyond it in hand, a window is sure not to be the one that the last piece joins.
    enough_samples = window_samples + (window_samples + 1) // 2
    held: list[NDArray[np.float32]] = []
    held_samples = 0
    start = 0
    for block in blocks:
        held.append(block)
        held_samples += len(block)
        if held_samples < enough_samples:
            continue
        rest = np.concatenate(held)
        while len(rest) >= enough_samples:
            yield _window(start, rest[:window_samples], sample_rate_hz)
            start += window_samples
            rest = rest[window_samples:]
        held = [rest]
        held_samples = len(rest)
    if held_samples:
        yield _window(start, np.concatenate(held), sample_rate_hz)


def _window(start: int, samples: NDArray[np.float32], sample_rate_hz: int) -> Window:
    return Window(start / sample_rate_hz, (start + len(samples)) / sample_rate_hz, samples)
