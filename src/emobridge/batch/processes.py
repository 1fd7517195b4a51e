"""Recordings predicted by several processes, each of which loads the model once; their files are written there.

A recording that brings its process down is a failure with a reason, and another process takes over.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emobridge.batch.options import BatchPredictor, PredictOptions, open_predictor
from emobridge.batch.recordings import Recording
from emobridge.errors import AudioError, EmobridgeError, MissingExtraError, OutputError, TranscriptError
from emobridge.results import Result
from emobridge.utils.files import make_folder
from emobridge.utils.process_pool import Lost, run_in_processes
from emobridge.writers import write

logger = logging.getLogger(__name__)
MEMORY = "memory may have run out: give fewer --jobs, or try it alone"


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
    for task, outcome in run_in_processes(tasks, jobs, _make_ready, (options,), progress, _name, MEMORY):
        if isinstance(outcome, Lost):
            yield task, Failure(f"it brought down its process ({outcome.how}); {MEMORY}")
        else:
            yield task, outcome


def _name(task: Task) -> str:
    return task.recording.name


def _make_ready(options: PredictOptions) -> Callable[[Task, Callable[[float], None]], dict[str, Any] | Failure]:
    return partial(predict_task, open_predictor(options))


def predict_task(predictor: BatchPredictor, task: Task, send: Callable[[float], None]) -> dict[str, Any] | Failure:
    """Return the result, or the failure of this recording alone.

    Raises:
        EmobridgeError: what concerns all recordings.
    """
    try:
        result = predictor.predict(task.recording, lambda done_s, total_s: send(min(1.0, done_s / total_s)))
        task.write(result)
        return result.to_dict()
    except (BrokenPipeError, ConnectionResetError):  # nobody receives the shares any more
        raise
    except EmobridgeError as error:
        if concerns_all(error):
            raise
        return Failure(str(error))
    except Exception as error:  # a fault of ours stops a run over thousands of recordings no more than one of theirs
        logger.exception("%r", str(task.recording.path))
        return Failure(str(EmobridgeError(f"an unexpected {type(error).__name__}: {error}", remedy="report it")))


def concerns_all(error: EmobridgeError) -> bool:
    """Return whether an error would come up for every recording, such as a damaged model or a full disk."""
    if isinstance(error, OutputError):
        return isinstance(error.__cause__, OSError)  # not a result that a format cannot hold
    return not isinstance(error, AudioError | TranscriptError | MissingExtraError)
