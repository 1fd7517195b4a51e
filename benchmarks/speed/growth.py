"""How do time and memory grow, with the length of a recording, with the number of files, and in training?

    python -m benchmarks.speed.growth [--only length|files|training] [--largest SHARE] [--out FOLDER]

A recording of 5 s to 10 h through `emobridge predict`; a folder of 10 to 100,000 small files, which are links to one,
through `emobridge predict FOLDER --out FOLDER`; 500 to 50,000 generated utterances through the cache and one epoch of
training. Every point is a process of its own. The exponent is the slope of a line through the upper range, the last
three points, on logarithmic scales: 1 is in proportion, 0 is no growth. `--largest 0.01` ends each at a hundredth of
its largest value; `--only` does one and keeps the others as they were found. Needs the extras [train] and [report].
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import emobridge
from benchmarks.listening import COMMITTED, ROOT, draw, write_results
from benchmarks.speed.machine import describe, sentence
from benchmarks.speed.rounds import watched
from benchmarks.speed.training_memory import generate, new_trainer
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.recipe import read_recipe
from emobridge.utils.files import read_json
from emobridge.utils.threads import cores

LENGTH, FILES, TRAINING = "length", "files", "training"
VALUES = {
    LENGTH: (5, 30, 180, 900, 3_600, 12_000, 36_000),
    FILES: (10, 100, 1_000, 10_000, 30_000, 100_000),
    TRAINING: (500, 2_000, 5_000, 15_000, 50_000),
}
TITLES = {LENGTH: "Length of a recording", FILES: "Files in a folder", TRAINING: "Utterances in training"}
UNITS = {LENGTH: "s of sound", FILES: "files", TRAINING: "utterances"}
FITTED = 3  # points of the upper range
LINEAR = 1.1  # an exponent above it is no noise of the clock
TIMES, MEMORIES = ("wall_s", "processor_s", "fill_s", "epoch_s"), ("peak_mb",)
NAMES = {
    "wall_s": "seconds",
    "processor_s": "processor seconds",
    "fill_s": "seconds to fill the cache",
    "epoch_s": "seconds of an epoch",
    "peak_mb": "peak MB",
}
CLIP_S = 1.5
PREDICT = "from emobridge.cli import main; main()"
RECIPE, WIDTH, VECTORS_HZ, BATCH = "ispas2023", 16, 5.0, 32
SMALL = ("model.width=16", "model.heads=2")
# What grows faster than its cause, and why; and what grows with it in memory. Printed beside the figures.
REASONS = {
    (LENGTH, "peak_mb"): "segments and the probabilities of speech are held, a few kB for each minute; sound is not",
    (FILES, "peak_mb"): "names, sizes and places in the journal are held, about 5 kB a file; results are not",
    (TRAINING, "peak_mb"): "labels and the index of the cache are held; pages of the cache count while they are used",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write growth.md, .json and two plots; 1 where something grows faster than its cause."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=VALUES, help="measure this alone")
    parser.add_argument("--largest", type=float, default=1.0, help="share of the largest value at which each ends")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the page, the JSON and the plots")
    options = parser.parse_args(arguments)
    stored = options.out / "growth.json"
    kept = read_json(stored)["points"] if options.only and stored.exists() else {}
    results = {"machine": describe(), "points": kept}
    for name in [options.only] if options.only else VALUES:
        values = [value for value in VALUES[name] if value <= options.largest * VALUES[name][-1]]
        with tempfile.TemporaryDirectory() as folder:
            results["points"][name] = [_told(name, value, MEASURES[name](value, Path(folder))) for value in values]
    out = write_results(options.out, "growth", results, page(results))
    for file, measures in (("growth", TIMES), ("growth_memory", MEMORIES)):
        draw(out / f"{file}.svg", len(results["points"]), lambda axes, m=measures: paint(results, m, axes), (10.0, 3.6))
    return 1 if superlinear(results) else 0


def _told(name: str, value: int, found: Mapping[str, float]) -> dict[str, float]:
    told = ", ".join(f"{NAMES[key]} {figure:.1f}" for key, figure in found.items())
    print(f"{value} {UNITS[name]}: {told}", file=sys.stderr, flush=True)
    return {"value": value, **{key: round(figure, 3) for key, figure in found.items()}}


def measure_length(duration_s: int, folder: Path) -> dict[str, float]:
    """Return what one recording of so many seconds takes: the packaged sample, over and over."""
    samples, rate_hz = soundfile.read(emobridge.sample(), dtype="int16")
    path = folder / "recording.wav"
    with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as file:
        left = duration_s * rate_hz
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)
    used = watched([sys.executable, "-c", PREDICT, "predict", str(path), "--out", str(folder / "result.json")])
    return asdict(used)


def measure_files(count: int, folder: Path) -> dict[str, float]:
    """Return what a folder of so many links to one small file takes."""
    samples, rate_hz = soundfile.read(emobridge.sample(), dtype="int16", stop=None)
    target, links, out = folder / "clip.wav", folder / f"links-{count}", folder / f"out-{count}"
    soundfile.write(target, samples[: round(CLIP_S * rate_hz)], rate_hz)
    for number in range(count):
        link = links / f"{number // 1000:03}" / f"{number:06}.wav"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    command = [sys.executable, "-c", PREDICT, "predict", str(links), "--out", str(out), "--jobs", str(len(cores()))]
    return asdict(watched(command))


def measure_training(count: int, folder: Path) -> dict[str, float]:
    """Return what so many generated utterances take, into the cache and through an epoch, without what Python loads."""
    told = folder / f"{count}.json"
    code = "import sys; from benchmarks.speed.growth import train_epoch; train_epoch(int(sys.argv[1]), *sys.argv[2:])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, "-c", code, str(count), str(folder / str(count)), str(told)]
    used = watched(command, environment)
    return {**json.loads(told.read_text(encoding="utf-8")), "peak_mb": used.peak_mb}


def train_epoch(count: int, folder: str, told: str) -> None:
    """Fill a cache, train for an epoch, and write the seconds of both to the file ``told``."""
    started = time.perf_counter()
    examples = generate(Path(folder), count, WIDTH, VECTORS_HZ)
    filled = time.perf_counter()
    trainer = new_trainer(read_recipe(RECIPE, SMALL), examples, Path(folder))
    for step in range(count // BATCH):
        trainer.step(step)
    taken = {"fill_s": filled - started, "epoch_s": time.perf_counter() - filled}
    Path(told).write_text(json.dumps(taken), encoding="utf-8")


MEASURES: dict[str, Callable[[int, Path], dict[str, float]]] = {
    LENGTH: measure_length,
    FILES: measure_files,
    TRAINING: measure_training,
}


def exponent(points: Sequence[Mapping[str, float]], measure: str) -> float | None:
    """Return the slope of a measure over the values of the upper range, on logarithmic scales; None for one point."""
    upper = points[-FITTED:]
    if len(upper) < 2:
        return None
    values, figures = (np.log([max(point[key], 1e-3) for point in upper]) for key in ("value", measure))
    return float(np.polyfit(values, figures, 1)[0])


def measures_of(points: Sequence[Mapping[str, float]]) -> list[str]:
    """Return what was measured of these points."""
    return [measure for measure in (*TIMES, *MEMORIES) if measure in points[0]]


def superlinear(results: Mapping[str, Any]) -> list[str]:
    """Return what grows faster than in proportion, in words."""
    return [
        f"{NAMES[measure]} over {UNITS[name]} (exponent {found:.2f})"
        for name, points in results["points"].items()
        for measure in measures_of(points)
        if (found := exponent(points, measure)) is not None and found > LINEAR
    ]


def page(results: Mapping[str, Any]) -> str:
    """Return growth.md."""
    told = superlinear(results)
    verdict = f"Faster than in proportion: {'; '.join(told)}." if told else "Nothing grows faster than in proportion."
    blocks = [
        "# Growth",
        f"Made by `python -m benchmarks.speed.growth`. {sentence(results['machine'])}",
        "![Seconds](growth.svg)",
        "![Memory](growth_memory.svg)",
        f"{verdict} An exponent is the slope through the last {FITTED} points on logarithmic scales: 1 is in "
        f"proportion, 0 is no growth; above {LINEAR} it counts as faster. Each point is a process of its own, its "
        f"start included (but for training, where what Python loads is left out).",
    ]
    for name, points in results["points"].items():
        measures = measures_of(points)
        rows = [[f"{point['value']:,}", *(f"{point[measure]:,.1f}" for measure in measures)] for point in points]
        fitted = [exponent(points, measure) for measure in measures]
        rows.append(["exponent", *("" if found is None else f"{found:.2f}" for found in fitted)])
        blocks += [f"## {TITLES[name]}", NOTES[name]]
        blocks.append(markdown_table([UNITS[name], *(NAMES[measure] for measure in measures)], rows))
        blocks += [f"Memory: {reason}." for (mine, _), reason in REASONS.items() if mine == name]
    return "\n\n".join(blocks) + "\n"


NOTES = {
    LENGTH: "`emobridge predict FILE --out FILE.json` of the packaged sample, over and over, as one recording.",
    FILES: f"`emobridge predict FOLDER --out FOLDER` with a process a core; files of {CLIP_S} s, links to one.",
    TRAINING: f"Generated utterances with {WIDTH} numbers a vector: filling the cache, and an epoch of batches of "
    f"{BATCH} through a network of that width. Wider networks take longer for each step, not more steps.",
}


def paint(results: Mapping[str, Any], measures: Sequence[str], axes: Sequence[Any]) -> None:
    """Fill a panel for each cause."""
    for axis, (name, points) in zip(axes, results["points"].items(), strict=True):
        for measure in measures:
            if measure in points[0]:
                found = exponent(points, measure)
                label = NAMES[measure] + ("" if found is None else f", exponent {found:.2f}")
                axis.plot([p["value"] for p in points], [p[measure] for p in points], marker="o", label=label)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(TITLES[name], loc="left")
        axis.set_xlabel(UNITS[name])
        axis.legend(frameon=False, fontsize=7.5)


if __name__ == "__main__":
    sys.exit(main())
