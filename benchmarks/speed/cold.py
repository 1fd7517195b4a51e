"""Cold starts: processes from their start to their end, as somebody at a command line waits for them."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.contest import OFFLINE
from benchmarks.speed.rounds import Used, watched

PYTHON, IMPORT, HELP = "python alone", "import emobridge", "emobridge --help"
PREDICT, LIBRARY, PEER = "emobridge predict, first result", "library, first result", "transformers, first result"
_MAIN = "from emobridge.cli import main; main()"
_LIBRARY = "import sys, emobridge; emobridge.load().predict(sys.argv[1])"
_PEER = """
import sys, soundfile
from transformers import pipeline
from transformers.utils.logging import disable_progress_bar
disable_progress_bar()
sound, rate_hz = soundfile.read(sys.argv[2], dtype="float32")
pipeline("audio-classification", model=sys.argv[1])({"raw": sound, "sampling_rate": rate_hz})
"""


def commands(clip: Path, peer: Path | None) -> dict[str, list[str]]:
    """Return what is started, by name.

    Args:
        clip: a sound file that is predicted.
        peer: a model directory of transformers, None where it is not installed.
    """
    python = [sys.executable, "-c"]
    found = {
        PYTHON: [*python, "pass"],
        IMPORT: [*python, "import emobridge"],
        HELP: [*python, _MAIN, "--help"],
        PREDICT: [*python, _MAIN, "predict", str(clip)],
        LIBRARY: [*python, _LIBRARY, str(clip)],
    }
    return found if peer is None else {**found, PEER: [*python, _PEER, str(peer), str(clip)]}


def measure(clip: Path, peer: Path | None, rounds: int) -> dict[str, dict[str, float]]:
    """Return, for each of `commands`, the median seconds, processor seconds and peak MB of ``rounds`` starts.

    All are started in turn; a start before counts in none, so that files are in memory as after any earlier use.
    """
    started = commands(clip, peer)
    used: dict[str, list[Used]] = {name: [] for name in started}
    for number in range(rounds + 1):
        for name, command in started.items():
            found = watched(command, os.environ | OFFLINE)
            if number:
                used[name].append(found)
    return {name: _medians(each) for name, each in used.items()}


def _medians(used: Sequence[Used]) -> dict[str, float]:
    rows: list[dict[str, Any]] = [asdict(each) for each in used]
    return {key: round(median(row[key] for row in rows), 4) for key in rows[0]}
