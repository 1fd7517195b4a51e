"""The command line: what each command takes. Its work is in modules that are imported when the command is called.

Exit status: 0 all done, 1 a recording failed or a user's mistake in one line, 2 a wrong use of the command, 130
interrupted.
"""

import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from emobridge.errors import EmobridgeError, one_line
from emobridge.utils.extras import load_entry
from emobridge.version import __version__

# Each command: where it is, and its line in the overview, which its own help begins with.
COMMANDS = {
    "predict": (
        "emobridge.cli.predict:predict",
        "Print or write the emotions in recordings, segment by segment, and a summary of each.",
    ),
    "embed": (
        "emobridge.cli.embed:embed",
        "Write the vectors of each segment of recordings: acoustic, linguistic and fused.",
    ),
    "models": (
        "emobridge.cli.models:models",
        "Print what a model is: its name, size, categories, dimensions, licence and training data.",
    ),
    "bulk": (
        "emobridge.cli.bulk:bulk",
        "Predict an archive of recordings into one table of Parquet files, on this machine or on a Ray cluster.",
    ),
    "listen": (
        "emobridge.cli.listen:listen",
        "Predict live sound and print a line for each utterance; ctrl-C ends it with a summary.",
    ),
    "serve": (
        "emobridge.cli.serve:serve",
        "Serve predictions over HTTP: recordings and live sound in, results out, and a page at / for browsers.",
    ),
    "serve-key": (
        "emobridge.cli.serve:serve_key",
        "Print a new API key once; the file keeps only its SHA-256.",
    ),
    "report": (
        "emobridge.cli.report:report",
        "Make a page or a figure of results: a time line by speaker, curves, the valence-arousal plane, the "
        "transcript.",
    ),
    "benchmark": (
        "emobridge.cli.benchmark:benchmark",
        "Measure the start of a command, the time for a second of sound, and memory, on the packaged sample.",
    ),
    "corpus": (
        "emobridge.cli.corpus:corpus",
        "Count what a corpus holds against what is published, list what cannot be used and why, and audit its folds.",
    ),
    "encode": (
        "emobridge.cli.training:encode",
        "Cache what a recipe's frozen encoders give for its corpora, once for all trainings.",
    ),
    "train": (
        "emobridge.cli.training:train",
        "Train a recipe on one fold; the run can be exported.",
    ),
    "crossvalidate": (
        "emobridge.cli.training:crossvalidate",
        "Train and evaluate every variant of a recipe on every fold; print the figures with intervals over speakers.",
    ),
    "compare": (
        "emobridge.cli.training:compare",
        "Test whether two systems differ on the same utterances: UAR, weighted F1, CCC and accuracy, by speakers.",
    ),
    "evaluate": (
        "emobridge.cli.training:evaluate",
        "Evaluate a bundle on a recipe's test part, with the graphs that predict for users.",
    ),
    "export": (
        "emobridge.cli.training:export",
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
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


app = typer.Typer(
    cls=_Group,
    help="Emotions over time from speech and its transcript, offline.",
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
                sys.stdout.flush()  # while a failure can still be reported
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
