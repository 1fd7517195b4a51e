import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from emobridge.errors import CorpusError
from emobridge.labels import Scale
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.table import read_table

WriteTable = Callable[..., Path]
ROWS = [
    {"file": "a.wav", "speaker": "1", "label": "angry", "valence": 0.25, "split": "dev", "room": "B 7"},
    {"file": "b.wav", "speaker": "2", "label": "sad", "valence": None, "split": "", "room": ""},
]


@pytest.fixture
def folder(tmp_path: Path, write_sound: Callable[[Path], Path]) -> Path:
    for name in ("a", "b"):
        write_sound(tmp_path / f"{name}.wav")
    return tmp_path


def test_the_three_formats_give_the_same_corpus(folder: Path, write_table: WriteTable) -> None:
    cells = [["" if cell is None else cell for cell in row.values()] for row in ROWS]
    write_table(folder / "calls.csv", [list(ROWS[0]), *cells])
    write_table(folder / "calls.tsv", [list(ROWS[0]), *cells], delimiter="\t")
    (folder / "calls.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS) + "\n", encoding="utf-8")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "calls.parquet")
    corpora = [read_corpus(f"table:{folder}/calls.{kind}") for kind in ("csv", "tsv", "jsonl", "parquet")]
    assert all(corpus.utterances == corpora[0].utterances for corpus in corpora)
    first, second = corpora[0].utterances
    assert (first.id, first.audio, first.split) == ("a.wav", folder / "a.wav", "validation")
    assert (first.dimensions, first.attributes) == ({"valence": 0.25}, {"room": "B 7"})
    assert (second.dimensions, second.split, second.attributes) == ({}, None, {})
    assert corpora[0].labels == ("angry", "sad")
    assert corpora[0].name == "table-calls"


def test_votes_name_their_labels(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["text", "votes_angry", "votes_sad"], ["no", 3, 0], ["hm", "", 2]])
    corpus = read_table(path)
    assert [utterance.votes for utterance in corpus.utterances] == [{"angry": 3.0}, {"sad": 2.0}]
    assert corpus.labels == ("angry", "sad")
    assert [utterance.id for utterance in corpus.utterances] == ["row_00001", "row_00002"]


def test_a_scale_is_never_guessed(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["text", "arousal"], ["fine", 0.5], ["great", 4.5]])
    with pytest.raises(CorpusError, match=r"row 2: arousal 4.5 is not on 0..1.*arousal_low and arousal_high"):
        read_table(path)
    assert read_table(path, {"arousal": Scale(0, 5)}).scales == {"arousal": Scale(0, 5)}


def test_a_stated_scale_is_kept_and_values_outside_it_are_problems(tmp_path: Path, write_table: WriteTable) -> None:
    header = ["text", "arousal", "arousal_low", "arousal_high"]
    path = write_table(tmp_path / "t.csv", [header, ["fine", 4.5, 1, 5], ["great", 6, 1, 5]])
    corpus = read_table(path)
    assert corpus.scales == {"arousal": Scale(1, 5)}
    assert corpus.utterances[0].dimensions == {"arousal": 4.5}
    assert corpus.problems == ("row_00002: arousal 6.0 is outside its scale 1.0..5.0",)


@pytest.mark.parametrize("ends", [[(1, 5), (1, 7)], [(5, 1), (5, 1)], [("", 5), ("", 5)]])
def test_a_scale_is_one_low_below_one_high(
    ends: list[tuple[object, object]], tmp_path: Path, write_table: WriteTable
) -> None:
    header = ["text", "arousal", "arousal_low", "arousal_high"]
    path = write_table(tmp_path / "t.csv", [header, *(["fine", 3, *pair] for pair in ends)])
    with pytest.raises(CorpusError, match=r"arousal.*correct arousal_low and arousal_high"):
        read_table(path)


def test_rows_that_cannot_be_used_are_named_by_their_number(tmp_path: Path, write_table: WriteTable) -> None:
    header = ["file", "text", "valence", "split"]
    rows = [["", "good", 0.5, "test"], ["", "bad", "high", ""], ["", "worse", "", "later"], ["", "", 0.1, ""],
            ["gone.wav", "lost", "", ""]]  # fmt: skip
    problems = read_table(write_table(tmp_path / "t.csv", [header, *rows])).problems
    assert problems[0] == "row 2: valence 'high' is not a number"
    assert "row 3: split 'later' is not one of train" in problems[1]
    assert problems[2] == "row 4: neither file nor text is given"
    assert "gone.wav: there is no file" in problems[3]


def test_a_table_without_file_and_text_is_refused(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["path", "label"], ["a.wav", "sad"]])
    with pytest.raises(CorpusError, match=r"neither a column 'file' nor a column 'text'; it has path, label"):
        read_table(path)


def test_two_label_columns_are_refused(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["text", "label", "emotion"], ["hi", "sad", "happy"]])
    with pytest.raises(CorpusError, match="rename one"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.xlsx", b"PK", r"t.xlsx'; valid extensions: .csv, .tsv, .jsonl, .parquet"),
        ("t.jsonl", b'{"text": "a"}\n\n{"text"', "line 3 is not JSON .*column 8.*one JSON object a line"),
        ("t.jsonl", b'{"text": ' + b"1" * 5000 + b"}", "line 1 is not JSON"),
        ("t.jsonl", b'\n{"text": "a"}\n["b"]\n', "line 3 is not an object"),
        ("t.jsonl", b'\r\n{"text": ["a"]}\n', "line 2: column 'text' holds a list"),
        ("t.jsonl", b"\xff\xfe", "not UTF-8"),
        ("t.parquet", b"no parquet at all", "cannot be read as Parquet"),
        ("t.csv", b"", "has no rows"),
        ("t.csv", b"file,text,label\n", "has no rows; a row is an utterance"),
        ("t.csv", b"text,label,text\na,b,c\n", "the column 'text' more than once"),
    ],
)
def test_a_damaged_table_is_one_line_of_error(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words) as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert caught.value.valid
    assert caught.value.remedy
    assert "layout" not in str(caught.value)


def test_a_byte_order_mark_and_line_separators_inside_a_string_are_no_lines(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "one\u2028two"}\n{"text": "three"}\n', encoding="utf-8-sig")
    assert [utterance.text for utterance in read_table(tmp_path / "t.jsonl").utterances] == ["one\u2028two", "three"]


def test_a_table_without_a_usable_row_tells_its_first_problem(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["file", "label"], ["gone.wav", "sad"]])
    with pytest.raises(CorpusError, match=r"no usable utterance; .*gone.wav: there is no file.*correct") as caught:
        read_table(path)
    assert "layout" not in str(caught.value)


def test_any_column_with_two_ends_is_a_dimension_and_any_other_an_attribute(
    tmp_path: Path, write_table: WriteTable
) -> None:
    header = ["text", "stress", "stress_low", "stress_high", "effort", "pitch_low"]
    path = write_table(tmp_path / "t.csv", [header, ["fine", 2, 1, 7, 3, 80], ["odd", "much", 1, 7, 4, 90]])
    corpus = read_table(path)
    assert corpus.scales == {"stress": Scale(1, 7)}
    assert corpus.utterances[0].dimensions == {"stress": 2.0}
    assert corpus.utterances[0].attributes == {"effort": "3", "pitch_low": "80"}
    assert corpus.problems == ("row 2: stress 'much' is not a number",)
    assert read_table(path, {"effort": Scale(0, 9)}).utterances[0].dimensions == {"stress": 2.0, "effort": 3.0}


def test_negative_votes_are_a_problem(tmp_path: Path, write_table: WriteTable) -> None:
    path = write_table(tmp_path / "t.csv", [["text", "votes_angry", "votes_sad"], ["no", 3, 0], ["hm", -1, 2]])
    corpus = read_table(path)
    assert len(corpus.utterances) == 1
    assert corpus.problems == ("row 2: votes_angry '-1' is a negative number of raters",)


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["text", "label"], [["one", "Angry"], ["two", "sad"], ["three", "angry"]]),
        (["text", "label"], [["one", "very  sad"], ["two", "very sad"]]),
        (["text", "label", "votes_ANGRY"], [["one", "angry", 2]]),
    ],
)
def test_a_label_that_is_written_in_two_ways_is_refused_with_both(
    header: list[str], rows: list[list[object]], tmp_path: Path, write_table: WriteTable
) -> None:
    path = write_table(tmp_path / "t.csv", [header, *rows])
    with pytest.raises(CorpusError, match=r"labels '.*' and '.*', which differ in case or blanks alone") as caught:
        read_table(path)
    first = rows[0][1]
    assert f"'{first}'" in caught.value.given
    assert caught.value.remedy.startswith(f"write '{first}' everywhere")


@pytest.mark.parametrize("extension", ["csv", "jsonl", "parquet"])
def test_a_missing_table_is_named(extension: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"gone.{extension}' cannot be read"):
        read_table(tmp_path / f"gone.{extension}")


def test_the_language_is_that_of_every_row(tmp_path: Path, write_table: WriteTable) -> None:
    german = write_table(tmp_path / "de.csv", [["text", "language"], ["ja", "de"]])
    mixed = write_table(tmp_path / "mixed.csv", [["text", "language"], ["ja", "de"], ["yes", "en"]])
    assert (read_table(german).language, read_table(mixed).language) == ("de", "und")


@pytest.mark.parametrize("missing", ["NA", "NaN", "nan", "<NA>", "#N/A", "NULL", "None", ""])
def test_missing_cells_of_other_programs_are_empty(tmp_path: Path, write_table: WriteTable, missing: str) -> None:
    rows = [["text", "speaker", "label", "valence"], ["hm", missing, missing, missing], ["no", "a", "sad", 0.2]]
    corpus = read_table(write_table(tmp_path / "t.csv", rows))
    assert corpus.labels == ("sad",)
    assert corpus.problems == ()
    first, second = corpus.utterances
    assert (first.speaker, first.label, first.dimensions) == (None, None, {})
    assert (second.speaker, second.label, second.dimensions) == ("a", "sad", {"valence": 0.2})


def test_a_word_that_may_mean_missing_is_a_text_where_texts_are(tmp_path: Path, write_table: WriteTable) -> None:
    corpus = read_table(write_table(tmp_path / "t.csv", [["text", "label"], ["None", "sad"]]))
    assert [utterance.text for utterance in corpus.utterances] == ["None"]
