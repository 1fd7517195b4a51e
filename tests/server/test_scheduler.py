"""Laws of the order of work: first come, first served, and what is brief never waits for what is long alone."""

import threading
from collections.abc import Callable

import pytest

from emobridge.server.processes.scheduler import BRIEF_S, Lanes

LONG_S = 2 * BRIEF_S
PATIENCE_S = 10.0


class Work:
    """Pieces of work that begin when their turn has come, and end when they are told to."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._changed = threading.Condition()
        self._ends: dict[str, threading.Event] = {}
        self.begun: list[str] = []

    def put(self, name: str, duration_s: float) -> None:
        self._ends[name] = threading.Event()

        def work() -> None:
            with self._changed:
                self.begun.append(name)
                self._changed.notify_all()
            self._ends[name].wait(PATIENCE_S)

        self._lanes.put(duration_s, work)

    def end(self, name: str) -> None:
        self._ends[name].set()

    def wait_for(self, *names: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.begun == [*names], PATIENCE_S), self.begun


@pytest.fixture
def lanes() -> Callable[[int], Work]:
    """A function (count) -> work in so many lanes."""
    return lambda count: Work(Lanes(count))


@pytest.mark.parametrize("count", [1, 3])
def test_so_much_is_done_at_a_time_and_the_rest_in_order(lanes: Callable[[int], Work], count: int) -> None:
    work = lanes(count)
    names = [f"brief {number}" for number in range(count + 2)]
    for number, name in enumerate(names):
        work.put(name, 1.0)
        work.wait_for(*names[: min(number + 1, count)])
    work.end(names[0])
    work.wait_for(*names[: count + 1])
    work.end(names[1])
    work.wait_for(*names)
    for name in names:
        work.end(name)


def test_brief_work_is_done_beside_long_work_alone_a_piece_at_a_time(lanes: Callable[[int], Work]) -> None:
    work = lanes(2)
    work.put("long 1", LONG_S)
    work.wait_for("long 1")
    work.put("long 2", LONG_S)
    work.wait_for("long 1", "long 2")
    work.put("long 3", LONG_S)
    work.put("brief 1", 1.0)
    work.wait_for("long 1", "long 2", "brief 1")
    work.put("brief 2", 1.0)
    work.end("brief 1")
    work.wait_for("long 1", "long 2", "brief 1", "brief 2")
    work.end("long 1")
    work.end("brief 2")
    work.wait_for("long 1", "long 2", "brief 1", "brief 2", "long 3")
    work.end("long 2")
    work.end("long 3")
