"""Text files are read in Unicode, with names where lines start with them; the rest says how to convert it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.transcripts import READERS, Transcript, read_transcript
from emobridge.utils.extras import load_entry

TEXT = "Ich bin so glücklich – 嬉しい!"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.txt", "Gespräch.TXT"])
def test_utf_8_is_read_with_and_without_byte_order_mark(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_text(TEXT + "\r\n", encoding=encoding)
    assert read_transcript(tmp_path / name) == Transcript.from_text(TEXT)
    assert read_transcript(str(tmp_path / name)).spans[0].text == TEXT


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \n"])
def test_an_empty_file_is_a_transcript_without_spans(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert read_transcript(tmp_path / "a.txt").spans == ()


def test_utf_16_with_its_byte_order_mark_is_read(tmp_path: Path) -> None:
    for order in ("utf-16-le", "utf-16-be"):
        (tmp_path / "a.txt").write_bytes(("\ufeff" + TEXT).encode(order))
        assert read_transcript(tmp_path / "a.txt").spans[0].text == TEXT


def test_other_encodings_are_refused_with_the_line_that_converts_them(
    tmp_path: Path, error_of: Callable[[Path], str]
) -> None:
    (tmp_path / "a.txt").write_bytes("one\ntwo\nglücklich".encode("cp1252"))
    message = error_of(tmp_path / "a.txt")
    assert "line 3" in message
    assert "iconv -f CP1252 -t UTF-8" in message
    (tmp_path / "a.txt").write_bytes("\ufeffa".encode("utf-16-le") + b"b")
    assert "damaged UTF-16" in error_of(tmp_path / "a.txt")


def test_binary_content_is_refused(tmp_path: Path, error_of: Callable[[Path], str]) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc\0\0def")
    assert "NUL" in error_of(tmp_path / "a.txt")


def test_missing_files_and_folders_are_refused(tmp_path: Path, error_of: Callable[[Path], str]) -> None:
    (tmp_path / "folder.txt").mkdir()
    for name in ("gone.txt", "folder.txt"):
        assert "cannot be opened" in error_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.docx", "a.tx", "a"])
def test_an_unknown_extension_names_the_valid_ones(tmp_path: Path, name: str, error_of: Callable[[Path], str]) -> None:
    message = error_of(tmp_path / name)
    assert f"'{Path(name).suffix}'" in message
    assert all(extension in message for extension in READERS)


def test_every_registered_reader_exists() -> None:
    for extension in READERS:
        assert callable(load_entry(READERS, extension))


def test_lines_that_start_with_names_are_turns(reading: Callable[[str, str], Transcript]) -> None:
    transcript = reading("a.txt", "Anna: How are you?\nBen: Fine.\nThank you.\n\nAnna: Good.\n")
    assert [(span.speaker, span.text) for span in transcript.spans] == [
        ("Anna", "How are you?"),
        ("Ben", "Fine."),
        ("Ben", "Thank you."),
        ("Anna", "Good."),
    ]
    assert all(span.start_s is None for span in transcript.spans)
