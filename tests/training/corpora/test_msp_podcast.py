"""Laws of the MSP-Podcast reader: each form of a release gives the same corpus, and what it lacks is told.

All content is invented; only the layout is the release's.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus
from emobridge.training.splits.folds import read_folds, resolve

COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
ROWS = (
    ("MSP-PODCAST_0001_0001.wav", "A", "5.5", "2.0", "5.0", "11", "Male", "Train"),
    ("MSP-PODCAST_0001_0002.wav", "X", "3.5", "4.0", "4.0", "Unknown", "Unknown", "Train"),
    ("MSP-PODCAST_0002_0001.wav", "H", "6.0", "6.5", "5.0", "12", "Female", "Development"),
    ("MSP-PODCAST_0003_0001.wav", "N", "4.0", "4.0", "4.0", "13", "Female", "Test1"),
    ("MSP-PODCAST_0004_0001.wav", "S", "2.0", "2.0", "3.0", "14", "Male", "Test2"),
)


@pytest.fixture
def release(tmp_path: Path, write_sound: Callable[[Path], Path], write_table: Callable[..., Path]) -> Path:
    root = tmp_path / "release"
    write_table(root / "Labels" / "labels_consensus.csv", [COLUMNS, *ROWS])
    (root / "Transcripts").mkdir()
    for name, *_ in ROWS:
        write_sound(root / "Audios" / name)
        (root / "Transcripts" / name).with_suffix(".txt").write_text(f"these are the words of {name}\n")
    return root


def test_an_utterance_has_all_that_the_release_says_of_it(release: Path, write_table: Callable[..., Path]) -> None:
    details = [
        ["MSP-PODCAST_0001_0001.wav", f"WORKER{place}; {word}; Sad,Annoyed; A:5.0; V:2.0; D:5.0;"]
        for place, word in enumerate(["Angry", "Angry", "Disgust", "Other-Impatient"])
    ]
    write_table(release / "Labels" / "labels_detailed.csv", [["FileName", "EmoDetail"], *details])
    corpus = read_corpus("msp_podcast", release)
    assert corpus.problems == ()
    first, second, third, fourth, fifth = corpus.utterances
    assert first.id == "MSP-PODCAST_0001_0001"
    assert (first.speaker, first.label, first.split) == ("11", "A", "train")
    assert first.dimensions == {"valence": 2.0, "arousal": 5.5, "dominance": 5.0}
    assert first.votes == {"A": 2.0, "D": 1.0, "O": 1.0}
    assert first.text == "these are the words of MSP-PODCAST_0001_0001.wav"
    assert first.attributes == {
        "gender": "male", "language": "en", "partition": "Train", "podcast": "MSP-PODCAST_0001",
    }  # fmt: skip
    assert (second.speaker, second.label, second.votes, "gender" in second.attributes) == (None, None, {}, False)
    assert [one.split for one in (third, fourth, fifth)] == ["validation", "test", "test2"]


def test_every_form_of_a_release_gives_the_same_corpus(release: Path, write_table: Callable[..., Path]) -> None:
    newest = read_corpus("msp_podcast", release).utterances
    labels = release / "Labels"
    labels.joinpath("labels_consensus.csv").rename(labels / "labels_concensus.csv")
    assert read_corpus("msp_podcast", release).utterances == newest
    write_table(labels / "labels_concensus.csv", [COLUMNS[:-1], *(row[:-1] for row in ROWS)])
    lines = [f"{row[0]}; {row[-1]}" if place % 2 else f"{row[-1]}; {row[0]}" for place, row in enumerate(ROWS)]
    (release / "Partitions.txt").write_text("\n".join([*lines, ""]))
    assert read_corpus("msp_podcast", release).utterances == newest
    (labels / "labels_concensus.csv").unlink()
    for wrap in (lambda row: row, lambda row: [row]):
        content = {row[0]: wrap(dict(zip(COLUMNS[1:], row[1:], strict=True))) for row in ROWS}
        (labels / "labels_consensus.json").write_text(json.dumps(content))
        assert read_corpus("msp_podcast", release).utterances == newest
    (release / "Audios").rename(release / "Audio")
    assert [one.id for one in read_corpus("msp_podcast", release).utterances] == [one.id for one in newest]


def test_further_test_parts_are_neither_trained_nor_validated_nor_tested_on(release: Path) -> None:
    corpus = read_corpus("msp_podcast", release)
    (fold,) = resolve(read_folds("msp_podcast"), corpus)
    splits = {part: {corpus.utterances[index].split for index in indices} for part, indices in fold.parts.items()}
    assert splits == {"train": {"train"}, "validation": {"validation"}, "test": {"test"}}


def test_what_the_release_lacks_is_told(release: Path, write_table: Callable[..., Path]) -> None:
    write_table(release / "Labels" / "labels_consensus.csv", [COLUMNS[:-1], *(row[:-1] for row in ROWS)])
    (release / "Transcripts").rename(release / "gone")
    (release / "Audios" / ROWS[0][0]).unlink()
    (release / "Audios" / ROWS[1][0]).write_bytes(b"RIFF of nothing")
    corpus = read_corpus("msp_podcast", release)
    assert [one.split for one in corpus.utterances] == [None] * 3
    told = " | ".join(corpus.problems)
    assert "Transcripts': what is said is not known" in told
    assert "Partitions.txt' says the authors' parts" in told
    assert "MSP-PODCAST_0001_0001: there is no file" in told
    assert "MSP-PODCAST_0001_0002: " in told


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("Labels", r"Labels' is a part of MSP-Podcast; .*; give '.*release'"),
        ("Audios", r"Audios' is a part of MSP-Podcast"),
        ("Transcripts", r"does not hold the corpus msp_podcast; expected Labels/labels_consensus.csv"),
    ],
)
def test_a_wrong_folder_is_answered_with_the_right_one(release: Path, folder: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read_corpus("msp_podcast", release / folder)


@pytest.mark.parametrize("content", ["{", "[1]", '{"a.wav": []}', '{"a.wav": 3}'])
def test_a_damaged_consensus_is_named(release: Path, content: str) -> None:
    (release / "Labels" / "labels_consensus.csv").unlink()
    (release / "Labels" / "labels_consensus.json").write_text(content)
    with pytest.raises(CorpusError, match=r"labels_consensus.json' is not JSON of the release"):
        read_corpus("msp_podcast", release)


def test_a_consensus_without_a_column_is_answered_with_those_it_has(
    release: Path, write_table: Callable[..., Path]
) -> None:
    write_table(release / "Labels" / "labels_consensus.csv", [["FileName", "Emotion"], ["a.wav", "A"]])
    with pytest.raises(CorpusError, match="has no column 'EmoClass'; it has FileName, Emotion"):
        read_corpus("msp_podcast", release)
