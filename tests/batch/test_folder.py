"""Laws of a run into a folder: right results and named reasons, and the same files however often it was killed."""

import csv
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import emobridge
from emobridge.batch import folder
from emobridge.batch.folder import place_results, run_folder
from emobridge.batch.options import PredictOptions, open_predictor
from emobridge.batch.processes import Failure, Task
from emobridge.batch.recordings import Recording, recordings
from emobridge.errors import OutputError
from emobridge.results import Result
from emobridge.utils import progress

START = "import sys; from emobridge.cli import main; main()"
RATE_HZ = 16_000
SETTINGS: dict[str, str | int | None] = {"channel": None}


def wav(data_bytes: int, sample_rate_hz: int = RATE_HZ, content: bytes = b"") -> bytes:
    """Return a 16-bit mono file whose header declares ``data_bytes`` of samples."""
    layout = struct.pack("<IHHIIHH", 16, 1, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16)
    size = struct.pack("<I", min(36 + data_bytes, 2**32 - 1))
    return b"RIFF" + size + b"WAVEfmt " + layout + b"data" + struct.pack("<I", data_bytes) + content


# name -> what the reason says of it
BAD = {
    "cut.wav": "cut short after 0.5 s of 2.0 s",
    "empty.wav": "is empty",
    "folder.wav": "is a folder",
    "gone.wav": "a link to a file that is not there",
    "header.wav": "holds no samples",
    "huge.wav": "of 33554.4 s that its header promises",
    "loop.wav": "cannot be opened (Too many levels of symbolic links)",
    "nan.wav": "a sample at 0.250 s that is not a number",
    "pipe.wav": "is no regular file",
    "rate.wav": "has a sample rate of 1000 Hz",
    "text.wav": "cannot be decoded",
    "torn.flac": "cut short",
    "zeros.mp3": "cannot be decoded",
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, speech_like: Callable) -> Path:
    """A folder of good recordings in several formats, and bad ones of every kind."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "sub").mkdir()
    for index, name in enumerate(("b.wav", "b.flac", "sub/a.ogg", "sub/b.wav", "c.wav", "d.aiff", "e.wav", "f.wav")):
        sound = speech_like(2 + index % 3, seed=index)
        soundfile.write(folder / name, sound, RATE_HZ)
    soundfile.write(folder / "one_sample.wav", np.full(1, 0.1), RATE_HZ)
    make_bad(folder, speech_like(2))
    return folder


def make_bad(folder: Path, sound: np.ndarray) -> None:
    content = (sound * 20_000).astype("<i2").tobytes()
    (folder / "cut.wav").write_bytes(wav(len(content), content=content[: len(content) // 4]))
    (folder / "empty.wav").touch()
    (folder / "folder.wav").mkdir()
    (folder / "gone.wav").symlink_to("nowhere.wav")
    (folder / "header.wav").write_bytes(wav(0))
    (folder / "huge.wav").write_bytes(wav(2**30, content=content))
    (folder / "loop.wav").symlink_to("loop.wav")
    broken = np.where(np.arange(len(sound)) == RATE_HZ // 4, np.nan, sound)
    soundfile.write(folder / "nan.wav", broken, RATE_HZ, subtype="FLOAT")
    os.mkfifo(folder / "pipe.wav")
    (folder / "rate.wav").write_bytes(wav(len(content), 1000, content))
    (folder / "text.wav").write_text("this is no sound at all\n" * 40, encoding="utf-8")
    (folder / "torn.flac").write_bytes((folder / "b.flac").read_bytes()[:-2000])
    (folder / "zeros.mp3").write_bytes(bytes(5000))


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, "predict", *map(str, arguments)]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **options)


def run(*arguments: object) -> tuple[int, str]:
    with start(*arguments) as process:
        _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def files_of(out: Path) -> dict[str, bytes]:
    """Return all that a run left but its journal, whose lines are in the order in which the recordings ended."""
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert files.pop("journal.jsonl")
    return files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, mixed: Path, toy_bundle: Path) -> tuple[Path, int, str]:
    """The folder that a run in one go left, with its exit status and what it printed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, *run(mixed, "--model", toy_bundle, "--out", out, "--format", "json,srt")


def test_bad_recordings_are_a_table_with_reasons_and_status_1(whole: tuple[Path, int, str], mixed: Path) -> None:
    out, status, errors = whole
    assert status == 1
    with (out / "failed.csv").open(encoding="utf-8", newline="") as file:
        reasons = {Path(row["file"]).relative_to(mixed).as_posix(): row["reason"] for row in csv.DictReader(file)}
    assert list(reasons) == sorted(BAD)
    for name, told in BAD.items():
        assert told in reasons[name]
        assert f"emobridge: {mixed / name}: {reasons[name]}" in errors.splitlines()
    assert errors.splitlines()[-1] == f"emobridge: 13 of 22 recordings failed, see '{out / 'failed.csv'}'"


def test_good_recordings_are_judged_as_alone(
    whole: tuple[Path, int, str], mixed: Path, toy_bundle: Path, assert_same: Callable[[Result, Result], None]
) -> None:
    out, _, _ = whole
    predictor = emobridge.load(toy_bundle, threads=1)
    files = {
        "b.wav.json": "b.wav",
        "b.flac.json": "b.flac",
        "sub/a.json": "sub/a.ogg",
        "one_sample.json": "one_sample.wav",
    }
    for written, name in files.items():
        assert_same(Result.from_dict(json.loads((out / written).read_bytes())), predictor.predict(mixed / name))
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        names = dict.fromkeys(Path(row["file"]).relative_to(mixed).as_posix() for row in csv.DictReader(file))
    good = ["b.flac", "b.wav", "c.wav", "d.aiff", "e.wav", "f.wav", "one_sample.wav", "sub/a.ogg", "sub/b.wav"]
    assert list(names) == good
    assert len(files_of(out)) == 2 * len(good) + 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 there")
def test_a_run_that_is_killed_and_resumed_ends_with_the_same_files(
    whole: tuple[Path, int, str], mixed: Path, toy_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    journal = out / "journal.jsonl"
    arguments = [mixed, "--model", toy_bundle, "--out", out, "--format", "json,srt"]
    chance = random.Random(7)
    settled = 0
    for lines, jobs in ((1, 1), (4, 2), (6, 1)):
        with start(*arguments, "--jobs", jobs) as process:
            while process.poll() is None and not (journal.exists() and good_lines(journal) >= lines):
                time.sleep(0.002)
            time.sleep(chance.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
        assert good_lines(journal) >= settled
        settled = good_lines(journal)
    assert run(*arguments)[0] == 1
    assert files_of(out) == files_of(whole[0])
    places = [values["place"] for line in journal.read_text().splitlines() if "result" in (values := json.loads(line))]
    assert len(places) == len(set(places)) == 9


def good_lines(journal: Path) -> int:
    return journal.read_bytes().count(b'"result"')


@pytest.fixture
def judged_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs judge in this process and note here what they judge."""
    noted: list[str] = []

    def predict_all(tasks: list[Task], options: PredictOptions, jobs: int, progress: Callable) -> Iterator[tuple]:
        predictor = open_predictor(options)
        for task in tasks:
            noted.append(task.recording.place.as_posix())
            progress(task, 0.5)
            if task.recording.path.stat().st_size == 0:
                yield task, Failure("it is empty")
                continue
            result = predictor.predict(task.recording)
            try:
                task.write(result)
            except OutputError as error:
                yield task, Failure(str(error))
            else:
                yield task, result.to_dict()

    monkeypatch.setattr(folder, "predict_all", predict_all)
    return noted


@pytest.fixture
def small(tmp_path: Path, speech_like: Callable) -> Path:
    folder = tmp_path / "small"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        soundfile.write(folder / name, speech_like(1.5), RATE_HZ)
    return folder


@pytest.fixture
def go(toy_bundle: Path, tmp_path: Path, judged_here: list[str]) -> Callable[..., list[str]]:
    """A function (folder, extensions=("json",), settings=, restart=) -> the places that a run into ``out`` judged."""

    def go(
        folder: Path,
        extensions: tuple[str, ...] = ("json",),
        settings: dict[str, str | int | None] = SETTINGS,
        restart: bool = False,
        transcript: Path | None = None,
    ) -> list[str]:
        judged_here.clear()
        with recordings([str(folder)], None, transcript, None) as found:
            run_folder(found, tmp_path / "out", extensions, PredictOptions(toy_bundle), settings, 1, restart)
        return list(judged_here)

    return go


def test_what_is_settled_is_not_judged_again(small: Path, tmp_path: Path, go: Callable) -> None:
    assert go(small) == ["a.wav", "b.wav", "sub/c.wav"]
    files = files_of(tmp_path / "out")
    assert go(small) == []
    assert files_of(tmp_path / "out") == files


def test_new_and_changed_recordings_are_judged_and_gone_ones_left_out(
    small: Path, tmp_path: Path, go: Callable, speech_like: Callable
) -> None:
    go(small)
    soundfile.write(small / "a.wav", speech_like(2.0, seed=1), RATE_HZ)
    os.utime(small / "b.wav", ns=(0, 0))
    shutil.copy2(small / "sub" / "c.wav", small / "d.wav")
    (small / "sub" / "c.wav").unlink()
    assert go(small) == ["a.wav", "b.wav", "d.wav"]
    resumed = files_of(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    go(small)
    assert {name: resumed[name] for name in ("predictions.csv", "a.json")} == {
        name: content for name, content in files_of(tmp_path / "out").items() if name in ("predictions.csv", "a.json")
    }


def test_a_changed_transcript_is_read_again(small: Path, tmp_path: Path, go: Callable) -> None:
    words = tmp_path / "words"
    words.mkdir()
    for name in ("a.txt", "b.txt"):
        (words / name).write_text("i am so happy", encoding="utf-8")
    go(small, transcript=words)
    (words / "b.txt").write_text("i am so sad today", encoding="utf-8")
    assert go(small, transcript=words) == ["b.wav"]


def test_what_failed_is_tried_again(small: Path, tmp_path: Path, go: Callable, speech_like: Callable) -> None:
    (small / "empty.wav").touch()
    go(small)
    assert (tmp_path / "out" / "failed.csv").read_text(encoding="utf-8").count("empty.wav") == 1
    assert go(small) == ["empty.wav"]
    soundfile.write(small / "empty.wav", speech_like(1.0), RATE_HZ)
    assert go(small) == ["empty.wav"]
    assert (tmp_path / "out" / "failed.csv").read_bytes() == b"file,reason\r\n"


def test_other_formats_and_lost_files_need_no_judging(small: Path, tmp_path: Path, go: Callable) -> None:
    out = tmp_path / "out"
    go(small)
    files = files_of(out)
    (out / "sub" / "c.json").unlink()
    (out / "predictions.csv").unlink()
    assert go(small) == []
    assert files_of(out) == files
    assert go(small, ("txt", "jsonl")) == []
    assert (out / "sub" / "c.txt").exists()
    assert len((out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_recordings_that_go_by_another_name_need_no_judging(
    small: Path, tmp_path: Path, go: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(small)
    monkeypatch.chdir(small)
    assert go(Path()) == []
    assert json.loads((tmp_path / "out" / "sub" / "c.json").read_bytes())["file"] == "sub/c.wav"
    assert '"sub/c.wav' in (tmp_path / "out" / "predictions.csv").read_text().replace("\nsub", '\n"sub')


def test_another_model_or_option_is_refused_unless_all_starts_again(
    small: Path, tmp_path: Path, go: Callable, build_toy_bundle: Callable
) -> None:
    go(small)
    files = files_of(tmp_path / "out")
    with pytest.raises(OutputError, match="started with channel left out, not with channel 1; "):
        go(small, settings={"channel": 1})
    assert files_of(tmp_path / "out") == files
    assert go(small, settings={"channel": 1}, restart=True) == ["a.wav", "b.wav", "sub/c.wav"]
    other = build_toy_bundle(tmp_path / "other", ("acoustic",))
    with pytest.raises(OutputError, match=r"started with model \w+ and channel 1, not with model \w+ and channel"):
        run_folder([], tmp_path / "out", ("json",), PredictOptions(other), SETTINGS, 1, False)


def test_who_waits_sees_how_many_are_done_and_how_many_failed(
    small: Path, go: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (small / "empty.wav").touch()
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    go(small)
    shown = capsys.readouterr().err
    assert "0 of 4" in shown
    assert "4 of 4, 1 failed" in shown


def test_a_format_that_cannot_hold_a_result_fails_that_recording_alone(
    small: Path, tmp_path: Path, go: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(small)
    write = Task.write

    def refusing(task: Task, result: Result) -> None:
        if task.recording.place.name == "b.wav":
            raise OutputError("this format holds no such result")
        write(task, result)

    monkeypatch.setattr(Task, "write", refusing)
    assert go(small, ("srt",)) == ["b.wav"]
    assert {path.name for path in (tmp_path / "out").rglob("*.srt")} == {"a.srt", "c.srt"}
    assert "b.wav,this format holds no such result" in (tmp_path / "out" / "failed.csv").read_text(encoding="utf-8")


def test_what_a_killed_run_left_unfinished_goes_and_nothing_else(small: Path, tmp_path: Path, go: Callable) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    for name in ("sub/.c.json.123", ".other.json.123", ".a.json"):
        (out / name).write_bytes(b"half")
    go(small)
    assert {path.name for path in out.rglob(".*")} == {".other.json.123", ".a.json"}


def recording(name: str) -> Recording:
    return Recording(name, Path("in", name), Path(name))


def test_results_that_would_meet_in_one_file_keep_their_extensions() -> None:
    found = [recording(name) for name in ("a.wav", "a.b.wav", "sub/a.mp3", "sub/a.wav")]
    targets = [task.targets[0].as_posix() for task in place_results(found, Path("out"), ("textgrid",))]
    assert targets == ["out/a.TextGrid", "out/a.b.TextGrid", "out/sub/a.mp3.TextGrid", "out/sub/a.wav.TextGrid"]


@pytest.mark.parametrize("name", ["journal.wav", "predictions.wav", "failed.wav"])
def test_no_result_takes_the_place_of_a_table_or_the_journal(tmp_path: Path, name: str, toy_bundle: Path) -> None:
    with pytest.raises(OutputError, match="two results would go to"):
        run_folder([recording(name)], tmp_path, ("csv", "jsonl"), PredictOptions(toy_bundle), {}, 1, False)
    assert list(tmp_path.iterdir()) == []


def test_no_result_takes_the_place_of_an_input() -> None:
    with pytest.raises(OutputError, match="would overwrite an input"):
        place_results([Recording("a", Path("a.wav"), Path("a.wav"), Path("a.json"))], Path(), ("json",))
