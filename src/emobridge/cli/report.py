"""The command ``emobridge report``: results kept as JSON, or a run of training, made into a page or a figure."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from emobridge.errors import OutputError, ResultError
from emobridge.results import Result
from emobridge.utils.extras import load_extra
from emobridge.utils.typed import ShapeError

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
        if _has_negative(values):
            raise ShapeError("it holds a number below 0", "")
        return [Result.from_dict(each) for each in (values if isinstance(values, list) else [values])]
    except ShapeError as error:
        valid = "results have the shape of --format json of this version"
        raise ResultError(f"'{path}' holds no result of emobridge ({error})", valid, _REMEDY) from error


def _has_negative(value: Any) -> bool:
    """Return whether a number below 0 is somewhere in JSON values: no result has one, and a page would mislead."""
    if isinstance(value, dict | list):
        return any(_has_negative(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float) and value < 0
