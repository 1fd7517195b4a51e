"""What every request passes: names and origins, keys, the rate of requests; and what every answer is given.

Design: plain ASGI around the application, so that a refusal costs next to nothing, and so that nothing, not even an
error that nobody thought of, gets out without its headers or with words that a client should not read.
"""

import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emobridge.server.api.responses import CLIENT
from emobridge.server.api.uploads import ClientGone
from emobridge.server.jobs.dispatch import place_of
from emobridge.server.problems import MEDIA_TYPE, Problem
from emobridge.server.security import CONTENT_POLICY, HEADERS, PAGE_POLICY, UNSAFE_METHODS
from emobridge.server.service import Service

logger = logging.getLogger("emobridge.server")
WANTED = {b"host", b"origin", b"authorization", b"cookie", b"access-control-request-method"}
METHODS = {"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH", "WS"}  # each is a line among the figures
CORS_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Accept, Prefer"),
    (b"access-control-max-age", b"600"),
)
CORS_EXPOSED = (b"access-control-expose-headers", b"Location, Retry-After, Content-Disposition")
PAGE_HEADERS = [*HEADERS, (b"content-security-policy", PAGE_POLICY.encode())]
CONTENT_HEADERS = [
    *HEADERS,
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"cache-control", b"no-store"),
]


class Gate:
    """An application behind what every request passes.

    Args:
        app: the application.
        service: that it belongs to.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        passage = _Passage(scope, send, self._service)
        self._open += 1
        try:
            await self._let_in(scope, receive, passage)
        except Problem as problem:
            await passage.refuse(problem)
        except ClientGone:
            passage.status = passage.status or 499
        except Exception as error:  # whatever it is: the client learns that it was not its mistake, and no more
            logger.error("%s: %s", _route(scope), place_of(error))
            await passage.refuse(Problem("internal"))
        finally:
            self._open -= 1
            taken_s = time.perf_counter() - started_s
            method = scope.get("method", "WS")
            method = method if method in METHODS else "other"
            self._service.metrics.answered(_route(scope), method, passage.status or 0, taken_s)

    async def _let_in(self, scope: Scope, receive: Receive, passage: "_Passage") -> None:
        """Pass a request on.

        Raises:
            Problem: it is refused.
        """
        service, door = self._service, self._service.door
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in WANTED}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        door.check_host(host)
        is_socket = scope["type"] == "websocket"
        if origin is not None:
            if door.is_listed(origin):
                passage.origin = origin
                if scope.get("method") == "OPTIONS" and b"access-control-request-method" in headers:
                    await passage.answer_preflight()
                    return
            if is_socket or scope["method"] in UNSAFE_METHODS:
                door.check_origin(origin, host)
        if self._open > service.settings.connections:
            raise Problem("queue-full", "too many requests at a time", remedy="wait", retry_after_s=2.0)
        path = scope["path"]
        if path.startswith("/v1/") or path == "/metrics":
            address = scope["client"][0] if scope["client"] else "unknown"
            try:
                cookies = headers.get(b"cookie", "") if scope.get("method") == "GET" else ""
                client = door.client(address, headers.get(b"authorization"), scope.get("subprotocols", ()), cookies)
            except Problem:
                service.rate.take(address)
                raise
            service.rate.take(client)
            scope[CLIENT] = client
        await self._app(scope, receive, passage.send)


def _route(scope: Scope) -> str:
    """Return which of our addresses was asked for; never what a client wrote."""
    return str(getattr(scope.get("route"), "path", "none"))


class _Passage:
    """One request on its way: what was answered, and what every answer is given."""

    def __init__(self, scope: Scope, send: Send, service: Service) -> None:
        self._scope = scope
        self._send = send
        self._service = service
        self.status: int | None = None
        self.origin: str | None = None

    async def send(self, message: Message) -> None:
        """Pass a part of an answer on, with the headers of every answer."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers()]
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem, if nothing was answered yet."""
        if self.status is not None:
            return
        content = problem.content()
        named = {**problem.headers(), "Content-Type": MEDIA_TYPE, "Content-Length": str(len(content))}
        headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in named.items()]
        await self._answer(problem.status, headers, content)

    async def answer_preflight(self) -> None:
        """Tell a browser what a listed page may ask."""
        await self._answer(204, list(CORS_PREFLIGHT), b"")

    async def _answer(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
        kind = "http.response"
        if self._scope["type"] == "websocket":
            if "websocket.http.response" not in self._scope.get("extensions", {}):
                await self.send({"type": "websocket.close", "code": 1008})
                return
            kind = "websocket.http.response"
        await self.send({"type": f"{kind}.start", "status": status, "headers": headers})
        await self.send({"type": f"{kind}.body", "body": content})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        path = self._scope["path"]
        headers: list[Any] = PAGE_HEADERS if path == "/" or path.startswith("/page/") else CONTENT_HEADERS
        if self.origin is None:
            return headers
        allowed = (b"access-control-allow-origin", self.origin.encode("latin-1"))
        return [*headers, allowed, (b"vary", b"Origin"), CORS_EXPOSED]
