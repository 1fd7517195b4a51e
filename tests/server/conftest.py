"""Shared fixtures: one event loop for the tests of a module, in which child processes live on between them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A function (coroutine) -> what it returns."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """A function (process id) -> whether there is such a process that has not ended."""

    def check(pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] != "Z"

    return check
