"""How honest is confidence on words? A recipe judged on whole episodes that it never met: a table and a plot.

    python -m benchmarks.accuracy.episodes --data CORPORA [--recipe default] [--fold 1 --fold 2]

The authors' test parts of dialogue are small: a perfect system has a calibration error of 0.04 on EmoryNLP's by chance
alone. Here the episodes of each corpus are dealt to four parts (protocol ``episodes``), and each fold's model, with the
start of its words, learns from two of them. What RUN holds is only read, what was interrupted goes on. Needs the extra
[train], the plot [report].
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import emobridge
from benchmarks.listening import COMMITTED, draw, interval, progress, stored, write_results
from emobridge.training.corpora.base import Utterance
from emobridge.training.evaluation.bootstrap import Measured, bootstrap_intervals
from emobridge.training.evaluation.metrics import expected_calibration_error
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import judged, measured
from emobridge.training.evaluation.tables import heading, markdown_table
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.training.report.charts import calibration_bins

CORPORA = ("meld", "emorynlp")
PARTS = 4
BOUND = 0.05
ERROR = "expected_calibration_error"
SHOWN = ("weighted_f1", "unweighted_average_recall", "cross_entropy_soft", "set_coverage", ERROR)
ALL, AUTHORS = "all", "the authors' test part among them"
NOTE = (
    "Words alone, in the view of each corpus's categories (`--categories`): its temperature is fitted on the fold's "
    "validation episodes, its weights on those of training. A sentence that nearly equals one of another part is not "
    "trained on. ECE = expected calibration error, 15 bins. *By chance* = the ECE that the same probabilities show "
    "where they are exactly right (labels drawn from them): mean, and what 95 % of draws stay below. An ECE below that "
    "cannot be distinguished from none. Models of the authors' own split, which learn from more: "
    "[accuracy](accuracy.md)."
)


def by_episodes(recipe: Recipe) -> Recipe:
    """Return the recipe with its corpora of a series dealt by episodes, without variants."""
    entries = [replace(entry, protocol="episodes") if entry.name in CORPORA else entry for entry in recipe.data.corpora]
    data, evaluation = replace(recipe.data, corpora=tuple(entries)), replace(recipe.evaluation, folds=PARTS)
    return replace(recipe, data=data, evaluation=evaluation, variants={})


def error_by_chance(probabilities: NDArray[np.float64], draws: int, seed: int = 0) -> dict[str, float]:
    """Return the calibration error that exactly right probabilities (N, C) show: its mean and its 95th percentile."""
    generator, edges = np.random.default_rng(seed), probabilities.cumsum(axis=1)[:, :-1]
    names = np.eye(probabilities.shape[1])
    errors = [
        expected_calibration_error(names[(generator.random((len(edges), 1)) > edges).sum(axis=1)], probabilities)
        for _ in range(draws)
    ]
    return {"mean": round(float(np.mean(errors)), 4), "most": round(float(np.quantile(errors, 0.95)), 4)}


def measure(recipe: Recipe, predictions: Predictions, data: Path | None, resamples: int) -> dict[str, Any]:
    """Return everything that episodes.json holds.

    Args:
        recipe: that was trained.
        predictions: of its folds.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        resamples: of the bootstrap over episodes, and draws of labels.

    Raises:
        CorpusError: a corpus cannot be read.
    """
    read = (predictions.presence == "linguistic") & (predictions.truth.sum(axis=1) > 0)
    found = {}
    for name in CORPORA:
        rows = predictions.select(read & (predictions.corpora == name))
        known = {utterance.id: utterance for utterance in emobridge.read_corpus(name, data).utterances}
        tested = np.array([known[id_].split == "test" for id_ in rows.ids.tolist()], bool)
        found[name] = {
            ALL: _figures(rows, known, resamples),
            AUTHORS: _figures(rows.select(tested), known, resamples),
            "bins": calibration_bins(rows).round(4).tolist(),
        }
    return {
        "emobridge": emobridge.__version__,
        "recipe": {"name": recipe.name, "digest": recipe.digest},
        "folds": sorted(set(predictions.folds.tolist())),
        "resamples": resamples,
        "corpora": found,
    }


def _figures(rows: Predictions, known: Mapping[str, Utterance], resamples: int) -> dict[str, Any]:
    """Return the metrics of sentences with intervals over their episodes, and the error that chance gives."""
    aired = [known[id_].attributes for id_ in rows.ids.tolist()]
    episodes = np.array([f"{one['season']} {one['episode']}" for one in aired], np.str_)
    system = Measured(measured(rows).measure, episodes)
    _, _, probabilities = judged(rows)
    return {
        "sentences": len(rows),
        "episodes": len(np.unique(episodes)),
        "metrics": stored(bootstrap_intervals(system, resamples)),
        "by_chance": error_by_chance(probabilities, max(resamples, 1)),
    }


def errors(results: Mapping[str, Any]) -> dict[str, float]:
    """Return the calibration error over all sentences of each corpus."""
    return {corpus: found[ALL]["metrics"][ERROR]["value"] for corpus, found in results["corpora"].items()}


def page(results: Mapping[str, Any]) -> str:
    """Return episodes.md."""
    source = (
        f"Made by `python -m benchmarks.accuracy.episodes` from emobridge {results['emobridge']}: the recipe "
        f"`{results['recipe']['name']}`, folds {', '.join(results['folds'])} of {PARTS}, each evaluated on the "
        f"episodes that it never met. [95 % interval over episodes, {results['resamples']} resamples]."
    )
    table = []
    for corpus, found in results["corpora"].items():
        for name in (ALL, AUTHORS):
            one = found[name]
            chance = f"{one['by_chance']['mean']:.3f}, {one['by_chance']['most']:.3f}"
            counted = [f"{corpus}, {name}", str(one["sentences"]), str(one["episodes"])]
            table.append([*counted, *(interval(one["metrics"][metric]) for metric in SHOWN), chance])
    header = ["sentences of", "sentences", "episodes", *(heading(metric) for metric in SHOWN), "ECE by chance"]
    told = "; ".join(
        f"{corpus} {value:.3f}, {'under' if value < BOUND else 'NOT under'} {BOUND}"
        for corpus, value in errors(results).items()
    )
    parts = ["# Confidence on episodes that were never met", source, NOTE, "![reliability](episodes.svg)"]
    return "\n\n".join([*parts, markdown_table(header, table), f"Calibration error over all sentences: {told}."]) + "\n"


def paint(results: Mapping[str, Any], axes: Sequence[Any]) -> None:
    """Fill an axis a corpus: how often an answer of a given confidence is right, beside what it promises."""
    for axis, (corpus, found) in zip(axes, results["corpora"].items(), strict=True):
        confidence, right, _ = zip(*found["bins"], strict=True)
        axis.plot((0, 1), (0, 1), color="#6a6a6a", linestyle="--", label="as promised")
        axis.plot(confidence, right, marker="o", color="#1f5fa8", label="measured")
        axis.set_xlim(0.0, 1.0)
        axis.set_ylim(0.0, 1.0)
        axis.set_aspect("equal")
        axis.set_xlabel("confidence")
        axis.set_title(f"{corpus}, {found[ALL]['sentences']} sentences")
        axis.legend(frameon=False, loc="upper left")
    axes[0].set_ylabel("share that is right")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not trained yet, and write episodes.md, .json and .svg; 1 where an error is not under the bound."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--recipe", default="default", help="that reads meld and emorynlp")
    options.add_argument("--set", action="append", default=[], help="a.b=value, as for `emobridge train`")
    options.add_argument("--data", type=Path, help="where the corpora are; default: EMOBRIDGE_DATA")
    options.add_argument("--run", type=Path, default=Path("runs/episodes"), help="folder of the trainings")
    options.add_argument("--fold", type=int, action="append", help="only this fold; may be repeated")
    options.add_argument("--jobs", type=int, default=1, help="folds at once, each in a process of one thread")
    options.add_argument("--out", type=Path, default=COMMITTED, help="folder for the table, the JSON and the plot")
    options.add_argument("--resamples", type=int, default=1000, help="of the bootstrap over episodes")
    given = options.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = by_episodes(read_recipe(given.recipe, given.set))
    folds = given.fold or range(1, PARTS + 1)
    predictions = crossvalidate(recipe, given.data, given.run, folds, progress, jobs=given.jobs)
    results = measure(recipe, predictions, given.data, given.resamples)
    out = write_results(given.out, "episodes", results, page(results))
    draw(out / "episodes.svg", len(CORPORA), lambda axes: paint(results, axes), (8.0, 4.2))
    return 0 if max(errors(results).values()) < BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
