"""Folds trained side by side: each in a process of its own, of one thread.

A process leaves in the fold's folder what training it here would have left, to the bit, and whoever asks for the fold
next only reads it. One that is killed takes its own fold with it, which goes on from its checkpoint when it is asked
for again.
"""

import contextlib
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import torch

from emobridge.errors import EmobridgeError
from emobridge.training.experiments.prepare import Parts, Prepared
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.experiments.train_fold import PREDICTIONS, Start, of_variant, run_fold
from emobridge.utils.memory import keep_freed_memory
from emobridge.utils.progress import ProgressCallback


@dataclass(frozen=True)
class Item:
    """One fold of one variant with one seed, as `run_fold` takes it.

    Attributes:
        told: the variant and seed, for people.
        recipe, variant, prepared, parts, folder: as for `run_fold`.
        start: as for `run_fold`; what it starts from is trained already.
    """

    told: str
    recipe: Recipe
    variant: str
    prepared: Prepared
    parts: Parts
    folder: Path
    start: Start | None = None

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"{self.told}, {self.parts.name}"


def train_side_by_side(items: Sequence[Item], jobs: int, report: ProgressCallback) -> None:
    """Train what is not done yet.

    Args:
        items: in the order in which they are begun.
        jobs: how many at once.
        report: hears of all of them.

    Raises:
        EmobridgeError: the first that an item raises, and the others are ended; or, once all others are done, the
            items whose processes were killed.
    """
    waiting = deque(item for item in items if not (item.folder / PREDICTIONS).exists())
    workers: dict[Connection, _Worker] = {}
    lost = []
    try:
        while waiting or workers:
            busy = sum(worker.item is not None for worker in workers.values())
            while len(workers) < min(jobs, busy + len(waiting)):
                connection, process = _begin()
                workers[connection] = _Worker(process)
            for connection in cast(list[Connection], wait(list(workers))):
                worker = workers[connection]
                try:
                    message = connection.recv()
                    if isinstance(message, EmobridgeError):
                        raise message
                    if message is not None:
                        report(*message)
                        continue
                    worker.give(waiting.popleft() if waiting else None, connection)
                except (EOFError, BrokenPipeError, ConnectionResetError):
                    lost.append(_lost(worker))
                    worker.item = None
                if worker.item is None:
                    del workers[connection]
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join()
    if lost:
        raise EmobridgeError(
            f"processes ended before their folds were done: {'; '.join(lost)}",
            "all others are done",
            "give the same command again; where memory ran out, fewer --jobs",
        )


@dataclass
class _Worker:
    """A process and what it has in hand, None before it is ready."""

    process: BaseProcess
    item: Item | None = None

    def give(self, item: Item | None, connection: Connection) -> None:
        """Hand it the next, whose name the process then has; None: there is none."""
        self.item = item
        self.process.name = "ended" if item is None else item.name
        connection.send(item)


def _begin() -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that ours closes with the process
    return ours, process


def _serve(connection: Connection) -> None:
    """Run in a process: ask for an item with None, train it, telling how far it is; until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is for who began it, who then ends this
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not at once: half-written files are removed
    keep_freed_memory()
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # who began it is no more
        connection.send(None)
        while (item := connection.recv()) is not None:
            tell = of_variant(lambda *message: connection.send(message), item.told)
            try:
                run_fold(item.recipe, item.variant, item.prepared, item.parts, item.folder, item.start, tell)
            except EmobridgeError as error:
                connection.send(error)
                return
            connection.send(None)


def _lost(worker: _Worker) -> str:
    """Return whose process ended, and how.

    Raises:
        EmobridgeError: it had nothing in hand yet, and another would end likewise.
    """
    worker.process.join()
    status = worker.process.exitcode or 0
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    if worker.item is None:
        raise EmobridgeError(f"a process ended before it had a fold ({how})", remedy="give fewer --jobs")
    return f"{worker.item.name} ({how})"
