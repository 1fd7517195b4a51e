"""The folder of the benchmark holds what it says, and what a run leaves is read rightly."""

from pathlib import Path

from benchmarks.speed import folder


def test_the_folder_holds_good_recordings_and_twenty_bad_ones(tmp_path: Path) -> None:
    folder.make_recordings(tmp_path, good=12)
    made = {path.relative_to(tmp_path / "recordings").as_posix() for path in (tmp_path / "recordings").rglob("*.*")}
    assert len(folder.BAD) == 20
    assert len(made - set(folder.BAD)) == 12
    assert set(folder.BAD) < made


def test_a_torn_line_of_the_journal_is_no_result(tmp_path: Path) -> None:
    assert folder.results_in(tmp_path) == 0
    (tmp_path / "journal.jsonl").write_bytes(b'{"journal": 1}\n{"result": {}}\n{"failure": ""}\n{"result": ')
    assert folder.results_in(tmp_path) == 1
    (tmp_path / "a.json").write_bytes(b"1")
    assert folder.files_of(tmp_path) == {"a.json": b"1"}


def test_the_page_names_every_reason() -> None:
    told = folder.page({"recordings/a.wav": "it is empty", "recordings/b.wav": "it is cut"}, 5, [1, 2, 4])
    assert "with 1, 2 and 4 results there" in told
    assert told.endswith("| `a.wav` | it is empty |\n| `b.wav` | it is cut |\n")
