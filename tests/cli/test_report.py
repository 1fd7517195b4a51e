"""Laws of ``emobridge report``: results in JSON to a page or a figure; what is no result is refused in one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge import cli
from emobridge.cli.report import read_results
from emobridge.errors import ResultError
from emobridge.results import Result, Segment, Summary, TurningPoint
from emobridge.writers import write
from emobridge.writers.html_writer import render

SEGMENT = Segment(
    0.0,
    1.5,
    "Ann",
    "Hi.",
    "angry",
    {"angry": 1.0},
    {"valence": 0.2},
    {"valence": (0.1, 0.3)},
    ("angry",),
    ("acoustic",),
)
SUMMARY = Summary(
    1.5, "angry", {"angry": 1.0}, {"valence": 0.2}, {"valence": 0.0}, (TurningPoint(1.0, "valence", 0.1, 0.3),)
)
RESULT = Result("call.wav", 2.0, {"name": "toy"}, (SEGMENT,), {"Ann": SUMMARY}, SUMMARY, ("odd",))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """One result as JSON."""
    write([RESULT], tmp_path / "call.json")
    return tmp_path / "call.json"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    """A function (*arguments) -> (exit status, standard output, standard error)."""

    def run(*arguments: object) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["emobridge", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capfd.readouterr()

    return run


def test_a_page_is_written_beside_the_results_and_named(run: Callable, kept: Path) -> None:
    assert run(kept) == (0, f"{kept.with_suffix('.html')}\n", "")
    assert kept.with_suffix(".html").read_bytes() == render([RESULT])


def test_several_results_are_one_page_and_no_figure(run: Callable, kept: Path, tmp_path: Path) -> None:
    write([RESULT, RESULT], kept)
    assert run(kept, "--out", tmp_path / "all.html")[0] == 0
    assert (tmp_path / "all.html").read_bytes() == render([RESULT, RESULT])
    status, _, errors = run(kept, "--out", tmp_path / "all.png")
    assert status == 1
    assert errors.endswith("holds 2 results; a figure shows one; make a page of them: --out FILE.html\n")


def test_a_figure_is_written_where_it_is_asked_for(run: Callable, kept: Path, tmp_path: Path) -> None:
    assert run(kept, "--out", tmp_path / "a.png") == (0, f"{tmp_path / 'a.png'}\n", "")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_another_extension_is_refused_and_the_results_stay(run: Callable, kept: Path) -> None:
    before = kept.read_bytes()
    status, _, errors = run(kept, "--out", kept)
    assert status == 1
    assert errors.endswith("a report ends in .html, .png, .svg, .pdf; name --out so\n")
    assert kept.read_bytes() == before


def test_a_recording_is_left_out_of_the_page_when_asked(
    run: Callable, tmp_path: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import emobridge

    result = emobridge.load(toy_bundle).predict(emobridge.sample())
    result.save(tmp_path / "sample.json")
    for options, embedded in ((), True), (("--no-audio",), False):
        run(tmp_path / "sample.json", *options)
        assert (b"data:audio/flac" in (tmp_path / "sample.html").read_bytes()) is embedded


def test_results_are_read_as_they_were_written(kept: Path) -> None:
    assert read_results(kept) == [RESULT]
    write([RESULT, RESULT], kept)
    assert read_results(kept) == [RESULT, RESULT]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is no JSON"),
        ("\x80", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("{}", "the key 'file' is missing"),
        ("3", "holds no result"),
        ("[null]", "holds no result"),
        ('{"segments": [], "file": "a"}', "the key 'duration_s' is missing"),
    ],
)
def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ResultError, match=reason) as refused:
        read_results(path)
    assert "make one: emobridge predict" in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="No such file"):
        read_results(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("duration_s",), "2"), (("file",), 3), (("segments", 0, "start_s"), None), (("segments", 0, "text"), 5),
        (("segments", 0, "dimensions", "valence"), "high"), (("segments", 0, "probabilities", "angry"), True),
        (("segments", 0, "intervals", "valence"), [0.1]), (("segments", 0, "flags"), [1]),
        (("summary", "mean", "valence"), float("nan")), (("summary", "turning_points", 0, "time_s"), []),
        (("speakers", "Ann", "shares"), 4), (("segments", 0, "unknown"), 4), (("warnings",), [None]),
        (("segments", 0, "start_s"), -1.0),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(tmp_path: Path, place: tuple[Any, ...], value: object) -> None:
    values: Any = RESULT.to_dict()
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ResultError, match="holds no result of emobridge"):
        read_results(path)
