"""``WS /v1/stream``: raw sound comes, running estimates go, and at the end the result."""

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from emobridge.errors import EmobridgeError
from emobridge.server.api.responses import client_of, service_of
from emobridge.server.jobs.dispatch import place_of
from emobridge.server.problems import Problem, problem_of
from emobridge.server.processes.model import LiveStream, ModelLost
from emobridge.server.security import SUBPROTOCOL
from emobridge.server.service import Service

logger = logging.getLogger("emobridge.server")
ENCODINGS = {"s16le": 2, "f32le": 4}  # bytes a sample
EVERY_S = (0.2, 60.0)
PARAMETERS = ("sample_rate_hz", "encoding", "every_s", "categories")
NORMAL, GOING_AWAY, REFUSED, FAILED = 1000, 1001, 1008, 1011  # why a socket is closed, by RFC 6455


@dataclass(frozen=True)
class Wish:
    """How a client sends its sound, and what it wants of it.

    Attributes:
        sample_rate_hz: of the sound.
        encoding: of its samples.
        every_s: how much new sound makes another estimate of the present.
        categories: name of one of the model's views, None is all its categories.
    """

    sample_rate_hz: int = 16_000
    encoding: Literal["s16le", "f32le"] = "s16le"
    every_s: float = 1.0
    categories: str | None = None


async def stream(socket: WebSocket) -> None:
    """Predict live sound."""
    service = service_of(socket)
    code = NORMAL
    try:
        with service.streams.held(client_of(socket), is_live=True):
            wish = _wish(socket)
            if service.stopping.is_set() or not service.model.ready:
                raise Problem("not-ready", "the model is not there", remedy="ask again", retry_after_s=5.0)
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None)
            code = await _follow(service, socket, wish)
    except Problem as problem:
        code = await _tell(socket, problem)
    except WebSocketDisconnect:
        return
    if socket.application_state == WebSocketState.CONNECTED:
        await socket.close(code)


async def _follow(service: Service, socket: WebSocket, wish: Wish) -> int:
    """Take sound until its end; return why the socket is to be closed.

    Raises:
        Problem: what came is not as it should be, or the model was lost.
        WebSocketDisconnect: the client went away.
    """
    try:
        live = await service.model.open_stream(wish.sample_rate_hz, wish.every_s, wish.categories)
    except (EmobridgeError, ModelLost) as error:
        raise _problem(error) from error
    talk = asyncio.ensure_future(_talk(service, socket, live, wish))
    stopping = asyncio.ensure_future(service.stopping.wait())
    try:
        await asyncio.wait((talk, stopping), return_when=asyncio.FIRST_COMPLETED)
        if talk.done():
            talk.result()
            return NORMAL
        talk.cancel()
        await asyncio.wait((talk,))
        return GOING_AWAY
    except (EmobridgeError, ModelLost) as error:
        raise _problem(error) from error
    finally:
        talk.cancel()
        stopping.cancel()
        await live.close()


async def _talk(service: Service, socket: WebSocket, live: LiveStream, wish: Wish) -> None:
    """Take sound and tell what it gives, until the client says that it ends."""
    sample_bytes = ENCODINGS[wish.encoding]
    left, most_samples = b"", round(service.settings.max_duration_s * wish.sample_rate_hz)
    samples = 0
    while True:
        message = await _message(service, socket)
        if isinstance(message, str):
            _check_end(message)
            break
        sound = left + message
        whole = len(sound) // sample_bytes * sample_bytes
        sound, left = sound[:whole], sound[whole:]
        samples += whole // sample_bytes
        if samples > most_samples:
            valid = f"at most {service.settings.max_duration_s:g} s are taken"
            raise Problem("over-limit", "the stream is too long", valid, "open another")
        if sound:
            service.metrics.streamed(whole / sample_bytes / wish.sample_rate_hz)
            for event in await live.push(_floats(sound, wish.encoding)):
                await _send(socket, json.dumps(event, ensure_ascii=False))
    if samples:
        result = (await live.finish()).decode()
        await _send(socket, f'{{"type": "result", "result": {result}}}')
    else:
        raise Problem("unreadable-recording", "a stream without any sound", "sound before its end", "send some")


async def _message(service: Service, socket: WebSocket) -> bytes | str:
    """Return what comes next: sound, or a message in words.

    Raises:
        Problem: nothing came for too long.
        WebSocketDisconnect: the client went away.
    """
    try:
        async with asyncio.timeout(service.settings.idle_time_s):
            message = await socket.receive()
    except TimeoutError as error:
        valid = f"something within {service.settings.idle_time_s:g} s"
        raise Problem("too-slow", "nothing came", valid, "open another stream when there is sound") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", NORMAL))
    sound: bytes | None = message.get("bytes")
    return sound if sound is not None else str(message.get("text"))


async def _send(socket: WebSocket, text: str) -> None:
    await socket.send({"type": "websocket.send", "text": text})


def _floats(sound: bytes, encoding: str) -> bytes:
    """Return samples as little-endian float32 in [-1, 1]."""
    if encoding == "f32le":
        return sound
    return (np.frombuffer(sound, "<i2").astype("<f4") / np.float32(32768)).tobytes()


def _check_end(text: str) -> None:
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or values.get("type") != "end":
        raise Problem("malformed", "a message in words", 'valid: {"type": "end"}', "send sound as binary messages")


def _wish(socket: WebSocket) -> Wish:
    """Return what the address asks for.

    Raises:
        Problem: a parameter is unknown or not valid.
    """
    given = dict(socket.query_params)
    for name in given:
        if name not in PARAMETERS:
            raise Problem("invalid-parameter", f"'{name[:64]}'", f"valid: {', '.join(PARAMETERS)}", "leave it out")
    encoding = given.get("encoding", "s16le")
    if encoding not in ENCODINGS:
        raise Problem("invalid-parameter", f"encoding: '{encoding}'", f"valid: {', '.join(ENCODINGS)}")
    rate, every = given.get("sample_rate_hz", "16000"), given.get("every_s", "1")
    if not (rate.isascii() and rate.isdecimal() and len(rate) < 8):
        raise Problem("invalid-parameter", f"sample_rate_hz: '{rate}'", "a whole number")
    try:
        every_s = float(every)
    except ValueError:
        every_s = 0.0
    if not EVERY_S[0] <= every_s <= EVERY_S[1]:
        raise Problem("invalid-parameter", f"every_s: '{every}'", f"valid: {EVERY_S[0]:g} to {EVERY_S[1]:g}")
    named: Literal["s16le", "f32le"] = "s16le" if encoding == "s16le" else "f32le"
    return Wish(int(rate), named, every_s, given.get("categories"))


def _problem(error: EmobridgeError | ModelLost) -> Problem:
    if isinstance(error, ModelLost):
        return Problem("model-lost", "the model was lost", remedy="open another stream", retry_after_s=5.0)
    problem = problem_of(error)
    if problem.kind == "internal":
        logger.error("stream: %s", place_of(error))
    return problem


async def _tell(socket: WebSocket, problem: Problem) -> int:
    """Tell a problem; return why the socket is to be closed. Before a socket is open the answer is one of HTTP."""
    if socket.application_state == WebSocketState.CONNECTING:
        raise problem
    await _send(socket, json.dumps({"type": "problem", "problem": problem.to_dict()}, ensure_ascii=False))
    return FAILED if problem.status >= 500 else REFUSED
