"""Archives: two workers against one, a run killed at random, and memory over very many files.

    python -m benchmarks.speed.bulk [--minutes N] [--rounds N] [--kills N] [--files N] [--seed N] [--out FOLDER]

Asserts that two workers are at least 1.8 times as fast as one, that a run killed five times at random moments leaves
the same files to the byte as one that never was, and that memory does not grow with the number of files; before that
it writes the page with what an hour of sound costs and what more workers would make of it. `--files 100000`, of which
the page is to tell, takes about half an hour; without it, 6,000 are taken. All that is made on the way is in one folder
for temporary files, and is removed at the end.
"""

import argparse
import logging
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pyarrow.parquet import read_table

import emobridge
from benchmarks.listening import COMMITTED, write_results
from benchmarks.speed.capacity import Cluster, Costs, estimate
from benchmarks.speed.folder import make_recordings
from emobridge.audio.load import load_audio
from emobridge.batch.cluster.inputs import find, parts_for
from emobridge.batch.cluster.ray import cluster, each

RATE_HZ = 16_000
RECORDING_S = 30
LEAST_RATIO = 1.8
# Between a fifth of the run and its end; what the allocators of a few processes keep comes to that.
MOST_GROWTH_MB = 64.0
WORKERS_SHOWN = (1, 2, 16, 128, 1024, 8192)
log = logging.getLogger("bulk")


def start(given: Path, out: Path, workers: int, *more: str) -> subprocess.Popen[bytes]:
    """Start a run, which has a folder for temporary files beside ``out``: what a killed Ray leaves goes with it."""
    command = [sys.executable, "-c", "from emobridge.cli import main; main()", "bulk", str(given), str(out)]
    (out.parent / "t").mkdir(exist_ok=True)  # the names of Ray's sockets have room for a short path alone
    environment = {**os.environ, "TMPDIR": str(out.parent / "t")}
    return subprocess.Popen([*command, "--workers", str(workers), *more], stderr=subprocess.DEVNULL, env=environment)


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
    with start(given, out, workers, "--restart") as run:
        assert run.wait() == 0
    wall_s = time.time() - began_s
    ended = sorted(
        (path.stat().st_mtime, len(set(read_table(path)["file"].to_pylist()))) for path in (out / "results").iterdir()
    )
    assert sum(recordings for _, recordings in ended) == count
    first_s = ended[workers - 1][0]
    heard_s = sum(recordings for _, recordings in ended[workers:]) * RECORDING_S
    speed = Speed(workers, wall_s, ended[0][0] - began_s, heard_s / (ended[-1][0] - first_s))
    log.info("%s", speed)
    return speed


def typical(speeds: Sequence[Speed]) -> Speed:
    """Return the median of each figure over runs with the same number of workers."""
    names = ("wall_s", "start_s", "steady")
    medians = {name: statistics.median(getattr(speed, name) for speed in speeds) for name in names}
    return Speed(speeds[0].workers, **medians)


def files_of(out: Path) -> dict[str, bytes]:
    """Return what a run left, without its notes of what is in hand."""
    paths = [path for path in out.rglob("*.*") if path.is_file() and path.parent.name != "in_hand"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def killed_and_resumed(
    given: Path, out: Path, words: Sequence[str], kills: int, chance: random.Random, parts: int
) -> list[int]:
    """Kill a run at random moments and let it end; return how many parts stood each time."""
    had = []
    for number in range(kills):
        enough = parts * (number + 1) // (kills + 2)
        with start(given, out, 1 + number % 2, *words) as run:
            deadline_s = time.monotonic() + chance.uniform(3.0, 12.0)
            while len(list(out.glob("results/part-*"))) < enough or time.monotonic() < deadline_s:
                if run.poll() is not None:
                    break
                time.sleep(0.05)
            time.sleep(chance.uniform(0.0, 0.5))
            run.send_signal(signal.SIGKILL)
        had.append(len(list(out.glob("results/part-*"))))
        log.info("killed with %d of %d parts there", had[-1], parts)
    with start(given, out, 2, *words) as run:
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
            if len(memory.samples) % 30 == 0:
                log.info("%.0f%% done, %.0f MB", 100 * done, memory.samples[-1][3])
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

Made by `python -m benchmarks.speed.bulk --minutes {found["minutes"]:g} --rounds {found["rounds"]}
--kills {found["kills"]} --files {found["files"]}` on {found["machine"]}.

## One worker and two

{found["minutes"]:g} minutes of sound in recordings of {RECORDING_S} s, 16 kHz WAV, the default model; one and two in
turn, medians of {found["rounds"]} runs each. All tables are equal to the byte.

| workers | command to end | command to first part | seconds of sound a second, once all work | an hour of sound costs |
|---|---|---|---|---|
| 1 | {one.wall_s:.1f} s | {one.start_s:.1f} s | {one.steady:.0f} | {3600 / one.steady:.1f} s |
| 2 | {two.wall_s:.1f} s | {two.start_s:.1f} s | {two.steady:.0f} | {3600 / two.steady:.1f} s |

Two are {two.steady / one.steady:.2f} times as fast as one.

## Killed

{found["recordings"]} recordings with their transcripts, {found["failed"]} of which cannot be read, in
{found["parts"]} parts. Killed (SIGKILL) with {", ".join(map(str, found["had"]))} parts there, running one and two
workers in turn, and resumed: all files equal to the byte those of a run in one go.

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
    parser.add_argument("--minutes", type=float, default=40.0, help="of sound, to compare two workers with one")
    parser.add_argument("--rounds", type=int, default=3, help="of one worker and two in turn")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--good", type=int, default=180, help="good recordings of the run that is killed")
    parser.add_argument("--files", type=int, default=6_000, help="links, to see what memory they take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder for the page and its figures")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = measure(Path(folder), given)
    write_results(given.out, "bulk", found, page(found))
    one, two = (speed["steady"] for speed in found["speeds"])
    assert two / one >= LEAST_RATIO, f"two workers are {two / one:.2f} times as fast as one"
    assert found["memory"]["all_growth"] <= MOST_GROWTH_MB, found["memory"]


def compare_workers(root: Path, minutes: float, rounds: int) -> list[Speed]:
    """Return how fast one worker is and how fast two are, after a look at whether their tables are the same."""
    count = make_archive(root / "archive", minutes)
    speeds: dict[int, list[Speed]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, measured in speeds.items():
            measured.append(measure_speed(root / "archive", root / f"table {workers}", count, workers))
        assert files_of(root / "table 1") == files_of(root / "table 2"), "the workers change the table"
    return [typical(measured) for measured in speeds.values()]


def compare_killed(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Return what a run that was killed had each time, after a look at whether its table is that of one in one go."""
    make_recordings(root / "mixed", given.good)
    mixed, words = root / "mixed" / "recordings", ("--transcript", str(root / "mixed" / "words"))
    with start(mixed, root / "whole", 2, *words) as run:
        assert run.wait() == 1
    parts = len(list(root.glob("whole/results/*")))
    had = killed_and_resumed(mixed, root / "cut", words, given.kills, random.Random(given.seed), parts)
    assert files_of(root / "cut") == files_of(root / "whole"), "the kills change the table"
    failed = sum(len(read_table(path)) for path in root.glob("whole/failed/*"))
    judged = sum(len(set(read_table(path)["file"].to_pylist())) for path in root.glob("whole/results/*"))
    return {"recordings": judged + failed, "failed": failed, "parts": parts, "had": had}


def measure(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Do all that the page tells of, in a folder; return it as plain values."""
    speeds = compare_workers(root, given.minutes, given.rounds)
    killed = compare_killed(root, given)
    make_links(root / "links", given.files)
    began_s = time.perf_counter()
    items = len(find(str(root / "links")).items)
    find_s = (time.perf_counter() - began_s) / items
    memory, seconds = measure_memory(root / "links", root / "many", parts_for(items, 0))
    names = ("driver", "workers", "all")
    costs = Costs(3600 / speeds[0].steady, speeds[0].start_s, part_seconds(), find_s)
    return {
        "machine": f"{os.cpu_count()} processors, {platform.platform()}, Python {platform.python_version()}",
        "minutes": given.minutes, "rounds": given.rounds, "kills": given.kills, "files": items, **killed,
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
