"""Where speech is: a small recurrent network says for every 32 ms of sound how likely somebody speaks.

The packaged graph is Silero's detector; `scripts/make_speech_graph` made it, and a test holds it to the package whose
weights it has.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.graphs import Graph

GRAPH = Path(__file__).with_name("speech.onnx")
SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = 512
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
LEVEL = 0.07  # root mean square that sound is brought to: the detector alone would hear less in quiet speech


class SpeechDetector:
    """Sound in, probabilities of speech out. The graph loads at first use."""

    def __init__(self) -> None:
        # One step follows the other in a recurrent network: more threads would only wait for each other.
        self._graph = Graph(GRAPH, ("speech",), threads=1)

    def probabilities(self, samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
        """Return (T,) in [0, 1], one for each `CHUNK_S` of mono ``samples`` (N,), the last one filled with silence.

        Loudness has no influence; nothing is remembered from one call to the next.

        Raises:
            BundleError: the packaged graph is damaged.
        """
        if sample_rate_hz != SAMPLE_RATE_HZ:
            import soxr

            samples = soxr.resample(samples, sample_rate_hz, SAMPLE_RATE_HZ)
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
        if level == 0.0:
            return np.zeros(-(-len(samples) // CHUNK_SAMPLES), np.float32)
        padded = np.pad(samples * np.float32(LEVEL / level), (0, -len(samples) % CHUNK_SAMPLES))
        speech: NDArray[np.float32] = self._graph.run({"chunks": padded.reshape(-1, CHUNK_SAMPLES)})["speech"]
        return speech
