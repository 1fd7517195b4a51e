"""Folds trained in parallel: each in a process of its own, of one thread.

A process leaves in the fold's folder what training it here would have left, to the bit, and whoever asks for the fold
next only reads it. One that is killed takes its own fold with it, which goes on from its checkpoint when it is asked
for again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from emobridge.errors import EmobridgeError
from emobridge.training.experiments.prepare import Parts, Prepared
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.experiments.train_fold import PREDICTIONS, Start, of_variant, run_fold
from emobridge.utils.process_pool import Lost, run_in_processes
from emobridge.utils.progress import ProgressCallback


@dataclass(frozen=True)
class FoldTask:
    """One fold of one variant with one seed, as `run_fold` takes it.

    Attributes:
        told: the variant and seed, for people.
        recipe, variant, prepared, parts, folder: as for `run_fold`.
        start: as for `run_fold`; what it starts from is trained already.
    """

    told: str
    recipe: Recipe
    variant: str
    prepared: Prepared
    parts: Parts
    folder: Path
    start: Start | None = None

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"{self.told}, {self.parts.name}"


def train_in_parallel(items: Sequence[FoldTask], jobs: int, report: ProgressCallback) -> None:
    """Train what is not done yet.

    Args:
        items: in the order in which they are begun.
        jobs: how many at once.
        report: is told of all of them.

    Raises:
        EmobridgeError: the first that an item raises, and the others are ended; or, once all others are done, the
            items whose processes were killed.
    """
    waiting = [item for item in items if not (item.folder / PREDICTIONS).exists()]
    outcomes = run_in_processes(
        waiting, jobs, _make_ready, progress=lambda _, *told: report(*told), name_of=lambda item: item.name
    )
    if lost := [f"{item.name} ({outcome.how})" for item, outcome in outcomes if isinstance(outcome, Lost)]:
        raise EmobridgeError(
            f"processes ended before their folds were done: {'; '.join(lost)}",
            "all others are done",
            "give the same command again; where memory ran out, fewer --jobs",
        )


def _make_ready() -> Callable[[FoldTask, ProgressCallback], None]:
    torch.set_num_threads(1)
    return _train


def _train(item: FoldTask, report: ProgressCallback) -> None:
    tell = of_variant(report, item.told)
    run_fold(item.recipe, item.variant, item.prepared, item.parts, item.folder, item.start, tell)
