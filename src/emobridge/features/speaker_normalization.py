"""Speaker normalization: the mean of a speaker's utterances so far, subtracted from the next one.

The voice, the room and the microphone stay the same from utterance to utterance, and moods
change; so the mean is taken away, the more of it the more utterances it is of. Who is in one mood from beginning to end
has that mood for a mean, and it is taken away with the rest: nobody is normalized unless it is asked for.
"""

import numpy as np
from numpy.typing import NDArray

FAMILIAR = 4.0  # utterances after which half of the mean is taken away; more of them than a mood is likely to last


class Voice:
    """The running mean of one speaker; the first utterance stays as it is."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: NDArray[np.float64] | float = 0.0

    def meet(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is to be taken away from an utterance, which is one of the speaker's from now on.

        Args:
            projected: (D,) what the encoder makes of it before anything but sums has been taken.

        Returns:
            (n - 1) / (n - 1 + `FAMILIAR`) of the mean of all n so far.
        """
        before = self._count
        self._count += 1
        self._sum = self._sum + projected.astype(np.float64)
        offset: NDArray[np.float64] = before / (before + FAMILIAR) * self._sum / self._count
        return offset.astype(np.float32)
