"""The service under load, beside the library on the same clips: throughput, latency, memory, processes that are killed.

    python -m benchmarks.service.load [--clips 600] [--rounds 5] [--requests 10000] [--out FOLDER]

64 clients at a time send clips of five seconds over loopback, from a process of their own (`serving_client`) that
shares the cores with the service; `emobridge predict FOLDER --jobs 2` judges the same clips in turn with them. Asserts
nothing but that every accepted recording has its result; the bounds are told on the page. Needs the extras [server],
[train] and [report].
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import emobridge
from benchmarks.listening import COMMITTED, draw, write_results
from benchmarks.service.serving import DECODER_PROCESS, HOST, MODEL_PROCESS, SERVE, Service, running
from benchmarks.service.serving_client import Work
from emobridge.audio.load import load_audio
from emobridge.training.evaluation.tables import markdown_table
from emobridge.utils.files import make_folder

RATE_HZ, CLIP_S = 16_000, 5.0
CLIENTS = 64
JOBS = 2
IN_FLIGHT = 64
SMALLEST_RATIO = 0.9
EVERY_S = 0.5
WARM_REQUESTS = 100
SETTINGS: dict[str, object] = {"requests_per_minute": 10_000_000, "jobs_per_client": 1000, "results_s": 20.0}


def write_clips(folder: Path, count: int, seed: int = 0) -> list[str]:
    """Cut ``count`` clips of five seconds out of the packaged sample; return their files."""
    sound = load_audio(emobridge.sample(), sample_rate_hz=RATE_HZ)
    size = round(CLIP_S * RATE_HZ)
    starts = np.random.default_rng(seed).integers(0, len(sound) - size, count)
    files = [folder / f"{number:04}.wav" for number in range(count)]
    for file, start in zip(files, starts, strict=True):
        soundfile.write(file, sound[start : start + size], RATE_HZ)
    return [str(file) for file in files]


def library_s(clips: Path, out: Path) -> tuple[float, float]:
    """Return how long the library takes for the folder, and its processor time, in seconds; start-up included."""
    command = [sys.executable, "-c", SERVE, "predict", str(clips), "--jobs", str(JOBS), "--out", str(out)]
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall_s, after = time.perf_counter() - began, os.times()
    shutil.rmtree(out)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall_s, used


def send(service: Service, files: Sequence[str], requests: int, **more: Any) -> dict[str, Any]:
    """Return what 64 clients saw of so many requests."""
    work = Work(HOST, service.port, list(files), requests, CLIENTS, **more)
    client = Path(__file__).with_name("serving_client.py")
    told = json.dumps(asdict(work)).encode()
    done = subprocess.run([sys.executable, str(client)], input=told, check=True, stdout=subprocess.PIPE)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def throughput(service: Service, clips: Path, files: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Return what library and service made of all clips in each round: clips a second, processor time, latency."""
    found = []
    for number in range(rounds):
        turns = ("library", "service") if number % 2 == 0 else ("service", "library")
        row: dict[str, Any] = {}
        for turn in turns:
            if turn == "library":
                wall_s, used_s = library_s(clips, clips.with_name("out"))
            else:
                before_s = service.processor_s()
                seen = send(service, files, len(files))
                wall_s, used_s = seen["wall_s"], service.processor_s() - before_s
                row |= {"statuses": seen["statuses"], "latencies_s": seen["latencies_s"], "bodies": seen["bodies"]}
                row["client_ms"] = 1000 * seen["processor_s"] / len(files)
            row[turn] = {"clips_a_second": len(files) / wall_s, "processor_ms": 1000 * used_s / len(files)}
        row["ratio"] = row["service"]["clips_a_second"] / row["library"]["clips_a_second"]
        print(f"round {number + 1}: {row['ratio']:.2f} of the library", file=sys.stderr)
        found.append(row)
    return found


class Watcher(threading.Thread):
    """Notes the memory of all processes from its start to its end, however short the time between them is."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._ended = threading.Event()
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        """Take a sample at once, one now and then, and one when it is to end."""
        self._sample()
        while not self._ended.wait(EVERY_S):
            self._sample()
        self._sample()

    def _sample(self) -> None:
        self.samples.append((time.monotonic(), self._service.resident_mb()))

    def end(self) -> None:
        """Take no more samples."""
        self._ended.set()
        self.join()


def slope(places: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return by how much ``values`` (N,) grow with ``places`` (N,), by least squares; 0 where there is one place."""
    if len(places) < 2:
        return 0.0
    centred = places - places.mean()
    spread = float(centred @ centred)
    return float(centred @ values) / spread if spread else 0.0


def memory(service: Service, files: Sequence[str], requests: int) -> dict[str, Any]:
    """Return the memory of all processes over so many requests, and its slope in the second half of them."""
    watcher = Watcher(service)
    began = time.monotonic()
    watcher.start()
    seen = send(service, files, requests)
    watcher.end()
    ended = time.monotonic()
    samples = [((when - began) / (ended - began) * requests, mb) for when, mb in watcher.samples]
    done, held = np.array(samples).T
    late = done >= requests / 2
    return {
        "statuses": seen["statuses"],
        "samples": [[round(number), round(mb, 1)] for number, mb in samples[:: max(1, len(samples) // 400)]],
        "mb_per_1000": 1000 * slope(done[late], held[late]),
        "first_mb": float(held[: len(held) // 20 + 1].mean()),
        "last_mb": float(held[-(len(held) // 20 + 1) :].mean()),
    }


def killed(service: Service, files: Sequence[str], module: str) -> dict[str, Any]:
    """Accept jobs, kill the processes of ``module`` while they are in hand; return how they ended."""
    seen = send(service, files, IN_FLIGHT, headers={"Prefer": "respond-async"})
    victims = service.children(module)
    for number in victims:
        os.kill(number, signal.SIGKILL)
    began = time.monotonic()
    states: Counter[str] = Counter()
    for location in seen["locations"]:
        while (state := service.ask("GET", location).json()["state"]) not in ("done", "failed", "cancelled"):
            if time.monotonic() - began > 120.0:
                break
            time.sleep(0.1)
        states[state] += 1
    return {"accepted": len(seen["locations"]), "killed": len(victims), "states": dict(states)}


def broken(results: Mapping[str, Any]) -> list[str]:
    """Return what is not as it should be, in words."""
    found = []
    statuses = Counter[str]()
    for row in (*results["rounds"], results["memory"]):
        statuses.update(row["statuses"])
    if set(statuses) - {"200", "429"}:
        found.append(f"statuses {dict(statuses)}")
    if results["ratio"] < SMALLEST_RATIO:
        found.append(f"throughput is {results['ratio']:.2f} of the library's")
    for name, one in results["killed"].items():
        if one["states"] != {"done": one["accepted"]} or not one["killed"] or one["accepted"] != IN_FLIGHT:
            found.append(f"{name} killed: {one}")
    return found


def page(results: Mapping[str, Any]) -> str:
    """Return service.md."""
    rows = [
        [
            str(number),
            *(f"{row[who]['clips_a_second']:.1f}" for who in ("library", "service")),
            f"{row['ratio']:.2f}",
            *(f"{row[who]['processor_ms']:.1f}" for who in ("library", "service")),
            f"{row['client_ms']:.1f}",
        ]
        for number, row in enumerate(results["rounds"], start=1)
    ]
    header = ["round", "library, clips/s", "service, clips/s", "ratio", "library, ms", "service, ms", "clients, ms"]
    p50, p99, worst = (1000 * results["latency_s"][name] for name in ("p50", "p99", "worst"))
    held = results["memory"]
    ends = "; ".join(
        f"{name}: {one['killed']} killed with {one['accepted']} jobs accepted, "
        + ", ".join(f"{count} {state}" for state, count in one["states"].items())
        for name, one in results["killed"].items()
    )
    refused = sum(row["statuses"].get("429", 0) for row in (*results["rounds"], held))
    outside = broken(results)
    threads = "" if results["threads"] is None else f", and {results['threads']} threads of the model"
    parts = [
        "# The service under load",
        f"{CLIENTS} clients at a time, each on one connection, send clips of {CLIP_S:.0f} s (16-bit wav, cut out of "
        "the packaged sample) over loopback to `emobridge serve` with its defaults (but for the limits of one client, "
        f"since all of these have one address{threads}); `emobridge predict FOLDER --jobs {JOBS}` predicts the same "
        f"{results['clips']} clips in turn with them. {results['cores']} cores, which the clients share; model "
        f"{results['model']}. Made by `python -m benchmarks.service.load`.",
        "![Memory over requests](service.svg)",
        f"Throughput: **{results['ratio']:.2f}** of the library's (median of the rounds; at least {SMALLEST_RATIO} is "
        f"asked for). Latency: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {worst:.0f} ms, with all {CLIENTS} always "
        f"waiting. Answers with an error: none but {refused} of 429.",
        markdown_table(header, rows),
        "Milliseconds are processor time for each clip, of all processes of the library, of the service, and of the "
        "clients, whose cost is not subtracted. The library's time includes its start.",
        f"Memory of all processes over {results['requests']} requests (what they share counts in each): "
        f"{held['first_mb']:.0f} MB in the beginning, {held['last_mb']:.0f} MB in the end; slope in the second half "
        f"{held['mb_per_1000']:+.2f} MB for 1,000 requests.",
        f"Killed in mid-flight with SIGKILL: {ends}.",
        f"Not as it should be: {'; '.join(outside)}." if outside else "All is as it should be.",
    ]
    return "\n\n".join(parts) + "\n"


def paint(results: Mapping[str, Any], axis: Any) -> None:
    """Fill an axis: memory over requests."""
    done, held = zip(*results["memory"]["samples"], strict=True)
    axis.plot(done, held, color="#1f5fa8")
    axis.set_ylim(0, 1.2 * max(held))
    axis.set_xlabel("requests")
    axis.set_ylabel("resident memory of all processes, MB")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    clips = make_folder(folder / "clips")
    files = write_clips(clips, options.clips)
    more = {} if options.threads is None else {"threads": options.threads}
    with running(folder, SETTINGS | more) as service:
        send(service, files, WARM_REQUESTS)
        about = service.ask("GET", "/v1/models").json()["models"][0]
        rounds = throughput(service, clips, files, options.rounds)
        held = memory(service, files, options.requests)
        names = {"model": MODEL_PROCESS, "decoders": DECODER_PROCESS}
        ends = {name: killed(service, files, module) for name, module in names.items()}
    latencies_s = [each for row in rounds for each in row.pop("latencies_s")]
    p50, p99 = np.quantile(latencies_s, [0.5, 0.99])
    return {
        "model": f"{about['name']} {about['version']}",
        "cores": len(os.sched_getaffinity(0)),
        "clips": options.clips,
        "requests": options.requests,
        "threads": options.threads,
        "ratio": float(np.median([row["ratio"] for row in rounds])),
        "rounds": rounds,
        "latency_s": {"p50": float(p50), "p99": float(p99), "worst": max(latencies_s)},
        "memory": held,
        "killed": ends,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write service.md, .json and .svg; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=600, help="in each round")
    parser.add_argument("--rounds", type=int, default=5, help="each of the library and of the service")
    parser.add_argument("--requests", type=int, default=10_000, help="over which memory is watched")
    parser.add_argument("--threads", type=int, help="of the service's model; left out: the service's default")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the page, the JSON and the plot")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), options)
    out = write_results(options.out, "service", results, page(results))
    draw(out / "service.svg", 1, lambda axes: paint(results, axes[0]), (6.0, 3.5))
    for told in broken(results):
        print(f"not as it should be: {told}", file=sys.stderr)
    return 1 if broken(results) else 0


if __name__ == "__main__":
    sys.exit(main())
