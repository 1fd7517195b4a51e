from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emobridge.labels import Scale
from emobridge.training.corpora import read_corpus

WriteSound = Callable[[Path], Path]
WriteTable = Callable[..., Path]
VOTES = ["", "A", "D", "F", "H", "N", "S", "fileName", "numResponses", "agreement", "emoVote", "meanEmoResp"]


@pytest.fixture
def checkout(tmp_path: Path, write_sound: WriteSound, write_table: WriteTable) -> Path:
    for name in ("1001_DFA_ANG_XX", "1001_IEO_SAD_HI"):
        write_sound(tmp_path / "AudioWAV" / f"{name}.wav")
    actors = [["ActorID", "Age", "Sex", "Race", "Ethnicity"], ["1001", 51, "Male", "Caucasian", "Not Hispanic"]]
    write_table(tmp_path / "VideoDemographics.csv", actors)
    rows = [
        ["100062", 6, 2, 0, 0, 1, 0, "1001_DFA_ANG_XX", 9, "0.6667", "A", "54.67"],
        ["200062", 9, 0, 0, 0, 0, 0, "1001_DFA_ANG_XX", 9, "1", "A", "99"],
        ["300062", 0, 9, 0, 0, 0, 0, "1001_DFA_ANG_XX", 9, "1", "D", "98"],
    ]
    write_table(tmp_path / "processedResults" / "tabulatedVotes.csv", [VOTES, *rows])
    return tmp_path


def test_votes_and_intensity_are_those_of_the_voice_alone(checkout: Path) -> None:
    corpus = read_corpus("crema_d", checkout)
    angry, sad = corpus.utterances
    assert angry.votes == {"angry": 6, "disgust": 2, "neutral": 1}
    assert angry.dimensions == {"intensity": 54.67}
    assert corpus.scales == {"intensity": Scale(0, 100)}
    assert (angry.label, angry.speaker, angry.text) == ("angry", "1001", "Don't forget a jacket.")
    assert (angry.attributes["gender"], angry.attributes["intensity"]) == ("male", "unspecified")
    assert (sad.votes, sad.dimensions, sad.attributes["intensity"]) == ({}, {}, "high")


def test_without_the_ratings_the_clips_are_read_and_the_lack_is_told(checkout: Path) -> None:
    (checkout / "processedResults" / "tabulatedVotes.csv").unlink()
    (checkout / "VideoDemographics.csv").unlink()
    corpus = read_corpus("crema_d", checkout)
    assert len(corpus.utterances) == 2
    assert ["gender" in problem for problem in corpus.problems] == [True, False]


def test_clips_whose_identity_is_ambiguous_are_left_out_with_the_reason(
    checkout: Path, write_sound: WriteSound
) -> None:
    write_sound(checkout / "AudioWAV" / "1017_IWW_ANG_XX.wav")
    write_sound(checkout / "AudioWAV" / "1076_MTI_SAD_XX.wav")
    corpus = read_corpus("crema_d", checkout)
    assert len(corpus.utterances) == 2
    assert "byte-identical to 1017_IWW_FEA_XX" in corpus.problems[0]
    assert "silence" in corpus.problems[1]


def test_a_git_lfs_pointer_is_not_taken_for_sound(checkout: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 60000\n"
    (checkout / "AudioWAV" / "1001_IEO_SAD_HI.wav").write_text(pointer)
    (checkout / "AudioWAV" / "1002_IEO_SAD_HI.wav").write_bytes(b"")
    problems = read_corpus("crema_d", checkout).problems
    assert "git lfs pull" in problems[0]
    assert "is empty" in problems[1]


def test_names_that_are_not_clips_are_told(checkout: Path, write_sound: WriteSound) -> None:
    write_sound(checkout / "AudioWAV" / "1001_XXX_SAD_HI.wav")
    assert "1001_XXX_SAD_HI: the file name" in read_corpus("crema_d", checkout).problems[0]


def test_both_layouts_give_the_same_clip(checkout: Path, write_sound: WriteSound, write_table: WriteTable) -> None:
    root = checkout / "collection"
    row = {
        "file": "audio/crema_d/1001/1001_DFA_ANG_XX.flac",
        "corpus": "crema_d", "speaker": "1001", "gender": "male", "language": "en", "emotion": "anger",
        "emotion_4": "angry", "intensity": "unspecified", "transcript": "Don't forget a jacket.", "duration_s": "",
        "age": "51", "race": "Caucasian", "ethnicity": "Not Hispanic", "sentence_code": "DFA",
        "source_name": "1001_DFA_ANG_XX.wav", "votes_angry": "6", "votes_disgust": "2", "votes_fear": "0",
        "votes_happy": "0", "votes_neutral": "1", "votes_sad": "0", "n_ratings": "9", "agreement": "0.6667",
        "rated_intensity_mean": "54.67",
    }  # fmt: skip
    write_sound(root / row["file"])
    write_table(root / "manifests" / "crema_d.csv", [list(row), list(row.values())])
    (collected,) = read_corpus("crema_d", root).utterances
    own = read_corpus("crema_d", checkout).utterances[0]
    attributes = {**own.attributes, "rated_intensity_mean": "54.67"}
    assert replace(collected, audio=own.audio) == replace(own, attributes=attributes)
