"""Prediction of recordings: turns are planned, each becomes segments, and all of them become a `Result`.

Design: a recording is read in blocks, once to find out who speaks when and once to predict, so that its length costs no
memory. Between the two stand turns alone, wherever they come from.
"""

import copy
import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

from emobridge.audio.source import Recording, file_name, open_source
from emobridge.diarization import turns_of
from emobridge.encoders.config import NamedEncoderConfig
from emobridge.errors import AudioError, BundleError, EmobridgeError, TranscriptError
from emobridge.inference.bundle import Bundle
from emobridge.inference.embeddings import Embeddings
from emobridge.inference.runtime import Runtime
from emobridge.inference.segments import SegmentPredictor, Vectors
from emobridge.inference.streaming import MAX_SEGMENTS, UPDATE_EVERY_S, Stream
from emobridge.inference.turns import Piece, Planner, Speakers
from emobridge.inference.word_alignment import PlacedWord, place_words, words_within
from emobridge.results import Result, Segment
from emobridge.segmentation.speech_detector import SpeechDetector
from emobridge.segmentation.utterances import Stretch, Window
from emobridge.transcripts import READERS, Transcript, read_transcript, reads
from emobridge.utils.deprecation import renamed_keywords, warn_renamed
from emobridge.utils.threads import cores, in_order

PLANNING_SHARE = 0.25  # of the time that a recording takes, about

Words = str | os.PathLike[str] | Transcript
Progress = Callable[[float, float], None]
OnSegment = Callable[[Sequence[Segment]], None]


class Predictor:
    """A model ready to predict. Make one with `emobridge.load`.

    Args:
        bundle: the model.
        categories: name of one of the bundle's sets of categories, ``four`` for example; None is all categories.
        threads: processor threads; None is one a core.
        precision: in which its public encoders compute, see `Runtime`; None: as it was trained.

    Raises:
        LabelError: the bundle has no such set.
    """

    @renamed_keywords(view="categories")
    def __init__(
        self, bundle: Bundle, categories: str | None = None, threads: int | None = None, precision: str | None = None
    ) -> None:
        self.bundle = bundle
        encoders = (bundle.config.encoders.acoustic, bundle.config.encoders.linguistic)
        # The graphs of a bundle are so small that threads within one would only wait for each other: its threads
        # predict turns in parallel. A named encoder is large, and divides its own work.
        is_large = any(isinstance(encoder, NamedEncoderConfig) for encoder in encoders)
        self._threads = 1 if is_large else threads or len(cores())
        self.runtime = Runtime(bundle, threads if is_large else 1, categories, precision)
        self._detector = SpeechDetector()

    def with_categories(self, categories: str | None) -> "Predictor":
        """Return this model with another set of categories; the two share what is in memory.

        Raises:
            LabelError: the bundle has no such set.
        """
        other = copy.copy(self)
        other.runtime = self.runtime.in_view(categories)
        return other

    def in_view(self, view: str | None) -> "Predictor":
        """Deprecated: use `with_categories`."""
        warn_renamed("Predictor.in_view()", "Predictor.with_categories()")
        return self.with_categories(view)

    @overload
    def predict(
        self,
        recording: Recording | None,
        transcript: Words | None = None,
        speakers: Speakers | None = None,
        channel: int | None = None,
        progress: Progress | None = None,
        on_segment: OnSegment | None = None,
        normalize_speakers: bool = False,
        *,
        text: str | None = None,
    ) -> Result: ...

    @overload
    def predict(
        self,
        recording: list[Recording],
        transcript: Sequence[Words | None] | None = None,
        speakers: int | str | Sequence[Speakers | None] | None = None,
        channel: int | None = None,
        progress: Progress | None = None,
        on_segment: OnSegment | None = None,
        normalize_speakers: bool = False,
        *,
        text: Sequence[str | None] | None = None,
    ) -> list[Result]: ...

    @renamed_keywords(heard="on_segment", relative="normalize_speakers")
    def predict(
        self,
        recording: Any,
        transcript: Any = None,
        speakers: Any = None,
        channel: int | None = None,
        progress: Progress | None = None,
        on_segment: OnSegment | None = None,
        normalize_speakers: bool = False,
        *,
        text: Any = None,
    ) -> Result | list[Result]:
        """Return the emotions in a recording, utterance by utterance.

        Args:
            recording: a path, an open file or its bytes; samples (N,) or (N, channels) with their rate in Hz; or a
                `Source`, see `open_source`. None predicts from the words alone: span by span where they have times,
                else as one segment from 0 to 0 s. A list of recordings gives a list of results; then ``transcript``,
                ``text`` and ``speakers`` are lists too, one entry each (``speakers`` may also be one number or
                ``"channels"`` for all).
            transcript: the words as a file, whose extension is the format, or as a `Transcript`; None where there are
                none. A `str` is a path too. One that names neither a file nor a format is still taken for the words,
                with a `DeprecationWarning`; from the next release on it is a file that is missing.
            speakers: who speaks when: a `Path` to an RTTM file, or turns; ``"channels"``, one speaker a channel; how
                many speak, separated by voice; None leaves it to the transcript.
            channel: the channel to take, counted from 1; None mixes them down.
            progress: called now and then with the seconds done and the seconds in all, of one recording.
            on_segment: called with segments as they become final, each once; in order of time within a channel.
            normalize_speakers: subtract each speaker's mean so far (`features.speaker_normalization`). It may help
                where moods change and is wrong about a speaker who stays in one. Speakers who are not told apart
                count as one.
            text: the words themselves, in place of ``transcript``.

        Raises:
            AudioError: the recording cannot be read, or has one channel where it should have one a speaker.
            TranscriptError: the transcript or the turns cannot be read, or both ``transcript`` and ``text`` are given.
            BundleError: a file of the model is damaged, or it cannot normalize speakers.
            ValueError: a list is not as long as the list of recordings.

        Of several recordings the message says which one cannot be read.
        """
        if isinstance(recording, list):
            options = (channel, progress, on_segment, normalize_speakers)
            return self._predict_each(recording, transcript, speakers, options, text)
        words = _GivenWords.given(transcript, text)
        return self._predicted(recording, words, speakers, channel, progress, on_segment, normalize_speakers)[0]

    def embed(
        self,
        recording: Recording | None,
        transcript: Words | None = None,
        speakers: Speakers | None = None,
        channel: int | None = None,
        progress: Progress | None = None,
        normalize_speakers: bool = False,
        *,
        text: str | None = None,
    ) -> Embeddings:
        """Return the vectors of a recording's segments: acoustic (S, D_a), linguistic (S, D_l) and fused (S, D_f).

        Arguments and errors are those of `predict`, and so are the segments; `Embeddings` describes each vector.

        Raises:
            BundleError: also where the fusion graph has no fused vector.
        """
        words = _GivenWords.given(transcript, text)
        result, vectors = self._predicted(
            recording, words, speakers, channel, progress, None, normalize_speakers, with_vectors=True
        )
        return Embeddings.of(result, vectors)

    @renamed_keywords(every_s="update_every_s", keep="max_segments", relative="normalize_speakers")
    def stream(
        self,
        sample_rate_hz: int = 16_000,
        update_every_s: float = UPDATE_EVERY_S,
        max_segments: int = MAX_SEGMENTS,
        normalize_speakers: bool = False,
    ) -> Stream:
        """Return a stream, to which sound is pushed as it comes.

        Args:
            sample_rate_hz: of the sound.
            update_every_s: how much new sound makes another estimate of the present.
            max_segments: how many segments are kept for the result, the latest ones.
            normalize_speakers: as for `predict`; all of the sound is one speaker.

        Raises:
            AudioError: the rate is none that a recording has.
            BundleError: the model cannot normalize speakers.
            ValueError: ``update_every_s`` is not above 0, or ``max_segments`` is below 1.
        """
        segments = self._segment_predictor(None, normalize_speakers)
        return Stream(segments, self._detector, sample_rate_hz, update_every_s, max_segments)

    def _predict_each(
        self, recordings: list[Recording], transcript: Any, speakers: Any, options: tuple[Any, ...], text: Any
    ) -> list[Result]:
        count = len(recordings)
        each = zip(
            recordings,
            _one_each("transcript", transcript, count),
            _one_each("speakers", [speakers] * count if isinstance(speakers, int | str) else speakers, count),
            _one_each("text", text, count),
            strict=True,
        )
        results = []
        for number, (recording, *given, words) in enumerate(each, start=1):
            try:
                results.append(self.predict(recording, *given, *options, text=words))
            except EmobridgeError as error:
                which = f"recording {number} of {count}: {error.given}"
                raise type(error)(which, error.valid, error.remedy) from error
        return results

    def _predicted(
        self,
        recording: Recording | None,
        words: "_GivenWords",
        speakers: Speakers | None,
        channel: int | None,
        progress: Progress | None,
        on_segment: OnSegment | None,
        normalize_speakers: bool,
        with_vectors: bool = False,
    ) -> tuple[Result, list[Vectors]]:
        """Return the result of a recording and the vectors of its segments."""
        transcript, warnings = words.transcript, self._warnings(words)
        predictor = self._segment_predictor(transcript, normalize_speakers)
        predict = partial(predictor.predict, with_vectors=with_vectors)
        if recording is None:
            if transcript is None:
                raise AudioError("neither a recording nor a transcript was given", remedy="give one of them, or both")
            found = [pair for turn in _turns_of_words(transcript) for pair in predict(*turn)]
            if on_segment is not None:
                on_segment([segment for segment, _ in found])
            name, duration_s = words.name, found[-1][0].end_s
        else:
            source = open_source(recording)
            transcript, outside = words_within(transcript, source.duration_s)
            if outside:
                where = f"outside of the recording, which lasts {source.duration_s:.1f} s"
                warnings.append(f"{outside} words of the transcript lie {where}; they were left out")
            meter = _Meter(progress, source.duration_s)
            config = self.bundle.config
            planner = Planner(source, transcript, self._detector, config.window_s, meter.planned, self._threads)
            plan = planner.plan(speakers, channel)
            warnings += plan.warnings
            threads = 1 if predictor.normalizes else min(self._threads, max(1, len(plan.turns)))
            pieces = plan.pieces(source, transcript, config.sample_rate_hz)
            found = _predict_pieces(predict, pieces, threads, on_segment, meter)
            warnings += source.warnings
            if source.channels > 1 and all(segment.abstain == "silence" for segment, _ in found):
                warnings.append(f"all is silence in what was heard of its {source.channels} channels (see --channel)")
            name, duration_s = source.name, max(source.duration_s, *(segment.end_s for segment, _ in found))
        segments, vectors = zip(*found, strict=True)
        return predictor.conclude(name, duration_s, segments, warnings), list(vectors)

    def _segment_predictor(self, words: Transcript | None, normalize_speakers: bool) -> SegmentPredictor:
        acoustic = self.runtime.acoustic
        if normalize_speakers and (acoustic is None or not acoustic.normalizes_speakers):
            given = f"normalize_speakers with the model '{self.bundle.config.name}'"
            raise BundleError(given, "its encoder of sound is 'compact'", "leave it out, or take another model")
        return SegmentPredictor(self.runtime, self._detector, self._reads(words), normalize_speakers)

    def _reads(self, words: Transcript | None) -> bool:
        """Return whether the model reads these words, by their language."""
        linguistic = self.runtime.linguistic
        return linguistic is not None and words is not None and reads(words.language, linguistic.languages)

    def _warnings(self, words: "_GivenWords") -> list[str]:
        """Return the warnings about a transcript before a word of it is read."""
        found = []
        transcript, linguistic = words.transcript, self.runtime.linguistic
        if transcript is not None and linguistic is None:
            found.append("the transcript was not read: this model has no encoder of text")
        elif transcript is not None and linguistic is not None and not self._reads(transcript):
            known, language = ", ".join(linguistic.languages), transcript.language
            found.append(f"the transcript was not read: it is in '{language}', and this model reads {known}")
        if words.path is not None and transcript is not None and not transcript.spans:
            found.append(f"the transcript '{file_name(words.path.name)}' holds no words")
        return found


@dataclasses.dataclass(frozen=True)
class _GivenWords:
    """What was given as words: a transcript, and the file that it was read from."""

    transcript: Transcript | None = None
    path: Path | None = None

    @property
    def name(self) -> str:
        return "text" if self.path is None else file_name(self.path)

    @classmethod
    def given(cls, transcript: Words | None, text: str | None) -> "_GivenWords":
        """Return the words by the rule of `Predictor.predict`; its caller is warned of a `str` that is the words."""
        if text is not None:
            if transcript is not None:
                valid = "the words come from a file, a Transcript or text"
                raise TranscriptError("transcript and text were given", valid, "leave one of them out")
            return cls(Transcript.from_text(text))
        if transcript is None or isinstance(transcript, Transcript):
            return cls(transcript)
        if not isinstance(transcript, str | os.PathLike):
            valid = "valid: a path, a Transcript, or text= with the words"
            raise TranscriptError(f"a transcript of type {type(transcript).__name__}", valid, "give one of these")
        path = Path(transcript)
        is_one_name = path.suffix.lower() in READERS and len(str(transcript).split()) == 1
        if isinstance(transcript, str) and not is_one_name and not os.path.isfile(transcript):  # noqa: PTH113 - Path.is_file() fails on long texts
            warn_renamed("predict(transcript=) for words", "text=", stacklevel=4)
            return cls(Transcript.from_text(transcript))
        return cls(read_transcript(path), path)


def _predict_pieces(
    predict: Callable[[str | None, Window, Sequence[PlacedWord]], list[tuple[Segment, Vectors]]],
    pieces: Iterable[Piece],
    threads: int,
    on_segment: OnSegment | None,
    meter: "_Meter",
) -> list[tuple[Segment, Vectors]]:
    """Return the segments of all pieces with their vectors, by start."""

    def work(piece: Piece) -> tuple[float, list[tuple[Segment, Vectors]]]:
        return piece.done, predict(piece.turn.speaker, piece.sound, piece.words)

    found = []
    for done, pairs in in_order(work, pieces, threads):
        if on_segment is not None:
            on_segment([segment for segment, _ in pairs])
        found += pairs
        meter.predicted(done)
    meter.show(1.0)
    return sorted(found, key=lambda pair: (pair[0].start_s, pair[0].end_s))


def _turns_of_words(words: Transcript) -> list[tuple[str | None, Stretch, Sequence[PlacedWord]]]:
    """Return (speaker, times, words) of words without sound: of each stretch with times, or of all the text."""
    turns = turns_of(words)
    if not turns:
        return [(None, (0.0, 0.0), [PlacedWord(text, 0.0) for span in words.spans for text in span.text.split()])]
    placed = zip(turns, place_words(words, turns), strict=True)
    return [(turn.speaker, (turn.start_s, turn.end_s), own) for turn, own in placed]


def _one_each(name: str, values: Sequence[Any] | None, count: int) -> Sequence[Any]:
    """Return one value for each of ``count`` recordings.

    Raises:
        ValueError: there are more or fewer of them, or it is no list.
    """
    if values is None:
        return [None] * count
    if not isinstance(values, list | tuple) or len(values) != count:
        raise ValueError(f"{name} of {count} recordings; valid: a list of {count}, one for each")
    return values


@dataclasses.dataclass
class _Meter:
    """Tells how far a prediction is, in seconds of the recording; it never goes back."""

    progress: Progress | None
    duration_s: float
    shown: float = 0.0

    def planned(self, share: float) -> None:
        self.show(PLANNING_SHARE * share)

    def predicted(self, share: float) -> None:
        self.show(PLANNING_SHARE + (1.0 - PLANNING_SHARE) * share)

    def show(self, share: float) -> None:
        if self.progress is not None and share > self.shown:
            self.shown = share
            self.progress(min(share, 1.0) * self.duration_s, self.duration_s)
