"""A run's result as files: ``scores.json`` for programs and ``report.md`` for people."""

from collections.abc import Mapping
from pathlib import Path

from emobridge.learning.evaluation.predictions import Predictions
from emobridge.learning.evaluation.score import Scores, compare, score, score_four
from emobridge.learning.leaks import SplitRecord
from emobridge.learning.report.split import leak_line, split_section
from emobridge.learning.report.tables import (
    comparison_table,
    confidence_table,
    confusion_table,
    fold_table,
    score_table,
)
from emobridge.learning.storage import replacing, write_json

NOTE = (
    "Value [95 % interval, resampled over speakers]. UAR = mean of per-class recall, WAR = accuracy, CCC = "
    "concordance correlation, ECE = expected calibration error, for which an answer is right with its share "
    "of the raters' votes; dimensions on [0, 1]. Probabilities were calibrated on each fold's validation speakers; "
    "nothing was selected on test."
)


def write_report(predictions: Predictions, reference: str, folder: Path, resamples: int) -> str:
    """Score stored predictions, write both files, and return the report as Markdown.

    Where the folder holds the record of the split, the report tells it; a leak that was allowed is its first line.

    Args:
        predictions: of one or several variants.
        reference: the variant that the others are compared with.
        folder: where the files go.
        resamples: of the bootstrap over speakers.
    """
    variants = sorted(set(predictions.variants.tolist()), key=lambda name: (name != reference, name))
    parts = {name: predictions.select(predictions.variants == name) for name in variants}
    scores = {name: score(part, resamples) for name, part in parts.items()}
    write_json(folder / "scores.json", {name: one.to_dict() for name, one in scores.items()})
    page = _page(scores, parts, reference, resamples)
    if split := SplitRecord.read(folder):
        page = "\n\n".join(filter(None, [leak_line(split), page + "\n" + split_section(split)])).rstrip() + "\n"
    with replacing(folder / "report.md") as partial:
        partial.write_text(page, encoding="utf-8")
    return page


def _page(scores: Mapping[str, Scores], parts: Mapping[str, Predictions], reference: str, resamples: int) -> str:
    sections = [f"# {reference}", NOTE, score_table(scores)]
    if len(scores) > 1:
        differences = {
            name: compare(part, parts[reference], resamples) for name, part in parts.items() if name != reference
        }
        sections += [f"## Against {reference}, on the same items", comparison_table(scores, reference, differences)]
    for name, one in scores.items():
        if one.corpora:
            sections += [f"## {name}: corpora", score_table(one.corpora, of="corpus")]
        if four := score_four(parts[name], resamples):
            sections += [f"## {name}: angry, happy, neutral and sad alone", score_table(four, of="corpus")]
        if confidence := confidence_table(one.corpora or {"all": one}, of="corpus"):
            sections += [f"## {name}: confidence", confidence]
        if any(len(metric.folds.values) > 1 for metric in one.metrics.values()):
            sections += [f"## {name}: folds", fold_table(one)]
        if one.categories and one.confusion.sum():
            sections += [f"## {name}: confusion", confusion_table(one)]
    return "\n\n".join(sections) + "\n"
