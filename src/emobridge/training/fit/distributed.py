"""One training in several processes, which share the batches of a step and agree on its gradient.

`torchrun` says in the environment how many there are; where it does not, there is one and nothing to agree on. All know
the same weights at every step, so that whatever is written is written by the first alone.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from emobridge.encoders.hub.checkpoints import best_device
from emobridge.errors import RecipeError
from emobridge.utils.extras import load_extra

LONGEST_WAIT = timedelta(days=7)  # for the first, which encodes corpora and judges what was trained

Told = TypeVar("Told")


class Processes:
    """All processes of a training; make it with `processes`.

    Args:
        accelerator: accelerate's; None where there is one process.

    Attributes:
        device: that this process trains on: a GPU, of its own where there are several, else the processor.
        count: how many there are.
        place: which one this is, from 0.
    """

    def __init__(self, accelerator: Any = None) -> None:
        self._accelerator = accelerator
        self.device: torch.device = best_device() if accelerator is None else accelerator.device
        self.count: int = 1 if accelerator is None else accelerator.num_processes
        self.place: int = 0 if accelerator is None else accelerator.process_index

    @property
    def first(self) -> bool:
        """Whether this is the first, which writes."""
        return self.place == 0

    def share(self, batches: int) -> range:
        """Return which of a step's ``batches`` are this process's.

        Raises:
            RecipeError: they cannot be dealt evenly.
        """
        if batches % self.count:
            given = f"training.batches_a_step {batches} in {self.count} processes"
            valid = "every process takes as many batches of a step as the others"
            raise RecipeError(given, valid, f"set training.batches_a_step to a multiple of {self.count}")
        return range(self.place, batches, self.count)

    def average(self, gradients: Iterable[Tensor]) -> None:
        """Put the mean over all processes in the place of each gradient."""
        if self._accelerator is not None:
            for gradient in gradients:
                gradient.copy_(self._accelerator.reduce(gradient, reduction="mean"))

    def gathered(self, told: list[Told]) -> list[Told]:
        """Return what all processes have to tell."""
        if self._accelerator is None:
            return told
        everything: list[Told] = load_extra("accelerate.utils", "train").gather_object(told)
        return everything

    def wait(self) -> None:
        """Go on once all are here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    @contextmanager
    def first_first(self) -> Iterator[None]:
        """Let the others into the block once the first has left it: what it has put on disk they only read."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()


@lru_cache(maxsize=1)
def processes() -> Processes:
    """Return the processes that `torchrun` has started this one with.

    Raises:
        MissingExtraError: there are several, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    accelerate = load_extra("accelerate", "train")
    waiting = accelerate.InitProcessGroupKwargs(timeout=LONGEST_WAIT)
    return Processes(accelerate.Accelerator(cpu=best_device().type == "cpu", kwargs_handlers=[waiting]))
