"""Recognition: what faster-whisper says becomes a transcript; what goes wrong is said in one line."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emobridge.errors import AudioError, BundleError, EmobridgeError, MissingExtraError, TranscriptError
from emobridge.transcripts.asr import Recogniser
from emobridge.transcripts.base import Span, Transcript

SECOND = np.zeros(16_000, dtype=np.float32)


class FakeWhisper:
    """Says what it was asked; loading ``broken`` fails."""

    loaded: ClassVar[list[str]] = []
    supported_languages = ("en", "de")

    def __init__(self, model: str, **options: Any) -> None:
        if model == "broken":
            raise RuntimeError("no connection\nto the hub")
        self.loaded.append(model)
        self.options = options

    def transcribe(self, samples: NDArray[np.float32], language: str | None, **options: Any) -> tuple[Any, Any]:
        assert options == {"word_timestamps": True, "vad_filter": True}
        assert samples.dtype == np.float32
        words = [
            SimpleNamespace(word=" Very", start=np.float64(0.0), end=np.float64(0.25)),
            SimpleNamespace(word=" well", start=0.25, end=0.5),
            SimpleNamespace(word=".", start=0.5, end=0.5),
        ]
        segments = [
            SimpleNamespace(start=0.0, end=0.5, text=" Very well.", words=words),
            SimpleNamespace(start=0.5, end=0.75, text=" Bye.", words=None),
            SimpleNamespace(start=0.75, end=9.0, text=" ", words=[]),
        ]
        return iter(segments), SimpleNamespace(language=language or f"detected in {len(samples)} samples")


@pytest.fixture(autouse=True)
def whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("faster_whisper")
    module.WhisperModel = FakeWhisper  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setattr(FakeWhisper, "loaded", [])


def error_of(recogniser: Recogniser, recording: Any, kind: type[EmobridgeError]) -> str:
    with pytest.raises(kind) as caught:
        recogniser.recognise(recording)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_words_have_times_and_the_language_is_reported() -> None:
    expected = (Span("Very", 0.0, 0.25), Span("well.", 0.25, 0.5), Span("Bye.", 0.5, 0.75))
    assert Recogniser("small").recognise(SECOND) == Transcript(expected, "detected in 16000 samples")
    assert Recogniser("small", "de").recognise(SECOND).language == "de"


def test_a_recording_is_heard_at_the_model_s_rate_mixed_down_or_one_channel(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((8_000, 2)), 8_000)
    assert Recogniser("small").recognise(tmp_path / "a.wav").language == "detected in 16000 samples"
    with pytest.raises(AudioError, match="channel 3"):
        Recogniser("small").recognise(tmp_path / "a.wav", channel=3)


def test_the_model_is_loaded_once_and_not_before_it_is_needed() -> None:
    recogniser = Recogniser("small")
    assert FakeWhisper.loaded == []
    recogniser.recognise(SECOND)
    recogniser.recognise(SECOND)
    assert FakeWhisper.loaded == ["small"]


def test_progress_goes_forwards_and_stays_inside_the_recording() -> None:
    seen: list[tuple[float, float]] = []
    Recogniser("small").recognise(SECOND, progress=lambda done_s, total_s: seen.append((done_s, total_s)))
    assert seen == [(0.5, 1.0), (0.75, 1.0), (1.0, 1.0)]


def test_no_samples_are_no_words() -> None:
    assert Recogniser("small").recognise(SECOND[:0]) == Transcript()


def test_a_folder_is_taken_before_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for model in ("small", str(tmp_path / "small"), "~/small"):
        Recogniser(model).recognise(SECOND)
    assert FakeWhisper.loaded == ["small", str(tmp_path / "small"), str(tmp_path / "small")]


def test_a_folder_that_is_not_there_is_never_asked_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for model in (str(tmp_path / "gone"), str(tmp_path / "file"), "./gone", "~/gone"):
        message = error_of(Recogniser(model), SECOND, BundleError)
        assert f"'{model}' cannot be loaded (there is no such folder)" in message
    assert FakeWhisper.loaded == []


def test_whatever_a_library_says_while_loading_is_one_line_with_a_remedy() -> None:
    message = error_of(Recogniser("broken"), SECOND, BundleError)
    assert "no connection?to the hub" in message
    assert "give its path" in message


def test_a_language_that_the_model_does_not_know_names_those_it_does() -> None:
    message = error_of(Recogniser("small", "klingon"), SECOND, TranscriptError)
    assert "'klingon'" in message
    assert "en de" in message


def test_a_missing_extra_names_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    assert "pip install 'emobridge[asr]'" in error_of(Recogniser("small"), SECOND, MissingExtraError)
