"""Where speech is: a small recurrent network gives the probability of speech for every 32 ms of sound.

The packaged graph is Silero's detector; `scripts/make_speech_graph` made it, and a test holds it to the package whose
weights it has.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.utils.onnx import Graph

GRAPH = Path(__file__).with_name("speech.onnx")
SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = 512
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
STATE_SHAPE = (2, 1, 1, 128)
LEVEL = 0.07  # root mean square that sound is brought to: the detector alone misses quiet speech
STEP_CHUNKS = 32  # taken at once; of a stream, at one gain: about a second, the latency of a live recording
LEVEL_STEPS = 10  # a stream's gain follows the level of so many steps: pauses do not raise it, a new voice does
SILENT_DB = -120.0  # the level of digital silence, which has none

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class SpeechTrack:
    """A recording in chunks of `CHUNK_S`, the last one filled with silence.

    Attributes:
        speech: (T,) float32 in [0, 1], how likely somebody speaks.
        level_db: (T,) float32, root mean square in dB of full scale, at least `SILENT_DB`.
        samples: length of the sound.
    """

    speech: NDArray[np.float32]
    level_db: NDArray[np.float32]
    samples: int

    @property
    def duration_s(self) -> float:
        """Length of the sound in seconds."""
        return self.samples / SAMPLE_RATE_HZ

    def __len__(self) -> int:
        return len(self.speech)


class SpeechDetector:
    """Sound in, probabilities of speech out. The graph loads at first use."""

    def __init__(self) -> None:
        # One step follows the other in a recurrent network: more threads would only wait for each other.
        self._graph = Graph(GRAPH, ("speech", "state_after"), threads=1)

    def steps(self, samples: Samples, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
        """Yield probabilities (T,) in [0, 1], one for each `CHUNK_S` of mono ``samples`` (N,), `STEP_CHUNKS` at a time.

        The last chunk is filled with silence. Loudness has no influence; nothing is remembered from one call to the
        next; what nobody asks for is not computed.

        Raises:
            BundleError: the packaged graph is damaged.
        """
        if sample_rate_hz != SAMPLE_RATE_HZ:
            import soxr

            samples = soxr.resample(samples, sample_rate_hz, SAMPLE_RATE_HZ)
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
        chunks, state = _chunks(samples), np.zeros(STATE_SHAPE, np.float32)
        for start in range(0, len(chunks), STEP_CHUNKS):
            step = chunks[start : start + STEP_CHUNKS]
            if level == 0.0:
                yield np.zeros(len(step), np.float32)
            else:
                speech, state = self.step(step * np.float32(LEVEL / level), state)
                yield speech

    def step(
        self, chunks: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the probabilities (T,) of ``chunks`` (T, `CHUNK_SAMPLES`) and the state after them.

        Args:
            chunks: consecutive, at the level of `LEVEL`.
            state: of `STATE_SHAPE`, what is remembered of the chunks before; zeros at a start.
        """
        outputs = self._graph.run({"chunks": chunks, "state": state})
        return outputs["speech"], outputs["state_after"]

    def track(self, blocks: Iterable[Samples]) -> SpeechTrack:
        """Return the track of a recording, given as mono blocks (N,) at 16 kHz; where they are cut has no influence.

        A block at a time is held, and eight bytes for each chunk. The gain follows the sound, so that its loudness has
        no influence, and a faint voice is found after a loud one.
        """
        stream = SpeechStream(self)
        parts = [stream.add(block) for block in blocks]
        parts.append(stream.end())
        return SpeechTrack(
            np.concatenate([part.speech for part in parts]),
            np.concatenate([part.level_db for part in parts]),
            sum(part.samples for part in parts),
        )


class SpeechStream:
    """A track that grows with the sound: `add` as it comes, `end` once. What is held is bounded."""

    def __init__(self, detector: SpeechDetector) -> None:
        self._detector = detector
        self._state = np.zeros(STATE_SHAPE, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._powers: list[tuple[float, int]] = []

    def add(self, samples: Samples) -> SpeechTrack:
        """Return the track of what is settled with mono ``samples`` (N,) at 16 kHz: whole steps alone."""
        whole = np.concatenate([self._rest, samples])
        step_samples = STEP_CHUNKS * CHUNK_SAMPLES
        settled = len(whole) // step_samples * step_samples
        self._rest = whole[settled:]
        return self._tracked(whole[:settled], step_samples)

    def end(self) -> SpeechTrack:
        """Return the track of what is left."""
        rest, self._rest = self._rest, self._rest[:0]
        return self._tracked(rest, max(1, len(rest)))

    def _tracked(self, samples: Samples, step_samples: int) -> SpeechTrack:
        chunks = _chunks(samples)
        if not len(chunks):
            return SpeechTrack(np.zeros(0, np.float32), np.zeros(0, np.float32), 0)
        powers = np.square(chunks, dtype=np.float64).mean(axis=1)
        level_db = np.maximum(10 * np.log10(np.maximum(powers, 1e-30)), SILENT_DB).astype(np.float32)
        gains = [self._gain(samples[start : start + step_samples]) for start in range(0, len(samples), step_samples)]
        leveled = chunks * np.repeat(np.array(gains, np.float32), STEP_CHUNKS)[: len(chunks), None]
        speech, self._state = self._detector.step(leveled, self._state)
        return SpeechTrack(speech, level_db, len(samples))

    def _gain(self, step: Samples) -> float:
        self._powers = [*self._powers[1 - LEVEL_STEPS :], (float(np.square(step, dtype=np.float64).sum()), len(step))]
        power = sum(power for power, _ in self._powers) / sum(samples for _, samples in self._powers)
        return LEVEL / math.sqrt(power) if power > 0 else 0.0


def _chunks(samples: Samples) -> NDArray[np.float32]:
    """Return ``samples`` (N,) as (T, `CHUNK_SAMPLES`), the last chunk filled with silence."""
    return np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES)).reshape(-1, CHUNK_SAMPLES)
