"""The work of ``emobridge predict``: find the recordings and their words, predict each, put the results in place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import typer

from emobridge.batch.options import PredictOptions, open_predictor
from emobridge.batch.recordings import Recording, recordings, report_warnings
from emobridge.errors import AudioError, MissingExtraError, OutputError, TranscriptError, one_line
from emobridge.results import Result, Segment, Summary
from emobridge.utils.progress import Meter
from emobridge.writers import format_named, formats_named, render, write


def predict_recordings(
    given: Sequence[str],
    list_file: Path | None,
    transcript: Path | None,
    speakers: str | None,
    options: PredictOptions,
    output_format: str | None,
    out: Path | None,
    jobs: int | None,
    restart: bool,
) -> int:
    """Do what the options of ``emobridge predict`` ask for; return how many recordings failed.

    Raises:
        EmobridgeError: what no other recording would change.
        typer.BadParameter: options that make no sense, or not together.
    """
    formats = _formats(output_format)
    if options.language is not None and options.recogniser is None:
        raise typer.BadParameter("it is an option of the recogniser; give --asr too", param_hint="--language")
    with recordings(given, list_file, transcript, speakers) as found:
        is_folder = out is not None and (out.is_dir() or not out.suffix)
        is_several = len(found) > 1 or list_file is not None or any(Path(name).is_dir() for name in given)
        if out is None or not (is_folder and is_several):
            for value, option in ((jobs, "--jobs"), (restart or None, "--restart")):
                if value is not None:
                    raise typer.BadParameter("it needs several recordings and a folder as --out", param_hint=option)
            return _predict_here(found, options, _output_for(out, formats, found))
        from emobridge.batch.folder import (  # here, as one recording needs neither it nor processes
            run_folder,
            tables_of,
        )

        formats = formats or ("json",)
        _try_out(formats, 1)
        _try_out(tables_of(formats), 2)
        settings = {
            "categories": options.categories,
            "transcript": None if transcript is None else str(transcript),
            "speakers": speakers,
            "channel": options.channel,
            "asr": options.recogniser,
            "language": options.language,
            "precision": options.precision,
            "relative": options.normalize_speakers,  # named as in the journals of earlier versions
        }
        return run_folder(found, out, formats, options, settings, jobs or 1, restart)


def _formats(names: str | None) -> tuple[str, ...]:
    """Return the formats that are asked for, none where that is left open."""
    try:
        return () if names is None else formats_named(names)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from error


@dataclass(frozen=True)
class Output:
    """Where results go.

    Attributes:
        one: takes each result with the number of its recording as it comes; None where ``all`` takes them.
        all: takes all results at the end.
        shows_warnings: whether whoever reads the output sees the warnings at once.
    """

    one: Callable[[int, Result], None] | None = None
    all: Callable[[list[Result]], None] | None = None
    shows_warnings: bool = False


def _output_for(out: Path | None, formats: tuple[str, ...], found: Sequence[Recording]) -> Output:
    """Return where the results of ``found`` go; what cannot end well is refused before any work is done.

    Args:
        out: a path with an extension is a file, any other is a folder; None is standard output.
        formats: empty is the extension of the file, json in a folder, text on standard output.
        found: the recordings that will come.

    Raises:
        OutputError: the file's extension is no format or one that holds a single recording, its folder is not there,
            two results would go to one file, or a result would overwrite an input.
        typer.BadParameter: several formats for one file, or one that contradicts the file's extension.
    """
    is_folder = out is not None and (out.is_dir() or not out.suffix)
    if len(formats) > 1 and not is_folder:
        raise typer.BadParameter("several formats need a folder: --out FOLDER", param_hint="--format")
    if out is None:
        format_name = formats[0] if formats else "txt"
        _try_out([format_name], len(found))
        if format_name != "txt":
            return Output(all=lambda results: typer.echo(render(results, format_name), nl=False))
        separators = chain([b""], repeat(b"\n"))
        return Output(lambda _, result: typer.echo(next(separators) + render([result], "txt"), nl=False), None, True)
    from emobridge.batch.folder import place_results, refuse_overwriting  # here, as in `predict_recordings`

    if is_folder:
        formats = formats or ("json",)
        _try_out(formats, 1)
        tasks = place_results(found, out, formats)
        return Output(lambda index, result: tasks[index].write(result))
    if formats not in ((), (format_named(out.suffix),)):
        raise typer.BadParameter(f"'{formats[0]}' contradicts --out '{out}'", param_hint="--format")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder '{out.parent}'", "the folder of --out must exist", "make it first")
    _try_out([out.suffix], len(found))
    refuse_overwriting([out], found)
    return Output(all=lambda results: write(results, out))


def _try_out(formats: Sequence[str], count: int) -> None:
    """Raise now what a format would raise once ``count`` recordings are predicted: one too many, or a missing extra."""
    silent = Result("", 1.0, dict.fromkeys(("name", "version", "sha256"), ""), (Segment(0.0, 1.0),), {}, Summary(0.0))
    for name in formats:
        render([silent] * count, name)


def _predict_here(found: Sequence[Recording], options: PredictOptions, output: Output) -> int:
    """Predict one recording after the other in this process; return how many failed, with a line on standard error."""
    predictor = open_predictor(options)
    failures = 0
    held: list[Result] = []
    meter = Meter(len(found))
    for index, recording in enumerate(found):

        def show(done_s: float, total_s: float, index: int = index) -> None:
            meter.show(index + min(1.0, done_s / total_s))

        try:
            result = predictor.predict(recording, show)
        except (AudioError, TranscriptError, MissingExtraError) as error:
            failures += 1
            typer.echo(f"emobridge: {one_line(recording.name)}: {error}", err=True)
            continue
        finally:
            meter.hide()
        if output.one is None:
            held.append(result)
        else:
            output.one(index, result)
        if not output.shows_warnings:
            report_warnings(recording, result.warnings)
    if held and output.all is not None:
        output.all(held)
    return failures
