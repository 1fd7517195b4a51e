from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.training.corpora.base import Utterance
from emobridge.training.corpora.manifests import CorpusFacts, assemble, number, read_rows

FACTS = CorpusFacts("toy", ("sad",), "en", "CC0-1.0", "", "https://example.org", "toy.csv")


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("text\nna\u00efve\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"table.csv' is not UTF-8.*save it as UTF-8"):
        read_rows(path)


def test_a_row_of_another_length_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("file,text\na.wav,one\nb.wav,two, three\n")
    with pytest.raises(CorpusError, match=r"line 3: the row does not have 2 cells; columns: file, text"):
        read_rows(path)


def test_a_column_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("file,label, file\na.wav,sad,b.wav\n")
    with pytest.raises(CorpusError, match=r"table.csv' has the column 'file' more than once.*rename or drop one"):
        read_rows(path)


def test_a_corpus_without_a_file_is_answered_with_its_layout() -> None:
    with pytest.raises(CorpusError, match=r"toy has no usable utterance; expected toy.csv; check the folder's layout"):
        assemble(FACTS, [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone.csv' cannot be read"):
        read_rows(tmp_path / "gone.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text\nhello\n", encoding="utf-8-sig")
    assert read_rows(path, ["text"]) == [{"text": "hello"}]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    assert number(repr(value)) == value


@pytest.mark.parametrize("cell", ["", "x", "nan", "inf", "-inf", "1,5"])
def test_what_is_no_finite_number_is_none(cell: str) -> None:
    assert number(cell) is None


def test_every_entry_is_an_utterance_or_a_problem(write_table: Callable[..., Path]) -> None:
    entries = [
        "row 1: torn",
        Utterance("b", "toy", text="two", label="sad"),
        Utterance("a", "toy", text="one"),
        Utterance("b", "toy", text="three"),
        Utterance("c", "toy", text=""),
        Utterance("d", "toy", text="four", votes={"glad": 1.0}),
    ]
    corpus = assemble(FACTS, entries)
    assert [utterance.id for utterance in corpus.utterances] == ["a", "b"]
    assert corpus.utterances[1].text == "two"
    assert [problem.partition(":")[0] for problem in corpus.problems] == ["row 1", "b", "c", "d"]
    assert len(corpus.utterances) + len(corpus.problems) == len(entries)
