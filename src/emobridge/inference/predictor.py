"""The straight line of use: a recording is planned in turns, each is heard and read, and all become a `Result`.

Design: a recording is read in blocks, once to find out who speaks when and once to judge, so that its length costs no
memory; between the two stand turns alone, wherever they come from.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from emobridge.audio.source import Recording, Source, file_name, open_source
from emobridge.diarization import turns_of
from emobridge.encoders.config import NamedEncoderConfig
from emobridge.errors import AudioError, BundleError
from emobridge.inference.bundle import Bundle
from emobridge.inference.runtime import Runtime
from emobridge.inference.segments import Hearing
from emobridge.inference.streaming import MAX_SEGMENTS, UPDATE_EVERY_S, Stream
from emobridge.inference.turns import Plan, Planner, Speakers
from emobridge.inference.word_alignment import PlacedWord, place_words, words_within
from emobridge.results import Result, Segment
from emobridge.segmentation.speech_detector import SpeechDetector
from emobridge.segmentation.utterances import cut_out
from emobridge.transcripts import READERS, Transcript, read_transcript, reads
from emobridge.utils.deprecation import renamed_keywords, warn_renamed
from emobridge.utils.threads import cores, in_order

PLANNING_SHARE = 0.25  # of the time that a recording takes, about


class Predictor:
    """A model ready to hear and read. Make one with `emobridge.load`.

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
        # The graphs of a bundle are so small that threads within one would only wait for each other: its threads judge
        # turns side by side. A named encoder is large, and divides its own work.
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

    @renamed_keywords(heard="on_segment", relative="normalize_speakers")
    def predict(
        self,
        recording: Recording | None,
        transcript: str | Path | Transcript | None = None,
        speakers: Speakers | None = None,
        channel: int | None = None,
        progress: Callable[[float, float], None] | None = None,
        on_segment: Callable[[Sequence[Segment]], None] | None = None,
        normalize_speakers: bool = False,
    ) -> Result:
        """Return what is heard and read in a recording, utterance by utterance.

        Args:
            recording: a file, samples (N,) or (N, channels) with their rate in Hz, or a `Source`; None judges the
                transcript alone: span by span where it has times, else as one segment from 0 to 0 s.
            transcript: the words: a `str` is the text itself, a `Path` is a file; None where there are none.
            speakers: who speaks when: a `Path` to an RTTM file, or turns; ``"channels"``, one speaker a channel; how
                many speak, told apart by voice; None leaves it to the transcript.
            channel: the channel to hear, counted from 1; None mixes them down.
            progress: called now and then with the seconds done and the seconds in all.
            on_segment: called with segments as they become final, each once; in order of time within a channel.
            normalize_speakers: subtract each speaker's mean so far (`features.speaker_normalization`). It may help
                where moods change and is wrong about a speaker who stays in one. Speakers who are not told apart count
                as one.

        Raises:
            AudioError: the recording cannot be read, or has one channel where it should have one a speaker.
            TranscriptError: the transcript or the turns cannot be read.
            BundleError: a file of the model is damaged, or it cannot normalize speakers.
        """
        words = read_transcript(transcript) if isinstance(transcript, Path) else transcript
        words = Transcript.from_text(words) if isinstance(words, str) else words
        warnings = self._doubts(transcript, words)
        hearing = self._hearing(self._reads(words), normalize_speakers)
        if recording is None:
            if words is None:
                raise AudioError("neither a recording nor a transcript was given", remedy="give one of them, or both")
            name = file_name(transcript) if isinstance(transcript, Path) else "text"
            segments = _read_alone(hearing, words)
            if on_segment is not None:
                on_segment(segments)
            return hearing.conclude(name, segments[-1].end_s, segments, warnings)
        source = open_source(recording)
        words, outside = words_within(words, source.duration_s)
        if outside:
            where = f"outside of the recording, which lasts {source.duration_s:.1f} s"
            warnings.append(f"{outside} words of the transcript lie {where}; they were left out")
        meter = _Meter(progress, source.duration_s)
        planner = Planner(source, words, self._detector, self.bundle.config.window_s, meter.planned, self._threads)
        plan = planner.plan(speakers, channel)
        segments = self._judged(hearing, source, plan, words, meter, on_segment)
        duration_s = max(source.duration_s, *(segment.end_s for segment in segments))
        meter.show(1.0)
        return hearing.conclude(source.name, duration_s, segments, [*warnings, *plan.warnings])

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
        hearing = self._hearing(False, normalize_speakers)
        return Stream(hearing, self._detector, sample_rate_hz, update_every_s, max_segments)

    def _hearing(self, reads: bool, normalize_speakers: bool) -> Hearing:
        acoustic = self.runtime.acoustic
        if normalize_speakers and (acoustic is None or not acoustic.normalises):
            given = f"normalize_speakers with the model '{self.bundle.config.name}'"
            raise BundleError(given, "its encoder of sound is 'compact'", "leave it out, or take another model")
        return Hearing(self.runtime, self._detector, reads, normalize_speakers)

    def _judged(
        self,
        hearing: Hearing,
        source: Source,
        plan: Plan,
        words: Transcript | None,
        meter: "_Meter",
        on_segment: Callable[[Sequence[Segment]], None] | None,
    ) -> list[Segment]:
        """Return the segments of all turns of a plan, by start."""
        rate_hz = self.bundle.config.sample_rate_hz
        turns = [turn for part in plan.parts for turn in part.turns]
        sounds = (
            sound
            for part in plan.parts
            for sound in cut_out(
                source.blocks(rate_hz, part.channel), [(turn.start_s, turn.end_s) for turn in part.turns], rate_hz
            )
        )
        pieces = zip(turns, sounds, place_words(words, turns), strict=True)
        numbers = (number for number, part in enumerate(plan.parts) for _ in part.turns)
        threads = 1 if hearing.normalizes else min(self._threads, max(1, len(turns)))
        segments = []
        for turn, number, judged in zip(
            turns,
            numbers,
            in_order(lambda piece: hearing.judge(piece[0].speaker, *piece[1:]), pieces, threads),
            strict=True,
        ):
            if on_segment is not None:
                on_segment(judged)
            segments += judged
            meter.judged((number + turn.end_s / source.duration_s) / len(plan.parts))
        return sorted(segments, key=lambda segment: (segment.start_s, segment.end_s))

    def _reads(self, words: Transcript | None) -> bool:
        """Return whether the model reads these words, by their language."""
        linguistic = self.runtime.linguistic
        return linguistic is not None and words is not None and reads(words.language, linguistic.languages)

    def _doubts(self, transcript: str | Path | Transcript | None, words: Transcript | None) -> list[str]:
        """Return what is odd about the transcript before a word of it is read."""
        doubts = []
        linguistic = self.runtime.linguistic
        if words is not None and linguistic is None:
            doubts.append("the transcript was not read: this model only hears")
        elif words is not None and linguistic is not None and not self._reads(words):
            languages = ", ".join(linguistic.languages)
            doubts.append(f"the transcript was not read: it is in '{words.language}', and this model reads {languages}")
        if isinstance(transcript, Path) and words is not None and not words.spans:
            doubts.append(f"the transcript '{file_name(transcript.name)}' holds no words")
        if isinstance(transcript, str) and len(transcript.split()) == 1 and Path(transcript.strip()).suffix in READERS:
            doubts.append(f"'{transcript}' was read as words; to read a file, give a pathlib.Path")
        return doubts


def _read_alone(hearing: Hearing, words: Transcript) -> list[Segment]:
    """Return the segments of words without sound: one for each stretch with times, or one of all the text."""
    turns = turns_of(words)
    if not turns:
        placed = [PlacedWord(text, 0.0) for span in words.spans for text in span.text.split()]
        return [hearing.read(0.0, 0.0, None, placed)]
    return [
        hearing.read(turn.start_s, turn.end_s, turn.speaker, own)
        for turn, own in zip(turns, place_words(words, turns), strict=True)
    ]


@dataclasses.dataclass
class _Meter:
    """Tells how far a prediction is, in seconds of the recording; it never goes back."""

    progress: Callable[[float, float], None] | None
    duration_s: float
    shown: float = 0.0

    def planned(self, share: float) -> None:
        self.show(PLANNING_SHARE * share)

    def judged(self, share: float) -> None:
        self.show(PLANNING_SHARE + (1.0 - PLANNING_SHARE) * share)

    def show(self, share: float) -> None:
        if self.progress is not None and share > self.shown:
            self.shown = share
            self.progress(min(share, 1.0) * self.duration_s, self.duration_s)
