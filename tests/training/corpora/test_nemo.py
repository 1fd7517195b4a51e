from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus

COLUMNS = ["file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age"]


def test_rows_join_their_samples(
    tmp_path: Path, write_sound: Callable[[Path], Path], write_table: Callable[..., Path]
) -> None:
    rows = [
        [
            "WR0_surprised_64.wav",
            "surprised",
            "„Ród smoka” to serial.",
            "„ród smoka” to serial",
            "        WR0",
            "male",
            "23",
        ],
        ["WR0_anger_1.wav", "anger", "Lubię czytać.", "lubię czytać", "WR0", "male", "23"],
        ["WR0_joy_1.wav", "joy", "Lubię czytać.", "lubię czytać", "WR0", "male", "23"],
    ]
    write_table(tmp_path / "data.tsv", [COLUMNS, *rows], delimiter="\t")
    write_sound(tmp_path / "samples" / "WR0_surprised_64.wav")
    write_sound(tmp_path / "samples" / "WR0_joy_1.wav")
    corpus = read_corpus("nemo", tmp_path)
    (utterance,) = corpus.utterances
    assert (utterance.id, utterance.speaker, utterance.label) == ("WR0_surprised_64", "WR0", "surprised")
    assert utterance.text == "„Ród smoka” to serial."
    assert utterance.attributes["normalized_text"] == "„ród smoka” to serial"
    assert "WR0_anger_1: there is no file" in corpus.problems[0]
    assert "WR0_joy_1: label 'joy' is not one of anger" in corpus.problems[1]


def test_a_missing_column_is_named(tmp_path: Path, write_table: Callable[..., Path]) -> None:
    write_table(tmp_path / "data.tsv", [["file_id", "emotions"], ["a.wav", "anger"]], delimiter="\t")
    with pytest.raises(CorpusError, match=r"no column 'emotion'; it has file_id, emotions; did you mean 'emotions'"):
        read_corpus("nemo", tmp_path)
