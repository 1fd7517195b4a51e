"""The straight line of use: a recording, cut into windows, each heard and read and estimated, becomes a `Result`.

Design: a window knows nothing of its neighbours, so that a long file gives what its windows give alone, and sound is
read in blocks, so that its length costs no memory. A window that holds no speech to judge is judged by its words
alone, and without words not at all: silence, noise and music yield no invented emotion.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.audio import probe, read_blocks
from emobridge.bundle import Bundle
from emobridge.decoding import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, bad_rate
from emobridge.encoders.base import TokenVectors
from emobridge.errors import AudioError
from emobridge.quality import BRIEF_S, FAR_S, UNHEARD, abstention, is_unsure, window_flags
from emobridge.results import Result, Segment
from emobridge.runtime import Estimate, Runtime
from emobridge.segmentation import Window, fixed_windows
from emobridge.speech import SpeechDetector
from emobridge.timeline import summarise, summarise_speakers
from emobridge.transcripts import READERS, Transcript, read_transcript

Recording = str | Path | tuple[NDArray[Any], int]


@dataclass(frozen=True)
class _Source:
    """A recording opened: its name, its length in seconds, its mono sound in blocks at the model's rate."""

    name: str
    duration_s: float
    blocks: Iterable[NDArray[np.float32]]


class Predictor:
    """A model ready to hear and read. Make one with `emobridge.load`.

    Args:
        bundle: the model.
        view: name of one of the bundle's category views, ``four`` for example; None is all categories.
        threads: processor threads; None leaves the choice to onnxruntime.

    Raises:
        LabelError: the bundle has no such view.
    """

    def __init__(self, bundle: Bundle, view: str | None = None, threads: int | None = None) -> None:
        self.bundle = bundle
        self.runtime = Runtime(bundle, threads, view)
        self._detector = SpeechDetector()

    def predict(
        self,
        recording: Recording | None,
        transcript: str | Path | Transcript | None = None,
        channel: int | None = None,
        progress: Callable[[float, float], None] | None = None,
    ) -> Result:
        """Return what is heard and read in a recording, window by window.

        Args:
            recording: a file, or samples (N,) or (N, channels) with their rate in Hz; None judges the transcript
                alone, as one segment from 0 to 0 s.
            transcript: the words: a `str` is the text itself, a `Path` is a file; None where there are none.
            channel: the channel to hear, counted from 1; None mixes them down.
            progress: called after each window with the seconds done and the seconds in all.

        Raises:
            AudioError: the recording cannot be read.
            TranscriptError: the transcript cannot be read.
            BundleError: a file of the model is damaged.
        """
        words = read_transcript(transcript) if isinstance(transcript, Path) else transcript
        words = Transcript.from_text(words) if isinstance(words, str) else words
        warnings = self._doubts(transcript)
        if recording is None:
            if words is None:
                raise AudioError("neither a recording nor a transcript was given", remedy="give one of them, or both")
            name = file_name(transcript) if isinstance(transcript, Path) else "text"
            segments = [self._segment(None, words.words_between(0.0, math.inf, 1.0), warnings)]
            return self._result(name, 0.0, segments, warnings)
        source = self._open(recording, channel)
        segments = []
        windows = fixed_windows(source.blocks, self.bundle.config.sample_rate_hz, self.bundle.config.window_s)
        for window, following in pairwise(chain(windows, [None])):
            assert window is not None
            # A header's length and the last window's end may differ by a rounding: no word may fall between them.
            end_s = window.end_s if following else math.inf
            text = words.words_between(window.start_s, end_s, source.duration_s) if words else ""
            segments.append(self._segment(window, text, warnings))
            if progress is not None:
                progress(window.end_s, source.duration_s)
        return self._result(source.name, segments[-1].end_s, segments, warnings)

    def _open(self, recording: Recording, channel: int | None) -> _Source:
        rate_hz = self.bundle.config.sample_rate_hz
        if isinstance(recording, tuple):
            samples, given_hz = recording
            sound = _mono(samples, given_hz, channel)
            return _Source("samples", len(sound) / given_hz, _resampled(sound, given_hz, rate_hz))
        path = Path(recording)
        blocks = read_blocks(path, sample_rate_hz=rate_hz, channel=channel)
        return _Source(file_name(path), probe(path).duration_s, blocks)

    def _segment(self, window: Window | None, text: str, warnings: list[str]) -> Segment:
        """Return the segment of a window with the words in it; without a window, of the words alone."""
        start_s, end_s = (window.start_s, window.end_s) if window else (0.0, 0.0)
        flags: tuple[str, ...] = ()
        heard = None
        if window is not None:
            flags = window_flags(window.samples, self.bundle.config.sample_rate_hz, self._detector)
            if self.runtime.acoustic and not set(UNHEARD).intersection(flags):
                heard = self.runtime.acoustic.encode(window.samples)
        read = self._read(text)
        if read is not None and read.truncated:
            warnings.append(f"{start_s:g} to {end_s:g} s: the text is longer than the model reads, its end is unused")
        if heard is None and read is None:
            return Segment(start_s, end_s, flags=flags, abstain=abstention(flags))
        estimate = self.runtime.estimate(heard, read)
        if estimate.out_of_domain and end_s - start_s >= FAR_S:
            flags = (*flags, "out_of_domain")
            # Words that are there need no sound that the model does not know.
            estimate = estimate if read is None else self.runtime.estimate(None, read)
        if self._is_unsure(estimate, end_s - start_s):
            flags = (*flags, "low_confidence")
        probabilities = dict(zip(self.runtime.categories, estimate.probabilities.tolist(), strict=True))
        return Segment(
            start_s,
            end_s,
            text=text if read is not None else None,
            category=max(probabilities, key=probabilities.__getitem__, default=None),
            probabilities=probabilities,
            dimensions=dict(zip(self.runtime.dimensions, estimate.dimensions.tolist(), strict=True)),
            intervals=estimate.intervals,
            categories_90=estimate.categories_90,
            modalities=("acoustic", "linguistic") if estimate.presence == "both" else (estimate.presence,),
            flags=flags,
            abstain=abstention(flags) if read is None else None,
        )

    def _read(self, text: str) -> TokenVectors | None:
        """Return the token vectors of ``text``; None where it has none, or the model reads none."""
        if self.runtime.linguistic is None or not text.strip():
            return None
        read = self.runtime.linguistic.encode(text)
        return read if len(read.vectors) else None

    def _is_unsure(self, estimate: Estimate, duration_s: float) -> bool:
        """Return whether little can be relied on: brief sound alone, or categories that are hardly told apart."""
        if estimate.presence == "acoustic" and duration_s < BRIEF_S:
            return True
        top = estimate.probabilities.max(initial=0.0)
        return len(self.runtime.categories) > 0 and is_unsure(
            float(top), len(estimate.categories_90), len(self.runtime.categories)
        )

    def _doubts(self, transcript: str | Path | Transcript | None) -> list[str]:
        """Return what is odd about the transcript before a word of it is read."""
        doubts = []
        if transcript is not None and self.runtime.linguistic is None:
            doubts.append("the transcript was not used: this model only hears")
        if isinstance(transcript, str) and len(transcript.split()) == 1 and Path(transcript.strip()).suffix in READERS:
            doubts.append(f"'{transcript}' was read as words; to read a file, give a pathlib.Path")
        return doubts

    def _result(self, name: str, duration_s: float, segments: list[Segment], warnings: list[str]) -> Result:
        config = self.bundle.config
        return Result(
            file=name,
            duration_s=duration_s,
            model={"name": config.name, "version": config.version, "sha256": self.bundle.sha256},
            segments=tuple(segments),
            speakers=summarise_speakers(segments),
            summary=summarise(segments),
            warnings=tuple(warnings),
        )


def file_name(path: str | Path) -> str:
    """Return the path as it was given; bytes that are no UTF-8 are replaced, so that any writer can write it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _mono(samples: NDArray[Any], sample_rate_hz: int, channel: int | None) -> NDArray[np.float32]:
    """Return (N,) float32 from samples (N,) or (N, channels): one channel, or all mixed down.

    Raises:
        AudioError: no samples, another shape, type or rate, a number that is not finite, or no such channel.
    """
    values = np.asarray(samples)
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"samples at {sample_rate_hz} Hz")
    if values.ndim not in (1, 2) or values.size == 0:
        given = f"samples of shape {values.shape}"
        raise AudioError(given, "valid: (N,) or (N, channels)", "give at least one sample")
    if values.ndim == 2 and values.shape[1] > values.shape[0]:
        given = f"samples of shape {values.shape}, which would be more channels than samples"
        raise AudioError(given, "valid: (N,) or (N, channels)", "transpose them")
    if np.issubdtype(values.dtype, np.signedinteger):
        values = values / -float(np.iinfo(values.dtype).min)
    if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
        given = f"samples of type {values.dtype}, or not all of them numbers"
        raise AudioError(given, "valid: finite floats in [-1, 1], or signed whole numbers", "convert them first")
    columns = values[:, None] if values.ndim == 1 else values
    if channel is not None and not 1 <= channel <= columns.shape[1]:
        valid = f"the channels are 1 to {columns.shape[1]}"
        raise AudioError(f"channel {channel} of the samples", valid, "name one of these, or none to mix them down")
    mono = columns.mean(axis=1, dtype=np.float64) if channel is None else columns[:, channel - 1]
    return np.ascontiguousarray(mono, dtype=np.float32)


def _resampled(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> Iterator[NDArray[np.float32]]:
    if from_hz != to_hz:
        import soxr

        samples = soxr.resample(samples, from_hz, to_hz)
    yield samples
