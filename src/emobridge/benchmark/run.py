"""One run of the benchmark: everything measured on this machine, as plain values."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emobridge.benchmark import cold, contest
from emobridge.benchmark.machine import describe
from emobridge.benchmark.peaks import peaks, thread_limits
from emobridge.threads import cores

FORMAT_VERSION = 1
ROUNDS = 3
# No peer may ask the network for anything: what is not here is not measured.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


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
        _python("import sys; from emobridge.benchmark import contest; from pathlib import Path; "
                "contest.prepare(Path(sys.argv[1]))", name)  # fmt: skip
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
    """Return what a module of the benchmark prints in a process of its own with so many threads."""
    command = [sys.executable, "-W", "ignore", "-m", f"emobridge.benchmark.{name}", *arguments]
    environment = os.environ | OFFLINE | thread_limits(threads)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def _python(code: str, *arguments: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | OFFLINE)
