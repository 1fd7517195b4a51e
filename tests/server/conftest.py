"""Shared fixtures: a service in this process, behind decoders and a model that do as they are told; and one event loop
for the tests of a module, in which child processes live on between them."""

import asyncio
import contextlib
import io
import json
import wave
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from emobridge.errors import LabelError
from emobridge.results import Result, Segment, Summary
from emobridge.server.api.app import build_app
from emobridge.server.processes.decode_messages import Decoded, Wanted
from emobridge.server.processes.model import JudgeTask, ModelLost
from emobridge.server.service import Service
from emobridge.server.settings import read_settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class ObedientDecoders:
    """Decoders that take the length from the header of a WAV file."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.decoding = 0
        self.restarts = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def decode(self, upload: Path, into: Path, wanted: Wanted, name: str) -> Decoded:
        self.decoding += 1
        try:
            await self.may_go.wait()
        finally:
            self.decoding -= 1
        (into / "sound").write_bytes(b"\0" * 1000)
        with wave.open(str(upload)) as sound:
            return Decoded(into, sound.getnframes() / sound.getframerate(), sound.getnchannels())


class ObedientModel:
    """A model that says one thing of everything, when it may, and dies when it is told to."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.ready = True
        self.about: dict[str, Any] = {"name": "toy", "views": {"four": ["happy", "sad"]}}
        self.card = "# A model for tests\n"
        self.deaths = 0
        self.restarts = 0
        self.batches = {1: 7}
        self.tasks: list[JudgeTask] = []
        self.fails_with: Exception | None = None
        self.streams: list[ObedientStream] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def wanted(self, speakers: object, channel: int | None) -> Wanted:
        return Wanted((16_000,), channel)

    async def open_stream(self, sample_rate_hz: int, every_s: float, categories: str | None) -> "ObedientStream":
        if categories == "nine":
            raise LabelError("view 'nine'", "valid: four", "choose one of these")
        self.streams.append(ObedientStream())
        return self.streams[-1]

    async def judge(self, task: JudgeTask, heard: Callable[[float, list[dict[str, Any]]], None]) -> bytes:
        self.tasks.append(task)
        result = said_of(task.name, 0.0 if task.decoded is None else task.decoded.duration_s)
        heard(0.5, result["segments"])
        await self.may_go.wait()
        if self.deaths > 0:
            self.deaths -= 1
            raise ModelLost("killed")
        if self.fails_with is not None:
            raise self.fails_with
        return json.dumps(result, ensure_ascii=False).encode()


class ObedientStream:
    """Live sound that makes an estimate of the present whenever some comes."""

    def __init__(self) -> None:
        self.sound = b""
        self.is_closed = False

    async def push(self, pcm: bytes) -> list[dict[str, Any]]:
        self.sound += pcm
        return [{"type": "current", "segment": said_of("", len(self.sound) / 64_000)["segments"][0]}]

    async def finish(self) -> bytes:
        return json.dumps(said_of("stream", len(self.sound) / 64_000)).encode()

    async def close(self) -> None:
        self.is_closed = True


def said_of(name: str, duration_s: float) -> dict[str, Any]:
    segment = Segment(0.0, duration_s, None, "secret words", "happy", {"happy": 0.75, "sad": 0.25}, {"valence": 0.5})
    summary = Summary(duration_s, "happy", {"happy": 0.75, "sad": 0.25}, {"valence": 0.5}, {"valence": 0.0})
    model = {"name": "toy", "version": "0", "sha256": "0"}
    return Result(name, duration_s, model, (segment,), {}, summary).to_dict()


class Served:
    """A service, and clients of it.

    Attributes:
        service, model, decoders: as they are.
        app: the application.
        client: of the service, at its loopback name.
    """

    def __init__(self, service: Service, app: Any, client: httpx.AsyncClient) -> None:
        self.service = service
        self.model: Any = service.model
        self.decoders: Any = service.decoders
        self.app = app
        self.client = client

    async def post(self, sound: bytes, name: str = "call.wav", **more: Any) -> httpx.Response:
        return await self.client.post("/v1/recordings", files={"recording": (name, sound)}, **more)

    async def post_async(self, sound: bytes, **more: Any) -> dict[str, Any]:
        answer = await self.post(sound, headers={"Prefer": "respond-async"}, **more)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def ended(self, address: str) -> dict[str, Any]:
        for _ in range(1000):
            job: dict[str, Any] = (await self.client.get(address)).json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            await asyncio.sleep(0.01)
        raise AssertionError(job)

    def files(self) -> list[str]:
        """What lies in the folders of uploads and decoded sound."""
        folder = self.service.settings.folder
        found = [path for kind in ("uploads", "decoded") for path in (folder / kind).rglob("*")]
        return [str(path.relative_to(folder)) for path in found if path.is_file()]


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Served]]:
    """A function (decoders=None, model=None, **settings) -> a context that gives a `Served`, ready or not to judge."""

    @contextlib.asynccontextmanager
    async def serve(decoders: Any = None, model: Any = None, **settings: Any) -> AsyncIterator[Served]:
        values = {"data": tmp_path / "data", "grace_s": 0.2, **settings}
        service = Service(read_settings(values, None), decoders or ObedientDecoders(), model or ObedientModel())
        app = build_app(service, {})
        inner = app._app  # type: ignore[attr-defined]
        transport = httpx.ASGITransport(app)
        async with (
            inner.router.lifespan_context(inner),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as client,
        ):
            for _ in range(500):
                if service.dispatcher.is_open:
                    break
                await asyncio.sleep(0.01)
            yield Served(service, app, client)

    return serve


@pytest.fixture(scope="session")
def sound() -> Callable[..., bytes]:
    """A function (seconds=0.1) -> a WAV file of silence."""

    def make(seconds: float = 0.1) -> bytes:
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(1000)
            file.writeframes(b"\0\0" * round(seconds * 1000))
        return content.getvalue()

    return make


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A function (coroutine) -> what it returns."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """A function (process id) -> whether there is such a process that has not ended."""

    def check(pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] != "Z"

    return check
