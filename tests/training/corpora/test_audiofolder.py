from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus

WriteSound = Callable[[Path], Path]
WriteTable = Callable[..., Path]


def read(folder: Path) -> list[tuple[str, str | None, str | None]]:
    corpus = read_corpus(f"audiofolder:{folder}")
    return [(utterance.id, utterance.label, utterance.split) for utterance in corpus.utterances]


def test_a_folder_per_label(tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("angry/1.wav", "sad/2.flac"):
        write_sound(tmp_path / name)
    (tmp_path / "sad" / "notes.txt").write_text("not a sound")
    assert read(tmp_path) == [("angry/1.wav", "angry", None), ("sad/2.flac", "sad", None)]


def test_split_folders_above_label_folders(tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("train/angry/1.wav", "test/sad/2.wav"):
        write_sound(tmp_path / name)
    assert read(tmp_path) == [("test/sad/2.wav", "sad", "test"), ("train/angry/1.wav", "angry", "train")]


def test_metadata_below_each_split(tmp_path: Path, write_sound: WriteSound, write_table: WriteTable) -> None:
    for split in ("train", "validation"):
        write_sound(tmp_path / split / "1.wav")
        rows = [["file_name", "transcription", "label", "speaker"], ["1.wav", "so it is", "sad", "7"]]
        write_table(tmp_path / split / "metadata.csv", rows)
    assert read(tmp_path) == [("train/1.wav", "sad", "train"), ("validation/1.wav", "sad", "validation")]
    utterance = read_corpus(f"audiofolder:{tmp_path}").utterances[0]
    assert (utterance.text, utterance.speaker, utterance.audio) == ("so it is", "7", tmp_path / "train" / "1.wav")


def test_one_metadata_file_for_all(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "test" / "1.wav")
    write_sound(tmp_path / "2.wav")
    lines = '{"file_name": "test/1.wav", "label": "sad"}\n{"file_name": "2.wav", "label": "sad"}\n{"file_name": ""}\n'
    (tmp_path / "metadata.jsonl").write_text(lines, encoding="utf-8")
    assert read(tmp_path) == [("2.wav", "sad", None), ("test/1.wav", "sad", "test")]
    assert read_corpus(f"audiofolder:{tmp_path}").problems == ("row 3: neither file nor text is given",)


def test_absolute_paths_are_allowed(tmp_path: Path, write_sound: WriteSound, write_table: WriteTable) -> None:
    sound = write_sound(tmp_path / "elsewhere" / "1.wav")
    write_table(tmp_path / "set" / "metadata.csv", [["file_name"], [sound]])
    assert read_corpus(f"audiofolder:{tmp_path}/set").utterances[0].audio == sound


def test_metadata_without_file_name_is_refused(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(tmp_path / "metadata.csv", [["path"], ["1.wav"]])
    with pytest.raises(CorpusError, match=r"no column 'file_name'; it has path"):
        read(tmp_path)


def test_other_folders_are_answered_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"is not an audiofolder; expected metadata.csv.*label/sound.wav"):
        read(tmp_path)
    with pytest.raises(CorpusError, match=r"gone' is not a folder"):
        read(tmp_path / "gone")
