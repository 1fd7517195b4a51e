"""A bundle put to the test: what it says of a recipe's test part, through the graphs that predict for users."""

from collections.abc import Sequence
from pathlib import Path

from emobridge.inference.bundle import load_bundle
from emobridge.training.evaluation.bundles import evaluate_bundle
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.prepare import prepare
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.training.experiments.train_fold import PREDICTIONS, labelled
from emobridge.training.splits.leakage import SplitRecord
from emobridge.utils.progress import ProgressCallback, no_report


def evaluate(
    bundle: str | Path | None,
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    fold: int = 1,
    report: ProgressCallback = no_report,
    *,
    allow_leaks: Sequence[str] = (),
) -> Predictions:
    """Return what a bundle says of a recipe's test part, through the same graphs that predict for users.

    Args:
        bundle: its folder; None is the model that comes with emobridge.
        recipe: corpora, label set and folds come from it; nothing is trained.
        out: folder for the predictions, and for the folds of a corpus that has no fold file.
        data, fold, report, allow_leaks: as for `experiment.train`.

    Raises:
        BundleError: there is no bundle, or a damaged one.
        EmobridgeError: as for `experiment.train`; also a bundle of another label set.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    loaded = load_bundle(bundle)
    prepared = prepare(chosen, data, out, report, allow_leaks)
    parts = prepared.fold(fold)
    SplitRecord(prepared.audits, tuple(allow_leaks)).write(out)
    progress = labelled(report, f"evaluate {parts.name}")
    predictions = evaluate_bundle(loaded, prepared.examples, list(parts.test), parts.name, progress)
    predictions.write(out / PREDICTIONS, {"recipe": chosen.name, "bundle": loaded.sha256})
    return predictions
