"""The command line: what each command takes. Its work is in modules that are imported when the command is called.

Exit status: 0 done, 1 a user's mistake in one line, 2 a wrong use of the command, 130 interrupted.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from emobridge import cli_learning
from emobridge.errors import EmobridgeError, one_line
from emobridge.version import __version__

app = typer.Typer(
    help="Hears how people feel: emotions over time, from speech and its transcript, offline.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name="emobridge")
    except EmobridgeError as error:
        print(f"emobridge: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, say: nothing that another input would change
        print(f"emobridge: {one_line(str(error))}; check the disk's space and permissions", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emobridge {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


Model = Annotated[Path | None, typer.Option(help="Model directory; left out: the model that comes with emobridge.")]


@app.command()
def predict(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Recordings, folders of them, or - for sound on standard input."),
    ] = None,
    *,
    list_file: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Text file with one more recording or folder a line.")
    ] = None,
    transcript: Annotated[
        Path | None, typer.Option(help="The words: a file; for several recordings, a folder with NAME.txt for each.")
    ] = None,
    model: Model = None,
    categories: Annotated[str | None, typer.Option(help="One of the model's category views, such as four.")] = None,
    channel: Annotated[int | None, typer.Option(help="Channel to hear, from 1; left out: mixed down.")] = None,
    output_format: Annotated[
        str | None, typer.Option("--format", help="text, json or csv; left out: the extension of --out, else text.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file for one table of all, or a folder for one file a recording.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads; left out: all.")] = None,
) -> None:
    """Print or write the emotions in recordings, window by window, and a summary of each.

    A recording that cannot be read is reported on standard error and never stops the rest.
    """
    # Before numpy comes: the front end's matrix products are so small that threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import emobridge
    from emobridge import cli_predict

    with cli_predict.recordings(files or [], list_file, transcript) as found:
        output = cli_predict.output_for(out, output_format, found)
        predictor = emobridge.load(model, categories, threads)
        failures = cli_predict.predict_all(predictor, found, channel, output)
    raise typer.Exit(1 if failures else 0)


@app.command()
def models(
    model: Annotated[
        Path | None, typer.Argument(help="Model directory; left out: the model that comes with emobridge.")
    ] = None,
) -> None:
    """Print what a model is: its name, size, categories, dimensions, licence and training data."""
    from emobridge.bundle import load_bundle

    bundle = load_bundle(model)
    config = bundle.config
    size_mb = sum(path.stat().st_size for path in bundle.path.iterdir()) / 1e6
    encoders = {"acoustic": config.encoders.acoustic, "linguistic": config.encoders.linguistic}
    lines = {
        "path": str(bundle.path),
        "size": f"{size_mb:.1f} MB",
        "sha256": bundle.sha256,
        "description": config.description,
        "licence": config.licence,
        "encoders": ", ".join(f"{name} {encoder.name}" for name, encoder in encoders.items() if encoder is not None),
        "windows": f"{config.window_s:g} s at {config.sample_rate_hz} Hz",
        "categories": ", ".join(config.categories),
        **{f"view {name}": ", ".join(view) for name, view in config.views.items()},
    }
    typer.echo(f"{config.name} {config.version}")
    for name, value in lines.items():
        typer.echo(f"  {name:<13}{value}")
    for dimension in config.dimensions:
        taught = ", ".join(f"{modality} {how}" for modality, how in dimension.supervision.items())
        typer.echo(f"  {'dimension':<13}{dimension.name} ({taught})")
    for corpus in config.training_data:
        speakers = "unknown" if corpus.speakers is None else corpus.speakers
        counts = f"{corpus.utterances} utterances, speakers: {speakers}"
        typer.echo(f"  {'learned from':<13}{corpus.corpus} ({corpus.licence}; {counts}): {corpus.used_for}")


for command in (
    cli_learning.corpus,
    cli_learning.train,
    cli_learning.crossvalidate,
    cli_learning.evaluate,
    cli_learning.export,
):
    app.command()(command)
