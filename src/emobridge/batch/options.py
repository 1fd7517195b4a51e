"""Options of prediction, the same for every recording of a call of the command line."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import emobridge
from emobridge.audio.source import file_name
from emobridge.batch.recordings import Recording
from emobridge.errors import AudioError
from emobridge.inference.predictor import Predictor
from emobridge.results import Result
from emobridge.transcripts import Transcript
from emobridge.utils.extras import load_extra

if TYPE_CHECKING:
    from emobridge.transcripts.asr import Recogniser


@dataclass(frozen=True)
class PredictOptions:
    """Options of prediction.

    Attributes:
        model: model directory, None is the one that comes with emobridge.
        categories: name of one of its sets of categories, None is all its categories.
        channel: the channel to take, counted from 1; None mixes them down.
        recogniser: hub name or path of the model that recognises the words where no transcript is given, or None.
        language: the code of the language that is spoken, None leaves it to the recogniser.
        threads: processor threads; None is one a core.
        precision: in which a model's public encoders compute, see `emobridge.load`; None: as it was trained.
        normalize_speakers: whether each speaker is normalized by their own mean, see `Predictor.predict`.
    """

    model: Path | None = None
    categories: str | None = None
    channel: int | None = None
    recogniser: str | None = None
    language: str | None = None
    threads: int | None = None
    precision: str | None = None
    normalize_speakers: bool = False


@dataclass(frozen=True)
class BatchPredictor:
    """A loaded model with its options. Make one with `open_predictor`."""

    predictor: Predictor
    recogniser: "Recogniser | None"
    channel: int | None
    normalize_speakers: bool = False

    def predict(self, recording: Recording, progress: Callable[[float, float], None] | None = None) -> Result:
        """Return the result of a recording under the name that it was given by.

        Args:
            recording: with its transcript and speakers.
            progress: called now and then with the seconds done and the seconds in all.

        Raises:
            AudioError: the recording cannot be read.
            TranscriptError: its transcript or its turns cannot be read.
            BundleError: a file of the model, or the recogniser, cannot be loaded.
            MissingExtraError: the format of the recording needs an extra.
        """
        if recording.problem is not None:
            raise AudioError(recording.problem)
        words: Path | Transcript | None = recording.transcript
        if words is None and self.recogniser is not None:
            words = self.recogniser.recognise(recording.path, self.channel, progress)
            progress = None  # prediction takes no time beside it
        result = self.predictor.predict(
            recording.path,
            words,
            speakers=recording.speakers,
            channel=self.channel,
            progress=progress,
            normalize_speakers=self.normalize_speakers,
        )
        return replace(result, file=file_name(recording.name), warnings=result.warnings + recording.notes)


def open_predictor(options: PredictOptions) -> BatchPredictor:
    """Load the model; a recogniser follows when its first recording comes.

    Raises:
        BundleError: the directory holds no model, or a damaged one.
        LabelError: the model has no such set.
        MissingExtraError: a recogniser is asked for and the extra [asr] is not installed.
    """
    recogniser = None
    if options.recogniser is not None:
        load_extra("faster_whisper", "asr")
        from emobridge.transcripts.asr import Recogniser

        recogniser = Recogniser(options.recogniser, options.language, options.threads)
    predictor = emobridge.load(options.model, options.categories, options.threads, options.precision)
    return BatchPredictor(predictor, recogniser, options.channel, options.normalize_speakers)
