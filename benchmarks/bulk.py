"""Archives: two workers against one, a run killed at random, and memory over very many files.

    python benchmarks/bulk.py [--minutes N] [--kills N] [--files N] [--seed N] [--out PAGE]

Asserts that two workers are at least 1.8 times as fast as one, that a run killed five times at random moments leaves
the same files to the byte as one that never was, and that memory does not grow with the number of files; then writes
the page with what an hour of sound costs and what more workers would make of it. `--files 100000` takes about half an
hour; without it, 2,000 are taken.
"""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pyarrow.parquet import read_table

import emobridge
from capacity import Cluster, Costs, estimate
from emobridge.audio import load_audio
from emobridge.bulk.cluster import cluster, each
from emobridge.bulk.inputs import find, parts_for
from folder import make_recordings

RATE_HZ = 16_000
RECORDING_S = 30
LEAST_RATIO = 1.8
# Between a fifth of the run and its end; what the allocators of a few processes keep comes to that.
MOST_GROWTH_MB = 64.0
WORKERS_SHOWN = (1, 2, 16, 128, 1024, 8192)


def start(given: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start a run."""
    command = [sys.executable, "-c", "from emobridge.cli import main; main()", "bulk", str(given), str(out)]
    return subprocess.Popen([*command, "--workers", str(workers)], stderr=subprocess.DEVNULL)


def make_archive(root: Path, minutes: float) -> int:
    """Fill ``root`` with recordings of half a minute; return how many."""
    speech = load_audio(emobridge.sample(), sample_rate_hz=RATE_HZ)
    root.mkdir()
    count = round(minutes * 60 / RECORDING_S)
    for index in range(count):
        sound = np.resize(np.roll(speech, index * 7919), RATE_HZ * RECORDING_S)
        soundfile.write(root / f"{index:05}.wav", sound, RATE_HZ)
    return count


@dataclass(frozen=True)
class Speed:
    """How fast a run was.

    Attributes:
        workers: how many.
        wall_s: from the command to its end.
        start_s: from the command to the first part.
        steady: seconds of sound a second, between the first parts of all workers and the last part.
    """

    workers: int
    wall_s: float
    start_s: float
    steady: float


def measure_speed(given: Path, out: Path, count: int, workers: int) -> Speed:
    """Run over an archive of ``count`` recordings with so many workers."""
    began_s = time.time()
    with start(given, out, workers) as run:
        assert run.wait() == 0
    wall_s = time.time() - began_s
    ended = sorted(
        (path.stat().st_mtime, len(set(read_table(path)["file"].to_pylist()))) for path in (out / "results").iterdir()
    )
    assert sum(recordings for _, recordings in ended) == count
    first_s = ended[workers - 1][0]
    heard_s = sum(recordings for _, recordings in ended[workers:]) * RECORDING_S
    return Speed(workers, wall_s, ended[0][0] - began_s, heard_s / (ended[-1][0] - first_s))


def files_of(out: Path) -> dict[str, bytes]:
    """Return what a run left, without its notes of what is in hand."""
    paths = [path for path in out.rglob("*.*") if path.is_file() and path.parent.name != "in_hand"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def killed_and_resumed(given: Path, out: Path, kills: int, chance: random.Random, parts: int) -> list[int]:
    """Kill a run at random moments and let it end; return how many parts stood each time."""
    had = []
    for number in range(kills):
        enough = parts * (number + 1) // (kills + 2)
        with start(given, out, 1 + number % 2) as run:
            deadline_s = time.monotonic() + chance.uniform(3.0, 12.0)
            while len(list(out.glob("results/part-*"))) < enough or time.monotonic() < deadline_s:
                if run.poll() is not None:
                    break
                time.sleep(0.05)
            time.sleep(chance.uniform(0.0, 0.5))
            run.send_signal(signal.SIGKILL)
        had.append(len(list(out.glob("results/part-*"))))
    with start(given, out, 2) as run:
        assert run.wait() == 1  # some of the recordings are bad
    return had


@dataclass
class Memory:
    """Memory of a process and all below it, over its life.

    Attributes:
        samples: (share of the recordings done, megabytes of the driver, of the workers, of all processes).
    """

    samples: list[tuple[float, float, float, float]] = field(default_factory=list)

    def growth_mb(self, column: int) -> float:
        """Return the largest value of the last fifth, minus the largest of the second."""
        shares = [sample[0] for sample in self.samples]
        early = [sample[column] for sample, share in zip(self.samples, shares, strict=True) if 0.2 <= share < 0.4]
        late = [sample[column] for sample, share in zip(self.samples, shares, strict=True) if share >= 0.8]
        return max(late) - max(early)

    def most_mb(self, column: int) -> float:
        """Return the largest value."""
        return max(sample[column] for sample in self.samples)


def measure_memory(given: Path, out: Path, parts: int) -> tuple[Memory, float]:
    """Run with two workers; return what memory it took, and for how many seconds it ran."""
    memory = Memory()
    began_s = time.monotonic()
    with start(given, out, 2) as run:
        while run.poll() is None:
            time.sleep(1.0)
            done = len(list(out.glob("results/part-*"))) / parts
            sizes = {process: (name, _own_mb(process)) for process, name in _below(run.pid)}
            if done >= 1.0:  # what processes share counts to those that have not ended yet
                continue
            workers = sum(size for name, size in sizes.values() if "MapWorker" in name)
            driver = sizes.get(run.pid, ("", 0.0))[1]
            memory.samples.append((done, driver, workers, sum(size for _, size in sizes.values())))
    assert run.returncode == 0
    return memory, time.monotonic() - began_s


def _below(process: int) -> list[tuple[int, str]]:
    """Return (number, command) of a process and of all that it started."""
    children: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        children.setdefault(parent, []).append((int(folder.name), command))
    found = [(process, "")]
    for one, _ in found:
        found += children.get(one, [])
    return found


def _own_mb(process: int) -> float:
    """Return the memory of a process in megabytes, what it shares with others in parts; 0 where it has gone."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024 / 1e6


def make_links(root: Path, files: int) -> None:
    """Fill ``root`` with links to one short recording, a thousand a folder."""
    speech = load_audio(emobridge.sample(), sample_rate_hz=RATE_HZ)
    root.mkdir()
    soundfile.write(root.parent / "one.wav", speech[15_000 : 15_000 + RATE_HZ], RATE_HZ)
    for index in range(files):
        folder = root / f"{index // 1000:04}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index % 1000:03}.wav").symlink_to(root.parent / "one.wav")


def part_seconds(jobs: int = 300) -> float:
    """Return the seconds that the driver needs for a part, whatever is in it."""

    def nothing() -> Any:
        return lambda job: None

    with cluster(None, 2):
        times_s = []
        for _ in each(["x"] * jobs, nothing, 2):
            times_s.append(time.monotonic())
    return (times_s[-1] - times_s[jobs // 5]) / (jobs - jobs // 5)


def capacity_rows(costs: Costs, hours: float = 1e6) -> list[str]:
    """Return rows of a table: workers, time for so many hours in recordings of an hour, what is used up first."""
    parts = parts_for(round(hours), round(hours * costs.hour_bytes))
    rows = []
    for workers in WORKERS_SHOWN:
        told = estimate(costs, Cluster(workers), hours, round(hours), parts)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in told.shares.items())
        rows.append(f"| {workers:,} | {readable_time(told.seconds)} | {told.first} | {shares} |\n")
    return rows


def readable_time(seconds: float) -> str:
    """Return seconds as people read them."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s"


def page(found: dict[str, Any]) -> str:
    """Return what was found, in Markdown."""
    one, two = (Speed(**speed) for speed in found["speeds"])
    costs = Costs(**found["costs"])
    memory = found["memory"]
    return f"""# Archives

Made by `python benchmarks/bulk.py --minutes {found["minutes"]:g} --kills {found["kills"]} --files {found["files"]}` on
{found["machine"]}.

## One worker and two

{found["minutes"]:g} minutes of sound in recordings of {RECORDING_S} s, 16 kHz WAV, the default model.

| workers | command to end | command to first part | seconds of sound a second, once all work | an hour of sound costs |
|---|---|---|---|---|
| 1 | {one.wall_s:.1f} s | {one.start_s:.1f} s | {one.steady:.0f} | {3600 / one.steady:.1f} s |
| 2 | {two.wall_s:.1f} s | {two.start_s:.1f} s | {two.steady:.0f} | {3600 / two.steady:.1f} s |

Two are {two.steady / one.steady:.2f} times as fast as one.

## Killed

{found["good"]} recordings that can be judged and 20 that cannot, in {found["parts"]} parts. Killed (SIGKILL) with
{", ".join(map(str, found["had"]))} parts there, running one and two workers in turn, and resumed: all files equal to
the byte those of a run in one go.

## Memory

{found["files"]:,} links to one recording of a second, two workers, {readable_time(memory["seconds"])}.

| | most, MB | growth between a fifth and the end, MB |
|---|---|---|
| the command | {memory["driver_most"]:.0f} | {memory["driver_growth"]:+.0f} |
| both workers | {memory["workers_most"]:.0f} | {memory["workers_growth"]:+.0f} |
| all processes, Ray's too | {memory["all_most"]:.0f} | {memory["all_growth"]:+.0f} |

## More workers, simulated

One million hours in a million recordings, from what was measured: {costs.worker_s:.1f} s of a worker for an hour of
sound, {costs.start_s:.0f} s to start, {costs.part_s * 1000:.1f} ms of the driver for a part,
{costs.find_s * 1e6:.0f} µs to find a recording. Assumed: processors as fast as these, a store that gives
{Cluster(1).store_bytes_s / 1e9:.0f} GB/s to all together and lists {Cluster(1).listing_per_s:,.0f} names a second.

| workers | time | what is used up first | busy |
|---|---|---|---|
{"".join(capacity_rows(costs))}"""


def main() -> None:
    """Measure, compare, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0, help="of sound, to compare two workers with one")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--good", type=int, default=180, help="good recordings of the run that is killed")
    parser.add_argument("--files", type=int, default=2_000, help="links, to see what memory they take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/bulk.md"))
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given)
    given.out.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    given.out.write_text(page(found), encoding="utf-8")
    one, two = (speed["steady"] for speed in found["speeds"])
    assert two / one >= LEAST_RATIO, f"two workers are {two / one:.2f} times as fast as one"
    assert found["memory"]["all_growth"] <= MOST_GROWTH_MB, found["memory"]


def measure(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Do all that the page tells of, in a folder; return it as plain values."""
    count = make_archive(root / "archive", given.minutes)
    speeds = [measure_speed(root / "archive", root / f"table {workers}", count, workers) for workers in (1, 2)]
    assert files_of(root / "table 1") == files_of(root / "table 2"), "the workers change the table"
    make_recordings(root / "mixed", given.good)
    mixed = root / "mixed" / "recordings"
    with start(mixed, root / "whole", 2) as run:
        assert run.wait() == 1
    parts = len(list(root.glob("whole/results/*")))
    had = killed_and_resumed(mixed, root / "cut", given.kills, random.Random(given.seed), parts)
    assert files_of(root / "cut") == files_of(root / "whole"), "the kills change the table"
    make_links(root / "links", given.files)
    began_s = time.perf_counter()
    items = len(find(str(root / "links")).items)
    find_s = (time.perf_counter() - began_s) / items
    memory, seconds = measure_memory(root / "links", root / "many", parts_for(items, 0))
    names = ("driver", "workers", "all")
    costs = Costs(3600 / speeds[0].steady, speeds[0].start_s, part_seconds(), find_s)
    return {
        "machine": f"{os.cpu_count()} processors, {platform.platform()}, Python {platform.python_version()}",
        "minutes": given.minutes, "kills": given.kills, "files": items, "good": given.good, "parts": parts, "had": had,
        "speeds": [asdict(speed) for speed in speeds],
        "memory": {
            "seconds": seconds,
            **{f"{name}_most": memory.most_mb(column) for column, name in enumerate(names, start=1)},
            **{f"{name}_growth": memory.growth_mb(column) for column, name in enumerate(names, start=1)},
        },
        "costs": asdict(costs),
    }  # fmt: skip


if __name__ == "__main__":
    main()
