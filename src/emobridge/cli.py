"""The command line: what each command takes. Its work is in modules that are imported when the command is called.

Exit status: 0 all done, 1 a recording failed or a user's mistake in one line, 2 a wrong use of the command, 130
interrupted.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from emobridge import cli_bulk, cli_corpus, cli_learning, cli_listen, cli_report, cli_serve
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
Recordings = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Recordings, folders of them, or - for sound on standard input."),
]
ListFile = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="Text file with one more recording or folder a line.")
]
Words = Annotated[
    Path | None, typer.Option(help="The words: a file; for several recordings, a folder with NAME.txt, .srt, ... each.")
]
Speakers = Annotated[
    str | None,
    typer.Option(
        metavar="WHO",
        help="Who speaks: how many (told apart by voice), 'channels' (one each), an .rttm file or a folder of them.",
    ),
]
Recogniser = Annotated[
    str | None,
    typer.Option("--asr", metavar="MODEL", help="Whisper model, a name or a path, for recordings without transcript."),
]
Language = Annotated[str | None, typer.Option(help="Language for --asr, such as en; left out: it is recognised.")]
Categories = Annotated[
    str | None, typer.Option(help="One of the model's category views, such as four; 'emobridge models' lists them.")
]
Channel = Annotated[int | None, typer.Option(help="Channel to hear, from 1; left out: mixed down.")]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="text, json, csv, srt, textgrid, eaf, html, ...; several with commas; left out: that of --out, or text.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="A file for all, or a folder for files of each and a table of all.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes for a folder of results; left out: 1.")]
Restart = Annotated[bool, typer.Option("--restart", help="Do all again, also what --out holds already.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads; left out: all, with --jobs one each.")]


@app.command()
def predict(
    files: Recordings = None,
    *,
    list_file: ListFile = None,
    transcript: Words = None,
    speakers: Speakers = None,
    asr: Recogniser = None,
    language: Language = None,
    model: Model = None,
    categories: Categories = None,
    channel: Channel = None,
    output_format: Formats = None,
    out: Out = None,
    jobs: Jobs = None,
    restart: Restart = False,
    threads: Threads = None,
) -> None:
    """Print or write the emotions in recordings, segment by segment, and a summary of each.

    A recording that cannot be read is reported on standard error and never stops the rest. Of several recordings into
    a folder a journal is kept: what was interrupted goes on where it stopped when the same command is given again.
    """
    # Before numpy comes: the front end's matrix products are so small that threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from emobridge import cli_predict
    from emobridge.judging import Options

    options = Options(model, categories, channel, asr, language, threads)
    failures = cli_predict.predict(
        files or [], list_file, transcript, speakers, options, output_format, out, jobs, restart
    )
    raise typer.Exit(1 if failures else 0)


@app.command()
def models(
    model: Annotated[
        Path | None, typer.Argument(help="Model directory; left out: the model that comes with emobridge.")
    ] = None,
) -> None:
    """Print what a model is: its name, size, categories, dimensions, licence and training data."""
    from emobridge.bundle import NamedEncoderConfig, load_bundle

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
        "encoders": ", ".join(
            f"{name} {encoder.settings['encoder'] if isinstance(encoder, NamedEncoderConfig) else encoder.name}"
            for name, encoder in encoders.items()
            if encoder is not None
        ),
        "windows": f"{config.window_s:g} s at {config.sample_rate_hz} Hz",
        "categories": ", ".join(config.categories),
        **{f"view {name}": ", ".join(view.categories) for name, view in config.views.items()},
    }
    typer.echo(f"{config.name} {config.version}")
    for name, value in lines.items():
        typer.echo(f"  {name:<15}{value}")
    for dimension in config.dimensions:
        taught = ", ".join(f"{modality} {how}" for modality, how in dimension.supervision.items())
        typer.echo(f"  {'dimension':<15}{dimension.name} ({taught})")
    for corpus in config.training_data:
        speakers = "unknown" if corpus.speakers is None else corpus.speakers
        counts = f"{corpus.utterances} utterances, speakers: {speakers}"
        typer.echo(f"  {'learned from':<15}{corpus.corpus} ({corpus.licence}; {counts}): {corpus.used_for}")


for command in (
    cli_bulk.bulk,
    cli_listen.listen,
    cli_serve.serve,
    cli_serve.serve_key,
    cli_report.report,
    cli_corpus.corpus,
    cli_learning.encode,
    cli_learning.train,
    cli_learning.crossvalidate,
    cli_learning.compare,
    cli_learning.evaluate,
    cli_learning.export,
):
    app.command()(command)
