"""Laws of putting a recording to the model: given words come before recognised ones, and its name stays as given."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import emobridge
from emobridge.batch import options
from emobridge.batch.options import PredictOptions, open_predictor
from emobridge.batch.recordings import Recording
from emobridge.errors import AudioError, MissingExtraError
from emobridge.transcripts import Transcript, asr

SAMPLE = emobridge.sample()
GIVEN = Recording("given.flac", SAMPLE, Path("given.flac"), notes=("it is odd",))


class ToyRecogniser:
    def __init__(self, model: str, language: str | None, threads: int | None) -> None:
        self.asked = (model, language, threads)
        self.channels: list[int | None] = []

    def recognise(self, recording: Path, channel: int | None, progress: object) -> Transcript:
        self.channels.append(channel)
        return Transcript.from_text("i am so happy today")


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "load_extra", lambda *_: None)
    monkeypatch.setattr(asr, "Recogniser", ToyRecogniser)


def test_a_result_has_the_given_name_and_notes(toy_bundle: Path) -> None:
    result = open_predictor(PredictOptions(toy_bundle, channel=1)).predict(GIVEN)
    expected = emobridge.load(toy_bundle).predict(SAMPLE, channel=1)
    assert result == replace(expected, file="given.flac", warnings=(*expected.warnings, "it is odd"))


def test_a_known_problem_is_an_error(toy_bundle: Path) -> None:
    with pytest.raises(AudioError, match="it is a link to nothing"):
        open_predictor(PredictOptions(toy_bundle)).predict(replace(GIVEN, problem="it is a link to nothing"))


@pytest.mark.usefixtures("_installed")
def test_words_are_recognised_where_none_are_given(toy_bundle: Path) -> None:
    predictor = open_predictor(PredictOptions(toy_bundle, channel=1, recogniser="tiny", language="en", threads=1))
    assert isinstance(predictor.recogniser, ToyRecogniser)
    assert predictor.recogniser.asked == ("tiny", "en", 1)
    assert "linguistic" in predictor.predict(GIVEN).segments[0].modalities
    predictor.predict(replace(GIVEN, transcript=SAMPLE.with_suffix(".txt")))
    assert predictor.recogniser.channels == [1]


def test_a_recogniser_that_is_not_installed_is_told_before_any_work(
    toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtraError, match=r"emobridge\[asr\]"):
        open_predictor(PredictOptions(toy_bundle, recogniser="tiny"))
