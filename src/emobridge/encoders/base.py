"""What an encoder is: one modality of one utterance in, a sequence of vectors out. Needs no torch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emobridge.features.speaker_normalization import SpeakerMean


@dataclass(frozen=True)
class TokenVectors:
    """A text as a sequence of token vectors.

    Attributes:
        vectors: (T_l, D) float32, special tokens left out.
        spans: for each token, its (start, end) character offsets in the text that was encoded.
        truncated: True where the text was longer than the encoder takes and its end was left out.
    """

    vectors: NDArray[np.float32]
    spans: tuple[tuple[int, int], ...]
    truncated: bool = False


class AcousticEncoder(Protocol):
    """Speech in, one vector a frame out; ``normalizes_speakers`` is whether it can subtract a speaker's mean."""

    name: str
    normalizes_speakers: bool
    dimension: int
    sample_rate_hz: int
    fingerprint: str

    def encode(self, samples: NDArray[np.float32], speaker_mean: SpeakerMean | None = None) -> NDArray[np.float32]:
        """Return (T_a, dimension) for mono ``samples`` (N,) in [-1, 1] at ``sample_rate_hz``; T_a >= 1 for N >= 1.

        Args:
            samples: of an utterance.
            speaker_mean: subtracted where the encoder ``normalizes_speakers``; None subtracts nothing.
        """
        ...


class LinguisticEncoder(Protocol):
    """Text in, one vector a token out; ``languages`` are the codes of those that it reads."""

    name: str
    languages: tuple[str, ...]
    dimension: int
    fingerprint: str

    def encode(self, text: str) -> TokenVectors:
        """Return the token vectors of ``text``; a text without any token gives none, shape (0, dimension)."""
        ...
