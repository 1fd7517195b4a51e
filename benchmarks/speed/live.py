"""What is heard of a long conversation while it comes: memory by the hour, latency, and agreement with the file.

    python -m benchmarks.speed.live --data CORPORA --out FOLDER [--hours 6]

A conversation of half an hour (see conversation.py) is pushed again and again, in blocks of a quarter of a second, as
fast as it goes; in the first pass an estimate of the present is asked for after each. Needs the extra [train].
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import emobridge
from benchmarks.conversation import RATE_HZ, converse
from emobridge.inference.predictor import Predictor
from emobridge.inference.streaming import Stream
from emobridge.results import Segment
from emobridge.training.evaluation.tables import markdown_table
from emobridge.utils.files import make_folder, replacing

CORPUS, SPEAKERS = "nemo", ("IC0", "KD0")  # neither trains the shipped model
BLOCK_SAMPLES = RATE_HZ // 4
MINUTES = 30.0
Samples = NDArray[np.float32]


def resident_mb() -> float:
    """Return the memory that the process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Listener:
    """A stream and what was seen of it.

    Attributes:
        stream: the stream.
        segments: those that are final.
        delays_s: of each, from its end to where it was final, in seconds of sound.
        push_ms, present_ms: how long each push, and each new estimate of the present, took.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.stream: Stream = predictor.stream(RATE_HZ)
        self.segments: list[Segment] = []
        self.delays_s: list[float] = []
        self.push_ms: list[float] = []
        self.present_ms: list[float] = []

    def hear(self, sound: Samples, is_first: bool) -> None:
        """Push the sound in blocks; note everything in the first pass, delays in all."""
        for start in range(0, len(sound), BLOCK_SAMPLES):
            began = time.perf_counter()
            final = self.stream.push(sound[start : start + BLOCK_SAMPLES])
            self.delays_s += [self.stream.duration_s - segment.end_s for segment in final]
            if is_first:
                self.segments += final
                self.push_ms.append(1000 * (time.perf_counter() - began))
                began = time.perf_counter()
                self.stream.current()
                self.present_ms.append(1000 * (time.perf_counter() - began))


def differences(found: Sequence[Segment], expected: Sequence[Segment]) -> dict[str, float]:
    """Return how far segments of a stream are from those of the file: the largest differences."""
    pairs = list(zip(found, expected, strict=True))
    values = [(one.probabilities, other.probabilities) for one, other in pairs]
    values += [(one.dimensions, other.dimensions) for one, other in pairs]
    return {
        "times, s": max(max(abs(a.start_s - b.start_s), abs(a.end_s - b.end_s)) for a, b in pairs),
        "values": max(abs(value - other[name]) for one, other in values for name, value in one.items()),
    }


def quantiles(values: Sequence[float]) -> str:
    """Return the median, the 95th percentile and the largest."""
    return ", ".join(f"{value:.1f}" for value in (*np.quantile(values, [0.5, 0.95]), max(values)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen, and write live.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder of the page")
    parser.add_argument("--hours", type=float, default=6.0, help="how long to listen")
    parser.add_argument("--model", type=Path, help="model directory; left out: the one that comes with emobridge")
    options = parser.parse_args(arguments)
    sound = converse(options.data, CORPUS, SPEAKERS, 60 * MINUTES).mono
    predictor = emobridge.load(options.model, threads=1)
    listener = Listener(predictor)
    rows: list[list[str]] = []
    while listener.stream.duration_s < 3600 * options.hours:
        listener.hear(sound, is_first=not rows)
        rows.append([f"{listener.stream.duration_s / 3600:.1f}", f"{len(listener.delays_s)}", f"{resident_mb():.0f}"])
        print(*rows[-1], file=sys.stderr, flush=True)
    # What lies across the end of the first pass the file does not have.
    segments = [one for one in listener.segments if one.end_s < len(sound) / RATE_HZ - 1.0]
    expected = predictor.predict((sound, RATE_HZ)).segments[: len(segments)]
    apart = "; ".join(f"{name} {value:.1g}" for name, value in differences(segments, expected).items())
    presents = quantiles(sorted(listener.present_ms)[-round(len(sound) / RATE_HZ) :])  # the others gave no new one
    delays, pushes = quantiles(listener.delays_s), quantiles(listener.push_ms)
    config = predictor.bundle.config
    page = [
        "# Live",
        f"Two held-out speakers of nEMO, {len(sound) / RATE_HZ / 60:.0f} minutes again and again, in blocks of 0.25 s; "
        f"model {config.name} {config.version}, one thread. Made by `python -m benchmarks.speed.live`.",
        f"- Seconds from the end of a segment to where it is final (median, 95 %, largest): {delays}. A long utterance "
        "comes out in several segments at once.\n"
        f"- Milliseconds that a block takes (the same): {pushes}; that an estimate of the present takes: {presents}.\n"
        f"- {len(segments)} segments of the first pass against those of the file, largest differences: {apart}.",
        f"Memory of the whole process, among it the {4 * len(sound) / 1e6:.0f} MB of the half hour that is pushed and "
        "the segments so far:",
        markdown_table(["hours", "segments", "MB"], rows),
    ]
    with replacing(make_folder(options.out) / "live.md") as partial:
        partial.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
