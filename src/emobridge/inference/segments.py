"""One segment of a recording: its sound and its words become an estimate, or a reason for none.

Design: the prediction of a segment does not depend on its neighbours, so that a long file gives what its pieces give
alone. Where speakers are normalized it depends on earlier segments of the same speaker, never on later ones. A segment
whose sound holds no speech is predicted from its words alone, and without words not at all: silence, noise and music
yield no invented emotion.
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emobridge.encoders.base import TokenVectors
from emobridge.features.speaker_normalization import SpeakerMean
from emobridge.inference.runtime import Estimate, Runtime
from emobridge.inference.timeline import piece_times, shares, summarise, summarise_speakers, window_times
from emobridge.inference.word_alignment import PlacedWord
from emobridge.results import Result, Segment, Word
from emobridge.segmentation.quality import BRIEF_S, FAR_S, UNHEARD, abstention, is_unsure, window_flags
from emobridge.segmentation.speech_detector import SpeechDetector
from emobridge.segmentation.utterances import Stretch, Window

Vector = NDArray[np.float32]
Vectors = tuple[Vector | None, Vector | None, Vector | None]  # (D,) each: acoustic, linguistic, fused
NO_VECTORS: Vectors = (None, None, None)
NORMALIZED = "each speaker was normalized by their own mean so far: one who is in a single mood seems to be in none"


@dataclass(frozen=True)
class _WindowPrediction:
    """The estimate of one window, None where there is none; the flags of its sound; its vectors where asked for."""

    estimate: Estimate | None
    flags: tuple[str, ...]
    abstain: str | None
    vectors: Vectors = NO_VECTORS


class SegmentPredictor:
    """Predicts segments, one after the other or in several threads.

    Args:
        runtime: the model.
        detector: of speech.
        reads: whether the model takes the words, or they only stand beside the prediction.
        normalize_speakers: whether each speaker's mean so far is subtracted; then turns must come in order of time.

    Attributes:
        config: of the model.
        normalizes: whether turns must come in their order.
    """

    def __init__(
        self, runtime: Runtime, detector: SpeechDetector, reads: bool, normalize_speakers: bool = False
    ) -> None:
        self._runtime = runtime
        self._detector = detector
        self._reads = reads
        self.normalizes = normalize_speakers
        self._means: defaultdict[str | None, SpeakerMean] = defaultdict(SpeakerMean)
        self._warnings: list[tuple[float, str]] = []  # when and what was odd about the segments so far
        self.config = runtime.bundle.config

    def predict(
        self,
        speaker: str | None,
        sound: Window | Stretch,
        words: Sequence[PlacedWord],
        provisional: bool = False,
        with_vectors: bool = False,
    ) -> list[tuple[Segment, Vectors]]:
        """Return a turn as segments that tile it: one, or several where it is long; see `timeline`.

        Args:
            speaker: who speaks, None where not known.
            sound: of the turn; for words alone, which are one segment, its start and end in seconds.
            words: of the turn, in order.
            provisional: whether the turn will be predicted again, and its speaker's mean is to stay as it is.
            with_vectors: whether to return the vectors of each segment too, else they are all None.
        """
        if not isinstance(sound, Window):
            whole = self._window(None, _text(words), *sound, None, with_vectors)
            return [(self._segment(*sound, speaker, words, whole), whole.vectors)]
        mean = self._means[speaker] if self.normalizes else None
        mean = copy.copy(mean) if provisional else mean
        windows = window_times(sound.start_s, sound.end_s, self.config.window_s)
        pieces = piece_times(windows)
        predictions = [
            self._window(self._samples(sound, start_s, end_s), _text(own), start_s, end_s, mean, with_vectors)
            for (start_s, end_s), own in zip(windows, _shared_out(words, windows), strict=True)
        ]
        pooled = [self._pooled(predictions, own, weights) for own, weights in enumerate(shares(windows, pieces))]
        return [
            (self._segment(start_s, end_s, speaker, own, piece), piece.vectors)
            for (start_s, end_s), own, piece in zip(pieces, _shared_out(words, pieces), pooled, strict=True)
        ]

    def forget(self) -> None:
        """Forget the means of all speakers, as if nothing had been predicted."""
        self._means.clear()

    def conclude(self, name: str, duration_s: float, segments: Sequence[Segment], warnings: Sequence[str]) -> Result:
        """Return the result of a recording: its segments, their summary, and warnings.

        Args:
            name: of the recording.
            duration_s: its length in seconds.
            segments: by start.
            warnings: in words, beside those of the segments.
        """
        return Result(
            file=name,
            duration_s=duration_s,
            model={"name": self.config.name, "version": self.config.version, "sha256": self._runtime.bundle.sha256},
            segments=tuple(segments),
            speakers=summarise_speakers(segments),
            summary=summarise(segments),
            warnings=(*warnings, *[NORMALIZED] * self.normalizes, *(text for _, text in sorted(self._warnings))),
        )

    def _samples(self, sound: Window, start_s: float, end_s: float) -> NDArray[np.float32]:
        start, end = (round((time_s - sound.start_s) * self.config.sample_rate_hz) for time_s in (start_s, end_s))
        return sound.samples[start:end]

    def _window(
        self,
        samples: NDArray[np.float32] | None,
        text: str,
        start_s: float,
        end_s: float,
        mean: SpeakerMean | None,
        with_vectors: bool,
    ) -> _WindowPrediction:
        flags: tuple[str, ...] = ()
        acoustic = None
        if samples is not None:
            flags = window_flags(samples, self.config.sample_rate_hz, self._detector)
            if self._runtime.acoustic and not set(UNHEARD).intersection(flags):
                acoustic = self._runtime.acoustic.encode(samples, mean)
        read = self._read(text)
        if read is not None and read.truncated:
            warning = f"{start_s:g} to {end_s:g} s: the text is longer than the model reads, its end is unused"
            self._warnings.append((start_s, warning))
        if acoustic is None and read is None:
            return _WindowPrediction(None, flags, abstention(flags))
        estimate, sound = self._runtime.estimate(acoustic, read), acoustic
        if estimate.out_of_domain and end_s - start_s >= FAR_S:
            flags = (*flags, "out_of_domain")
            if read is not None:  # words that are there need no sound that the model does not know
                estimate, sound = self._runtime.estimate(None, read), None
        vectors = (
            (_over_time(acoustic), _over_time(read), self._runtime.fused(sound, read)) if with_vectors else NO_VECTORS
        )
        return _WindowPrediction(estimate, flags, abstention(flags) if read is None else None, vectors)

    def _read(self, text: str) -> TokenVectors | None:
        """Return the token vectors of ``text``; None where it has none, or the model is not to read."""
        if self._runtime.linguistic is None or not self._reads or not text.strip():
            return None
        read = self._runtime.linguistic.encode(text)
        return read if len(read.vectors) else None

    def _pooled(
        self, windows: Sequence[_WindowPrediction], own: int, weights: NDArray[np.float64]
    ) -> _WindowPrediction:
        """Return the prediction of the piece around window ``own``: the mean of all windows, by ``weights`` (windows,).

        Windows that abstain are left out of the mean, and a piece whose own window abstains does too. Its modalities
        and flags are those of its own window.
        """
        centre = windows[own]
        if centre.estimate is None or centre.abstain is not None or len(windows) == 1:
            return centre
        usable = [
            (each, each.estimate, float(weight))
            for each, weight in zip(windows, weights, strict=True)
            if weight > 0 and each.estimate is not None and each.abstain is None
        ]
        presence = centre.estimate.presence
        mean = self._runtime.stated(
            _mean([(estimate.probabilities, weight) for _, estimate, weight in usable]),
            _mean([(estimate.dimensions, weight) for _, estimate, weight in usable]),
            presence,
        )
        acoustic, linguistic, fused = (
            None
            if vector is None
            else _mean([(v, weight) for each, _, weight in usable if (v := each.vectors[place]) is not None])
            for place, vector in enumerate(centre.vectors)
        )
        return replace(centre, estimate=mean, vectors=(acoustic, linguistic, fused))

    def _segment(
        self, start_s: float, end_s: float, speaker: str | None, words: Sequence[PlacedWord], window: _WindowPrediction
    ) -> Segment:
        flags, text = window.flags, _text(words) or None
        blank = Segment(start_s, end_s, speaker, text, flags=flags, abstain=window.abstain, words=_timed(words))
        estimate = window.estimate
        if estimate is None:
            return blank
        is_unsure = self._is_unsure(estimate, end_s - start_s)
        probabilities = dict(zip(self._runtime.categories, estimate.probabilities.tolist(), strict=True))
        return replace(
            blank,
            category=max(probabilities, key=probabilities.__getitem__, default=None),
            probabilities=probabilities,
            dimensions=dict(zip(self._runtime.dimensions, estimate.dimensions.tolist(), strict=True)),
            intervals=estimate.intervals,
            categories_90=estimate.categories_90,
            modalities=("acoustic", "linguistic") if estimate.presence == "both" else (estimate.presence,),
            flags=(*flags, "low_confidence") if is_unsure else flags,
        )

    def _is_unsure(self, estimate: Estimate, duration_s: float) -> bool:
        """Return whether the category is unreliable: brief sound alone, or categories of similar probability."""
        if estimate.presence == "acoustic" and duration_s < BRIEF_S:
            return True
        top = estimate.probabilities.max(initial=0.0)
        return len(self._runtime.categories) > 0 and is_unsure(
            float(top), len(estimate.categories_90), len(self._runtime.categories)
        )


def _over_time(vectors: NDArray[np.float32] | TokenVectors | None) -> Vector | None:
    """Return the mean (D,) of vectors over time (T, D)."""
    values = vectors.vectors if isinstance(vectors, TokenVectors) else vectors
    return None if values is None else values.mean(axis=0, dtype=np.float32)


def _mean(weighted: Sequence[tuple[Vector, float]]) -> Vector:
    """Return the mean of vectors (D,) by their weights."""
    total = sum(weight for _, weight in weighted)
    mean: Vector = np.sum([weight / total * vector for vector, weight in weighted], axis=0).astype(np.float32)
    return mean


def _text(words: Sequence[PlacedWord]) -> str:
    return " ".join(word.text for word in words)


def _timed(words: Sequence[PlacedWord]) -> tuple[Word, ...]:
    """Return the words with their own times, none where one of them has none."""
    timed = [Word(word.text, *word.own_times_s) for word in words if word.own_times_s is not None]
    return tuple(timed) if len(timed) == len(words) else ()


def _shared_out(words: Sequence[PlacedWord], parts: Sequence[tuple[float, float]]) -> list[list[PlacedWord]]:
    """Return the words in each of ``parts`` (start_s, end_s); what lies before or after all of them is at the ends."""
    first, last = parts[0], parts[-1]
    return [
        [
            word
            for word in words
            if (part is first or part[0] <= word.time_s) and (part is last or word.time_s < part[1])
        ]
        for part in parts
    ]
