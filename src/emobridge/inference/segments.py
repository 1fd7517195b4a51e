"""One segment of a recording, heard and read: its sound and its words become an estimate, or a reason for none.

Design: a segment knows nothing of its neighbours, so that a long file gives what its pieces give alone; where speakers
are to be heard against their own mean, it knows what was heard of its speaker before, and nothing of what follows.
Where its sound holds no speech to judge it is judged by its words alone, and without words not at all: silence, noise
and music yield no invented emotion.
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emobridge.encoders.base import TokenVectors
from emobridge.features.speaker_normalization import Voice
from emobridge.inference.runtime import Estimate, Runtime
from emobridge.inference.timeline import piece_times, shares, summarise, summarise_speakers, window_times
from emobridge.inference.word_alignment import PlacedWord
from emobridge.results import Result, Segment, Word
from emobridge.segmentation.quality import BRIEF_S, FAR_S, UNHEARD, abstention, is_unsure, window_flags
from emobridge.segmentation.speech_detector import SpeechDetector
from emobridge.segmentation.utterances import Window

NORMALIZED = "each speaker was normalized by their own mean so far: one who is in a single mood seems to be in none"


@dataclass(frozen=True)
class _Heard:
    """What is said of one window: an estimate or none, and why to be careful with its sound."""

    estimate: Estimate | None
    flags: tuple[str, ...]
    abstain: str | None


class Hearing:
    """A model that judges segments, one after the other or in several threads.

    Args:
        runtime: the model.
        detector: of speech.
        reads: whether the words are to be read, not just kept beside what is heard.
        normalize_speakers: whether each speaker's mean so far is subtracted; then turns must come in order of time.

    Attributes:
        config: of the model.
        normalizes: whether segments must be judged in their order.
    """

    def __init__(
        self, runtime: Runtime, detector: SpeechDetector, reads: bool, normalize_speakers: bool = False
    ) -> None:
        self._runtime = runtime
        self._detector = detector
        self._reads = reads
        self.normalizes = normalize_speakers
        self._voices: defaultdict[str | None, Voice] = defaultdict(Voice)
        self._warnings: list[tuple[float, str]] = []  # when and what was odd about the segments so far
        self.config = runtime.bundle.config

    def read(self, start_s: float, end_s: float, speaker: str | None, words: Sequence[PlacedWord]) -> Segment:
        """Return the segment of words without sound."""
        return self._segment(start_s, end_s, speaker, words, self._window(None, _text(words), start_s, end_s))

    def judge(
        self, speaker: str | None, sound: Window, words: Sequence[PlacedWord], provisional: bool = False
    ) -> list[Segment]:
        """Return a turn as segments that tile it: one, or several where it is long; see `timeline`.

        Args:
            speaker: who speaks, None where not known.
            sound: of the turn.
            words: of the turn, in order.
            provisional: whether it will be judged again, and is not to be remembered.
        """
        voice = self._voices[speaker] if self.normalizes else None
        voice = copy.copy(voice) if provisional else voice
        windows = window_times(sound.start_s, sound.end_s, self.config.window_s)
        pieces = piece_times(windows)
        heard_windows = [
            self._window(self._part(sound, start_s, end_s), _text(own), start_s, end_s, voice)
            for (start_s, end_s), own in zip(windows, _shared_out(words, windows), strict=True)
        ]
        pooled = [self._pooled(heard_windows, own, weights) for own, weights in enumerate(shares(windows, pieces))]
        return [
            self._segment(start_s, end_s, speaker, own, heard)
            for (start_s, end_s), own, heard in zip(pieces, _shared_out(words, pieces), pooled, strict=True)
        ]

    def forget(self) -> None:
        """Forget what speakers sound like, as if nothing had been judged."""
        self._voices.clear()

    def conclude(self, name: str, duration_s: float, segments: Sequence[Segment], warnings: Sequence[str]) -> Result:
        """Return the result of a recording: its segments, what they sum up to, and what was odd about it.

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
            warnings=(*warnings, *[NORMALIZED] * self.normalizes, *(told for _, told in sorted(self._warnings))),
        )

    def _part(self, sound: Window, start_s: float, end_s: float) -> NDArray[np.float32]:
        start, end = (round((time_s - sound.start_s) * self.config.sample_rate_hz) for time_s in (start_s, end_s))
        return sound.samples[start:end]

    def _window(
        self, samples: NDArray[np.float32] | None, text: str, start_s: float, end_s: float, voice: Voice | None = None
    ) -> _Heard:
        flags: tuple[str, ...] = ()
        acoustic = None
        if samples is not None:
            flags = window_flags(samples, self.config.sample_rate_hz, self._detector)
            if self._runtime.acoustic and not set(UNHEARD).intersection(flags):
                acoustic = self._runtime.acoustic.encode(samples, voice)
        read = self._read(text)
        if read is not None and read.truncated:
            told = f"{start_s:g} to {end_s:g} s: the text is longer than the model reads, its end is unused"
            self._warnings.append((start_s, told))
        if acoustic is None and read is None:
            return _Heard(None, flags, abstention(flags))
        estimate = self._runtime.estimate(acoustic, read)
        if estimate.out_of_domain and end_s - start_s >= FAR_S:
            flags = (*flags, "out_of_domain")
            # Words that are there need no sound that the model does not know.
            estimate = estimate if read is None else self._runtime.estimate(None, read)
        return _Heard(estimate, flags, abstention(flags) if read is None else None)

    def _read(self, text: str) -> TokenVectors | None:
        """Return the token vectors of ``text``; None where it has none, or the model is not to read."""
        if self._runtime.linguistic is None or not self._reads or not text.strip():
            return None
        read = self._runtime.linguistic.encode(text)
        return read if len(read.vectors) else None

    def _pooled(self, heard: Sequence[_Heard], own: int, weights: NDArray[np.float64]) -> _Heard:
        """Return what is said of the piece around window ``own``: the mean of all windows, by ``weights`` (windows,).

        Windows that abstain count for nothing, and where its own does, nothing around it speaks for the piece. What the
        piece rests on, and the flags of its sound, are those of its own window.
        """
        centre = heard[own]
        if centre.estimate is None or centre.abstain is not None or len(heard) == 1:
            return centre
        usable = [
            (each.estimate, float(weight))
            for each, weight in zip(heard, weights, strict=True)
            if weight > 0 and each.estimate is not None and each.abstain is None
        ]
        total = sum(weight for _, weight in usable)
        probabilities = np.sum([weight / total * estimate.probabilities for estimate, weight in usable], axis=0)
        dimensions = np.sum([weight / total * estimate.dimensions for estimate, weight in usable], axis=0)
        presence = centre.estimate.presence
        mean = self._runtime.stated(probabilities.astype(np.float32), dimensions.astype(np.float32), presence)
        return replace(centre, estimate=mean)

    def _segment(
        self, start_s: float, end_s: float, speaker: str | None, words: Sequence[PlacedWord], heard: _Heard
    ) -> Segment:
        said = Segment(
            start_s, end_s, speaker, _text(words) or None, flags=heard.flags, abstain=heard.abstain, words=_timed(words)
        )
        estimate = heard.estimate
        if estimate is None:
            return said
        is_unsure = self._is_unsure(estimate, end_s - start_s)
        probabilities = dict(zip(self._runtime.categories, estimate.probabilities.tolist(), strict=True))
        return replace(
            said,
            category=max(probabilities, key=probabilities.__getitem__, default=None),
            probabilities=probabilities,
            dimensions=dict(zip(self._runtime.dimensions, estimate.dimensions.tolist(), strict=True)),
            intervals=estimate.intervals,
            categories_90=estimate.categories_90,
            modalities=("acoustic", "linguistic") if estimate.presence == "both" else (estimate.presence,),
            flags=(*heard.flags, "low_confidence") if is_unsure else heard.flags,
        )

    def _is_unsure(self, estimate: Estimate, duration_s: float) -> bool:
        """Return whether little can be relied on: brief sound alone, or categories that are hardly told apart."""
        if estimate.presence == "acoustic" and duration_s < BRIEF_S:
            return True
        top = estimate.probabilities.max(initial=0.0)
        return len(self._runtime.categories) > 0 and is_unsure(
            float(top), len(estimate.categories_90), len(self._runtime.categories)
        )


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
