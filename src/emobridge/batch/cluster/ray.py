"""Ray, started on this machine or found at an address, and work that its actors do.

Design: what travels is a line of text for each piece of work and a few counts back, so memory does not depend on how
much there is to do; sound is read, and tables are written, by the actors. Ray on this machine listens to this machine
alone, and tells nobody that it is used.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from emobridge.errors import EmobridgeError
from emobridge.utils.extras import load_extra

# Shared memory for what travels between processes; none of it is taken before it is needed.
OBJECT_STORE_BYTES = 2**28
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Processes that Ray starts ahead have other settings than the workers, and are never used.
_NONE_AHEAD = {"RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0"}
# Ray's word for: listen to this machine alone. It is read when Ray is imported.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# The front end's matrix products are so small that threads would only wait for each other; and sums are added up in
# the same order everywhere.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TOLD = 300  # characters of what Ray says
logger = logging.getLogger(__name__)


@contextlib.contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """Have Ray for as long as the context lasts; give how many workers there can be.

    Args:
        address: of a cluster, as ``ray.init`` takes it; None starts Ray on this machine, or takes what is started.
        workers: how many are wanted; None: one for each processor.

    Raises:
        EmobridgeError: no cluster answers at the address, or Ray does not start here.
        MissingExtraError: the extra [bulk] is not installed.
    """
    for name, value in {**_QUIET, **({} if address else {**_LOOPBACK, **_NONE_AHEAD})}.items():
        os.environ.setdefault(name, value)
    ray = load_extra("ray", "bulk")
    load_extra("ray.data", "bulk")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they tell comes as errors too
    if ray.is_initialized():
        yield workers or _processors(ray)
        return
    folder = tempfile.mkdtemp(prefix="emobridge-")
    try:
        with _silence():
            _start(ray, address, workers, folder)
        yield workers or _processors(ray)
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _start(ray: Any, address: str | None, workers: int | None, folder: str) -> None:
    common = {"log_to_driver": False, "logging_level": logging.ERROR, "runtime_env": {"env_vars": ONE_THREAD}}
    try:
        if address is not None:
            ray.init(address=address, **common)
            return
        ray.init(
            num_cpus=workers or os.cpu_count() or 1,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=folder,
            **common,
        )
    except Exception as error:  # Ray raises that itself where its processes take more than half a minute to come up
        if address is None:
            given, valid = f"Ray does not start ({error})", f"it needs memory, time, and short names below '{folder}'"
            remedy = "try again when this machine is less busy, with TMPDIR a folder with a short name, such as /tmp"
        else:
            given, remedy = f"no cluster at '{address}' ({error})", "start one: ray start --head"
            valid = "the address of a running cluster, such as 10.0.0.1:6379, or auto on one of its machines"
        raise EmobridgeError(given, valid, remedy) from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep from standard error what Ray's own code, which is not Python, says of its settings as it starts."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _processors(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def each(jobs: Sequence[str], make: Callable[[], Callable[[str], Any]], workers: int) -> Iterator[Any]:
    """Have every job done by one of ``workers`` actors; yield what each gives, as they end.

    A job whose actor is lost, with its machine or alone, is done again by another one.

    Args:
        jobs: texts.
        make: called once in each actor for what does its jobs; that gives what JSON can hold.
        workers: how many actors, but no more than jobs; on a cluster they wait until there is room for them.

    Raises:
        EmobridgeError: what a job raised, or the end of the cluster.
    """
    arrow, ray, data = load_extra("pyarrow", "bulk"), load_extra("ray", "bulk"), load_extra("ray.data", "bulk")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray's own settings warn of each other
        context = data.DataContext.get_current()
    context.enable_progress_bars = False
    done = data.from_arrow([arrow.table({"job": [job]}) for job in jobs]).map_batches(
        _Actor,
        fn_constructor_args=(make,),
        batch_size=1,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(size=min(workers, len(jobs)), max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    try:
        for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from _what_was_given(batch)
    except ray.exceptions.RayError as error:
        told = " ".join(_COLOUR.sub("", str(error)).split())[-_TOLD:]  # the reason comes last
        given = f"the workers could not go on ({told})"
        raise EmobridgeError(given, remedy="start the run again; it goes on where it stopped") from error


def _what_was_given(batch: Any) -> Iterator[Any]:
    """Yield what jobs gave, out of the table that an actor made of it.

    Raises:
        EmobridgeError: what a job raised.
    """
    for given, error in zip(batch["given"].to_pylist(), batch["error"].to_pylist(), strict=True):
        if error:
            raise EmobridgeError(error)
        yield json.loads(given)


class _Actor:
    """What Ray Data calls: jobs in a table in; in a table out what they gave, or why the run cannot go on."""

    def __init__(self, make: Callable[[], Callable[[str], Any]]) -> None:
        self._make = make
        self._do: Callable[[str], Any] | None = None

    def __call__(self, batch: Any) -> Any:
        given, errors = [], []
        for job in batch["job"].to_pylist():
            value, error = None, ""
            try:
                self._do = self._do or self._make()
                value = self._do(job)
            except EmobridgeError as raised:
                error = str(raised)
            except Exception as raised:  # Ray would tell it in a page
                logger.exception("%s", job[:300])
                error = str(EmobridgeError(f"an unexpected {type(raised).__name__}: {raised}", remedy="report it"))
            given.append(json.dumps(value))
            errors.append(error)
        return load_extra("pyarrow", "bulk").table({"given": given, "error": errors})
