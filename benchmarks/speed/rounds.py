"""Measuring side by side: everything in turn, round after round, and medians, so that other work on the machine
falls on all alike.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# In a process of its own: what is forked from a large one is counted as large, though it becomes another program.
_WATCH = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
wall_s = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1e-6 if sys.platform == "darwin" else 1.024e-3
told = {"wall_s": wall_s, "processor_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss * unit}
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Used:
    """What a process took, from its start to its end: wall clock, processor time of all threads, peak memory."""

    wall_s: float
    processor_s: float
    peak_mb: float


def watched(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Used:
    """Run a command in a process of its own and return what it took; what it prints is left out.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WATCH, *command], check=True, stdout=subprocess.PIPE, env=environment
    )
    return Used(**json.loads(done.stdout))


def in_turn(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds that each task took in each round; every round does all tasks once, in order.

    A task is done once before, so that what is loaded on first use counts in none.
    """
    for task in tasks.values():
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - started)
    return taken


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median over the rounds of one round's ratio."""
    return statistics.median(over / under for over, under in zip(numerators, denominators, strict=True))
