"""One speaker a channel: crosstalk from the others, known by its level, is left out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emobridge.segmentation.quality import SPEECH_PROBABILITY
from emobridge.segmentation.speech_detector import CHUNK_S, SpeechTrack

BY_CHANNEL = "channels"  # asks for one speaker a channel
CROSSTALK_DB = 12.0  # fainter than another channel in which somebody speaks: two who speak at once are closer in level
ECHO_S = 0.25  # crosstalk may come so much later, or seem to come earlier
COPY_DB = 0.5  # channels whose levels never differ by more hold the same sound


def without_crosstalk(tracks: Sequence[SpeechTrack]) -> tuple[SpeechTrack, ...]:
    """Return the tracks of channels, without speech where another channel's speech is louder by `CROSSTALK_DB`.

    Args:
        tracks: one a channel, of the same length.
    """
    loudest = [_spread(np.where(track.speech >= SPEECH_PROBABILITY, track.level_db, -np.inf)) for track in tracks]
    own = []
    for index, track in enumerate(tracks):
        others = [level for other, level in enumerate(loudest) if other != index]
        louder = np.max([np.full(len(track), -np.inf), *others], axis=0) >= track.level_db + CROSSTALK_DB
        own.append(replace(track, speech=np.where(louder, np.float32(0), track.speech)))
    return tuple(own)


def are_copies(tracks: Sequence[SpeechTrack]) -> bool:
    """Return whether all tracks hold the same sound, so that channels separate no speakers."""
    levels = np.array([track.level_db for track in tracks])
    return bool((levels.max(axis=0) - levels.min(axis=0) <= COPY_DB).all())


def _spread(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the maximum of ``values`` (T,) over `ECHO_S` on either side."""
    reach = round(ECHO_S / CHUNK_S)
    padded = np.pad(values, reach, constant_values=-np.inf)
    spread: NDArray[np.floating] = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return spread
