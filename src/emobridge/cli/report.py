"""The command ``emobridge report``: results kept as JSON, or a run of training, made into a page or a figure."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from emobridge.errors import OutputError, ResultError
from emobridge.results import Result, Segment, Summary
from emobridge.utils.extras import load_extra

_REMEDY = "make one: emobridge predict RECORDING --out FILE.json"


def report(
    results: Annotated[
        Path,
        typer.Argument(metavar="FILE.json|RUN", help="What predict wrote as JSON, or the folder of a run of training."),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="A page (.html), or a figure (.png, .svg, .pdf); left out: FILE.html.")
    ] = None,
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Whether small recordings may be put into the page.")
    ] = True,
) -> None:
    """Make a page or a figure of results: a time line by speaker, curves, the valence-arousal plane, the transcript.

    Of the folder of a run: its figures, as report.html and report.md in that folder. A page is one file and asks
    nothing of any network.
    """
    if results.is_dir():
        typer.echo(_report_of_run(results, out))
        return
    from emobridge.utils.files import write_file
    from emobridge.visualization.figure import EXTENSIONS, plot
    from emobridge.writers import html_writer

    found = read_results(results)
    target = out or results.with_suffix(".html")
    extension = target.suffix.lower()
    if extension not in (".html", *EXTENSIONS):
        valid = f"a report ends in .html, {', '.join(EXTENSIONS)}"
        raise OutputError(f"report '{target}'", valid, "name --out so")
    if extension == ".html":
        write_file(target, html_writer.render(found, audio))
    elif len(found) == 1:
        plot(found[0], target)
    else:
        valid = "a figure shows one"
        raise OutputError(f"'{results}' holds {len(found)} results", valid, "make a page of them: --out FILE.html")
    typer.echo(target)


def _report_of_run(run: Path, out: Path | None) -> Path:
    """Write the report of a run and return the page's path, copied to ``out`` where that is given."""
    if out is not None and out.suffix.lower() != ".html":
        raise OutputError(f"report '{out}'", "the report of a run ends in .html", "name --out so")
    load_extra("emobridge.training.report.files", "train").report_of_run(run)
    page = run / "report.html"
    if out is None:
        return page
    from emobridge.utils.files import write_file

    write_file(out, page.read_bytes())
    return out


def read_results(path: Path) -> list[Result]:
    """Return the results that `Result.to_dict` gave, from a JSON file that holds one or a list of them.

    Raises:
        ResultError: the file cannot be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ResultError(f"'{path}' cannot be read ({error.strerror})", "results are a JSON file", _REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise ResultError(f"'{path}' is no JSON ({error})", "results are a JSON file in UTF-8", _REMEDY) from error
    try:
        results = [Result.from_dict(each) for each in (values if isinstance(values, list) else [values])]
        wrong = next((fault for result in results for fault in _faults(result)), None)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong is not None:
        valid = "results have the shape of --format json of this version"
        raise ResultError(f"'{path}' holds no result of emobridge ({wrong})", valid, _REMEDY)
    return results


def _faults(result: Result) -> Iterator[str]:
    """Yield what no result holds: JSON has no types, and a page of wrong ones would mislead."""
    yield from _not_numbers("duration_s", result.duration_s)
    yield from _not_texts("file", result.file, *result.model.values(), *result.speakers, *result.warnings)
    for segment in result.segments:
        yield from _segment_faults(segment)
    for summary in (result.summary, *result.speakers.values()):
        yield from _summary_faults(summary)


def _segment_faults(segment: Segment) -> Iterator[str]:
    yield from _not_numbers("start_s or end_s", segment.start_s, segment.end_s)
    yield from _not_numbers("probabilities", *segment.probabilities.values())
    yield from _not_numbers("dimensions", *segment.dimensions.values())
    yield from _not_numbers("intervals", *(end for low, high in segment.intervals.values() for end in (low, high)))
    names = (segment.speaker, segment.text, segment.category, segment.abstain)
    yield from _not_texts("a segment", *(name for name in names if name is not None))
    yield from _not_texts("a segment", *segment.categories_90, *segment.modalities, *segment.flags)
    for word in segment.words:
        yield from _not_numbers("words", word.start_s, word.end_s)
        yield from _not_texts("words", word.text)


def _summary_faults(summary: Summary) -> Iterator[str]:
    figures = (*summary.shares.values(), *summary.mean.values(), *summary.spread.values())
    yield from _not_numbers("a summary", summary.duration_s, *figures)
    for point in summary.turning_points:
        yield from _not_numbers("turning_points", point.time_s, point.before, point.after)
        yield from _not_texts("turning_points", point.dimension, *([] if point.text is None else [point.text]))


def _not_numbers(place: str, *values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            yield f"{place}: {str(value)[:40]!r} is no number from 0 on"


def _not_texts(place: str, *values: Any) -> Iterator[str]:
    for value in values:
        if not isinstance(value, str):
            yield f"{place}: {str(value)[:40]!r} is no text"
