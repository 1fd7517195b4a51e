"""The command `emobridge bulk`: an archive of recordings predicted by many processes, here or on a cluster."""

from pathlib import Path
from typing import Annotated

import typer


def bulk(
    given: Annotated[
        str, typer.Argument(metavar="INPUT", help="A folder, a list, Parquet of paths or sound; a path or an address.")
    ],
    out: Annotated[str, typer.Argument(metavar="OUTPUT", help="A folder for the table: a path or an address.")],
    *,
    transcript: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Transcripts, in a file of each recording's name; or an address."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many recordings at once; left out: one a processor.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A Ray cluster, such as auto; left out: this machine.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model directory; left out: the model that comes with emobridge.")
    ] = None,
    categories: Annotated[str | None, typer.Option(help="One of the model's category views, such as four.")] = None,
    channel: Annotated[int | None, typer.Option(help="Channel to use, counted from 1; left out: mixed down.")] = None,
    asr: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Whisper model, a name or a path, for recordings without a transcript."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language for --asr; left out: it is recognised.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of public encoders: auto, float32, bfloat16 or int8; left out: as trained.")
    ] = None,
    parts: Annotated[
        int | None, typer.Option(min=1, help="How many files the table has; left out: as it needs.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start over and replace what OUTPUT holds.")] = False,
) -> None:
    """Predict an archive of recordings into one table of Parquet files, on this machine or on a Ray cluster.

    Recordings that failed are in a table of their own. The same command resumes an interrupted run.
    """
    from emobridge.batch.cluster.parts import FAILED
    from emobridge.batch.cluster.run import run
    from emobridge.batch.cluster.stores import below, shown
    from emobridge.batch.options import PredictOptions

    if language is not None and asr is None:
        raise typer.BadParameter("it is an option of the recogniser; give --asr too", param_hint="--language")
    options = PredictOptions(model, categories, channel, asr, language, precision=precision)
    total = run(given, out, options, workers, address, parts, restart, transcript)
    if total.failed:
        where = shown(below(out, FAILED))
        typer.echo(f"emobridge: {total.failed} of {total.recordings} recordings failed, see '{where}'", err=True)
    raise typer.Exit(1 if total.failed else 0)
