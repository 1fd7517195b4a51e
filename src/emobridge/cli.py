"""The command line: what each command takes. Its work is in modules that are imported when the command is called.

Exit status: 0 all done, 1 a recording failed or a user's mistake in one line, 2 a wrong use of the command, 130
interrupted.
"""

import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from emobridge.errors import EmobridgeError, one_line
from emobridge.registry import load_entry
from emobridge.version import __version__

# Each command: where it is, and what the overview says of it, which is how its own help begins.
COMMANDS = {
    "predict": (
        "emobridge.cli:predict",
        "Print or write the emotions in recordings, segment by segment, and a summary of each.",
    ),
    "models": (
        "emobridge.cli:models",
        "Print what a model is: its name, size, categories, dimensions, licence and training data.",
    ),
    "bulk": (
        "emobridge.cli_bulk:bulk",
        "Judge an archive of recordings into one table of Parquet files, on this machine or on a Ray cluster.",
    ),
    "listen": (
        "emobridge.cli_listen:listen",
        "Print what is heard while it is heard, an utterance a line; ctrl-C ends it with a summary.",
    ),
    "serve": (
        "emobridge.cli_serve:serve",
        "Answer over HTTP: recordings in, results out, live sound over a socket; and a page at / for a browser.",
    ),
    "serve-key": (
        "emobridge.cli_serve:serve_key",
        "Print a new API key, once: the file keeps its SHA-256 alone.",
    ),
    "report": (
        "emobridge.cli_report:report",
        "Make a page or a figure of results: a time line by speaker, curves, the valence-arousal plane, the "
        "transcript.",
    ),
    "benchmark": (
        "emobridge.cli_benchmark:benchmark",
        "Measure cold start, the default model and its parts on this machine, beside its peers and the machine's "
        "peaks.",
    ),
    "corpus": (
        "emobridge.cli_corpus:corpus",
        "Count what is in a corpus beside what is published, tell what cannot be used and why, and audit its folds.",
    ),
    "encode": (
        "emobridge.cli_learning:encode",
        "Put what a recipe's frozen encoders make of its corpora into the cache, once, for all trainings.",
    ),
    "train": (
        "emobridge.cli_learning:train",
        "Train a recipe on one fold; what comes out can be exported.",
    ),
    "crossvalidate": (
        "emobridge.cli_learning:crossvalidate",
        "Train and judge every variant of a recipe on every fold; print the figures with intervals over speakers.",
    ),
    "compare": (
        "emobridge.cli_learning:compare",
        "Test whether two systems differ on the same utterances: UAR, weighted F1, CCC and accuracy, by speakers.",
    ),
    "evaluate": (
        "emobridge.cli_learning:evaluate",
        "Judge a bundle on a recipe's test part, through the graphs that predict for users.",
    ),
    "export": (
        "emobridge.cli_learning:export",
        "Turn a training into a bundle, which predicts without torch.",
    ),
}
# No rich markup: to lay out help with it takes longer than everything else that --help does.
_STYLE: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each imported and made when it is asked for, so that none pays for the others."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            alone = typer.Typer(**_STYLE)
            function = load_entry({name: COMMANDS[name][0]}, name)
            alone.command(name)(cast(Callable[..., None], function))
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """All commands, none of them imported for the overview."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


app = typer.Typer(
    cls=_Group,
    help="Hears how people feel: emotions over time, from speech and its transcript, offline.",
    no_args_is_help=True,
    **_STYLE,
)


def main() -> None:
    """Run the command line and exit."""
    try:
        try:
            app(prog_name="emobridge")
        finally:
            if sys.stdout:  # none where it was closed before the start
                sys.stdout.flush()  # while what cannot be written can still be told
    except EmobridgeError as error:
        print(f"emobridge: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # nobody reads on
        _drop_output()
        sys.exit(1)
    except OSError as error:  # a full disk, say: nothing that another input would change
        print(f"emobridge: {one_line(str(error))}; check the disk's space and permissions", file=sys.stderr)
        _drop_output()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _drop_output() -> None:
    # What could not be written stays in the buffer, and the interpreter would fail on it once more as it ends.
    with suppress(OSError, AttributeError):  # there may be no output, or none with a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
Precision = Annotated[
    str | None, typer.Option(help="Of public encoders: auto, float32, bfloat16 or int8; left out: as trained.")
]

Relative = Annotated[
    bool,
    typer.Option(
        "--relative",
        help="Hear each speaker against their own mean so far: may help where moods change, wrong about a single one.",
    ),
]


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
    precision: Precision = None,
    relative: Relative = False,
) -> None:
    """Print or write the emotions in recordings, segment by segment, and a summary of each.

    A recording that cannot be read is reported on standard error and never stops the rest. Of several recordings into
    a folder a journal is kept: what was interrupted goes on where it stopped when the same command is given again.
    """
    # Before numpy comes: the front end's matrix products are so small that threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from emobridge import cli_predict
    from emobridge.judging import Options
    from emobridge.memory import keep_freed_memory

    keep_freed_memory()
    options = Options(model, categories, channel, asr, language, threads, precision, relative)
    failures = cli_predict.predict(
        files or [], list_file, transcript, speakers, options, output_format, out, jobs, restart
    )
    raise typer.Exit(1 if failures else 0)


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
