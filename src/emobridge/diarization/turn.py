"""What a turn is: who speaks, from when to when."""

import math
from dataclasses import dataclass

from emobridge.errors import TranscriptError


@dataclass(frozen=True)
class Turn:
    """A stretch in which one speaker speaks. Turns of several speakers may overlap.

    Attributes:
        start_s, end_s: seconds from the start of the file, end-exclusive.
        speaker: who speaks, None where not known.

    Raises:
        TranscriptError: it starts before the file does, or does not end after it starts.
    """

    start_s: float
    end_s: float
    speaker: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and 0.0 <= self.start_s < self.end_s):
            raise TranscriptError(
                f"a turn from {self.start_s} to {self.end_s} s",
                "a turn starts at 0 s or later and ends after its start",
                "correct its times or leave it out",
            )
