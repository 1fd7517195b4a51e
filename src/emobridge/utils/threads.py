"""Work side by side in threads, its results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

AHEAD = 2  # pieces in hand a thread: what is read ahead costs memory, what is not costs waiting

Given = TypeVar("Given")
Made = TypeVar("Made")


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def ahead(pieces: Iterable[Given]) -> Iterator[Given]:
    """Yield the pieces, each made in another thread while the one before it is worked on.

    What making a piece raises is raised in its turn.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, as one thread needs none of it

    end = object()
    remaining = iter(pieces)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, remaining, end)
        while (piece := coming.result()) is not end:
            coming = pool.submit(next, remaining, end)
            yield cast(Given, piece)


def in_order(work: Callable[[Given], Made], pieces: Iterable[Given], threads: int) -> Iterator[Made]:
    """Yield what ``work`` makes of each piece, in order; at most `AHEAD` pieces a thread are in hand at a time.

    What a piece raises is raised in its turn, and what was not begun then never is.
    """
    if threads == 1:
        yield from map(work, pieces)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # here, as one thread needs none of it

    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
