"""Laws of a run over an archive, whoever does its work: what is in the table, what is kept, what is made again."""

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import emobridge
from emobridge.batch.cluster import parts as parts_module
from emobridge.batch.cluster.inputs import ArchiveRecording, TablePart, find
from emobridge.batch.cluster.inputs import part as parted
from emobridge.batch.cluster.parts import Outcome, PartPredictor, Work
from emobridge.batch.cluster.run import Total, run
from emobridge.batch.cluster.stores import Store
from emobridge.batch.options import PredictOptions
from emobridge.batch.processes import Failure
from emobridge.errors import AudioError, EmobridgeError, LabelError, OutputError, TranscriptError
from emobridge.inference.bundle import load_bundle
from emobridge.version import __version__
from object_store import object_store

Go = Callable[..., Total]
Table = Callable[[Path], list[dict[str, Any]]]
Files = Callable[[Path], dict[str, bytes]]
GOOD, BAD = 5, 3


def without_digest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "digest"} for row in rows]


def by_start(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["file"], row["start_s"]))


def test_the_table_holds_what_the_library_says_of_each_recording(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table, toy_bundle: Path
) -> None:
    total = here(recordings, tmp_path / "out")
    assert (total.recordings, total.failed, total.predicted) == (GOOD + BAD, BAD, GOOD + BAD)
    predictor = emobridge.load(toy_bundle, threads=1)
    good = [*(recordings / f"{number}.wav" for number in range(4)), recordings / "sub folder" / "ü.flac"]
    results = [dataclasses.replace(predictor.predict(path), file=str(path)) for path in good]
    assert total.predicted_s == pytest.approx(sum(result.duration_s for result in results))
    rows = by_start(without_digest(table_in(tmp_path / "out" / "results")))
    expected = by_start([row for result in results for row in result.to_rows()])
    assert [row.keys() for row in rows] == [row.keys() for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row == {name: pytest.approx(v, abs=1e-5) if isinstance(v, float) else v for name, v in other.items()}


def test_failed_recordings_are_in_a_table_of_their_own_with_their_reasons(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    here(recordings, tmp_path / "out")
    reasons = {Path(row["file"]).name: row["reason"] for row in table_in(tmp_path / "out" / "failed")}
    assert reasons.keys() == {"empty.wav", "gone.wav", "text.wav"}
    assert "is empty" in reasons["empty.wav"]
    assert "a link to a file that is not there" in reasons["gone.wav"]
    assert "cannot be decoded" in reasons["text.wav"]


@pytest.mark.usefixtures("recordings")
def test_all_parts_have_the_same_columns_and_no_recording_is_in_two(
    tmp_path: Path, here: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # in which parts recordings come depends on their names
    here("recordings", "out")
    parts = sorted((tmp_path / "out" / "results").iterdir())
    schemas = [pyarrow.parquet.read_schema(path) for path in parts]
    assert len(parts) > 2
    assert all(schema == schemas[0] for schema in schemas)
    names = [{row["file"] for row in pyarrow.parquet.read_table(path).to_pylist()} for path in parts]
    assert sum(map(len, names)) == len(set().union(*names)) == GOOD


def test_a_second_run_hears_only_what_failed_and_leaves_the_same_files(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files
) -> None:
    first = here(recordings, tmp_path / "out")
    before = files_in(tmp_path / "out")
    second = here(recordings, tmp_path / "out")
    assert (first.predicted, second.predicted) == (GOOD + BAD, BAD)
    assert (second.recordings, second.failed) == (first.recordings, first.failed)
    assert files_in(tmp_path / "out") == before


@pytest.mark.usefixtures("recordings")
def test_a_run_cut_at_any_write_and_started_again_leaves_the_same_files(
    tmp_path: Path, here: Go, files_in: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write is one of the two moments that count: before it, nothing of it is there, after it, all of it."""
    monkeypatch.chdir(tmp_path)  # the parts, and so the writes, depend on the names
    here("recordings", "whole")
    put = Store.put
    left = [0]

    def cut(store: Store, relative: str, content: bytes) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        put(store, relative, content)

    for writes in (0, 1, 2, 3, 6):
        left[0] = writes
        with monkeypatch.context() as patch:
            patch.setattr(Store, "put", cut)
            with pytest.raises(KeyboardInterrupt):
                here("recordings", f"cut {writes}")
        here("recordings", f"cut {writes}")
        assert files_in(tmp_path / f"cut {writes}") == files_in(tmp_path / "whole"), writes


def test_changed_and_new_recordings_are_heard_and_gone_ones_leave_the_table(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files
) -> None:
    here(recordings, tmp_path / "out")
    (recordings / "0.wav").write_bytes((recordings / "1.wav").read_bytes())
    (recordings / "2.wav").unlink()
    (recordings / "new.wav").write_bytes((recordings / "3.wav").read_bytes())
    for bad in ("empty.wav", "gone.wav", "text.wav"):
        (recordings / bad).unlink()
    total = here(recordings, tmp_path / "out")
    assert (total.recordings, total.failed, total.predicted) == (GOOD, 0, 2)
    count = json.loads((tmp_path / "out" / "run.json").read_text())["parts"]
    here(recordings, tmp_path / "anew", parts=count)
    assert files_in(tmp_path / "out") == files_in(tmp_path / "anew")


def test_a_touched_recording_is_not_heard_again(recordings: Path, tmp_path: Path, here: Go) -> None:
    here(recordings / "0.wav", tmp_path / "out")
    (recordings / "0.wav").touch()
    assert here(recordings / "0.wav", tmp_path / "out").predicted == 0


def test_a_list_and_parquet_of_paths_give_what_the_folder_gives(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    names = sorted(str(path) for path in recordings.rglob("*.*") if path.suffix != ".md")
    (tmp_path / "all.txt").write_text("\n".join([*names, "", names[0]]))
    pyarrow.parquet.write_table(pyarrow.table({"path": names, "more": [1] * len(names)}), tmp_path / "all.parquet")
    tables = []
    for number, given in enumerate((recordings, tmp_path / "all.txt", tmp_path / "all.parquet")):
        assert here(given, tmp_path / f"out {number}", parts=3).recordings == GOOD + BAD
        tables.append(table_in(tmp_path / f"out {number}" / "results"))
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("layout", ["columns", "struct"])
def test_sound_in_parquet_gives_what_the_files_give(
    layout: str, recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    paths = sorted(path for path in recordings.rglob("*.*") if path.exists() and path.suffix != ".md")
    names, sounds = [str(path) for path in paths], [path.read_bytes() for path in paths]
    columns: dict[str, Any] = {"path": names, "bytes": sounds}
    if layout == "struct":
        columns = {"audio": [{"path": name, "bytes": sound} for name, sound in zip(names, sounds, strict=True)]}
    (tmp_path / "tables").mkdir()
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "tables" / "a.parquet", row_group_size=3)
    total = here(tmp_path / "tables", tmp_path / "out")
    assert (total.recordings, total.failed) == (GOOD + 2, 2)
    assert len(list((tmp_path / "out" / "results").iterdir())) == 3
    here(recordings, tmp_path / "files")
    assert by_start(table_in(tmp_path / "out" / "results")) == by_start(table_in(tmp_path / "files" / "results"))
    reasons = [row["reason"] for row in table_in(tmp_path / "out" / "failed")]
    assert all("recordings" in reason for reason in reasons if "decoded" in reason)
    assert here(tmp_path / "tables", tmp_path / "out").predicted == 2


def test_words_in_parquet_are_read_and_other_words_are_heard_anew(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    def go(words: str | None) -> Total:
        columns = {"file": [str(recordings / "0.wav")], "text": pyarrow.array([words], pyarrow.string())}
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "in.parquet")
        return here(tmp_path / "in.parquet", tmp_path / "out")

    assert go("i am so happy").predicted == 1
    assert table_in(tmp_path / "out" / "results")[0]["modalities"] == "acoustic+linguistic"
    assert go("i am so happy").predicted == 0
    assert go("i am so sad").predicted == 1
    assert table_in(tmp_path / "out" / "results")[0]["text"] == "i am so sad"
    assert go(None).predicted == 1
    assert table_in(tmp_path / "out" / "results")[0]["modalities"] == "acoustic"


def test_transcripts_of_a_folder_are_those_that_predict_would_take(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    words = tmp_path / "words"
    (words / "sub folder").mkdir(parents=True)
    (words / "0.txt").write_text("i am so happy")
    (words / "0.srt").write_text("1\n00:00:00,000 --> 00:00:00,700\ni am sad\n")
    (words / "sub folder" / "ü.TXT").write_text("the dog")
    (words / "ü.txt").write_text("today")
    (words / "1.txt").write_bytes("schön".encode("cp1252"))

    def heard(given: str | Path, out: str, transcripts: Path | str = words) -> dict[str, str | None]:
        here(given, tmp_path / out, transcripts=str(transcripts))
        return {Path(row["file"]).name: row["text"] for row in table_in(tmp_path / out / "results")}

    expected = {"0.wav": "i am sad", "2.wav": None, "3.wav": None, "ü.flac": "the dog"}
    assert heard(recordings, "paths") == expected
    assert heard(recordings.as_uri(), "addresses", words.as_uri()) == expected
    reasons = [row["reason"] for row in table_in(tmp_path / "addresses" / "failed") if "1.wav" in row["file"]]
    assert reasons
    assert f"{words.as_uri()}/1.txt" in reasons[0]
    assert here(recordings, tmp_path / "paths", transcripts=str(words)).predicted == BAD + 1
    (words / "0.srt").unlink()
    assert heard(recordings, "paths") == {**expected, "0.wav": "i am so happy"}
    (tmp_path / "list.txt").write_text(f"{recordings / 'sub folder' / 'ü.flac'}\n{recordings / 'sub folder'}\n")
    assert heard(tmp_path / "list.txt", "listed") == {"ü.flac": "today"}
    with pytest.raises(OutputError, match="transcript"):
        here(recordings, tmp_path / "paths")
    with pytest.raises(TranscriptError, match=r"no recording .* has a transcript in"):
        heard(recordings, "other", recordings)
    with pytest.raises(AudioError, match=r"nowhere' cannot be searched .*; a folder of transcripts"):
        heard(recordings, "other", tmp_path / "nowhere")


def test_an_archive_in_a_zip_file_is_read_through_fsspec(
    recordings: Path, tmp_path: Path, here: Go, table_in: Table
) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (recordings / "0.wav", recordings / "text.wav", recordings / "sub folder" / "ü.flac"):
            archive.write(path, path.relative_to(recordings))
    total = here(f"zip://::{tmp_path / 'all.zip'}", tmp_path / "out")
    assert (total.recordings, total.failed) == (3, 1)
    names = {row["file"] for row in table_in(tmp_path / "out" / "results")}
    assert names == {f"zip://{name}::{tmp_path / 'all.zip'}" for name in ("0.wav", "sub folder/ü.flac")}
    (failed,) = table_in(tmp_path / "out" / "failed")
    assert failed["file"] in failed["reason"]  # and not the copy of it


def test_output_to_an_address_equals_output_to_a_path(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files
) -> None:
    here(recordings, tmp_path / "path")
    here(recordings.as_uri(), tmp_path / "in")
    for address in ((tmp_path / "uri").as_uri(), f"local://{tmp_path / 'uri'}"):
        here(recordings, address)
        assert files_in(tmp_path / "uri") == files_in(tmp_path / "path")
        assert here(recordings, address).predicted == BAD


def test_what_a_kill_left_unfinished_goes_and_what_is_not_ours_stays(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files
) -> None:
    here(recordings, tmp_path / "out")
    before = files_in(tmp_path / "out")
    (tmp_path / "out" / "results" / ".part-00002.parquet.123").write_text("half")
    (tmp_path / "out" / "results" / "mine.txt").write_text("mine")
    here(recordings, tmp_path / "out")
    assert files_in(tmp_path / "out") == {**before, "results/mine.txt": b"mine"}
    here(recordings, tmp_path / "out", restart=True)
    assert files_in(tmp_path / "out") == {**before, "results/mine.txt": b"mine"}


def test_places_may_be_relative(recordings: Path, tmp_path: Path, here: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recordings)
    assert here("0.wav", "table").predicted == 1
    monkeypatch.chdir(tmp_path)
    assert here("recordings/0.wav", "recordings/table").predicted == 1  # another name is another recording
    assert here("recordings/0.wav", "recordings/table").predicted == 0


@pytest.mark.usefixtures("recordings")
def test_restart_makes_all_again(tmp_path: Path, here: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # in which parts recordings come depends on their names
    here("recordings", "out")
    assert here("recordings", "out", restart=True, parts=2).predicted == GOOD + BAD
    assert len(list((tmp_path / "out" / "results").iterdir())) == 2


def test_a_run_goes_on_only_with_the_settings_that_it_was_started_with(
    recordings: Path, tmp_path: Path, here: Go, toy_bundle: Path
) -> None:
    given, out = recordings / "0.wav", tmp_path / "out"
    here(given, out)
    options = PredictOptions(toy_bundle, threads=1)
    for change in ({"channel": 2}, {"categories": "four"}, {"model": None}):
        with pytest.raises(OutputError, match=next(iter(change))):
            run(str(given), str(out), dataclasses.replace(options, **change))
    with pytest.raises(OutputError, match="parts"):
        here(given, out, parts=3)


def test_what_concerns_all_recordings_ends_the_run_in_one_line(
    recordings: Path, tmp_path: Path, here: Go, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AudioError, match="there is no"):
        here(tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(AudioError, match="holds no recording"):
        here(tmp_path / "hollow", tmp_path / "out")
    with pytest.raises(LabelError, match="seven"):
        run(str(recordings), str(tmp_path / "out"), PredictOptions(toy_bundle, "seven"))
    with pytest.raises(EmobridgeError, match="nosuch"):
        here("nosuch://bucket/folder", tmp_path / "out")
    pyarrow.parquet.write_table(pyarrow.table({"column": [1]}), tmp_path / "odd.parquet")
    with pytest.raises(AudioError, match="column"):
        here(tmp_path / "odd.parquet", tmp_path / "out")
    pyarrow.parquet.write_table(pyarrow.table({"path": pyarrow.array([], pyarrow.string())}), tmp_path / "no.parquet")
    with pytest.raises(AudioError, match="holds no recording"):
        here(tmp_path / "no.parquet", tmp_path / "out")
    here(recordings / "0.wav", tmp_path / "out")
    (tmp_path / "out" / "results" / "part-00000.parquet").write_text("no table")
    with pytest.raises(EmobridgeError, match="no part of a table"):
        here(recordings / "0.wav", tmp_path / "out")
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(OutputError, match="holds parts of a table"):
        here(recordings / "0.wav", tmp_path / "out")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "run.json").write_text("{}")
    with pytest.raises(OutputError, match="another place"):
        here(recordings, tmp_path / "taken")


def test_a_worker_with_another_model_is_refused(
    recordings: Path, tmp_path: Path, here: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "__version__", "9.9")
    with pytest.raises(EmobridgeError, match=r"a worker has emobridge 9\.9"):
        here(recordings, tmp_path / "out")


def test_a_part_that_ended_its_process_is_heard_in_processes_of_their_own(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recordings / "gone.wav").unlink()
    here(recordings / "0.wav", tmp_path / "whole")
    here(recordings / "0.wav", tmp_path / "again")
    (made,) = (tmp_path / "again" / "results").iterdir()
    made.unlink()
    sha256 = load_bundle(toy_bundle).sha256
    work = Work(str(tmp_path / "again"), PredictOptions(toy_bundle, threads=1), "begun", __version__, sha256)
    (part,) = parted(find(str(recordings / "0.wav")), 1)

    def begun_before() -> Outcome:
        (tmp_path / "again" / "in_hand" / made.stem).write_text("begun 1")
        return PartPredictor(work).make(part)

    assert begun_before() == Outcome(1, 0, 1, pytest.approx(0.8))
    assert files_in(tmp_path / "again") == files_in(tmp_path / "whole")
    made.unlink()
    monkeypatch.setattr(
        parts_module, "predict_all", lambda tasks, *_: [(tasks[0], Failure("it brought down its process"))]
    )
    assert begun_before() == Outcome(1, 1, 1, 0.0)


def test_a_part_that_keeps_ending_its_process_ends_the_run(
    recordings: Path, tmp_path: Path, here: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(predictor: PartPredictor, *_: object) -> None:
        raise KeyboardInterrupt

    def again(jobs: list[str], make: Callable[[], Any], workers: int) -> Any:
        worker = make()
        with monkeypatch.context() as patch:
            patch.setattr(PartPredictor, "_predict", ended)
            for _ in range(3):
                with pytest.raises(KeyboardInterrupt):
                    worker(jobs[0])
        return map(worker, jobs)

    monkeypatch.setattr("emobridge.batch.cluster.run.each", again)
    with pytest.raises(EmobridgeError, match="brought its process down 3 times"):
        here(recordings / "0.wav", tmp_path / "out")


def test_a_part_comes_back_from_its_text() -> None:
    part = TablePart(
        "part-00001",
        2,
        "s3://b/c",
        (ArchiveRecording("a", "b", "c"), ArchiveRecording("\udcff", "d", None, "e", "f.txt")),
        None,
        "words",
    )
    assert TablePart.from_json(part.to_json()) == part


def test_an_object_store_gives_and_takes_what_folders_do(
    recordings: Path, tmp_path: Path, here: Go, files_in: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any", "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    objects = {
        f"archive/calls/{path.relative_to(recordings).as_posix()}": path.read_bytes()
        for path in recordings.rglob("*.*")
        if path.exists()
    }
    given = len(objects)
    with object_store(objects) as ending:
        total = here(f"s3://archive/calls{ending}", f"s3://archive/table{ending}")
        assert (total.recordings, total.failed, total.predicted) == (GOOD + 2, 2, GOOD + 2)
        assert not any(b"endpoint_override" in content for content in objects.values())
        before = dict(objects)
        assert here(f"s3://archive/calls{ending}", f"s3://archive/table{ending}").predicted == 2
        assert objects == before
        here(f"s3://archive/calls{ending}", tmp_path / "table")
    written = {key.removeprefix("archive/table/"): content for key, content in objects.items() if "/table/" in key}
    assert len(written) > len(objects) - given - 4
    assert {key: content for key, content in written.items() if content} == files_in(tmp_path / "table")
