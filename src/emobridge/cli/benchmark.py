"""The command ``emobridge benchmark``: how fast emobridge is on this machine, on the packaged sample."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from emobridge.errors import EmobridgeError, OutputError

ROUNDS = 3
_MAIN = "from emobridge.cli import main; main()"
_PREDICT = """
import json, resource, sys, time
import emobridge
from emobridge.utils.memory import keep_freed_memory
keep_freed_memory()
model, sample = emobridge.load(), emobridge.sample()
words = sample.with_suffix(".txt") if sys.argv[1] == "words" else None
seconds = []
for _ in range(int(sys.argv[2]) + 1):
    started = time.perf_counter()
    duration_s = model.predict(sample, words).duration_s
    seconds.append(time.perf_counter() - started)
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1.024e-3)
print(json.dumps({"duration_s": duration_s, "seconds": seconds[1:], "peak_mb": peak_mb}))
"""


def benchmark(
    *,
    output: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Keep the figures of every round.")] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often everything takes its turn; medians are shown.")
    ] = ROUNDS,
) -> None:
    """Measure the start of a command, the time for a second of sound, and memory, on the packaged sample.

    It takes some seconds. Other work on the machine shows in the figures.
    """
    if output is not None and not output.parent.is_dir():
        raise OutputError(f"there is no folder '{output.parent}'", "the folder of --output must exist", "make it first")
    results = measure(rounds)
    if output is not None:
        from emobridge.utils.files import write_json

        write_json(output, results)
    typer.echo(f"cold start, emobridge predict: {statistics.median(results['cold_start_s']):.2f} s to the result")
    for name, told in (("sound", "sound alone"), ("words", "sound and words")):
        each = results[name]
        factor = statistics.median(each["seconds"]) / each["duration_s"]
        typer.echo(f"{told}: {factor:.4f} s for each second of sound, {each['peak_mb']:.0f} MB at most")


def measure(rounds: int) -> dict[str, Any]:
    """Return seconds of cold starts, and seconds and peak memory of predictions, each round by itself."""
    from emobridge import sample

    started_s = []
    for _ in range(rounds + 1):  # the first brings the files into memory, and does not count
        started = time.perf_counter()
        _printed("-c", _MAIN, "predict", str(sample()))
        started_s.append(time.perf_counter() - started)
    found = {name: json.loads(_printed("-c", _PREDICT, name, str(rounds))) for name in ("sound", "words")}
    return {"rounds": rounds, "cold_start_s": started_s[1:], **found}


def _printed(*arguments: str) -> str:
    """Return what Python prints in a process of its own.

    Raises:
        EmobridgeError: it failed.
    """
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise EmobridgeError(f"a part of the benchmark failed ({reason})", remedy="report it")
    return done.stdout
