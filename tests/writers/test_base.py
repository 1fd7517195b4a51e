"""Laws of writing: the extension is the format, and a file is there whole or as it was before."""

from pathlib import Path

import pytest

from emobridge.errors import OutputError
from emobridge.results import Result, Summary
from emobridge.writers import FORMATS, write, writer_for

RESULT = Result("a.wav", 0.0, {"name": "toy", "version": "1"}, (), {}, Summary(0.0))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_what_it_renders_whatever_the_case_of_the_extension(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{name.upper()}"
    write([RESULT], path)
    assert path.read_bytes() == writer_for(f".{name}").render([RESULT])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.jsn", "a", "a.csv.gz"])
def test_an_unknown_format_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"format '.*'; valid: json, csv, txt; \w"):
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
