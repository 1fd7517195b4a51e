"""Jobs through decoders and model: a bounded queue, what is in hand, and what becomes of it when things go wrong."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from emobridge.errors import EmobridgeError
from emobridge.server.jobs.jobs import CANCELLED, DECODING, DONE, FAILED, JUDGING, Job, JobStore
from emobridge.server.jobs.live_jobs import Ending, LiveJob
from emobridge.server.jobs.spool import Spool
from emobridge.server.metrics import Metrics
from emobridge.server.problems import Problem, problem_of
from emobridge.server.processes.decode_messages import Decoded
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.model import JudgeTask, Model, ModelLost
from emobridge.server.settings import Settings

logger = logging.getLogger("emobridge.server")
MOST_TRIES = 3
LONGEST_RETRY_S = 120.0
MEMORY_OF_PACE = 0.9  # how much of the pace so far is kept at each job


def place_of(error: BaseException) -> str:
    """Return what an error is and where it came from; never its message, which may hold what a client sent."""
    trace, places = error.__traceback__, []
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"


class Dispatcher:
    """The jobs of a service that are not finished.

    Args:
        settings: of the service.
        store: of jobs.
        spool: of what was sent.
        decoders: that make it sound.
        model: that judges it.
        metrics: that count it.

    Attributes:
        live: id -> job that waits or is in hand.
        is_open: whether decoders and model are there; jobs wait until then.
        is_stopping: whether no more jobs are taken.
    """

    def __init__(
        self, settings: Settings, store: JobStore, spool: Spool, decoders: Decoders, model: Model, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._store = store
        self._spool = spool
        self._decoders = decoders
        self._model = model
        self._metrics = metrics
        self._queue: deque[str] = deque()
        self._of_client: Counter[str] = Counter()
        self._decoding = asyncio.Semaphore(settings.decoders)
        # As many as the model takes together, and as many again that are ready when it has done with them.
        self._most_in_hand = settings.decoders + settings.threads + 2 * settings.batch_size
        self._in_hand: set[asyncio.Task[None]] = set()
        self._pace_s = 1.0
        self._held = 0
        self.live: dict[str, LiveJob] = {}
        self.is_open = False
        self.is_stopping = False

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    def recover(self) -> None:
        """Take up the jobs that were not finished when the service ended."""
        for job in self._store.waiting():
            self._held += 1
            self._of_client[job.client] += 1
            self._put(LiveJob(job))
        if self.live:
            logger.info("%d jobs go on", len(self.live))

    def open(self) -> None:
        """Start what waits: decoders and model are there."""
        self.is_open = True
        self._start()

    def admit(self, client: str) -> None:
        """Hold a place for a job of a client; `submit` fills it and `dismiss` gives it back.

        Raises:
            Problem: the service is stopping, or there is no place for it.
        """
        if self.is_stopping:
            raise Problem("stopping", "the service is stopping", remedy="wait", retry_after_s=self._settings.grace_s)
        if self._held >= self._settings.queue:
            valid = f"it holds {self._settings.queue}"
            raise Problem("queue-full", "the queue is full", valid, "wait", retry_after_s=self.retry_after_s())
        if self._of_client[client] >= self._settings.jobs_per_client:
            valid = f"a client has at most {self._settings.jobs_per_client} that are not finished"
            retry_after_s = self.retry_after_s()
            raise Problem("too-many-jobs", "one job too many", valid, "wait", retry_after_s=retry_after_s)
        self._held += 1
        self._of_client[client] += 1

    def dismiss(self, client: str) -> None:
        """Give a place back."""
        self._held -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]

    def retry_after_s(self) -> float:
        """Return when a place is likely to be free."""
        return min(LONGEST_RETRY_S, max(1.0, self._pace_s * self._held / 2))

    def submit(self, job: Job) -> LiveJob:
        """Accept a job, for which a place is held: from here on a restart loses nothing of it."""
        self._store.add(job)
        live = LiveJob(job)
        self._put(live)
        return live

    def position(self, identifier: str) -> int | None:
        """Return how many jobs go before one that waits, None for one in hand."""
        return self._queue.index(identifier) if identifier in self._queue else None

    def cancel(self, identifier: str) -> asyncio.Task[None] | None:
        """Cancel a job, if it is not finished; return the task that is about to let go of it, None where none is."""
        live = self.live.get(identifier)
        if live is None:
            return None
        if live.task is not None:
            live.task.cancel()
        else:
            self._queue.remove(identifier)
        self._end(live, CANCELLED)
        return live.task

    def begin_stop(self) -> None:
        """Take no more jobs, and start none; who waits for one that waits is told that it goes on later."""
        self.is_stopping = True
        for live in self.live.values():
            if live.task is None:
                live.settle()

    async def stop(self, grace_s: float) -> None:
        """Finish what is in hand, after `begin_stop`; what takes more than ``grace_s`` goes on with the next start."""
        if self._in_hand:
            _, unfinished = await asyncio.wait(self._in_hand, timeout=grace_s)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if self.live:
            logger.info("%d jobs go on with the next start", len(self.live))
        for live in self.live.values():
            live.settle()

    def _put(self, live: LiveJob) -> None:
        self.live[live.job.id] = live
        self._queue.append(live.job.id)
        self._start()

    def _start(self) -> None:
        while self._queue and len(self._in_hand) < self._most_in_hand and self.is_open and not self.is_stopping:
            live = self.live[self._queue.popleft()]
            live.started_s = time.monotonic()
            live.task = asyncio.create_task(self._run(live))
            self._in_hand.add(live.task)
            live.task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._start()

    async def _run(self, live: LiveJob) -> None:
        """Have one job in hand, from its upload to its end."""
        try:
            result = await self._result(live)
        except asyncio.CancelledError:
            if not self.is_stopping:
                self._end(live, CANCELLED)
        except ModelLost:
            self._end(live, FAILED, problem=Problem("model-lost", f"the model was lost {MOST_TRIES} times"))
        except TimeoutError:
            valid = f"it may take {self._settings.judge_time_s:g} s"
            self._end(live, FAILED, problem=Problem("over-limit", "judging took too long", valid, "send it in parts"))
        except EmobridgeError as error:
            problem = problem_of(error, partial(self._spool.shown, live.job.id))
            if problem.kind == "internal":
                logger.error("job %s: %s", live.job.id, place_of(error))
            self._end(live, FAILED, problem=problem)
        except Exception as error:  # whatever it is, the service goes on and the client is told
            logger.error("job %s: %s", live.job.id, place_of(error))
            self._end(live, FAILED, problem=Problem("internal"))
        else:
            self._end(live, DONE, result)

    async def _result(self, live: LiveJob) -> bytes:
        """Return the result of a job.

        Raises:
            EmobridgeError: a mistake in what was sent, or it needs more than there is.
            ModelLost: the model died with it in hand, too many times.
            TimeoutError: judging took too long.
        """
        async with self._decoded(live) as decoded:
            live.enter(JUDGING)
            task = self._task(live.job, decoded)
            while True:
                try:
                    async with asyncio.timeout(self._settings.judge_time_s):
                        return await self._model.judge(task, live.heard)
                except ModelLost:
                    self._store.lost(live.job.id)
                    live.again()
                    logger.warning("job %s: the model was lost, try %d", live.job.id, live.job.tries)
                    if live.job.tries >= MOST_TRIES:
                        raise

    @asynccontextmanager
    async def _decoded(self, live: LiveJob) -> AsyncIterator[Decoded | None]:
        """Give the sound of a recording, as long as the context lasts; None where there is a transcript alone."""
        options = live.job.options
        if options.recording is None:
            yield None
            return
        wanted = self._model.wanted(self._speakers(live.job), options.channel)
        upload = self._spool.path_of(live.job.id, options.recording)
        async with contextlib.AsyncExitStack() as held:
            async with self._decoding:
                room = await held.enter_async_context(self._spool.room_to_decode())
                live.enter(DECODING)
                decoded = await self._decoders.decode(upload, room.folder, wanted, live.job.name)
            room.shrink()
            live.duration_s = decoded.duration_s
            if decoded.duration_s > self._settings.short_s:
                live.answer()
            yield decoded

    def _speakers(self, job: Job) -> Path | int | str | None:
        speakers = job.options.speakers
        if isinstance(speakers, str) and speakers.endswith(".rttm"):
            return self._spool.path_of(job.id, speakers)
        return speakers

    def _task(self, job: Job, decoded: Decoded | None) -> JudgeTask:
        options = job.options
        transcript: Path | str | None = None
        if options.transcript is not None:
            transcript = self._spool.path_of(job.id, options.transcript)
            if options.is_text:
                transcript = transcript.read_text(encoding="utf-8")
        return JudgeTask(job.name, decoded, transcript, self._speakers(job), options.channel, options.categories)

    def _end(self, live: LiveJob, state: str, result: bytes | None = None, problem: Problem | None = None) -> None:
        """Keep how a job ended, delete what is not to be kept, and tell whoever waits; a second end is none."""
        if live.ending is not None:
            return
        job = live.job
        told = problem.to_dict() if problem is not None else None
        expires_s = time.time() + self._settings.results_s
        try:
            self._store.finish(job.id, state, expires_s, live.duration_s, result, told)
        except sqlite3.Error as error:
            logger.error("job %s: its end cannot be kept: %s", job.id, place_of(error))
            state, result, told = FAILED, None, Problem("internal").to_dict()
        if not (job.options.keep and state == DONE):
            self._spool.forget(job.id)
        taken_s = time.monotonic() - live.started_s if live.started_s else 0.0
        self._pace_s = MEMORY_OF_PACE * self._pace_s + (1 - MEMORY_OF_PACE) * taken_s / max(1, len(self._in_hand))
        self._metrics.finished(state, (live.duration_s or 0.0) if state == DONE else 0.0, taken_s)
        logger.info("job %s: %s after %.2f s, %.1f s of sound", job.id, state, taken_s, live.duration_s or 0.0)
        ended = replace(job, state=state, expires_s=expires_s, duration_s=live.duration_s, problem=told)
        live.ending = Ending(ended, result)
        live.state = state
        self.dismiss(job.client)
        del self.live[job.id]
        live.settle()
