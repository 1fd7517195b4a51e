"""A child process that messages go to and come from: started, heard, ended."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from emobridge.server.processes.messages import Message, MessageError, packed, receive

START_LIMIT_S = 60.0  # the model's files are read and checked in it
END_LIMIT_S = 1.0  # in which a process ends that has closed its channel
READ_AHEAD_BYTES = 2**20
# Who reads strangers' files gets these of the environment, and no secret that may be in the rest.
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
# One thread a graph and product: what works side by side are recordings.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Started = TypeVar("Started")
logger = logging.getLogger(__name__)


class ChildLost(Exception):  # noqa: N818
    """A child process that has ended, or said what is no message and was ended for it.

    Attributes:
        how: the name of the signal that ended it, or its status.
    """

    def __init__(self, how: str) -> None:
        super().__init__(f"a process ended ({how})")
        self.how = how


_running: "set[Child]" = set()


class Child:
    """One process, and both ways to it. Make one with `start_child`.

    Attributes:
        greeting: the first message that it sent.
    """

    def __init__(self, process: asyncio.subprocess.Process, most_bytes: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._to, self._from = process.stdin, process.stdout
        self._most_bytes = most_bytes
        self._is_killed = False
        self._loop = asyncio.get_running_loop()
        _running.add(self)
        self.greeting: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, and is not about to."""
        if self._process.returncode is not None or self._is_killed:
            return False
        try:  # asyncio may not have heard of its end yet; what it will ask for stays there for it
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def send(self, head: Mapping[str, Any], raw: bytes = b"") -> None:
        """Send a message; that a process has ended is told by `receive` alone."""
        with contextlib.suppress(RuntimeError):  # of uvloop, for a pipe that is closed
            self._to.write(packed(head, raw))

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            ChildLost: it has ended, or sent what is no message.
        """
        try:
            message = await receive(self._from, self._most_bytes)
        except (MessageError, ConnectionError) as error:
            self.kill()
            raise ChildLost(await self._how()) from error
        if message is None:
            # To kill what has just ended would hide how it ended; what closed its channel and goes on is killed.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_LIMIT_S):
                    await self._process.wait()
            self.kill()
            raise ChildLost(await self._how())
        return message

    def kill(self) -> None:
        """End it at once."""
        self._is_killed = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """End it at once, and wait until it has."""
        self.kill()
        await self._process.wait()
        _running.discard(self)
        self._to.close()

    async def _how(self) -> str:
        status = await self._process.wait()
        _running.discard(self)
        return signal.Signals(-status).name if status < 0 else f"status {status}"


async def start_child(module: str, arguments: Sequence[str], most_bytes: int, is_trusted: bool) -> Child:
    """Start ``python -m module PARENT arguments`` and return it when it has greeted.

    Args:
        module: what it runs; the first argument that it gets is the id of this process.
        arguments: the others.
        most_bytes: that a message of its may have.
        is_trusted: whether it never sees a stranger's file. It has the whole environment then, and what it prints as
            errors is kept.

    Raises:
        ChildLost: it ended before it greeted, or did not in `START_LIMIT_S`.
    """
    environment = {name: value for name, value in os.environ.items() if is_trusted or name in PASSED_ON}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, str(os.getpid()), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if is_trusted else asyncio.subprocess.DEVNULL,
        limit=READ_AHEAD_BYTES,
        env=environment | ENVIRONMENT,
    )
    child = Child(process, most_bytes)
    try:
        async with asyncio.timeout(START_LIMIT_S):
            child.greeting = (await child.receive()).head
    except TimeoutError as error:
        await child.stop()
        raise ChildLost(f"no greeting in {START_LIMIT_S:.0f} s") from error
    except BaseException:
        await child.stop()
        raise
    return child


async def all_or_none(*starts: Coroutine[Any, Any, Started]) -> list[Started]:
    """Return what all give; what the first to fail raises comes once the others have been cancelled and have ended.

    A process that came up after its service had stopped would be nobody's, and uvloop waits for it when it closes.
    """
    tasks = [asyncio.create_task(start) for start in starts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def end_all() -> None:
    """End every other task of this loop and every process that it started; uvloop waits for them when it closes."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    here = asyncio.get_running_loop()
    await asyncio.gather(*(child.stop() for child in [*_running] if child._loop is here))
