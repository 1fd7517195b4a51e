"""Work side by side comes out in order, is bounded, and fails where it would have failed alone."""

import threading
from collections.abc import Iterator

import pytest

from emobridge.utils.threads import AHEAD, ahead, in_order

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


def test_pieces_made_ahead_come_in_their_order() -> None:
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []


def test_one_piece_is_made_while_the_one_before_it_is_worked_on() -> None:
    begun = [threading.Event() for _ in range(50)]

    def pieces() -> Iterator[int]:
        for piece, event in enumerate(begun):
            event.set()
            yield piece

    for piece in ahead(pieces()):
        assert begun[min(piece + 1, 49)].wait(timeout=30)
        assert not any(event.is_set() for event in begun[piece + 2 :])


def test_an_error_in_making_a_piece_comes_after_the_pieces_before_it() -> None:
    made = ahead(1 // piece for piece in [2, 1, 0, 3])
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_who_leaves_early_has_waited_for_one_piece_at_most() -> None:
    begun: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(50):
            begun.append(piece)
            yield piece

    made = ahead(pieces())
    assert next(made) == 0
    made.close()
    assert len(begun) <= 2
