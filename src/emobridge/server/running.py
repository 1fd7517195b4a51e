"""The service in a process: uvicorn around the application, and what uvicorn leaves open to strangers closed."""

import asyncio
import logging
import socket
from http import HTTPStatus

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from emobridge.errors import SettingsError
from emobridge.server.api.about_api import PageFile, read_page
from emobridge.server.api.app import build_app
from emobridge.server.api.middleware import CONTENT_HEADERS
from emobridge.server.problems import MEDIA_TYPE, Problem
from emobridge.server.processes.subprocesses import end_all
from emobridge.server.service import Service
from emobridge.server.settings import Settings

logger = logging.getLogger("emobridge.server")
MOST_HEADER_BYTES = 1 << 16
HEADER_TIME_S = 20.0
SOCKET_MESSAGE_BYTES = 1 << 20
SPARE_CONNECTIONS = 100  # that are open and ask nothing, or are told that there are too many
CLOSING_S = 5  # beyond the grace period, for the last answers on their way


class GuardedProtocol(HttpToolsProtocol):
    """HTTP whose headers have a size and a time: without both a stranger could hold memory and connections.

    Attributes:
        most_connections: at a time; what comes beyond is closed unheard.
    """

    most_connections = 1 << 20
    _header_bytes = 0
    _is_in_headers = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.close()
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes, but no headers without end."""
        super().data_received(data)
        if self._is_in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self._refuse(Problem("too-large", "the headers of the request", f"at most {MOST_HEADER_BYTES} bytes"))

    def on_message_begin(self) -> None:
        """Start to count and to measure."""
        super().on_message_begin()
        self._header_bytes, self._is_in_headers = 0, True
        self._arm()

    def on_headers_complete(self) -> None:
        """Count and measure no more: what follows has limits of its own."""
        self._is_in_headers = False
        self._disarm()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(Problem("malformed", "a request that is no HTTP"))

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem, and close."""
        self._disarm()
        if self.transport.is_closing():
            return
        content = problem.content()
        headers = [
            *((name.decode(), value.decode()) for name, value in CONTENT_HEADERS),
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(content))),
            ("connection", "close"),
        ]
        lines = [
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
            *(": ".join(each) for each in headers),
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + content)
        self.transport.close()

    def _too_slow(self) -> None:
        self._refuse(Problem("too-slow", "the headers of the request", f"they have {HEADER_TIME_S:g} s"))

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_TIME_S, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """A server that tells its service when it stops, before it waits for the answers on their way."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and leave no process behind, however it ends."""
        try:
            await super().serve(sockets)
        finally:
            await end_all()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._service.begin_stop()
        await super().shutdown(sockets)


def run(settings: Settings) -> None:
    """Serve until a signal comes.

    Raises:
        EmobridgeError: the service cannot start.
    """
    page = read_page()
    if not page:
        logger.warning("the page of the service is not there: install emobridge again; all else works")
    with _listener(settings) as listener:
        server: Server | None = None

        def failed() -> None:
            assert server is not None
            server.should_exit = True

        service = Service(settings, failed=failed)
        service.open()
        server = Server(_config(service, page), service)
        host, port = listener.getsockname()[:2]
        logger.info("listening at http://%s:%d", f"[{host}]" if ":" in host else host, port)
        server.run([listener])
    if service.failure is not None:
        raise service.failure


def _config(service: Service, page: dict[str, PageFile]) -> uvicorn.Config:
    settings = service.settings
    return uvicorn.Config(
        build_app(service, page),
        loop="auto",
        http=type("Protocol", (GuardedProtocol,), {"most_connections": SPARE_CONNECTIONS + settings.connections}),
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,  # below it uvicorn tells what clients write into addresses
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=int(settings.grace_s) + CLOSING_S,
    )


def _listener(settings: Settings) -> socket.socket:
    """Return a socket that listens, opened first so that an address in use is told in one line."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        given = f"it cannot listen at '{settings.host}' port {settings.port}: {error.strerror}"
        raise SettingsError(given, "an address of this machine and a free port", "choose others") from error
