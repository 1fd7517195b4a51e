"""What a run of the benchmark found, as tables of words: for a terminal and for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.speed import cold, contest, parts
from benchmarks.speed.machine import sentence
from benchmarks.speed.peaks import FP32, told
from benchmarks.speed.rounds import ratio

NOTHING = ""
# Seconds that a cold start may take.
BOUNDS_S = {cold.IMPORT: 0.1, cold.HELP: 0.2, cold.PREDICT: 0.8, cold.LIBRARY: 0.8}


@dataclass(frozen=True)
class Table:
    """A title, what its columns are, and its rows; the first column is text, the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(results: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a run."""
    return [_cold(results["cold"]), _model(results["cores"]), _peers(results["cores"])]


def notes(results: Mapping[str, Any]) -> list[str]:
    """Return what stands beside the tables: machine, peaks, and what was not measured."""
    peaks = [f"Peaks on {threads} core(s): {told(each['peaks'])}." for threads, each in results["cores"].items()]
    absent = [f"Not measured: {peer} {why}." for peer, why in results["missing"].items()]
    return [sentence(results["machine"]), *peaks, *absent]


def text(results: Mapping[str, Any]) -> str:
    """Return a run for a terminal."""
    blocks = [f"{table.title}\n{aligned([table.header, *table.rows])}" for table in tables(results)]
    return "\n\n".join([*blocks, "\n".join(notes(results))])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their columns under each other, the first from the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def real_time_factor(found: Mapping[str, Any], name: str) -> float:
    """Return the seconds that a second of sound took: the median of the rounds."""
    return float(median(found["seconds"][name]) / found["duration_s"])


def _cold(found: Mapping[str, Mapping[str, float]]) -> Table:
    header = ("cold start", "s", "at most", "processor s", "peak MB", "times the peer's speed")
    peer = found.get(cold.PEER)
    rows = []
    for name, used in found.items():
        is_first = name in (cold.PREDICT, cold.LIBRARY)
        rows.append(
            (
                name,
                f"{used['wall_s']:.2f}",
                f"{BOUNDS_S[name]:g}" if name in BOUNDS_S else NOTHING,
                f"{used['processor_s']:.2f}",
                f"{used['peak_mb']:.0f}",
                f"{peer['wall_s'] / used['wall_s']:.1f}" if peer is not None and is_first else NOTHING,
            )
        )
    return Table("Cold start: processes from start to end", header, rows)


def _model(found: Mapping[str, Mapping[str, Any]]) -> Table:
    names = list(next(iter(found.values()))["parts"]["seconds"])
    header = ("default model", *(f"real-time factor, {threads} core(s)" for threads in found), "share")
    whole = median(found["1"]["parts"]["seconds"][parts.WHOLE])
    rows = [
        (
            name,
            *(f"{real_time_factor(each['parts'], name):.5f}" for each in found.values()),
            f"{median(found['1']['parts']['seconds'][name]) / whole:.0%}",
        )
        for name in names
    ]
    return Table("The default model, and its parts one after the other", header, rows)


def _peers(found: Mapping[str, Mapping[str, Any]]) -> Table:
    header = ["the same clips"]
    for threads in found:
        header += [f"real-time factor, {threads} core(s)", "emobridge is faster by", "share of the fp32 peak"]
    names = list(next(iter(found.values()))["contest"]["seconds"])
    rows = []
    for name in names:
        row = [name]
        for each in found.values():
            seconds, operations = each["contest"]["seconds"], each["contest"]["operations"]
            peak = each["peaks"]["gops"][FP32] * 1e9
            is_ours = name == contest.OURS
            row += [
                f"{real_time_factor(each['contest'], name):.5f}",
                NOTHING if is_ours else f"{ratio(seconds[name], seconds[contest.OURS]):.1f}",
                NOTHING if is_ours else f"{operations / median(seconds[name]) / peak:.0%}",
            ]
        rows.append(tuple(row))
    return Table("The default model beside a HuBERT of as many parameters", tuple(header), rows)
