"""Laws of live sound: what comes is what the model gets, and each end has its word."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from emobridge.server.security import make_key


class Socket:
    """One side of a socket, to the application itself."""

    def __init__(self, served: Any, query: str = "", subprotocols: tuple[str, ...] = (), **headers: str) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        given = {"host": "127.0.0.1", **headers}
        scope = {
            "type": "websocket", "http_version": "1.1", "scheme": "ws", "path": "/v1/stream", "raw_path": b"/v1/stream",
            "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()], "state": {},
            "subprotocols": list(subprotocols), "extensions": {"websocket.http.response": {}},
        }  # fmt: skip
        self.give({"type": "websocket.connect"})
        self.task = asyncio.create_task(served.app(scope, self._incoming.get, self._take))

    async def _take(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._changed.set()

    def give(self, message: dict[str, Any]) -> None:
        self._incoming.put_nowait(message)

    def sound(self, content: bytes) -> None:
        self.give({"type": "websocket.receive", "bytes": content})

    def text(self, content: str) -> None:
        self.give({"type": "websocket.receive", "text": content})

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():
                self._changed.clear()
                await self._changed.wait()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]

    @property
    def status(self) -> int | None:
        starts = [message for message in self.sent if message["type"] == "websocket.http.response.start"]
        return starts[0]["status"] if starts else None


def test_sound_comes_to_the_model_as_it_is_wherever_it_is_cut(serve: Any) -> None:
    samples = np.array([0, 1, -32768, 32767, 12345, -1], "<i2")

    async def scenario() -> None:
        async with serve() as served:
            for encoding, content in (("s16le", samples), ("f32le", (samples / np.float32(32768)).astype("<f4"))):
                socket = Socket(served, f"encoding={encoding}&sample_rate_hz=8000&every_s=0.5&categories=four")
                whole = content.tobytes()
                for start in range(0, len(whole), 3):
                    socket.sound(whole[start : start + 3])
                socket.text('{"type": "end"}')
                await socket.task
                got = np.frombuffer(served.model.streams[-1].sound, "<f4")
                np.testing.assert_array_equal(got, samples / np.float32(32768))
                assert socket.told[-1]["type"] == "result"
                assert {each["type"] for each in socket.told[:-1]} == {"current"}
                assert socket.sent[-1] == {"type": "websocket.close", "code": 1000, "reason": ""}
                assert served.model.streams[-1].is_closed

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("encoding=mp3", 422, "invalid-parameter"),
        ("sample_rate_hz=many", 422, "invalid-parameter"),
        ("every_s=0", 422, "invalid-parameter"),
        ("every_s=nan", 422, "invalid-parameter"),
        ("volume=11", 422, "invalid-parameter"),
    ],
)
def test_a_wish_that_is_not_valid_is_refused_before_the_socket_opens(
    serve: Any, query: str, status: int, kind: str
) -> None:
    async def scenario() -> None:
        async with serve() as served:
            socket = Socket(served, query)
            await socket.task
            assert socket.status == status
            assert json.loads(socket.sent[-1]["body"])["type"] == f"/problems/{kind}"
            headers = dict(socket.sent[0]["headers"])
            assert headers[b"content-type"] == b"application/problem+json"
            assert headers[b"x-content-type-options"] == b"nosniff"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("query", "text", "kind"),
    [
        ("categories=nine", "", "invalid-parameter"),
        ("", '{"type": "end"}', "unreadable-recording"),
        ("", "hello", "malformed"),
        ("", "[" * 100_000, "malformed"),
        ("", "", "too-slow"),
    ],
)
def test_a_mistake_on_the_way_is_told_and_ends_the_stream(serve: Any, query: str, text: str, kind: str) -> None:
    async def scenario() -> None:
        async with serve(idle_time_s=0.3) as served:
            socket = Socket(served, query)
            if text:
                socket.text(text)
            await socket.task
            assert [each["problem"]["type"] for each in socket.told] == [f"/problems/{kind}"]
            assert socket.sent[-1]["code"] == 1008
            assert served.service.streams.live == 0

    asyncio.run(scenario())


def test_a_stream_has_a_length(serve: Any) -> None:
    async def scenario() -> None:
        async with serve(max_duration_s=1.0) as served:
            socket = Socket(served)
            socket.sound(b"\0" * 32_000)
            socket.sound(b"\0" * 2)
            await socket.task
            assert socket.told[-1]["problem"]["type"] == "/problems/over-limit"

    asyncio.run(scenario())


def test_streams_at_a_time_have_bounds(serve: Any) -> None:
    async def scenario() -> None:
        for settings, status in (({"sockets_per_client": 2}, 429), ({"sockets": 2}, 503)):
            async with serve(**settings) as served:
                open_ones = [Socket(served), Socket(served)]
                for each in open_ones:
                    await each.until(lambda each=each: bool(each.sent))
                refused = Socket(served)
                await refused.task
                assert refused.status == status
                assert b"retry-after" in dict(refused.sent[0]["headers"])
                for each in open_ones:
                    each.give({"type": "websocket.disconnect", "code": 1001})
                    await each.task
                assert all(stream.is_closed for stream in served.model.streams)
                again = Socket(served)
                await again.until(lambda again=again: bool(again.sent))
                assert again.status is None
                again.give({"type": "websocket.disconnect", "code": 1001})
                await again.task

    asyncio.run(scenario())


def test_a_browser_gives_its_key_as_a_subprotocol_and_its_origin_counts(serve: Any, tmp_path: Any) -> None:
    key = make_key("anna", tmp_path / "keys")
    wanted = ("emobridge.v1", f"key.{key}")

    async def scenario() -> None:
        async with serve(keys=tmp_path / "keys") as served:
            socket = Socket(served, "", wanted, origin="http://127.0.0.1")
            await socket.until(lambda: bool(socket.sent))
            assert socket.sent[0]["subprotocol"] == "emobridge.v1"
            socket.give({"type": "websocket.disconnect", "code": 1001})
            await socket.task
            for refused, status in (
                (Socket(served), 401),
                (Socket(served, "", ("emobridge.v1", "key.emo_wrong")), 401),
                (Socket(served, "", wanted, origin="https://evil.example"), 403),
                (Socket(served, "", wanted, host="evil.example"), 421),
            ):
                await refused.task
                assert refused.status == status

    asyncio.run(scenario())


def test_a_stop_ends_streams(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            socket = Socket(served)
            await socket.until(lambda: bool(socket.sent))
            served.service.begin_stop()
            await socket.task
            assert socket.sent[-1]["code"] == 1001

    asyncio.run(scenario())
