"""How accurate are the recipes, beside what everybody has? One command, a table and a plot.

    python -m benchmarks.accuracy.systems --data CORPORA

Every corpus on its speaker-disjoint folds, and every speech corpus left out of training; in each case the recipe with
its ablations (trained where RUNS does not hold them yet, resumed where they were interrupted, else only read), linear
models over eGeMAPS or TF-IDF, and a majority guess. Needs the extras [train], [benchmark] and [report]. openSMILE,
which computes eGeMAPS, may be used for research alone.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import peers
from benchmarks.accuracy.plots import draw
from benchmarks.accuracy.results import FORMAT_VERSION, entries, of_corpus, rows
from benchmarks.accuracy.tables import PROTOCOLS, page, readme_section, shown_in, summary_table, write_readme
from benchmarks.accuracy.tasks import CORPORA, SPEECH, Task, left_out, within
from benchmarks.listening import progress
from emobridge.errors import CorpusError, EmobridgeError, nearest
from emobridge.labels import label_map
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.utils.cache import cache_folder
from emobridge.utils.files import make_folder, read_json, replacing, write_json
from emobridge.version import __version__

ROOT = Path(__file__).resolve().parents[2]
COMMITTED, README = ROOT / "docs" / "benchmarks", ROOT / "README.md"
RESAMPLES = 1000
log = logging.getLogger("accuracy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return its exit status."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if given.check:
            stale = outdated(given.out)
            print("\n".join(f"{name} does not say what accuracy.json says: run --tables" for name in stale) or "equal")
            return 1 if stale else 0
        results = read_json(given.out / "accuracy.json") if given.tables else _measured(given)
        publish(results, given.out)
    except EmobridgeError as error:
        print(error, file=sys.stderr)
        return 1
    several = len(results["recipes"]) > 1
    print("\n\n".join(summary_table(found, several) for protocol in PROTOCOLS if (found := rows(results, protocol))))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", action="append", help="a recipe, again for several (default: default)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of runs, one a recipe, by its name")
    parser.add_argument("--data", type=Path, help="folder of the corpora; left out: EMOBRIDGE_DATA")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder for accuracy.json, .md and .svg")
    parser.add_argument("--only", default=",".join(CORPORA), help="corpora, with commas between")
    parser.add_argument("--folds", type=int, nargs="+", help="numbers of the folds, from 1 (default: all)")
    parser.add_argument("--baselines-only", action="store_true", help="no recipe: majority guess and linear models")
    parser.add_argument("--tables", action="store_true", help="only write the pages anew from accuracy.json")
    parser.add_argument("--check", action="store_true", help="only say whether the pages equal accuracy.json")
    return parser


def _measured(given: argparse.Namespace) -> dict[str, Any]:
    names = given.only.split(",")
    for name in names:
        if name not in CORPORA:
            raise CorpusError(f"corpus '{name}'", f"valid: {', '.join(CORPORA)}", nearest(name, CORPORA))
    recipes = [] if given.baselines_only else [read_recipe(name) for name in given.recipe or ["default"]]
    return measure(names, recipes, given.data, given.runs, given.folds)


def measure(
    corpora: Sequence[str],
    recipes: Sequence[Recipe],
    data: Path | None,
    runs: Path,
    folds: Sequence[int] | None = None,
    speech: Sequence[str] = SPEECH,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Return what accuracy.json holds.

    Args:
        corpora: which are judged.
        recipes: which are judged, with their variants; the first that knows a corpus stands in its summary.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        runs: folder of runs; the recipe ``name`` is trained, resumed or only read in ``runs/name``.
        folds: which folds, counted from 1; None: all. Corpora are left out only where all folds are judged.
        speech: corpora of which one at a time is left out.
        resamples: of the bootstrap over speakers.

    Raises:
        EmobridgeError: as for `crossvalidate`; also a missing extra.
    """
    found = []
    inside = [(recipe, crossvalidate(recipe, data, runs / recipe.name, folds, progress)) for recipe in recipes]
    for name in corpora:
        for task in _within(name, recipes, data, runs, folds):
            found += _judged(task, inside, resamples)
    if folds is None and set(corpora) & set(speech):
        outside = [
            (recipe, crossvalidate(recipe, data, runs / recipe.name, None, progress, leave_corpus_out=True))
            for recipe in recipes
            if sum("acoustic" in entry.modalities for entry in recipe.data.corpora) > 1
        ]
        for name, task in zip(speech, left_out(speech, data, runs), strict=True):
            found += _judged(task, outside, resamples) if name in corpora else []
    return {
        "format_version": FORMAT_VERSION,
        "emobridge": __version__,
        "recipes": {recipe.name: {"digest": recipe.digest, "labels": recipe.data.categories} for recipe in recipes},
        "resamples": resamples,
        "entries": found,
    }


def _within(
    name: str, recipes: Sequence[Recipe], data: Path | None, runs: Path, folds: Sequence[int] | None
) -> Iterator[Task]:
    """Yield the task of a corpus over the labels of each recipe that knows it, and over its own if these lose any."""
    targets = dict.fromkeys(recipe.data.categories for recipe in recipes if name in _corpora(recipe))
    maps = [label_map(name, target) for target in targets]
    whole = any(not one.lost and not one.merged for one in maps)
    for target in (*targets, *(() if whole else ("own",))):
        task = within(name, target, data, runs, folds)
        yield task
        if not task.examples.targets.any():
            return


def _corpora(recipe: Recipe) -> list[str]:
    return [entry.name for entry in recipe.data.corpora]


def _judged(task: Task, recipes: Sequence[tuple[Recipe, Predictions]], resamples: int) -> list[dict[str, Any]]:
    log.info("%s: majority guess and linear model", task.name)
    guess, linear = peers.majority(task), peers.linear(task, cache_folder())
    chosen = []
    for recipe, predictions in recipes:
        same_labels = task.left_out or not task.examples.targets.any() or recipe.data.categories == task.target
        rows_of_task = of_corpus(predictions, task)
        if same_labels and len(rows_of_task):
            chosen.append(rows_of_task)
    log.info("%s: scores", task.name)
    return entries(task, [guess.predictions, linear.predictions], chosen, linear.penalties, resamples)


def publish(results: dict[str, Any], out: Path, readme: Path = README) -> None:
    """Write accuracy.json, its page and its plot, and, where this is the committed folder, the README's section.

    Raises:
        OutputError: ``out`` cannot be made.
        MissingExtraError: matplotlib is not installed.
    """
    write_json(make_folder(out) / "accuracy.json", results, indent=1)
    with replacing(out / "accuracy.md") as partial:
        partial.write_text(page(results), encoding="utf-8")
    draw(results, out / "accuracy.svg")
    if _belongs_in_readme(results, out):
        write_readme(readme, results)


def outdated(out: Path, readme: Path = README) -> list[str]:
    """Return the names of the pages that do not say what accuracy.json says.

    Raises:
        CorpusError: there is no accuracy.json.
    """
    results = read_json(out / "accuracy.json")
    stale = ["accuracy.md"] if (out / "accuracy.md").read_text(encoding="utf-8") != page(results) else []
    if _belongs_in_readme(results, out) and shown_in(readme) != readme_section(results):
        stale.append(readme.name)
    return stale


def _belongs_in_readme(results: dict[str, Any], out: Path) -> bool:
    return bool(results["recipes"]) and out.resolve() == COMMITTED


if __name__ == "__main__":
    sys.exit(main())
