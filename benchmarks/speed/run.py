"""One run of the benchmark: everything measured on this machine, as plain values."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.speed import cold, contest
from benchmarks.speed.machine import describe
from benchmarks.speed.peaks import peaks, thread_limits
from emobridge.errors import EmobridgeError
from emobridge.utils.threads import cores

FORMAT_VERSION = 1
ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
PREPARE = """
import sys
from pathlib import Path
from benchmarks.speed import contest
contest.prepare(Path(sys.argv[1]))
"""


def run(rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return what one run measures: on one core, and on all where there are several.

    Args:
        rounds: how often everything takes its turn.
        tell: called with what is measured next.
    """
    results: dict[str, Any] = {"format": FORMAT_VERSION, "machine": describe(), "rounds": rounds}
    results["missing"] = contest.missing()
    results["cores"] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tell("peers")
        _printed(["-c", PREPARE, name], len(cores()))
        tell("cold start")
        peer = folder / contest.MODEL
        results["cold"] = cold.measure(folder / "clip-0.wav", peer if peer.exists() else None, rounds)
        for threads in sorted({1, len(cores())}):
            tell(f"{threads} core{'s' * (threads > 1)}: peaks, parts, peers")
            results["cores"][str(threads)] = {
                "peaks": asdict(peaks(threads)),
                "parts": _module("parts", threads, str(threads), str(rounds)),
                "contest": _module("contest", threads, name, str(threads), str(rounds)),
            }
    return results


def _module(name: str, threads: int, *arguments: str) -> Any:
    """Return what a module of the benchmark prints."""
    return json.loads(_printed(["-m", f"benchmarks.speed.{name}", *arguments], threads).splitlines()[-1])


def _printed(arguments: Sequence[str], threads: int) -> str:
    """Return what Python prints in a process of its own with so many threads.

    Raises:
        EmobridgeError: it failed.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = os.environ | contest.OFFLINE | thread_limits(threads) | {"PYTHONPATH": path}
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise EmobridgeError(f"a part of the benchmark failed ({reason})", remedy="install what it names, or report it")
    return done.stdout
