"""Work for the tests of `emobridge.batch.cluster.ray`, in a module that Ray's workers can import."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emobridge.errors import AudioError


def measure_lengths() -> Callable[[str], Any]:
    """Return work that tells the length of a job and its process; a path that is not there yet ends that process."""

    def work(job: str) -> Any:
        if job.startswith("/") and not Path(job).exists():
            Path(job).touch()
            os._exit(1)
        return {"job": job, "length": len(job), "process": os.getpid()}

    return work


def raise_errors() -> Callable[[str], Any]:
    def work(job: str) -> Any:
        raise AudioError("no lunch", "valid: dinner") if job == "lunch" else RuntimeError("no dinner")

    return work
