"""A service of its own for a measurement: started on a free port, watched through /proc, stopped.

What talks to it is in `serving_client`, a process of its own.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
START_S, STOP_S = 60.0, 30.0
SERVE = "from emobridge.cli import main; main()"
MODEL_PROCESS, DECODER_PROCESS = (
    "emobridge.server.processes.model_process",
    "emobridge.server.processes.decoder_process",
)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Answer:
    """What the service said: the status, the headers in lower case, the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        process: the HTTP process; the others are its children.
        port: where it listens on loopback.
        data: the folder in which it keeps what it holds.
        log: what it wrote on standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://{HOST}:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> Answer:
        """Return the answer to one request, on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Return whether it says that it can judge."""
        try:
            return self.ask("GET", "/readyz", timeout_s=2.0).status == 200
        except OSError:
            return False

    def processes(self) -> dict[int, str]:
        """Return the process ids of the service and all its children -> their command lines."""
        found = {}
        waiting = [self.process.pid]
        while waiting:
            number = waiting.pop()
            with contextlib.suppress(OSError):  # one may end meanwhile
                command = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                children = [path.read_text().split() for path in Path(f"/proc/{number}/task").glob("*/children")]
                found[number] = command
                waiting += [int(child) for each in children for child in each]
        return found

    def children(self, module: str) -> list[int]:
        """Return the process ids of all that run a module, of all for an empty name."""
        return [number for number, command in self.processes().items() if module in command]

    def resident_mb(self, module: str = "") -> float:
        """Return the memory that its processes (that run a module) hold now, in MB; what they share counts in each."""
        pages = 0
        for number in self.children(module):
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{number}/statm").read_text(encoding="ascii").split()[1])
        return pages * PAGE_BYTES / 1e6

    def processor_s(self) -> float:
        """Return the processor time that its living processes have taken, in seconds."""
        ticks = 0
        for number in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_A_SECOND

    def files(self) -> list[str]:
        """Return what it holds of clients: everything in its folder but its database and its lock."""
        paths = (path.relative_to(self.data) for path in self.data.rglob("*") if not path.is_dir())
        return sorted(str(path) for path in paths if path.name != "lock" and not path.name.startswith("jobs.sqlite"))


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, settings: Mapping[str, object]) -> Iterator[Service]:
    """Start a service, wait until it is ready, stop it in the end.

    Args:
        folder: for its data, its settings and its log.
        settings: of `emobridge serve`, by their names in its file; the rest has its defaults.
    """
    port, data, log = free_port(), folder / "data", folder / "log.txt"
    config = folder / "serve.toml"
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in {**settings, "port": port, "data": str(data)}.items()]
    config.write_text("".join(lines), encoding="utf-8")
    with log.open("wb") as file:
        command = [sys.executable, "-c", SERVE, "serve", "--config", str(config)]
        process = subprocess.Popen(command, stdout=file, stderr=file)
    service = Service(process, port, data, log)
    try:
        _wait_until_ready(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(service: Service) -> None:
    until = time.monotonic() + START_S
    while not service.is_ready():
        if service.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the service did not start:\n{service.log.read_text(encoding='utf-8')}")
        time.sleep(0.05)
