"""Speaker normalization: the mean of a speaker's utterances so far, subtracted from the next one.

The voice, the room and the microphone stay the same from utterance to utterance, and moods change. So the mean is
subtracted, the more of it the more utterances it is of. A speaker who stays in one mood has that mood for a mean, and
loses it too: nobody is normalized unless it is asked for.
"""

import numpy as np
from numpy.typing import NDArray

FAMILIAR = 4.0  # utterances after which half of the mean is subtracted; more of them than a mood is likely to last


class SpeakerMean:
    """The running mean of one speaker; the first utterance stays as it is."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: NDArray[np.float64] | float = 0.0

    def update(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the offset to subtract from an utterance, which counts for the speaker's mean from now on.

        Args:
            projected: (D,) the utterance's projection by the encoder, which is linear.

        Returns:
            (n - 1) / (n - 1 + `FAMILIAR`) of the mean of all n so far.
        """
        before = self._count
        self._count += 1
        self._sum = self._sum + projected.astype(np.float64)
        offset: NDArray[np.float64] = before / (before + FAMILIAR) * self._sum / self._count
        return offset.astype(np.float32)
