"""A supervised pool of processes, each of which is made ready once and then takes one task after the other.

Design: every process has a pipe of its own, so that it is known which task each has. A task that brings its process
down is lost alone, and another process takes over. A process whose owner was killed finds its pipe closed, and ends.
"""

import contextlib
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

from emobridge.errors import EmobridgeError
from emobridge.utils.memory import keep_freed_memory

T = TypeVar("T")
Work = Callable[[Any, Callable[..., None]], Any]  # (task, progress) -> its outcome


@dataclass(frozen=True)
class Lost:
    """The outcome of a task whose process ended; ``how`` is a signal's name or an exit status."""

    how: str


@dataclass(frozen=True)
class _Outcome:
    value: Any


@dataclass
class _Worker(Generic[T]):
    """A process and its task, None before it is ready."""

    process: BaseProcess
    task: T | None = None


def run_in_processes(
    tasks: Sequence[T],
    jobs: int,
    make_ready: Callable[..., Work],
    arguments: tuple[Any, ...] = (),
    progress: Callable[..., None] = lambda *_: None,
    name_of: Callable[[T], str] = str,
    remedy: str = "give fewer --jobs",
) -> Iterator[tuple[T, Any]]:
    """Yield each task with its outcome, or `Lost`, as it ends.

    Args:
        tasks: in the order in which they are begun.
        jobs: how many processes, from 1.
        make_ready: called with ``arguments`` in each process, once; returns what does a task.
        progress: called with a task and what the work on it reports.
        name_of: what a task is called; its process has that name.
        remedy: what to do where a process ends before it is ready.

    Raises:
        EmobridgeError: what making ready or a task raises, after which all processes are ended; or a process ended
            before it was ready, as any other would.
    """
    waiting = deque(tasks)
    workers: dict[Connection, _Worker[T]] = {}
    try:
        while waiting or workers:
            busy = sum(worker.task is not None for worker in workers.values())
            while len(workers) < min(jobs, busy + len(waiting)):
                connection, process = _start(make_ready, arguments)
                workers[connection] = _Worker(process)
            for connection in cast(list[Connection], wait(list(workers))):
                worker = workers[connection]
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    del workers[connection]
                    yield _lost(worker, remedy)
                    continue
                if isinstance(message, EmobridgeError):
                    raise message
                task = worker.task
                if isinstance(message, tuple):
                    progress(task, *message)
                    continue
                worker.task = waiting.popleft() if waiting else None
                worker.process.name = "ended" if worker.task is None else name_of(worker.task)
                with contextlib.suppress(OSError):  # one that just ended is found out at the next message
                    connection.send(worker.task)
                if worker.task is None:
                    del workers[connection]
                if isinstance(message, _Outcome) and task is not None:
                    yield task, message.value
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join()


def _start(make_ready: Callable[..., Work], arguments: tuple[Any, ...]) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, make_ready, arguments), daemon=True)
    process.start()
    theirs.close()  # so that ours closes with the process
    return ours, process


def _serve(connection: Connection, make_ready: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    """Run in a process: make ready, say so with None, then answer each task with its progress and its outcome."""
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the owner's to handle
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not at once: half-written files are removed
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the owner is no more
        try:
            work = make_ready(*arguments)
            connection.send(None)
            while (task := connection.recv()) is not None:
                connection.send(_Outcome(work(task, lambda *told: connection.send(told))))
        except EmobridgeError as error:
            connection.send(error)


def _lost(worker: _Worker[T], remedy: str) -> tuple[T, Lost]:
    worker.process.join()
    status = worker.process.exitcode or 0
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    if worker.task is None:
        raise EmobridgeError(f"a process ended before it was ready ({how})", remedy=remedy)
    return worker.task, Lost(how)
