"""Recordings predicted by several processes, each of which loads the model once.

Design: every process has a pipe of its own, so the run knows which recording each works on. A recording that brings
its process down is a failure with a reason, and another process takes over. A process whose run was killed finds its
pipe closed, and ends.
"""

import contextlib
import logging
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from emobridge.batch.options import BatchPredictor, PredictOptions, open_predictor
from emobridge.batch.recordings import Recording
from emobridge.errors import AudioError, EmobridgeError, MissingExtraError, OutputError, TranscriptError
from emobridge.results import Result
from emobridge.utils.files import make_folder
from emobridge.utils.memory import keep_freed_memory
from emobridge.writers import write

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One recording and the files that its result goes to, one a format."""

    recording: Recording
    targets: tuple[Path, ...]

    def write(self, result: Result) -> None:
        """Write the files, each whole or not at all; their folder is made where it is not there.

        Raises:
            OutputError: one cannot be written, or its format cannot hold the result.
        """
        for target in self.targets:
            make_folder(target.parent)
            write([result], target)


@dataclass(frozen=True)
class Failure:
    """Why a recording has no result, in one line."""

    reason: str


@dataclass
class _Worker:
    """A process and its task, None before the model is loaded."""

    process: BaseProcess
    task: Task | None = None


def predict_all(
    tasks: Sequence[Task], options: PredictOptions, jobs: int, progress: Callable[[Task, float], None]
) -> Iterator[tuple[Task, dict[str, Any] | Failure]]:
    """Predict ``tasks`` and write their files; yield each with what `Result.to_dict` gives, or why not, as it ends.

    Args:
        tasks: what to do.
        options: how to predict.
        jobs: how many processes, from 1.
        progress: called now and then with a running task and the share of it that is done.

    Raises:
        EmobridgeError: what concerns all recordings: the model, a place that cannot be written, a process that ends
            before it has a recording.
    """
    waiting = deque(tasks)
    workers: dict[Connection, _Worker] = {}
    try:
        while waiting or workers:
            busy = sum(worker.task is not None for worker in workers.values())
            while len(workers) < min(jobs, busy + len(waiting)):
                connection, process = _start(options)
                workers[connection] = _Worker(process)
            for connection in cast(list[Connection], wait(list(workers))):
                worker = workers[connection]
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    del workers[connection]
                    yield _brought_down(worker)
                    continue
                task = worker.task
                if isinstance(message, EmobridgeError):
                    raise message
                if isinstance(message, float):
                    assert task is not None
                    progress(task, message)
                    continue
                worker.task = waiting.popleft() if waiting else None
                with contextlib.suppress(OSError):  # one that just ended is found out when it is read next
                    connection.send(worker.task)
                if worker.task is None:
                    del workers[connection]
                if task is not None:
                    yield task, message
    finally:
        for worker in workers.values():
            worker.process.terminate()


def _start(options: PredictOptions) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options), daemon=True)
    process.start()
    theirs.close()  # so that ours closes with the process
    return ours, process


def _brought_down(worker: _Worker) -> tuple[Task, Failure]:
    worker.process.join()
    status = worker.process.exitcode or 0
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    remedy = "memory may have run out: give fewer --jobs, or try it alone"
    if worker.task is None:
        raise EmobridgeError(f"a process ended before it had loaded the model ({how})", remedy=remedy)
    return worker.task, Failure(f"it brought down its process ({how}); {remedy}")


def _serve(connection: Connection, options: PredictOptions) -> None:
    """Run in a process: load the model, send None, then answer each task with the shares done and its outcome."""
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the run's to handle
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the run is no more
        try:
            predictor = open_predictor(options)
        except EmobridgeError as error:
            connection.send(error)
            return
        connection.send(None)
        while (task := connection.recv()) is not None:
            connection.send(predict_task(predictor, task, connection.send))


def predict_task(
    predictor: BatchPredictor, task: Task, send: Callable[[float], None]
) -> dict[str, Any] | Failure | EmobridgeError:
    """Return the result, the failure of this recording alone, or the error that concerns all."""
    try:
        result = predictor.predict(task.recording, lambda done_s, total_s: send(min(1.0, done_s / total_s)))
        task.write(result)
        return result.to_dict()
    except (BrokenPipeError, ConnectionResetError):  # nobody receives the shares any more
        raise
    except EmobridgeError as error:
        return error if concerns_all(error) else Failure(str(error))
    except Exception as error:  # a fault of ours stops a run over thousands of recordings no more than one of theirs
        logger.exception("%r", str(task.recording.path))
        return Failure(str(EmobridgeError(f"an unexpected {type(error).__name__}: {error}", remedy="report it")))


def concerns_all(error: EmobridgeError) -> bool:
    """Return whether an error would come up for every recording, such as a damaged model or a full disk."""
    if isinstance(error, OutputError):
        return isinstance(error.__cause__, OSError)  # not a result that a format cannot hold
    return not isinstance(error, AudioError | TranscriptError | MissingExtraError)
