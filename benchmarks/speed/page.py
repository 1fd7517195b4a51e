"""How fast is the default model here, from cold and warm, beside its peers? A page, and a plot over commits.

    python -m benchmarks.speed.page [--rounds 3] [--out FOLDER] [--keep FILE.json] [--from FILE.json]

Cold starts, the default model on one core and on all, part by part, and its peers, as a page; the key figures are
added to history.json under the commit that is checked out, one entry a commit and processor, and drawn over all
entries. `--from` takes what `--keep FILE.json` kept instead of measuring. Needs the extra [report]; peers are measured
where [train] is installed.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.listening import COMMITTED, ROOT, draw, write_results
from benchmarks.speed import cold, contest, parts
from benchmarks.speed.rounds import ratio
from benchmarks.speed.run import ROUNDS, run
from benchmarks.speed.tables import notes, real_time_factor, tables
from emobridge.training.evaluation.tables import markdown_table
from emobridge.utils.files import read_json, write_json

FIRST, IMPORT, HELP = "first prediction / s", "import / s", "--help / s"
ONE, ALL, PEER = "real-time factor, one core", "real-time factor, all cores", "times the pipeline's speed"
PANELS = {"seconds": (FIRST, HELP, IMPORT), "real-time factor": (ONE, ALL), "ratio": (PEER,)}
NOTE = (
    "Everything takes its turn in every round, and medians are shown; a ratio is the median of the rounds' own. "
    "Real-time factor = seconds for each second of sound. The peer is a HuBERT of about as many parameters with random "
    "weights, which are as fast as trained ones, on sound that is decoded already; emobridge gets files, and words "
    "beside them. Share of the peak = operations of its linear and convolution layers, of what the fastest product of "
    "matrices does on the same cores. The parts are timed one after the other, one utterance at a time, and need not "
    "sum up to the whole."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write speed.md and .json, add to history.json, draw history.svg."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often everything takes its turn")
    parser.add_argument("--from", dest="kept", type=Path, help="figures that --keep kept")
    parser.add_argument("--keep", type=Path, help="file for all figures, with machine, versions and date")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the page, the JSONs and the plot")
    options = parser.parse_args(arguments)
    results = (
        read_json(options.kept) if options.kept else run(options.rounds, lambda what: print(what, file=sys.stderr))
    )
    if options.keep:
        write_json(options.keep, results)
    out = write_results(options.out, "speed", results, page(results))
    stored = out / "history.json"
    history = with_entry(read_json(stored) if stored.exists() else [], entry(results, commit()))
    write_json(stored, history, indent=1)
    draw(out / "history.svg", len(PANELS), lambda axes: paint(history, axes), (10.0, 3.6))
    return 0


def commit() -> str:
    """Return the commit that is checked out, with a + where files differ from it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def entry(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the key figures of a run."""
    each = list(results["cores"].values())
    one, most = each[0], each[-1]
    seconds = most["contest"]["seconds"]
    figures = {
        FIRST: results["cold"][cold.PREDICT]["wall_s"],
        HELP: results["cold"][cold.HELP]["wall_s"],
        IMPORT: results["cold"][cold.IMPORT]["wall_s"],
        ONE: real_time_factor(one["parts"], parts.HEARD),
        ALL: real_time_factor(most["parts"], parts.HEARD),
    }
    if contest.PIPELINE in seconds:
        figures[PEER] = ratio(seconds[contest.PIPELINE], seconds[contest.OURS])
    machine = results["machine"]
    return {
        "commit": name,
        "date": machine["date"],
        "processor": machine["processor"],
        "cores": machine["cores"],
        "load": machine["load"],
        "figures": {key: round(figure, 5) for key, figure in figures.items()},
    }


def with_entry(history: Sequence[Mapping[str, Any]], new: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the history by date, with an entry in the place of an earlier one of its commit and processor."""
    others = [old for old in history if (old["commit"], old["processor"]) != (new["commit"], new["processor"])]
    return sorted([*others, new], key=lambda each: str(each["date"]))


def page(results: Mapping[str, Any]) -> str:
    """Return speed.md."""
    blocks = ["# Speed", "Made by `python -m benchmarks.speed.page`."]
    blocks += [" ".join(notes(results)), NOTE]
    for table in tables(results):
        blocks += [f"## {table.title}", markdown_table(list(table.header), [list(row) for row in table.rows])]
    blocks += ["## Over commits", "![Key figures over commits](history.svg)"]
    return "\n\n".join(blocks) + "\n"


def paint(history: Sequence[Mapping[str, Any]], axes: Sequence[Any]) -> None:
    """Fill a panel for each kind of figure; entries stand side by side, in the order of their dates."""
    places = range(len(history))
    for axis, (title, names) in zip(axes, PANELS.items(), strict=True):
        for name in names:
            axis.plot(places, [each["figures"].get(name, float("nan")) for each in history], marker="o", label=name)
        axis.set_yscale("log")
        axis.set_title(title, loc="left")
        axis.set_xticks(places, [str(each["commit"]) for each in history], rotation=45, ha="right")
        axis.tick_params(labelleft=True)
        axis.legend(frameon=False, fontsize=7.5)


if __name__ == "__main__":
    sys.exit(main())
