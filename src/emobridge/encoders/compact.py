"""The compact acoustic encoder: functionals of a stretch of voice through a small graph trained here."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import BundleError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.features.speaker_normalization import SpeakerMean
from emobridge.utils.onnx import RESTORE, Graph


class CompactOnnxEncoder:
    """Speech in, one vector out.

    Args:
        graph_path: the graph: ``frames`` (B, T, functionals), ``mask`` (B, T) and ``voice`` (B, dimension), which is
            taken away from ``projected`` (B, T, dimension), to ``vectors`` and ``vector_mask``. Graphs from before
            voices have neither.
        settings: the front end that the graph was trained with.
        dimension: width of a vector.
        fingerprint: digest of the graph and its settings.
        threads: processor threads; None leaves the choice to onnxruntime.
    """

    name = "compact"
    normalizes_speakers = True

    def __init__(
        self,
        graph_path: Path,
        settings: FunctionalsSettings,
        dimension: int,
        fingerprint: str,
        threads: int | None = None,
    ) -> None:
        self.settings = settings
        self.dimension = dimension
        self.sample_rate_hz = settings.sample_rate_hz
        self.fingerprint = fingerprint
        self._graph = Graph(graph_path, ("vectors", "vector_mask"), threads)
        self._projection = Graph(graph_path, ("projected",), threads)

    def encode(self, samples: NDArray[np.float32], speaker_mean: SpeakerMean | None = None) -> NDArray[np.float32]:
        """Return (1, dimension) for mono ``samples`` (N,) in [-1, 1] at ``sample_rate_hz``.

        Args:
            samples: of an utterance.
            speaker_mean: the speaker's mean, which is subtracted; None subtracts nothing.

        Raises:
            BundleError: the graph is damaged, gives vectors of another width, or takes no speaker's mean.
        """
        frames = self.settings.frames(samples)[None]
        feeds = {"frames": frames, "mask": np.ones(frames.shape[:2], dtype=np.bool_)}
        feeds["voice"] = np.zeros((1, self.dimension), np.float32)
        if speaker_mean is not None:
            feeds["voice"] = speaker_mean.update(self._projection.run(feeds)["projected"][0, 0])[None]
        outputs = self._graph.run(feeds)
        vectors: NDArray[np.float32] = outputs["vectors"][0][outputs["vector_mask"][0]]
        if vectors.shape[-1] != self.dimension:
            given = f"graph '{self._graph.path}' gives vectors of width {vectors.shape[-1]}"
            raise BundleError(given, f"config.json says {self.dimension}", RESTORE)
        return vectors
