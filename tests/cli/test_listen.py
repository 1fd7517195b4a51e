"""Laws of ``emobridge listen``: what is piped in gives what the file gives, and mistakes are told in one line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import emobridge

pytestmark = pytest.mark.alone

COMMAND = (sys.executable, "-c", "from emobridge.cli import main; main()", "listen", "-")


def listen(sound: bytes, *options: object) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *map(str, options)], input=sound, capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def samples(speech_like: Callable) -> np.ndarray:
    pause = np.zeros(24_000, np.float32)
    sound = np.concatenate([speech_like(2.0), pause, speech_like(2.0, 1), pause])
    return np.round(np.clip(sound, -1, 1) * 32_767).astype("<i2")


def events(output: bytes, final: bool) -> list[dict]:
    lines = [json.loads(line) for line in output.splitlines()]
    return [line for line in lines if line["final"] is final]


def test_what_is_piped_in_gives_what_predict_gives(toy_bundle: Path, samples: np.ndarray) -> None:
    done = listen(samples.tobytes(), "--model", toy_bundle, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    found = events(done.stdout, True)
    expected = (
        emobridge.load(toy_bundle, threads=1).predict((samples / np.float32(32_768), 16_000)).to_dict()["segments"]
    )
    assert [each["start_s"] for each in found] == pytest.approx([each["start_s"] for each in expected], abs=1e-3)
    for one, other in zip(found, expected, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)
    present_s = [each["end_s"] for each in events(done.stdout, False)]
    # At most one a second; fewer where a busy machine reads seconds of a pipe at once.
    assert present_s
    assert all(other - one >= 1.0 for one, other in pairwise([0.0, *present_s]))
    assert b"all, " in done.stderr


def test_text_is_a_line_an_utterance_and_the_summary(toy_bundle: Path, samples: np.ndarray) -> None:
    lines = listen(samples.tobytes(), "--model", toy_bundle, "--categories", "four").stdout.decode().splitlines()
    assert [line[:6] for line in lines] == ["0:00.0", "0:03.5", "", "all, 4", "  vale"]


def test_ctrl_c_ends_with_the_summary_and_loses_nothing(toy_bundle: Path, samples: np.ndarray) -> None:
    command = [*COMMAND, "--model", str(toy_bundle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(samples.tobytes())
        process.stdin.flush()
        first = process.stdout.readline()  # a segment came while the pipe is open
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output = first + process.stdout.read()
        assert process.wait(20) == 0
    assert output == listen(samples.tobytes(), "--model", toy_bundle).stdout


def test_a_reader_that_goes_away_ends_it_without_a_word(toy_bundle: Path, samples: np.ndarray) -> None:
    command = [*COMMAND, "--model", str(toy_bundle), "--format", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(samples.tobytes(), timeout=60)
    assert (process.returncode, errors) == (1, b"")


def test_what_is_heard_before_a_mistake_is_told_before_it(toy_bundle: Path, samples: np.ndarray) -> None:
    done = listen(samples.tobytes() + b"\1", "--model", toy_bundle)
    assert done.returncode == 1
    assert done.stdout == listen(samples.tobytes(), "--model", toy_bundle).stdout
    assert "odd number of bytes" in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("sound", "options", "status", "told"),
    [
        (b"", (), 1, "no sound came"),
        (b"RIFF" + b"\0" * 100, (), 1, "a sound file"),
        (b"\0" * 100, ("--rate", 10), 1, "10 Hz"),
        (b"", ("--device", 1), 2, "leave out -"),
        (b"", ("--format", "csv"), 2, "'csv' is not text or jsonl"),
        (b"", ("--seconds", 0), 2, "0 is not above 0"),
    ],
)
def test_mistakes_are_told(toy_bundle: Path, sound: bytes, options: tuple, status: int, told: str) -> None:
    done = listen(sound, "--model", toy_bundle, *options)
    assert done.returncode == status
    assert told in " ".join(done.stderr.decode().replace("│", "").split())
    assert status == 2 or len(done.stderr.splitlines()) == 1


def test_so_many_seconds_and_no_more_are_heard(toy_bundle: Path, samples: np.ndarray) -> None:
    done = listen(samples.tobytes(), "--model", toy_bundle, "--format", "jsonl", "--seconds", 1.5)
    assert [each["end_s"] for each in events(done.stdout, True)] == [1.5]


def test_where_nobody_speaks_it_says_so_once(toy_bundle: Path) -> None:
    done = listen(bytes(2 * 16_000 * 20), "--model", toy_bundle)
    assert done.stdout.decode().split("\n")[1:3] == [
        "all: nothing to judge",
        "no speech in 20.0 s (10 silence)",
    ]
