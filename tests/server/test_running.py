"""Laws of the whole service, as its users have it: a command that listens, with real decoders and a real model."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

import emobridge
from emobridge.errors import EmobridgeError
from emobridge.results import Result
from emobridge.server.running import run
from emobridge.server.settings import read_settings

pytestmark = pytest.mark.alone

SAMPLE = emobridge.sample()


def within_half_a_minute(find: Callable[[], Any], told: Callable[[], object]) -> Any:
    """Return what ``find`` finds once it finds something, or fail with what is told then."""
    for _ in range(600):
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(told())


class Running:
    """A service in a process of its own."""

    def __init__(self, folder: Path, model: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = folder / "log"
        command = [sys.executable, "-c", "from emobridge.cli import main; main()", "serve", "--grace-s", "10"]
        settings = {"PORT": self.port, "DATA": folder / "data", "MODEL": model}
        environment = {f"EMOBRIDGE_SERVE_{name}": str(value) for name, value in settings.items()}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=os.environ | environment, stderr=log)
        self.client = httpx.Client(base_url=self.address, timeout=60)
        self._until_ready()

    def _until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(httpx.TransportError):
                return self.client.get("/readyz").status_code == 200
            return False

        within_half_a_minute(ready, lambda: self.log)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def model_pid(self) -> int:
        def listed() -> list[int]:  # on a busy machine it may still be starting
            command = ["ps", "-ww", "-eo", "pid,ppid,args"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows = [row.split(None, 2) for row in told.splitlines()]
            mine = str(self.process.pid)
            return [int(pid) for pid, parent, line in rows if parent == mine and "model_process" in line]

        (pid,) = within_half_a_minute(listed, lambda: "no model process")
        return pid

    def post(self, **more: Any) -> httpx.Response:
        with SAMPLE.open("rb") as file:
            return self.client.post("/v1/recordings", files={"recording": (SAMPLE.name, file)}, **more)

    def ended(self, address: str) -> dict[str, Any]:
        def job() -> dict[str, Any] | None:
            told: dict[str, Any] = self.client.get(address).json()
            return told if told["state"] in ("done", "failed", "cancelled") else None

        return within_half_a_minute(job, lambda: self.client.get(address).json())

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(30)
        self.client.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def running(folder: Path, toy_bundle: Path) -> Iterator[Running]:
    service = Running(folder, toy_bundle)
    yield service
    service.end(signal.SIGKILL)


def test_the_json_of_the_service_is_the_result_of_the_library(
    running: Running, toy_bundle: Path, assert_same: Callable[[Result, Result], None]
) -> None:
    words = SAMPLE.with_suffix(".txt")
    for options in ({}, {"speakers": "2"}, {"categories": "four"}):
        files = {"recording": (SAMPLE.name, SAMPLE.read_bytes()), "transcript": (words.name, words.read_bytes())}
        answer = running.client.post("/v1/recordings", files=files, data=options)
        assert answer.status_code == 200, answer.text
        predictor = emobridge.load(toy_bundle, options.get("categories"), threads=1)
        speakers = int(options["speakers"]) if "speakers" in options else None
        expected = predictor.predict(SAMPLE, words, speakers).to_dict() | {"file": SAMPLE.name}
        assert_same(Result.from_dict(answer.json()), Result.from_dict(expected))


def test_a_stream_ends_with_the_result_of_the_whole(
    running: Running, toy_bundle: Path, speech_like: Any, assert_same: Callable[[Result, Result], None]
) -> None:
    sound = np.round(speech_like(6.0) * 32767).astype("<i2")
    with connect(f"ws://127.0.0.1:{running.port}/v1/stream?sample_rate_hz=16000") as live:
        for start in range(0, len(sound), 8_000):
            live.send(sound[start : start + 8_000].tobytes())
        live.send('{"type": "end"}')
        told = [json.loads(message) for message in live]
    stream = emobridge.load(toy_bundle, threads=1).stream()
    stream.push(sound.astype(np.float32) / 32768)
    assert_same(Result.from_dict(told[-1]["result"]), stream.finish())
    assert {each["type"] for each in told} >= {"current", "result"}


def test_what_is_no_sound_is_told_without_a_path(running: Running, folder: Path) -> None:
    answer = running.client.post("/v1/recordings", content=b"no sound at all", headers={"Content-Type": "audio/wav"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-recording")
    assert str(folder) not in answer.text
    answer = running.client.post("/v1/recordings", files={"transcript": ("words.json", b"{")})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-transcript")
    assert "'transcript.json'" in answer.text
    assert str(folder) not in answer.text


@pytest.mark.parametrize(
    ("lines", "status"),
    [([b"GET / HTTP/1.1\r\n", *[b"X-More: " + b"x" * 1000 + b"\r\n"] * 70], 413), ([b"no HTTP\r\n\r\n"], 400)],
)
def test_what_is_no_request_is_a_problem_too(running: Running, lines: list[bytes], status: int) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as stranger:
        stranger.sendall(b"".join(lines))
        answer = stranger.makefile("rb").read()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer
    assert b"nosniff" in answer
    assert running.client.get("/healthz").status_code == 200


def test_a_model_that_is_killed_loses_no_accepted_job(running: Running) -> None:
    jobs = [running.post(headers={"Prefer": "respond-async"}).json() for _ in range(6)]
    os.kill(running.model_pid(), signal.SIGKILL)
    assert [running.ended(job["links"]["self"])["state"] for job in jobs] == ["done"] * 6


def test_a_service_that_is_killed_goes_on_with_its_next_start_and_a_stop_is_clean(
    running: Running, folder: Path, toy_bundle: Path
) -> None:
    jobs = [running.post(headers={"Prefer": "respond-async"}).json() for _ in range(8)]
    running.end(signal.SIGKILL)
    again = Running(folder, toy_bundle)
    try:
        assert [again.ended(job["links"]["self"])["state"] for job in jobs] == ["done"] * 8
        assert not [path for path in (folder / "data").rglob("*") if path.is_file() and path.suffix == ".recording"]
        last = again.post(headers={"Prefer": "respond-async"}).json()
    finally:
        again.end(signal.SIGTERM)
    assert again.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in again.log
    assert SAMPLE.name not in again.log
    assert last["id"] in again.log


def test_what_cannot_start_is_told_in_one_line(tmp_path: Path, toy_bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for options, error in (
            ({"port": taken.getsockname()[1]}, "it cannot listen at '127.0.0.1'"),
            ({"data": Path("/proc/none")}, "folder '/proc/none' cannot be used"),
            ({"model": tmp_path / "none"}, "a model is a directory"),
        ):
            settings = read_settings({"port": 0, "data": tmp_path / "data", **options}, None)
            with pytest.raises(EmobridgeError, match=error):
                run(settings)
