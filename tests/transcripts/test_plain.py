"""Text files are read as UTF-8; everything else is an error that says how to convert it."""

from pathlib import Path

import pytest

from emobridge.errors import TranscriptError
from emobridge.registry import load_entry
from emobridge.transcripts import READERS, Transcript, read_transcript

TEXT = "Ich bin so glücklich – 嬉しい!"


def error_of(path: Path) -> str:
    with pytest.raises(TranscriptError) as caught:
        read_transcript(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert caught.value.valid
    assert caught.value.remedy
    return message


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


@pytest.mark.parametrize(("encoding", "named"), [("cp1252", "CP1252"), ("utf-16", "UTF-16")])
def test_other_encodings_are_refused_with_the_line_that_converts_them(
    tmp_path: Path, encoding: str, named: str
) -> None:
    (tmp_path / "a.txt").write_text("glücklich", encoding=encoding)
    message = error_of(tmp_path / "a.txt")
    assert f"iconv -f {named} -t UTF-8" in message


def test_binary_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc\0\0def")
    assert "NUL" in error_of(tmp_path / "a.txt")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    for name in ("gone.txt", "folder.txt"):
        assert "cannot be opened" in error_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.docx", "a.tx", "a"])
def test_an_unknown_extension_names_the_valid_ones(tmp_path: Path, name: str) -> None:
    message = error_of(tmp_path / name)
    assert f"'{Path(name).suffix}'" in message
    assert all(extension in message for extension in READERS)


def test_every_registered_reader_exists() -> None:
    for extension in READERS:
        assert callable(load_entry(READERS, extension))
