from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus

WriteSound = Callable[[Path], Path]
LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def test_the_file_name_says_everything(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "Actor_12" / "03-01-06-02-01-02-12.wav")
    corpus = read_corpus("ravdess", tmp_path)
    (utterance,) = corpus.utterances
    assert (utterance.id, utterance.speaker, utterance.label) == ("03-01-06-02-01-02-12", "actor_12", "fearful")
    assert utterance.text == "Kids are talking by the door."
    assert utterance.attributes == {"gender": "female", "language": "en", "intensity": "strong", "repetition": "2"}
    assert corpus.problems == ()


@pytest.mark.parametrize(("code", "label"), list(enumerate(LABELS, start=1)))
def test_emotion_codes_are_the_authors(code: int, label: str, tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "Actor_01" / f"03-01-{code:02d}-01-02-01-01.wav")
    assert read_corpus("ravdess", tmp_path).utterances[0].label == label


def test_what_is_not_audio_speech_is_left_out_with_a_reason(tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("03-01-01-01-01-01-01", "03-02-01-01-01-01-01", "03-01-09-01-01-01-01", "notes"):
        write_sound(tmp_path / "Actor_01" / f"{name}.wav")
    corpus = read_corpus("ravdess", tmp_path)
    assert len(corpus.utterances) == 1
    assert [problem.partition(":")[0] for problem in corpus.problems] == [
        "03-01-09-01-01-01-01",
        "03-02-01-01-01-01-01",
        "notes",
    ]


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "Actor_01").mkdir()
    with pytest.raises(CorpusError, match="ravdess has no usable utterance"):
        read_corpus("ravdess", tmp_path)


def test_both_layouts_give_the_same_utterances(
    tmp_path: Path, write_sound: WriteSound, write_table: Callable[..., Path]
) -> None:
    name = "03-01-05-01-02-02-03"
    write_sound(tmp_path / "own" / "Actor_03" / f"{name}.wav")
    write_sound(tmp_path / "all" / "audio" / "ravdess" / "actor_03" / f"{name}.flac")
    row = {
        "file": f"audio/ravdess/actor_03/{name}.flac", "corpus": "ravdess", "speaker": "actor_03", "gender": "male",
        "language": "en", "emotion": "angry", "emotion_4": "angry", "intensity": "normal",
        "transcript": "Dogs are sitting by the door.", "duration_s": "0.100", "repetition": "2",
    }  # fmt: skip
    write_table(tmp_path / "all" / "manifests" / "ravdess.csv", [list(row), list(row.values())])
    (own,), (collected,) = (read_corpus("ravdess", tmp_path / layout).utterances for layout in ("own", "all"))
    assert collected.duration_s == pytest.approx(0.1)
    assert replace(own, audio=None) == replace(collected, audio=None, duration_s=None)
