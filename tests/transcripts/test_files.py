"""What is wrong with a file is said before any reader looks at its content."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.transcripts import READERS, read_transcript
from emobridge.transcripts.files import MAX_BYTES

# The smallest file of each format that holds a word.
SMALLEST = {
    ".txt": "hello",
    ".srt": "1\n00:00:01,000 --> 00:00:02,000\nhello\n",
    ".vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n",
    ".json": json.dumps({"segments": [{"start": 1.0, "end": 2.0, "text": "hello"}]}),
    ".jsonl": json.dumps({"start": 1.0, "end": 2.0, "text": "hello"}),
    ".textgrid": 'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n3\n<exists>\n1\n'
    '"IntervalTier"\n"words"\n0\n3\n1\n1\n2\n"hello"\n',
    ".eaf": '<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1000"/>'
    '<TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="2000"/></TIME_ORDER><TIER TIER_ID="default"><ANNOTATION>'
    '<ALIGNABLE_ANNOTATION ANNOTATION_ID="c" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>hello'
    "</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    ".ctm": "call 1 1.00 1.00 hello\ncall 1 2.00 0.50 you\n",
}
ALIKE = {".json", ".jsonl"}  # one object on one line may be either


def test_every_format_has_a_smallest_file_here() -> None:
    assert set(SMALLEST) == set(READERS)


@pytest.mark.parametrize("extension", READERS)
def test_the_smallest_file_of_each_format_is_read(tmp_path: Path, extension: str) -> None:
    for name in (f"a{extension}", f"a{extension.upper()}"):
        (tmp_path / name).write_text(SMALLEST[extension], encoding="utf-8")
        span = read_transcript(tmp_path / name).spans[0]
        assert (span.text, span.speaker) == ("hello", None)
        assert (span.start_s, span.end_s) == ((None, None) if extension == ".txt" else (1.0, 2.0))


@pytest.mark.parametrize("extension", READERS)
@pytest.mark.parametrize("content", [name for name in READERS if name != ".txt"])
def test_a_file_under_the_wrong_extension_is_told_its_right_one(
    complaint: Callable[[str, str], str], extension: str, content: str
) -> None:
    if extension != content and not {extension, content} <= ALIKE:
        message = complaint(f"a{extension}", SMALLEST[content])
        assert f"rename it to a{content}" in message or (content == ".jsonl" and "rename it to a.json" in message)


@pytest.mark.parametrize("extension", [name for name in READERS if name != ".txt"])
def test_plain_text_under_another_extension_is_refused(complaint: Callable[[str, str], str], extension: str) -> None:
    assert " line " in complaint(f"a{extension}", "Hello, how are you?\nFine.\n")


@pytest.mark.parametrize("extension", READERS)
def test_every_other_encoding_is_refused_with_its_line(
    tmp_path: Path, extension: str, error_of: Callable[[Path], str]
) -> None:
    (tmp_path / f"a{extension}").write_bytes(SMALLEST[extension].replace("hello", "müde").encode("cp1252"))
    message = error_of(tmp_path / f"a{extension}")
    assert "iconv -f CP1252" in message
    assert " line " in message


@pytest.mark.parametrize("extension", READERS)
def test_files_cut_anywhere_are_read_or_refused_in_one_line(
    tmp_path: Path, extension: str, error_of: Callable[[Path], str]
) -> None:
    whole = SMALLEST[extension]
    for length in range(0, len(whole), 7):
        path = tmp_path / f"a{extension}"
        path.write_text(whole[:length], encoding="utf-8")
        try:
            spans = read_transcript(path).spans
        except Exception:
            error_of(path)
        else:
            assert all(span.text in whole for span in spans)


@pytest.mark.parametrize("extension", READERS)
def test_an_empty_file_is_silence_where_the_format_needs_no_header(
    tmp_path: Path, extension: str, error_of: Callable[[Path], str]
) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(b"")
    if extension in (".txt", ".srt", ".ctm", ".jsonl"):
        assert read_transcript(path).spans == ()
    else:
        assert "line 1" in error_of(path)


@pytest.mark.parametrize("extension", READERS)
def test_files_that_are_too_large_are_refused_unread(
    tmp_path: Path, extension: str, error_of: Callable[[Path], str]
) -> None:
    path = tmp_path / f"a{extension}"
    with path.open("wb") as file:
        file.truncate(2 * MAX_BYTES)
    assert "larger than 50 MB" in error_of(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_file_without_an_end_is_refused(tmp_path: Path, error_of: Callable[[Path], str]) -> None:
    (tmp_path / "a.srt").symlink_to("/dev/zero")
    assert "larger than" in error_of(tmp_path / "a.srt")
