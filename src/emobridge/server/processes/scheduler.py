"""Which recording is judged next: in the order in which they came, but a brief one never waits for long ones alone."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

BRIEF_S = 60.0


@dataclass(frozen=True)
class _Waiting:
    duration_s: float
    work: Callable[[], None]

    @property
    def is_brief(self) -> bool:
        return self.duration_s <= BRIEF_S


class Lanes:
    """Threads that do work in order, ``count`` pieces at a time, and one more that is brief where those are all long.

    Args:
        count: of pieces of work done at a time.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: deque[_Waiting] = deque()
        self._brief = self._long = 0  # being done
        self._changed = threading.Condition()
        for _ in range(count + 1):
            threading.Thread(target=self._serve, daemon=True).start()

    def put(self, duration_s: float, work: Callable[[], None]) -> None:
        """Do ``work`` when its turn has come; it raises nothing.

        Args:
            duration_s: of the recording: how long the work takes, about.
            work: what to do.
        """
        with self._changed:
            self._waiting.append(_Waiting(duration_s, work))
            self._changed.notify()

    def _next(self) -> _Waiting | None:
        """Return what may be begun now."""
        if self._brief + self._long < self._count:
            return next(iter(self._waiting), None)
        if self._long >= self._count and not self._brief:
            return next((each for each in self._waiting if each.is_brief), None)
        return None

    def _serve(self) -> None:
        while True:
            with self._changed:
                while (found := self._next()) is None:
                    self._changed.wait()
                self._waiting.remove(found)
                self._count_in(found, 1)
            found.work()
            with self._changed:
                self._count_in(found, -1)
                self._changed.notify()

    def _count_in(self, found: _Waiting, change: int) -> None:
        if found.is_brief:
            self._brief += change
        else:
            self._long += change
