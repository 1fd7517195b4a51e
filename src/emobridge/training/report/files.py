"""A run's result as files: ``report.html`` and ``report.md`` for people, ``scores.json`` and a table for programs."""

from pathlib import Path

from emobridge.errors import CorpusError, nearest
from emobridge.training.evaluation.predictions import Predictions, read_metadata
from emobridge.training.report.html import page
from emobridge.training.report.run_facts import read_facts
from emobridge.training.report.sections import Report, Section, build, sections
from emobridge.training.report.utterance_list import write_utterances
from emobridge.utils.files import replacing, write_json

PREDICTIONS = "predictions.parquet"


def write_report(predictions: Predictions, reference: str, folder: Path, resamples: int) -> str:
    """Score stored predictions, write all files, and return the report as Markdown.

    Args:
        predictions: of one or several variants.
        reference: the variant that the others are compared with.
        folder: of the run, whose records say what was run; the files go there.
        resamples: of the bootstrap over speakers.

    Raises:
        CorpusError: a record of the run cannot be read.
    """
    report = build(predictions, reference, read_facts(folder), resamples)
    write_json(folder / "scores.json", {name: one.to_dict() for name, one in report.scores.items()})
    write_utterances(report.parts, folder / "utterances.csv")
    text = markdown(report)
    for name, content in (("report.md", text), ("report.html", page(report))):
        with replacing(folder / name) as partial:
            partial.write_text(content, encoding="utf-8")
    return text


def report_of_run(folder: Path, reference: str | None = None, resamples: int = 1000) -> str:
    """Write the report of a run that is there already, and return it as Markdown.

    Args:
        folder: what ``crossvalidate``, ``train`` or ``evaluate`` wrote.
        reference: the system that the others are compared with; None: the recipe itself.
        resamples: of the bootstrap over speakers.

    Raises:
        CorpusError: the folder holds no predictions, or none of ``reference``.
    """
    predictions = Predictions.read(folder / PREDICTIONS)
    return write_report(predictions, chosen_variant(folder / PREDICTIONS, predictions, reference), folder, resamples)


def chosen_variant(path: Path, predictions: Predictions, wanted: str | None = None) -> str:
    """Return which variant of a file is meant: the wanted one, else the recipe itself, else the only one.

    Raises:
        CorpusError: there is no such variant, or several and none was named.
    """
    names = list(dict.fromkeys(predictions.variants.tolist()))
    recipe = read_metadata(path).get("recipe")
    if wanted is None and (len(names) == 1 or recipe in names):
        return names[0] if len(names) == 1 else str(recipe)
    if wanted in names:
        return str(wanted)
    given = f"'{path}' holds {len(names)} variants" if wanted is None else f"variant '{wanted}' of '{path}'"
    remedy = "name one: RUN:VARIANT" if wanted is None else nearest(wanted, names)
    raise CorpusError(given, f"valid: {', '.join(names)}", remedy)


def markdown(report: Report) -> str:
    """Return the report as Markdown; what is only drawn is left out."""
    parts = [_section(part) for part in sections(report) if part.table or part.lines]
    return "\n\n".join([*filter(None, [report.leak]), f"# {report.title}", *parts]) + "\n"


def _section(part: Section) -> str:
    told = [f"## {part.title}", part.note, part.table.markdown() if part.table else ""]
    return "\n\n".join([*filter(None, told), *(["\n".join(f"- {line}" for line in part.lines)] if part.lines else [])])
