"""The service in a process: uvicorn around the application, and what uvicorn leaves open to strangers closed."""

import asyncio
import logging
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from emobridge.errors import SettingsError
from emobridge.server.about_api import read_page
from emobridge.server.app import build_app
from emobridge.server.service import Service
from emobridge.server.settings import Settings

logger = logging.getLogger("emobridge.server")
MOST_HEADER_BYTES = 1 << 16
HEADER_TIME_S = 20.0
SOCKET_MESSAGE_BYTES = 1 << 20
CLOSING_S = 5  # beyond the grace period, for the last answers on their way


class GuardedProtocol(HttpToolsProtocol):
    """HTTP whose headers have a size and a time: without both a stranger could hold memory and connections."""

    _header_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEADER_TIME_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes, but no headers without end."""
        if self._header_bytes >= 0:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start to count and to measure."""
        super().on_message_begin()
        self._header_bytes = max(0, self._header_bytes)
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_TIME_S, self.transport.close)

    def on_headers_complete(self) -> None:
        """Count and measure no more: what follows has limits of its own."""
        self._header_bytes = -1
        self._disarm()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Count anew."""
        self._header_bytes = 0
        super().on_response_complete()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """A server that tells its service when it stops, before it waits for the answers on their way."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

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
        server = Server(_config(service, page), service)
        host, port = listener.getsockname()[:2]
        logger.info("listening at http://%s:%d", f"[{host}]" if ":" in host else host, port)
        server.run([listener])
    if service.failure is not None:
        raise service.failure


def _config(service: Service, page: Any) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(service, page),
        loop="auto",
        http=GuardedProtocol,
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level=service.settings.log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=int(service.settings.grace_s) + CLOSING_S,
    )


def _listener(settings: Settings) -> socket.socket:
    """Return a socket that listens, opened first so that an address in use is told in one line."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        given = f"it cannot listen at '{settings.host}' port {settings.port}: {error.strerror}"
        raise SettingsError(given, "an address of this machine and a free port", "choose others") from error
