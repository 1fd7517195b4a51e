"""Laws of the command line: exit status, one line for an error, the same result as the library, nothing overwritten."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

import emobridge
from emobridge import cli
from emobridge.results import Result
from emobridge.utils import progress
from emobridge.version import __version__

START = "from emobridge.cli import main; main()"


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, str, str]]:
    """A function (*arguments) -> (exit status, standard output, standard error)."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output, errors = capfdbinary.readouterr()
        assert ended.value.code is None or isinstance(ended.value.code, int)
        return ended.value.code or 0, output.decode(), errors.decode()

    return run


@pytest.fixture
def folder(tmp_path: Path, speech_like: Callable) -> Path:
    """Two recordings, one in a folder of its own, beside files that are none."""
    folder = tmp_path / "recordings"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(("b.wav", "sub/a.FLAC")):
        soundfile.write(folder / name, speech_like(3.5, seed=seed), 16_000, format=Path(name).suffix[1:].upper())
    (folder / "b.txt").write_text("i am so happy", encoding="utf-8")
    (folder / "._b.wav").write_bytes(b"left behind by another system")
    return folder


def test_version(run: Callable) -> None:
    assert run("--version") == (0, f"emobridge {__version__}\n", "")


def test_json_is_the_result_of_the_library(run: Callable, toy_bundle: Path, folder: Path) -> None:
    path = folder / "b.wav"
    status, output, errors = run("predict", path, "--model", toy_bundle, "--format", "json", "--threads", 1)
    assert (status, errors) == (0, "")
    assert Result.from_dict(json.loads(output)) == emobridge.load(toy_bundle, threads=1).predict(path)


def test_words_and_view_are_those_of_the_library(run: Callable, toy_bundle: Path, folder: Path) -> None:
    words = folder / "b.txt"
    options = ["--model", toy_bundle, "--categories", "four", "--transcript", words, "--channel", 1, "--format", "json"]
    _, output, _ = run("predict", folder / "b.wav", *options)
    expected = emobridge.load(toy_bundle, categories="four").predict(folder / "b.wav", words, channel=1)
    assert Result.from_dict(json.loads(output)) == expected


def test_a_time_line_is_printed_unless_another_format_is_asked_for(
    run: Callable, toy_bundle: Path, folder: Path
) -> None:
    status, output, _ = run("predict", folder / "b.wav", "--model", toy_bundle)
    assert status == 0
    assert re.search(r"^0:0\d\.\d-0:0\d\.\d ", output, re.MULTILINE)
    assert output == run("predict", folder / "b.wav", "--model", toy_bundle, "--format", "text")[1]
    _, table, _ = run("predict", folder / "b.wav", "--model", toy_bundle, "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(table)))) == output.count("sound")


def test_no_transcript_is_picked_up_unasked(run: Callable, toy_bundle: Path, folder: Path) -> None:
    assert 'happy"' not in run("predict", folder / "b.wav", "--model", toy_bundle)[1]


def test_a_folder_is_its_recordings_in_order(run: Callable, toy_bundle: Path, folder: Path) -> None:
    status, output, _ = run("predict", folder, "--model", toy_bundle, "--format", "json")
    assert status == 0
    assert [value["file"] for value in json.loads(output)] == [str(folder / "b.wav"), str(folder / "sub" / "a.FLAC")]


def test_a_list_is_its_lines(run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{folder / 'sub'}\n\n{folder / 'b.wav'}\n", encoding="utf-8")
    _, output, _ = run("predict", "--list", tmp_path / "list.txt", "--model", toy_bundle, "--format", "json")
    assert [value["file"] for value in json.loads(output)] == [str(folder / "sub" / "a.FLAC"), str(folder / "b.wav")]


def test_standard_input_is_a_recording(
    run: Callable, toy_bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "b.wav").open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        _, output, _ = run("predict", "-", "--model", toy_bundle, "--format", "json")
        sys.stdin.detach()
    expected = emobridge.load(toy_bundle).predict(folder / "b.wav")
    assert Result.from_dict(json.loads(output)) == replace(expected, file="-")


def test_a_file_of_results_is_one_table_of_all(run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    assert run("predict", folder, "--model", toy_bundle, "--out", tmp_path / "all.csv") == (0, "", "")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text(encoding="utf-8"))))
    assert {row["file"] for row in rows} == {str(folder / "b.wav"), str(folder / "sub" / "a.FLAC")}


def test_a_folder_of_results_mirrors_the_recordings_in_every_format(
    run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path, assert_same: Callable[[Result, Result], None]
) -> None:
    out = tmp_path / "results"
    assert run("predict", folder, "--model", toy_bundle, "--out", out, "--format", "json,csv,text") == (0, "", "")
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    files = {f"{name}.{extension}" for name in ("b", "sub/a") for extension in ("json", "csv", "txt")}
    assert written == files | {"predictions.csv", "failed.csv", "journal.jsonl"}
    result = Result.from_dict(json.loads((out / "sub" / "a.json").read_bytes()))
    alone = emobridge.load(toy_bundle).predict(folder / "sub" / "a.FLAC")
    assert_same(result, replace(alone, file=result.file))
    rows = list(csv.DictReader(io.StringIO((out / "predictions.csv").read_text(encoding="utf-8"))))
    assert list(dict.fromkeys(row["file"] for row in rows)) == [str(folder / "b.wav"), str(folder / "sub" / "a.FLAC")]


def test_one_recording_that_is_named_leaves_its_files_alone_in_a_folder(
    run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    options = ["--model", toy_bundle, "--out", tmp_path / "results"]
    assert run("predict", folder / "b.wav", *options) == (0, "", "")
    assert run("predict", folder / "b.wav", *options, "--format", "csv,text") == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["b.csv", "b.json", "b.txt"]


def test_a_folder_of_transcripts_goes_by_name_and_a_missing_one_is_said(
    run: Callable, toy_bundle: Path, folder: Path
) -> None:
    _, output, _ = run("predict", folder, "--transcript", folder, "--model", toy_bundle, "--format", "json")
    with_words, without = json.loads(output)
    assert with_words["segments"][0]["modalities"] == ["acoustic", "linguistic"]
    assert with_words["warnings"] == []
    assert without["segments"][0]["modalities"] == ["acoustic"]
    assert "there is no transcript" in without["warnings"][0]


@pytest.mark.parametrize("output_format", ["csv", "jsonl", "json", "srt", "vtt", "textgrid", "rttm", "html"])
def test_warnings_are_told_on_standard_error_in_every_format(
    run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path, output_format: str
) -> None:
    (tmp_path / "other.srt").write_text("00:10:00,000 --> 00:10:02,000\nnot here\n", encoding="utf-8")
    given = ("predict", folder / "b.wav", "--transcript", tmp_path / "other.srt", "--model", toy_bundle)
    expected = f"emobridge: {folder / 'b.wav'}: warning: 2 words of the transcript lie outside of the recording"
    status, output, errors = run(*given, "--format", output_format)
    assert status == 0
    assert "not here" not in output
    assert errors.startswith(expected)
    assert expected in run(*given, "--out", tmp_path / f"out.{output_format}")[2]


def test_text_shows_warnings_itself(run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    status, output, errors = run(
        "predict", folder / "b.wav", "--transcript", tmp_path / "empty.txt", "--model", toy_bundle
    )
    assert (status, errors) == (0, "")
    assert "the transcript 'empty.txt' holds no words" in " ".join(output.split())


def test_a_bad_file_is_one_line_and_never_stops_the_rest(run: Callable, toy_bundle: Path, folder: Path) -> None:
    (folder / "a_text.wav").write_text("no sound", encoding="utf-8")
    alone = run("predict", folder / "b.wav", folder / "sub", "--model", toy_bundle, "--format", "json")
    status, output, errors = run(
        "predict", "absent.wav", folder / "b.wav", folder / "a_text.wav", folder / "sub", "--model", toy_bundle,
        "--format", "json",
    )  # fmt: skip
    assert status == 1
    assert output == alone[1]
    assert [line.split(": ")[:2] for line in errors.splitlines()] == [
        ["emobridge", "absent.wav"],
        ["emobridge", str(folder / "a_text.wav")],
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["predict", "absent.wav", "--model", "{toy}"], "absent.wav"),
        (["predict", "ab\nsent.wav", "--model", "{toy}"], "ab?sent.wav"),
        (["predict", "{folder}/b.wav", "--model", "nowhere"], "model 'nowhere'"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--categories", "five"], "has the views four"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--transcript", "absent.txt"], "absent.txt"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--channel", "2"], "channel 2"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--out", "a.xlsx"], "format '.xlsx'"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--out", "absent/a.csv"], "no folder 'absent'"),
        (["predict", "{folder}/b.wav", "--model", "{toy}", "--out", "{folder}/b.txt", "--transcript", "{folder}/b.txt"],
         "would overwrite an input"),
        (["predict", "{folder}/b.wav", "{folder}/b.wav", "--model", "{toy}", "--out", "{folder}/new"], "two results"),
        (["predict", "{folder}", "--model", "{toy}", "--out", "a.srt"], "2 recordings for one file"),
        (["predict", "{folder}", "--model", "{toy}", "--format", "srt"], "2 recordings for one file"),
        (["predict", "{folder}", "--model", "nowhere", "--out", "{folder}/new"], "model 'nowhere'"),
        (["predict", "--list", "absent.txt", "--model", "{toy}"], "list 'absent.txt'"),
        (["predict", "{empty}", "--model", "{toy}"], "holds no recording"),
        (["models", "nowhere"], "model 'nowhere'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_status_1(
    run: Callable, toy_bundle: Path, folder: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"toy": toy_bundle, "folder": folder, "empty": tmp_path / "empty"}
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    status, output, errors = run(*(argument.format(**places) for argument in arguments))
    assert (status, output) == (1, "")
    assert errors.startswith("emobridge: ")
    assert errors.count("\n") == 1
    assert told in errors
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.wav", "--format", "xml"],
        ["predict", "a.wav", "--format", "json", "--out", "a.csv"],
        ["predict", "a.wav", "b.wav", "--transcript", "a.txt"],
        ["predict", "a.wav", "--threads", "0"],
        ["predict", "a.wav", "b.wav", "--speakers", "a.rttm"],
        ["predict", "a.wav", "--speakers", "0"],
        ["predict", "a.wav", "--speakers", "some"],
        ["predict", "a.wav", "--language", "de"],
        ["predict", "a.wav", "--format", "json,csv"],
        ["predict", "a.wav", "--format", "json,"],
        ["predict", "a.wav", "--format", "json,csv", "--out", "a.csv"],
        ["predict", "a.wav", "--jobs", "2", "--out", "folder"],
        ["predict", "a.wav", "b.wav", "--jobs", "2", "--out", "a.csv"],
        ["predict", "a.wav", "b.wav", "--restart"],
        ["predict", "a.wav", "b.wav", "--jobs", "0", "--out", "folder"],
        ["predict", "-", "-"],
        ["predict", "a.wav", "--loud"],
        ["foretell"],
    ],
)
def test_a_wrong_use_is_status_2(run: Callable, arguments: list[str]) -> None:
    status, output, errors = run(*arguments)
    assert (status, output) == (2, "")
    assert "Usage: emobridge" in errors


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_file_name_that_is_no_utf_8_is_written_as_text(
    run: Callable, toy_bundle: Path, folder: Path, form: str
) -> None:
    path = folder / os.fsdecode(b"b\xff.wav")
    try:
        shutil.copyfile(folder / "b.wav", path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    status, output, errors = run("predict", path, "--model", toy_bundle, "--format", form)
    assert (status, errors) == (0, "")
    assert "b\ufffd.wav" in output.replace("\n", "")


def emobridge_in_a_process(*arguments: object, unbuffered: bool = False, **streams: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **streams)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("what", ["predict", "models", "--version"])
def test_a_full_disk_is_one_line_and_status_1(toy_bundle: Path, folder: Path, what: str, unbuffered: bool) -> None:
    arguments = {"predict": ["predict", folder / "b.wav", "--model", toy_bundle], "models": ["models", toy_bundle]}
    with Path("/dev/full").open("wb") as full:
        done = emobridge_in_a_process(*arguments.get(what, [what]), unbuffered=unbuffered, stdout=full)
        _, told = done.communicate()
    assert (done.returncode, told.count("\n")) == (1, 1), told
    assert told.startswith("emobridge: ")
    assert "space" in told


def test_output_that_nobody_reads_ends_without_a_word(toy_bundle: Path, folder: Path) -> None:
    done = emobridge_in_a_process("predict", folder / "b.wav", "--model", toy_bundle, stdout=subprocess.PIPE)
    assert done.stdout is not None
    done.stdout.close()
    assert done.stderr is not None
    with done.stderr:
        assert done.stderr.read() == ""
    assert done.wait() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes a stream")
def test_an_output_that_is_closed_from_the_start_is_no_failure() -> None:
    shell = ["sh", "-c", 'exec "$0" -c "$1" --version >&-', sys.executable, START]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interruption_is_status_130(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(emobridge, "load", interrupted)
    assert run("predict", folder / "b.wav")[0] == 130


def test_models_says_what_a_model_is(run: Callable, toy_bundle: Path) -> None:
    status, output, _ = run("models", toy_bundle)
    assert status == 0
    for told in ("toy 0.0.1", "MB", "Apache-2.0", "angry, happy, neutral", "valence (acoustic weak, linguistic rated)"):
        assert told in output
    assert "words (CC0-1.0; 20 utterances, speakers: unknown): dimensions" in output


def test_progress_is_shown_to_someone_who_waits(
    run: Callable, toy_bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, output, errors = run("predict", folder, "--model", toy_bundle)
    assert status == 0
    assert "predicting" in errors
    assert "predicting" not in output


def test_the_installed_command_predicts(toy_bundle: Path, folder: Path, tmp_path: Path) -> None:
    command = shutil.which("emobridge", path=str(Path(sys.executable).parent))
    assert command is not None
    arguments = [command, "predict", folder / "b.wav", "--model", toy_bundle, "--format", "json"]
    done = subprocess.run(arguments, capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["file"] == str(folder / "b.wav")


def test_help_and_version_load_neither_graphs_nor_sound() -> None:
    heavy = ("onnxruntime", "soundfile", "numpy")
    code = f"import sys, emobridge.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_precision_is_of_public_encoders_alone(run: Callable, toy_bundle: Path, folder: Path) -> None:
    status, output, errors = run("predict", folder / "b.wav", "--model", toy_bundle, "--precision", "int8")
    assert (status, output) == (1, "")
    assert errors.startswith("emobridge: precision 'int8' for the model ")
    assert errors.count("\n") == 1


def test_benchmark_measures_the_packaged_sample(run: Callable, tmp_path: Path) -> None:
    status, output, errors = run("benchmark", "--rounds", "1", "--output", tmp_path / "speed.json")
    assert (status, errors) == (0, "")
    kept = json.loads((tmp_path / "speed.json").read_text())
    assert len(kept["cold_start_s"]) == kept["rounds"] == 1
    for name in ("sound", "words"):
        assert kept[name]["duration_s"] == 24.0
        assert 0 < kept[name]["seconds"][0] < 24.0
        assert kept[name]["peak_mb"] > 20
    assert f"cold start, emobridge predict: {kept['cold_start_s'][0]:.2f} s" in output
    assert f"{kept['words']['seconds'][0] / 24.0:.4f} s for each second of sound" in output
    assert run("benchmark", "--output", tmp_path / "none" / "speed.json")[0] == 1
