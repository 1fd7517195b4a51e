"""One service: its settings, jobs, folders, processes and counters; how it starts, and how it stops."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric

from emobridge.errors import EmobridgeError, SettingsError
from emobridge.server.jobs.dispatch import Dispatcher, place_of
from emobridge.server.jobs.jobs import STATES, JobStore
from emobridge.server.jobs.limits import RequestRate, Streams
from emobridge.server.jobs.spool import Spool
from emobridge.server.metrics import Metrics, gauge, gauges, total
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.model import Model
from emobridge.server.processes.subprocesses import ChildLost, all_or_none
from emobridge.server.security import Door, Keys, read_keys
from emobridge.server.settings import MEBIBYTE, Settings

logger = logging.getLogger("emobridge.server")
SWEEP_S = 5.0
WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - addresses to listen at that are no names of the service


class Service:
    """Everything that the routes need. Use `start` and `stop` in one event loop.

    Args:
        settings: of the service.
        decoders: that make sound of what is sent; None makes them by the settings.
        model: that judges it; None makes it by the settings.
        failed: called once if the model cannot be loaded.

    Attributes:
        settings, decoders, model: as above.
        door: who is let in.
        rate: of requests.
        streams: that are open.
        metrics: of this service.
        stopping: set when the service stops.
        failure: why the model could not be loaded, None where it could.

    Raises:
        SettingsError: the file of keys cannot be used.
    """

    store: JobStore
    spool: Spool
    dispatcher: Dispatcher

    def __init__(
        self,
        settings: Settings,
        decoders: Decoders | None = None,
        model: Model | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self.settings = settings
        self.decoders = decoders or Decoders(
            count=settings.decoders,
            memory_bytes=settings.decode_memory_mb * MEBIBYTE,
            time_limit_s=settings.decode_time_s,
            max_duration_s=settings.max_duration_s,
            max_channels=settings.max_channels,
            max_pcm_bytes=settings.max_decoded_mb * MEBIBYTE,
        )
        self.model = model or Model(
            settings.model, settings.threads, settings.batch_size, settings.batch_wait_ms, decoders=self.decoders
        )
        self._failed = failed
        keys = Keys(read_keys(settings.keys)) if settings.keys is not None else None
        own = [] if settings.host in WILDCARDS else [f"[{settings.host}]" if ":" in settings.host else settings.host]
        self.door = Door(keys, [*own, *settings.allowed_host], settings.cors_origin)
        self.rate = RequestRate(settings.requests_per_minute)
        self.streams = Streams(settings.sockets, settings.sockets_per_client)
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.failure: EmobridgeError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_open = False
        self._stop: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether recordings are judged now."""
        return self.dispatcher.is_open and self.model.ready and not self.dispatcher.is_stopping

    def open(self) -> None:
        """Open what is on disk; `start` does where nobody has, and only here a mistake can be told in one line.

        Raises:
            SettingsError: the folder cannot be used.
        """
        settings = self.settings
        decoded_bytes = settings.max_decoded_mb * MEBIBYTE
        self.spool = Spool(settings.folder, settings.max_disk_mb * MEBIBYTE, decoded_bytes)
        self.store = JobStore(self.spool.database)
        self.spool.recover(self.store.all_ids())
        self._is_open = True

    async def start(self) -> None:
        """Take up the jobs that wait, and bring the processes up in the background.

        Raises:
            SettingsError: as `open`.
        """
        if not self._is_open:
            self.open()
        self.dispatcher = Dispatcher(self.settings, self.store, self.spool, self.decoders, self.model, self.metrics)
        self.dispatcher.recover()
        self.sweep()
        self.metrics.watch(self._figures)
        self._tasks = [asyncio.create_task(self._bring_up()), asyncio.create_task(self._sweep_on())]

    async def _bring_up(self) -> None:
        try:
            await all_or_none(self.decoders.start(), self.model.start())
        except (EmobridgeError, ChildLost) as error:
            given = f"the processes of the service do not start: {error}"
            self.failure = error if isinstance(error, EmobridgeError) else SettingsError(given)
            if self._failed is not None:
                self._failed()
            return
        self.dispatcher.open()
        logger.info("ready")

    def begin_stop(self) -> None:
        """Start to stop: what is in hand is finished within the grace period, the rest goes on with the next start."""
        if self._stop is None:
            self.stopping.set()
            self.dispatcher.begin_stop()
            self._stop = asyncio.create_task(self.dispatcher.stop(self.settings.grace_s))

    async def stop(self) -> None:
        """Stop."""
        self.begin_stop()
        assert self._stop is not None
        await self._stop
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self.decoders.stop(), self.model.stop())
        self.store.close()
        self.spool.close()

    def sweep(self) -> None:
        """Forget what has expired."""
        expired = self.store.expired(time.time())
        for identifier in expired:
            self.spool.forget(identifier)
        if expired:
            self.store.delete(expired)
            self.store.shrink()
        self.spool.database_bytes = self.store.size_bytes()

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_S, self.settings.results_s / 2))
            try:
                self.sweep()
            except Exception as error:  # a full disk, say: the next sweep may find it better
                logger.error("sweep: %s", place_of(error))

    def _figures(self) -> Iterable[Metric]:
        """Give what is read off whenever it is asked for."""
        counts: dict[str, float] = dict.fromkeys(STATES, 0.0)
        counts |= self.store.count_by_state()
        counts["queued"] -= len(self.dispatcher.live)
        for live in self.dispatcher.live.values():
            counts[live.state] += 1
        yield gauge("queue_length", "Jobs that wait", self.dispatcher.waiting)
        yield gauge("disk_bytes", "What uploads and results take", self.spool.used_bytes)
        yield gauges("jobs", "Jobs by state", "state", counts)
        restarts = {"decoder": float(self.decoders.restarts), "model": float(self.model.restarts)}
        yield total("process_restarts", "Processes started in place of others", "process", restarts)
        batches = {str(size): float(count) for size, count in sorted(self.model.batches.items())}
        yield total("batches", "Batches of recordings put to the model, by size", "size", batches)
        yield gauge("live_streams", "Live streams that are open", self.streams.live)
        yield gauge("ready", "1 where recordings are judged", float(self.model.ready))


def fresh_id() -> str:
    """Return the name of a new job, which nobody can guess."""
    return secrets.token_hex(16)
