"""The command ``emobridge benchmark``: how fast emobridge is on this machine, beside its peers."""

from pathlib import Path
from typing import Annotated

import typer

from emobridge.benchmark.run import ROUNDS, run
from emobridge.benchmark.tables import text
from emobridge.errors import OutputError
from emobridge.utils.files import write_json


def benchmark(
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Keep all figures, with machine, versions and date.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often everything takes its turn; medians are shown.")
    ] = ROUNDS,
) -> None:
    """Measure cold start, the default model and its parts on this machine, beside its peers and the machine's peaks.

    It takes about two minutes and asks no network. Peers are measured where they are installed (the extra [train]).
    Other work on the machine shows in the figures; ratios suffer less, for everything takes its turn.
    """
    if output is not None and not output.parent.is_dir():
        raise OutputError(f"there is no folder '{output.parent}'", "the folder of --output must exist", "make it first")
    results = run(rounds, lambda what: typer.echo(f"measuring: {what}", err=True))
    if output is not None:
        write_json(output, results)
    typer.echo(text(results))
