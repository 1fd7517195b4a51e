"""Recognised speech: a recording to its words with times, by faster-whisper (the extra ``[asr]``).

Design: the recording is decoded here, not by the recogniser, so that every format and every error is the same as for
prediction. Whisper invents words where nobody speaks; its own search for speech runs first, for invented words would
become invented emotions.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import SAMPLE_RATE_HZ, load_audio
from emobridge.errors import BundleError, TranscriptError
from emobridge.transcripts.asr_words import RecognisedWord, spans_of
from emobridge.transcripts.base import Span, Transcript
from emobridge.utils.extras import load_extra

_OPTIONS = {"word_timestamps": True, "vad_filter": True}


class Recogniser:
    """A model that writes down what is said; loaded when it is first needed, then kept.

    Args:
        model: a folder that holds a Whisper model in CTranslate2's format, or the name of one on the Hugging Face hub
            (``small``, ``large-v3``, ``Systran/faster-whisper-base``), which is downloaded once.
        language: what is spoken, a code such as ``en``; None lets the model tell.
        threads: processor threads; None leaves the choice to the recogniser.
    """

    def __init__(self, model: str, language: str | None = None, threads: int | None = None) -> None:
        self.model = model
        self.language = language
        self.threads = threads

    def recognise(
        self,
        recording: str | Path | NDArray[np.float32],
        channel: int | None = None,
        progress: Callable[[float, float], None] | None = None,
    ) -> Transcript:
        """Return what is said, a span a word, and the language.

        Args:
            recording: a file, or mono samples (N,) float32 at 16 kHz.
            channel: the channel of the file to take, counted from 1; None mixes them down.
            progress: called after each stretch of speech with the seconds done and the seconds in all.

        Raises:
            AudioError: the recording cannot be read.
            BundleError: the model cannot be loaded.
            MissingExtraError: faster-whisper is not installed.
            TranscriptError: the model knows no such language.
        """
        if isinstance(recording, np.ndarray):
            samples = recording
        else:
            samples = load_audio(recording, sample_rate_hz=SAMPLE_RATE_HZ, channel=channel)
        if self.language is not None and self.language not in self._whisper.supported_languages:
            raise TranscriptError(
                f"the language '{self.language}', which '{self.model}' does not know",
                f"it knows {' '.join(self._whisper.supported_languages)}",
                "give one of these codes, or none to let the model tell",
            )
        if len(samples) == 0:
            return Transcript(language=self.language)
        segments, about = self._whisper.transcribe(samples, language=self.language, **_OPTIONS)
        duration_s = len(samples) / SAMPLE_RATE_HZ
        spans: list[Span] = []
        for segment in segments:
            spans += _spans(segment)
            if progress is not None:
                progress(min(segment.end, duration_s), duration_s)
        return Transcript(tuple(spans), about.language)

    @cached_property
    def _whisper(self) -> Any:
        faster_whisper = load_extra("faster_whisper", "asr")
        path = Path(self.model).expanduser()
        if not path.is_dir() and (path.exists() or path.is_absolute() or self.model.startswith(".")):
            raise self._unusable("there is no such folder")
        try:
            return faster_whisper.WhisperModel(
                str(path) if path.is_dir() else self.model, compute_type="auto", cpu_threads=self.threads or 0
            )
        # What can go wrong with a hub, a network and a folder has no common base; each is reported with its cause.
        except Exception as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, reason: str) -> BundleError:
        return BundleError(
            f"the recogniser '{self.model}' cannot be loaded ({reason})",
            "valid: a folder with a Whisper model in CTranslate2's format, or a name on the hub such as 'small'",
            "check the name; where there is no network, download the folder elsewhere and give its path",
        )


def _spans(segment: Any) -> list[Span]:
    if not segment.words:
        return [Span(segment.text.strip(), segment.start, segment.end)] if segment.text.strip() else []
    words = [RecognisedWord(word.word, float(word.start), float(word.end)) for word in segment.words]
    return spans_of(words, float(segment.start), float(segment.end))
