"""Sound that is still coming: segments as they become final, an estimate of the present, a result at the end.

Design: the same rules in the same order as for a file, each applied as soon as nothing that may follow can change what
it gives, so that a stream that has ended is a recording that was predicted.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.conditioning import Conditioner
from emobridge.audio.refusals import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, bad_rate
from emobridge.errors import AudioError
from emobridge.inference.segments import SegmentPredictor
from emobridge.inference.timeline import LONG_WINDOWS
from emobridge.results import Result, Segment
from emobridge.segmentation.speech_detector import SAMPLE_RATE_HZ, SpeechDetector, SpeechStream
from emobridge.segmentation.utterances import HeldSound, Stretch, UtteranceStream, tiles

Samples = NDArray[np.float32]
UPDATE_EVERY_S = 1.0
STEP_S = 1.0  # of a long push, taken at a time
MAX_SEGMENTS = 10_000  # segments: eight hours of speech and more, in some 20 MB


class Stream:
    """Sound pushed in pieces of any length; where it is cut has no influence. Make one with `Predictor.stream`.

    What it says lags by up to 0.25 s, in which it is measured whether an offset is to be removed.

    Latency: the estimate of the present is of sound that is one second old at most. An utterance is final about 1.7 s
    after its last word: 0.6 s of pause, across which a brief one would still be joined, and up to 1 s in which speech
    detection works. After a shorter pause it is final when what follows has lasted for a second; speech without a pause
    is cut as it goes on, 14 s from its start at the latest. A stream as short as a clip (one and a half of the model's
    windows) is one segment, so that nothing is final before that.

    Memory: about half a minute of sound at most, whatever is pushed and for however long, and the segments that are
    kept.

    Args:
        segments: predicts each; it takes no words.
        detector: of speech.
        sample_rate_hz: of what is pushed.
        update_every_s: how much new sound makes `current` another estimate.
        max_segments: how many segments are kept for the result, the latest ones.

    Attributes:
        sample_rate_hz: of what is pushed.

    Raises:
        AudioError: the rate is none that a recording has.
        ValueError: ``update_every_s`` is not above 0, or ``max_segments`` is below 1.
    """

    def __init__(
        self,
        segments: SegmentPredictor,
        detector: SpeechDetector,
        sample_rate_hz: int,
        update_every_s: float = UPDATE_EVERY_S,
        max_segments: int = MAX_SEGMENTS,
    ) -> None:
        if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise bad_rate(f"a stream at {sample_rate_hz} Hz")
        if not update_every_s > 0 or max_segments < 1:
            given = f"update_every_s={update_every_s}, max_segments={max_segments}"
            raise ValueError(f"{given}; valid: above 0, and 1 or more")
        self._segments = segments
        self.sample_rate_hz = sample_rate_hz
        self._update_every_s = update_every_s
        self._window_s, self._model_rate_hz = segments.config.window_s, segments.config.sample_rate_hz
        self._warnings: list[str] = []
        self._conditioner = Conditioner(sample_rate_hz, None, self._warnings.append, "the stream")
        self._to_detector = _resampler(sample_rate_hz, SAMPLE_RATE_HZ)
        self._to_model = _resampler(sample_rate_hz, self._model_rate_hz)
        self._speech = SpeechStream(detector)
        self._utterances = UtteranceStream()
        self._sound = HeldSound(self._model_rate_hz)
        self._waiting: list[Stretch] = []  # utterances that are final, but may still be part of a clip
        self._kept: deque[Segment] = deque(maxlen=max_segments)
        self._count = 0  # of the segments so far
        self._samples = 0
        self._has_spoken = self._is_finished = False
        self._current: Segment | None = None
        self._current_s = 0.0

    @property
    def duration_s(self) -> float:
        """Length of what was pushed, in seconds."""
        return self._samples / self.sample_rate_hz

    def push(self, samples: NDArray[np.floating]) -> list[Segment]:
        """Take the next samples, mono (N,) float in [-1, 1] with any N; return the segments that became final.

        Raises:
            AudioError: another shape or type, a number that is not finite, or the stream has finished.
            BundleError: a file of the model is damaged.
        """
        if self._is_finished:
            raise AudioError("samples after the end of a stream", "it ends with finish()", "make another stream")
        values = np.asarray(samples)
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            given = f"pushed samples of shape {values.shape} and type {values.dtype}, or not all of them finite"
            raise AudioError(given, "valid: mono (N,) of finite floats in [-1, 1]", "convert them first")
        step = round(STEP_S * self.sample_rate_hz)
        parts = (values[start : start + step] for start in range(0, len(values), step))
        return [segment for part in parts for segment in self._taken(np.ascontiguousarray(part, np.float32))]

    def current(self) -> Segment | None:
        """Return an estimate of the last window of sound, made anew each ``update_every_s``; None before the first.

        It is of the present sound whether or not an utterance is complete, and has no part in the result.
        """
        if self._sound.end and self.duration_s - self._current_s >= self._update_every_s:
            end_s = self._sound.end / self._model_rate_hz
            sound = self._sound.cut(max(0.0, end_s - self._window_s), end_s)
            present = self._segments.predict(None, sound, (), provisional=True)[-1][0]
            self._current, self._current_s = present, self.duration_s
        return self._current

    def finish(self) -> Result:
        """Return the result of all that was pushed: what `Predictor.predict` returns for the same samples.

        The same segments, their times within 1 ms and their probabilities and dimensions within 1e-4. Where only so
        many are kept, they are the latest, the summary is theirs, and a warning says so.

        Raises:
            AudioError: nothing was pushed, or the stream has finished.
        """
        if self._is_finished or not self._samples:
            given = "a stream that has finished" if self._is_finished else "a stream without any sample"
            raise AudioError(given, "it ends once, after sound has come", "push samples first")
        self._taken(np.zeros(0, np.float32), is_last=True)
        self._is_finished = True
        if self._is_clip():
            self._predict([(0.0, self.duration_s)])
        elif not self._utterances.has_found:
            self._predict(tiles(self.duration_s, self._window_s)[self._count :])
        warnings = [*self._warnings]
        if self._count > len(self._kept):
            warnings.append(f"of {self._count} segments the latest {len(self._kept)} are kept; the summary is theirs")
        return self._segments.conclude("stream", max(self.duration_s, self._kept[-1].end_s), self._kept, warnings)

    def _taken(self, samples: Samples, is_last: bool = False) -> list[Segment]:
        self._samples += len(samples)
        samples = self._conditioner.add(samples[:, None], is_last)
        self._sound.add(self._to_model(samples, is_last))
        self._waiting += self._utterances.add(self._speech.add(self._to_detector(samples, is_last)))
        if is_last:
            self._waiting += [*self._utterances.add(self._speech.end()), *self._utterances.end()]
        if self._is_clip():
            return []
        final: list[Segment] = []
        if self._utterances.has_found:
            final = self._spoken()
        else:
            self._tile()
        self._forget()
        return final

    def _is_clip(self) -> bool:
        return self.duration_s <= LONG_WINDOWS * self._window_s

    def _spoken(self) -> list[Segment]:
        """Predict the utterances that are final; return their segments."""
        if not self._has_spoken:
            self._has_spoken = True
            self._kept.clear()  # the windows of a stream in which nobody had spoken
            self._segments.forget()
            self._count = 0
        final = self._predict(self._waiting)
        self._waiting = []
        return final

    def _tile(self) -> None:
        """Predict the windows that stay windows however long the stream gets, in case nobody speaks in it."""
        whole = int(self.duration_s / self._window_s - 0.5)
        self._predict([(index * self._window_s, (index + 1) * self._window_s) for index in range(self._count, whole)])

    def _predict(self, stretches: Sequence[Stretch]) -> list[Segment]:
        final = [
            segment
            for stretch in stretches
            for segment, _ in self._segments.predict(None, self._sound.cut(*stretch), ())
        ]
        self._kept.extend(final)
        self._count += len(final)
        return final

    def _forget(self) -> None:
        """Let go of the sound that neither an utterance, nor a window, nor the present can need."""
        needed_s = min(self._utterances.needed_s, self._sound.end / self._model_rate_hz - self._window_s)
        if not self._has_spoken:
            needed_s = min(needed_s, self._count * self._window_s)
        self._sound.forget(max(0, int(needed_s * self._model_rate_hz) - 1))


def _resampler(from_hz: int, to_hz: int) -> Callable[[Samples, bool], Samples]:
    """Return a function (samples (N,), whether they are the last) -> samples at the other rate."""
    if from_hz == to_hz:
        return lambda samples, _: samples
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    return lambda samples, is_last: stream.resample_chunk(samples, last=is_last)
