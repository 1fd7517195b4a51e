"""The vectors of a recording's segments, from the encoders and from the fusion network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.inference.segments import Vectors
from emobridge.results import Result, Segment

KINDS = ("acoustic", "linguistic", "fused")


@dataclass(frozen=True)
class Embeddings:
    """The vectors of a recording, a row a segment. A row without the modality is NaN; D is 0 where no segment has it.

    Where a segment was predicted from several windows, its vectors are means of theirs, as its probabilities are.

    Attributes:
        file: the recording's name as it was given.
        segments: (S) as `Predictor.predict` returns them.
        acoustic: (S, D_a) float32: the mean over time of what the acoustic encoder gives; 512 numbers with the model
            that comes with emobridge.
        linguistic: (S, D_l) float32: the mean over word pieces of what the linguistic encoder gives; 384 numbers.
        fused: (S, D_f) float32: what the heads for categories and dimensions read, from all modalities that a segment
            rests on; the vectors of an ensemble's members one after the other, 2 x 128 numbers.
    """

    file: str
    segments: tuple[Segment, ...]
    acoustic: NDArray[np.float32]
    linguistic: NDArray[np.float32]
    fused: NDArray[np.float32]

    @classmethod
    def of(cls, result: Result, vectors: Sequence[Vectors]) -> "Embeddings":
        """Return the vectors of a result's segments, in their order."""
        acoustic, linguistic, fused = (_rows(column) for column in zip(*vectors, strict=True))
        return cls(result.file, result.segments, acoustic, linguistic, fused)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a row a segment, with a list a vector: file, start_s, end_s, speaker, text, category and `KINDS`."""
        return [
            {
                "file": self.file,
                **{name: getattr(segment, name) for name in ("start_s", "end_s", "speaker", "text", "category")},
                **{kind: _plain(getattr(self, kind)[index]) for kind in KINDS},
            }
            for index, segment in enumerate(self.segments)
        ]


def _rows(vectors: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Return vectors (D,) as (S, D); NaN where one is None."""
    width = max((len(vector) for vector in vectors if vector is not None), default=0)
    absent = np.full(width, np.nan, np.float32)
    return np.stack([absent if vector is None else vector for vector in vectors])


def _plain(vector: NDArray[np.float32]) -> list[float] | None:
    return None if np.isnan(vector).all() else vector.tolist()
