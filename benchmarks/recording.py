"""How are recordings judged, against their clips one by one? Time, memory and agreement: a table.

    python benchmarks/recording.py --data CORPORA --out FOLDER [--minutes 60]

Two held-out speakers of nEMO talk for an hour (see conversation.py). Each way of giving the recording is predicted in a
process of its own, so that its memory is its own. Needs the extras [train] and [media].
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import emobridge
from conversation import RATE_HZ, Clip, Conversation, converse, write_recordings
from emobridge.learning.report.tables import markdown_table
from emobridge.learning.storage import make_folder, replacing, write_json
from emobridge.predict import Predictor
from emobridge.results import Result, Segment, Summary
from emobridge.timeline import summarise

CORPUS, SPEAKERS = "nemo", ("IC0", "KD0")  # neither trains the shipped model: fold 1 tests and validates on them
STEP_S = 0.02  # at which time lines are compared
# What is measured: a file, and what is said of its speakers.
WAYS = (
    ("known turns", "mono.wav", "turns"),
    ("wav, one speaker a channel", "stereo.wav", "channels"),
    ("wav, two voices", "mono.wav", "2"),
    ("wav", "mono.wav", ""),
    ("mp3", "mono.mp3", ""),
    ("m4a (aac 64 kbit/s)", "mono.m4a", ""),
    ("opus", "mono.opus", ""),
    ("8 kHz mu-law", "telephone.wav", ""),
)
PREDICT = """
import json, resource, sys, time
from pathlib import Path
import emobridge
path, how, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
ways = {"": None, "turns": path.with_name("turns.rttm"), "channels": "channels", "2": 2}
predictor = emobridge.load(sys.argv[4] or None, threads=2)
started, used = time.perf_counter(), time.process_time()
result = predictor.predict(path, speakers=ways[how])
timing = {"wall_s": time.perf_counter() - started, "processor_s": time.process_time() - used}
timing["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
out.write_text(json.dumps({"result": result.to_dict(), **timing}), encoding="utf-8")
"""
NOTE = (
    "Reference: the clips one by one, cut out of the recording at their known boundaries. Found = share of the clips' "
    "time that lies in segments (of their speaker, where speakers are told apart); judged = share of that for which "
    "the model does not abstain. Accuracy = share of the found time for which the category is that of the clip. Shares "
    "and dimensions apart = the largest difference of a speaker's mean from the reference, over the time of that "
    "speaker's clips, in points of 100. The last three columns compare the time line with that of the wav: share of "
    "the time of segments in either that both have, share of this with the same category, mean difference of the "
    "dimensions in points. Times are of a shared machine with two cores."
)


def estimated(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments of which something is said, even where it should not be used."""
    return [segment for segment in segments if segment.modalities]


def one_by_one(predictor: Predictor, sounds: Sequence[tuple[Clip, NDArray[np.float32]]]) -> list[Segment]:
    """Return what is said of each clip's sound alone, where it lies in the recording and under its speaker's name."""
    return [
        replace(one, start_s=clip.start_s + one.start_s, end_s=clip.start_s + one.end_s, speaker=clip.speaker)
        for clip, samples in sounds
        for one in estimated(predictor.predict((samples, RATE_HZ)).segments)
    ]


def within(segments: Sequence[Segment], clips: Sequence[Clip], speaker: str) -> Summary:
    """Return the summary of what of ``segments`` lies in a speaker's clips, and is not said to be another's."""
    return summarise(
        replace(one, start_s=start_s, end_s=end_s)
        for clip in clips
        for one in segments
        if clip.speaker == speaker and one.speaker in (None, speaker)
        if (start_s := max(clip.start_s, one.start_s)) < (end_s := min(clip.end_s, one.end_s))
    )


def against(segments: Sequence[Segment], clips: Sequence[Clip]) -> dict[str, float]:
    """Return ``found``, ``judged`` and ``accuracy`` of segments against the clips; a speaker answers for his own."""
    total_s = sum(clip.end_s - clip.start_s for clip in clips)
    found_s = judged_s = right_s = 0.0
    for clip in clips:
        for segment in segments:
            shared_s = min(clip.end_s, segment.end_s) - max(clip.start_s, segment.start_s)
            if shared_s > 0 and segment.speaker in (None, clip.speaker):
                found_s += shared_s
                judged_s += shared_s * (segment.abstain is None)
                right_s += shared_s * (segment.category == clip.category)
    return {
        "found": min(1.0, found_s / total_s),
        "judged": judged_s / max(found_s, 1e-9),
        "accuracy": right_s / max(found_s, 1e-9),
    }


def named(result: Result, clips: Sequence[Clip]) -> dict[str, str]:
    """Return the result's speakers -> those of the clips, each the one whose clips share most time with it."""
    names = {}
    for name in result.speakers:
        own = [segment for segment in result.segments if segment.speaker == name]
        shared = dict.fromkeys(SPEAKERS, 0.0)
        for clip in clips:
            for segment in own:
                shared[clip.speaker] += max(0.0, min(clip.end_s, segment.end_s) - max(clip.start_s, segment.start_s))
        names[name] = max(shared, key=shared.__getitem__)
    return names


def apart(found: Summary, reference: Summary) -> tuple[float, float]:
    """Return the largest difference of a share and of a mean, in points of 100."""
    shares = [abs(found.shares.get(name, 0.0) - share) for name, share in reference.shares.items()]
    means = [abs(found.mean.get(name, 0.0) - mean) for name, mean in reference.mean.items()]
    return 100 * max(shares), 100 * max(means)


def line(result: Result, dimensions: Sequence[str], duration_s: float) -> NDArray[np.float64]:
    """Return the time line at every `STEP_S`: the number of the category and the dimensions (T, 1 + K); NaN in gaps."""
    steps = np.full((int(duration_s / STEP_S) + 1, 1 + len(dimensions)), np.nan)
    for segment in estimated(result.segments):
        start, end = (round(time_s / STEP_S) for time_s in (segment.start_s, segment.end_s))
        number = list(segment.probabilities).index(segment.category or "")
        steps[start:end] = [number, *(segment.dimensions[name] for name in dimensions)]
    return steps


def measured(way: tuple[str, str, str], folder: Path, model: Path | None) -> dict[str, Any]:
    """Return the result of one way, and its time and memory, from a process of its own."""
    _, file, speakers = way
    out = folder / "result.json"
    command = [sys.executable, "-c", PREDICT, str(folder / file), speakers, str(out), str(model or "")]
    subprocess.run(command, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {**found, "result": Result.from_dict(found["result"])}


def row(
    way: tuple[str, str, str],
    found: Mapping[str, Any],
    conversation: Conversation,
    reference: Mapping[str, Summary],
    plain: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """Return the figures of one way."""
    result: Result = found["result"]
    names = named(result, conversation.clips)
    segments = [replace(one, speaker=names.get(one.speaker or "")) for one in estimated(result.segments)]
    pairs = [apart(within(segments, conversation.clips, name), reference[name]) for name in SPEAKERS]
    dimensions = list(result.summary.mean)
    figures = {
        "way": way[0],
        "segments": len(result.segments),
        **against(segments, conversation.clips),
        "shares_apart": max(pair[0] for pair in pairs),
        "dimensions_apart": max(pair[1] for pair in pairs),
        "real_time_factor": found["wall_s"] / conversation.duration_s,
        "processor_factor": found["processor_s"] / conversation.duration_s,
        "peak_mb": found["peak_mb"],
    }
    if plain is not None and not result.speakers:
        own = line(result, dimensions, conversation.duration_s)
        both = np.isfinite(own[:, 0]) & np.isfinite(plain[:, 0])
        either = np.isfinite(own[:, 0]) | np.isfinite(plain[:, 0])
        figures["same_time"] = float(both.sum() / either.sum())
        figures["same_category"] = float((own[both, 0] == plain[both, 0]).mean())
        figures["dimension_distance"] = float(100 * np.abs(own[both, 1:] - plain[both, 1:]).mean())
    return figures


def page(results: Mapping[str, Any]) -> str:
    """Return recording.md."""
    header = ["given as", "segments", "found", "judged", "accuracy", "shares apart", "dimensions apart"]
    header += ["real-time factor", "processor time", "peak MB", "same time", "same category", "dimensions"]
    cells = []
    for one in results["ways"]:
        same = [one.get(name) for name in ("same_time", "same_category")]
        distance = one.get("dimension_distance")
        cells.append(
            [
                one["way"],
                str(one["segments"]),
                *(f"{one[name]:.1%}" for name in ("found", "judged")),
                f"{one['accuracy']:.3f}",
                *(f"{one[name]:.1f}" for name in ("shares_apart", "dimensions_apart")),
                *(f"{one[name]:.3f}" for name in ("real_time_factor", "processor_factor")),
                f"{one['peak_mb']:.0f}",
                *("" if value is None else f"{value:.1%}" for value in same),
                "" if distance is None else f"{distance:.1f}",
            ]
        )
    cut, clean = (results[name]["accuracy"] for name in ("alone", "clean"))
    told = (
        f"{results['duration_s'] / 60:.0f} minutes, {results['clips']} clips of two held-out speakers of nEMO; model "
        f"{results['model']}. Accuracy of the clips one by one: {cut:.3f} cut out of the recording at their known "
        f"boundaries, {clean:.3f} as their corpus has them. Made by `python benchmarks/recording.py`."
    )
    return "\n\n".join(["# A long recording", told, NOTE, markdown_table(header, cells)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the recording, predict it in every way, and write recording.md and .json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the recording")
    parser.add_argument("--model", type=Path, help="model directory; left out: the one that comes with emobridge")
    options = parser.parse_args(arguments)
    conversation = converse(options.data, CORPUS, SPEAKERS, 60 * options.minutes)
    clips, mono = conversation.clips, conversation.mono
    predictor = emobridge.load(options.model)
    clean = one_by_one(predictor, [(clip, clip.samples) for clip in clips])
    cut = [mono[round(clip.start_s * RATE_HZ) : round(clip.end_s * RATE_HZ)] for clip in clips]
    alone = one_by_one(predictor, list(zip(clips, cut, strict=True)))
    reference = {name: within(alone, clips, name) for name in SPEAKERS}
    rows: list[dict[str, Any]] = []
    plain = None
    with tempfile.TemporaryDirectory() as folder:
        write_recordings(conversation, Path(folder))
        for way in WAYS:
            started = time.monotonic()
            found = measured(way, Path(folder), options.model)
            if way[0] == "wav":
                plain = line(found["result"], predictor.runtime.dimensions, conversation.duration_s)
            rows.append(row(way, found, conversation, reference, plain))
            print(f"{way[0]}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    config = predictor.bundle.config
    results = {
        "model": f"{config.name} {config.version}",
        "duration_s": conversation.duration_s,
        "clips": len(conversation.clips),
        "clean": against(clean, clips),
        "alone": against(alone, clips),
        "ways": rows,
    }
    out = make_folder(options.out)
    write_json(out / "recording.json", results, indent=1)
    with replacing(out / "recording.md") as partial:
        partial.write_text(page(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
