"""Which weak supervision moves dimensions on speech? A recipe with its parts switched on one by one: a table.

    python -m benchmarks.accuracy.dimensions --data CORPORA [--recipe default] [--set training.steps=1000]

Trains every variant on the first fold (what RUNS holds is only read, what was interrupted goes on), then computes the
proxies of `dimension_proxies`, and what people did rate: the text corpora. Needs the extra [train].
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import emobridge
from benchmarks.accuracy.dimension_proxies import measured_proxies
from benchmarks.listening import COMMITTED, interval, progress, stored, write_results
from emobridge.training.corpora.base import Utterance
from emobridge.training.evaluation.bootstrap import bootstrap_intervals, paired_differences
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import score
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import Recipe, parse_recipe, read_recipe

PARTS: dict[str, dict[str, float]] = {
    "prototypes": {},
    "tolerance": {"tolerance": 0.15},
    "category order": {"category_order": 0.3},
    "intensity order": {"intensity_order": 0.3},
    "text teacher": {"text_teacher": 0.3},
}
ALL, NO_PROTOTYPES = "all parts", "all without prototypes"
NOTE = (
    "Nobody rated valence, arousal or dominance of this speech. These are proxies of the dimensions, never their "
    "accuracy: *order of categories* and *order of intensity* = share of pairs of clips in the expected order (chance: "
    "0.5; of two intensities it is the area under the ROC curve); *rank of intensity* = Spearman's correlation within "
    "a category with the intensity that raters gave; *within categories* = share of the variance that lies within true "
    "categories, *within answers* within the categories that the model answers (0: a function of the category alone)."
)
PROXIES = {
    "category_order": "order of categories",
    "intensity_order": "order of intensity",
    "intensity_rank": "rank of intensity",
    "within_category": "within categories",
    "within_answer": "within answers",
}


def ablation(recipe: Recipe) -> Recipe:
    """Return a recipe with prototypes alone, whose variants add one part each, all, and all but the prototypes."""
    values = recipe.to_dict()
    values["name"], values["loss"]["weak"] = "prototypes", {}
    everything = {key: value for part in PARTS.values() for key, value in part.items()}
    none = {f"data.corpora.{number}.weak_dimensions": False for number in range(len(recipe.data.corpora))}
    values["variants"] = {
        **{name: _overrides(part) for name, part in PARTS.items() if part},
        ALL: _overrides(everything),
        NO_PROTOTYPES: {**none, **_overrides(everything)},
    }
    return parse_recipe(values)


def _overrides(part: Mapping[str, float]) -> dict[str, float]:
    return {f"loss.weak.{key}": value for key, value in part.items()}


def measure(recipe: Recipe, predictions: Predictions, data: Path | None, resamples: int) -> dict[str, Any]:
    """Return everything that dimensions.json holds.

    Args:
        recipe: whose variants were run.
        predictions: of all variants.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        resamples: of the bootstrap over speakers.

    Raises:
        CorpusError: a corpus cannot be read.
    """
    heard = predictions.select(predictions.presence == "acoustic")
    utterances = {
        (utterance.corpus, utterance.id): utterance
        for entry in recipe.data.corpora
        for utterance in emobridge.read_corpus(entry.name, data).utterances
    }
    variants = list(dict.fromkeys(predictions.variants.tolist()))
    return {
        "emobridge": emobridge.__version__,
        "recipe": recipe.digest,
        "resamples": resamples,
        "steps": recipe.training.steps,
        "dimensions": list(predictions.dimensions),
        "variants": {name: dict(recipe.variants.get(name, {})) for name in variants},
        "speech": {
            name: _of_corpus(heard.select(heard.corpora == name), variants, utterances, resamples)
            for name in dict.fromkeys(heard.corpora.tolist())
        },
        "rated": {name: _rated(predictions.select(predictions.variants == name), resamples) for name in variants},
    }


def _of_corpus(
    predictions: Predictions, variants: Sequence[str], utterances: Mapping[tuple[str, str], Utterance], resamples: int
) -> dict[str, Any]:
    """Return variant -> its proxies on a corpus, and their differences to the first variant."""
    said = {name: predictions.select(predictions.variants == name) for name in variants}
    systems = {name: measured_proxies(rows, utterances) for name, rows in said.items()}
    return {
        name: {
            "metrics": stored(bootstrap_intervals(system, resamples)),
            "differences": stored(paired_differences(system, systems[variants[0]], resamples)),
        }
        for name, system in systems.items()
    }


def _rated(predictions: Predictions, resamples: int) -> dict[str, Any]:
    """Return what the proxies must not cost: concordance with people's ratings of text, and recall on speech."""
    spoken = predictions.presence == "acoustic"
    rated = np.isfinite(predictions.truth_dimensions).any(axis=1) & (predictions.presence == "linguistic")
    found = {}
    for rows, prefix in ((rated, "concordance_cc_"), (spoken, "unweighted_average_recall")):
        if rows.any():
            metrics = score(predictions.select(rows), resamples).metrics
            found |= {name: metric.pooled for name, metric in metrics.items() if name.startswith(prefix)}
    return stored(found)


def page(results: Mapping[str, Any]) -> str:
    """Return dimensions.md."""
    source = (
        f"Made by `python -m benchmarks.accuracy.dimensions` from emobridge {results['emobridge']}: "
        f"{results['steps']} steps a variant, fold 1, unseen speakers, by sound alone. [95 % interval "
        f"over speakers, {results['resamples']} resamples]; in bold: reliably other than the first line, higher or "
        "lower (paired)."
    )
    parts = ["# Dimensions on speech that nobody rated", source, NOTE]
    for dimension in results["dimensions"]:
        parts.append(f"## {dimension}")
        for corpus, variants in results["speech"].items():
            shown = [name for name in PROXIES if _known(variants, f"{name}_{dimension}")]
            if shown:
                rows = [_row(name, found, shown, dimension) for name, found in variants.items()]
                parts += [f"{corpus}:", markdown_table(["variant", *(PROXIES[name] for name in shown)], rows)]
    names = list(dict.fromkeys(name for found in results["rated"].values() for name in found))
    cost = [[variant, *(interval(found.get(name)) for name in names)] for variant, found in results["rated"].items()]
    told = "Agreement with people's ratings of text (CCC), and recall of categories on speech (UAR)."
    parts += ["## What it costs", told, markdown_table(["variant", *names], cost), "## Variants"]
    keys = {
        name: ", ".join(f"`{key} = {str(value).lower()}`" for key, value in changes.items())
        for name, changes in results["variants"].items()
    }
    return "\n\n".join([*parts, markdown_table(["variant", "keys"], list(keys.items()))]) + "\n"


def _known(variants: Mapping[str, Any], metric: str) -> bool:
    return any(found["metrics"].get(metric, {"value": None})["value"] is not None for found in variants.values())


def _row(variant: str, found: Mapping[str, Any], shown: Sequence[str], dimension: str) -> list[str]:
    cells = [variant]
    for name in shown:
        metric, difference = (found[kind].get(f"{name}_{dimension}") for kind in ("metrics", "differences"))
        ends = (difference["low"], difference["high"]) if difference else (None, None)
        sure = None not in ends and (ends[0] > 0 or ends[1] < 0)
        text = interval(metric)
        cells.append(f"**{text}**" if sure else text)
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not trained yet, and write dimensions.md and .json."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--recipe", default="default", help="whose parts are switched on one by one")
    options.add_argument("--set", action="append", default=[], help="a.b=value, as for `emobridge train`")
    options.add_argument("--data", type=Path, help="where the corpora are; default: EMOBRIDGE_DATA")
    options.add_argument("--run", type=Path, default=Path("runs/dimensions"), help="folder of the trainings")
    options.add_argument("--out", type=Path, default=COMMITTED, help="folder for the table and the JSON")
    options.add_argument("--resamples", type=int, default=1000, help="of the bootstrap over speakers")
    given = options.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = ablation(read_recipe(given.recipe, given.set))
    predictions = crossvalidate(recipe, given.data, given.run, [1], progress)
    results = measure(recipe, predictions, given.data, given.resamples)
    write_results(given.out, "dimensions", results, page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
