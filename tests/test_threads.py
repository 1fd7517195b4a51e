"""Work side by side comes out in order, is bounded, and fails where it would have failed alone."""

import threading
from collections.abc import Iterator

import pytest

from emobridge.threads import AHEAD, in_order

threads = pytest.mark.parametrize("count", [1, 2, 5])


@threads
def test_results_come_in_the_order_of_the_pieces(count: int) -> None:
    assert list(in_order(lambda piece: piece * piece, range(50), count)) == [piece * piece for piece in range(50)]


@threads
def test_no_more_pieces_are_in_hand_than_promised(count: int) -> None:
    begun: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(50):
            begun.append(piece)
            yield piece

    for done, _ in enumerate(in_order(lambda piece: piece, pieces(), count), start=1):
        assert len(begun) <= done + AHEAD * count


@threads
def test_an_error_comes_after_the_results_before_it(count: int) -> None:
    results = in_order(lambda piece: 1 // piece, [2, 1, 0, 3], count)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_two_threads_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)
    assert list(in_order(lambda piece: both.wait() >= 0, range(2), 2)) == [True, True]
