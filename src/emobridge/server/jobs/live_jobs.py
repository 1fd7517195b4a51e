"""A job that is not finished, in memory: how far it is, what was heard so far, and who waits for more."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from emobridge.server.jobs.jobs import WAITING, Job


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        job: as it is on disk now.
        result: `Result.to_dict` as JSON in UTF-8, None where there is none.
    """

    job: Job
    result: bytes | None = None


class LiveJob:
    """A job that waits or is in hand.

    Attributes:
        job: as it was accepted.
        state: one of `jobs.STATES`.
        progress: the share that is done, on [0, 1].
        duration_s: length of the recording, None until it is known.
        segments: that became final so far, as in the result.
        ending: how it ended, None until then.
        settled: done when the job has ended, or goes on after a restart.
        answerable: done when whoever sent the recording is to be answered: the job is settled, or is a long one.
        version: another one after each change.
        task: that has it in hand, None while it waits.
        started_s: when that was, on the monotonic clock.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = WAITING
        self.progress = 0.0
        self.duration_s: float | None = None
        self.segments: list[dict[str, Any]] = []
        self.ending: Ending | None = None
        loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = loop.create_future()
        self.answerable: asyncio.Future[None] = loop.create_future()
        self.version = 0
        self.task: asyncio.Task[None] | None = None
        self.started_s = 0.0
        self._waiters: list[asyncio.Future[None]] = []

    def enter(self, state: str) -> None:
        """Go on to another state."""
        self.state = state
        self.changed()

    def heard(self, progress: float, segments: list[dict[str, Any]]) -> None:
        """Take what the model tells on its way."""
        self.progress = max(self.progress, min(1.0, progress))
        self.segments += segments
        self.changed()

    def again(self) -> None:
        """Start over: what was heard is heard anew."""
        self.job = replace(self.job, tries=self.job.tries + 1)
        self.progress = 0.0
        self.segments = []
        self.changed()

    def answer(self) -> None:
        """Let whoever sent the recording be answered."""
        if not self.answerable.done():
            self.answerable.set_result(None)

    def settle(self) -> None:
        """Let nobody wait any longer."""
        if not self.settled.done():
            self.settled.set_result(None)
        self.answer()
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self.version += 1
        waiters, self._waiters = self._waiters, []
        for each in waiters:
            if not each.done():
                each.set_result(None)

    async def change(self, version: int) -> None:
        """Wait until the version is another one."""
        if self.version != version:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
