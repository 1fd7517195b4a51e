"""Laws of writing: the extension is the format, and a file is there whole or as it was before."""

import sys
from pathlib import Path

import pytest

from emobridge.errors import MissingExtraError, OutputError
from emobridge.results import Result, Summary
from emobridge.writers import FORMATS, MEDIA_TYPES, extension_of, format_named, formats_named, render, write

RESULT = Result("a.wav", 0.0, {"name": "toy", "version": "1"}, (), {}, Summary(0.0))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_what_it_renders_whatever_the_case_of_the_extension(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{name.upper()}"
    write([RESULT], path)
    assert path.read_bytes() == render([RESULT], f".{name}")
    assert list(tmp_path.iterdir()) == [path]


def test_every_format_has_a_media_type() -> None:
    assert list(MEDIA_TYPES) == list(FORMATS)


@pytest.mark.parametrize("name", ["a.jsn", "a", "a.csv.gz"])
def test_an_unknown_format_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=rf"format '.*'; valid: {', '.join(FORMATS)}; \w"):
        write([RESULT], tmp_path / name)


@pytest.mark.parametrize("place", ["absent/a.json", "file/a.json", "folder.json"])
def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match=r"cannot be written: .*; the folder must exist"):
        write([RESULT], tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.json"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write([RESULT], tmp_path / "a.json")
    before = (tmp_path / "a.json").read_bytes()

    def full(path: Path, content: bytes) -> int:
        path.open("wb").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        write([RESULT, RESULT], tmp_path / "a.json")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == before


def test_a_list_names_each_format_once_by_extension_or_other_name() -> None:
    assert formats_named("srt, ELAN,.eaf,text,audformat,TextGrid") == ("srt", "eaf", "txt", "zip", "textgrid")
    with pytest.raises(OutputError, match=r"format 'elam'; valid: .*; did you mean 'elan'"):
        formats_named("srt,elam")


@pytest.mark.parametrize("name", FORMATS)
def test_the_extension_of_a_format_names_the_format(name: str) -> None:
    assert format_named(extension_of(name)) == name


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("parquet", "pyarrow", "formats"), ("zip", "audformat", "audformat")]
)
def test_a_format_that_needs_an_extra_says_how_to_install_it(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*; run: pip install 'emobridge\[{extra}\]'"):
        render([RESULT], name)
