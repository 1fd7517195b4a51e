"""How far the work is, on standard error, for someone who watches and has waited."""

import sys
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 1.0  # work that lasts longer shows how far it is
_SPEED_OVER_S = 120.0

ProgressCallback = Callable[[str, int, int], None]  # what is being done, how much of it is done, how much there is


def no_report(what: str, done: int, total: int) -> None:
    """Report nothing."""


class Meter:
    """A progress bar with the time that is left; away while other lines are printed.

    Args:
        total: the whole of the work, in any unit.
    """

    def __init__(self, total: float) -> None:
        self._total = total
        self._started_s = time.monotonic()
        self._bar: Any = None

    def show(self, done: float, told: str = "predicting") -> None:
        """Show how much of the total is done, with a few words."""
        if self._bar is None:
            if not sys.stderr.isatty() or time.monotonic() - self._started_s < PATIENCE_S:
                return
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True, speed_estimate_period=_SPEED_OVER_S)
            self._bar.add_task(told, total=self._total)
        self._bar.update(self._bar.task_ids[0], completed=min(done, self._total), description=told)
        self._bar.start()

    def hide(self) -> None:
        """Take the bar away; `show` brings it back."""
        if self._bar is not None:
            self._bar.stop()
