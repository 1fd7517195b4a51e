"""Laws of starting together: all are there, or none is left."""

import asyncio
from typing import Any

import pytest

from emobridge.server.processes.subprocesses import ChildLost, all_or_none


async def slow(name: object, ended: list[object]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)  # a process takes time to end
        ended.append(name)


def test_where_one_start_fails_the_others_are_over_when_it_is_told() -> None:
    ended: list[Any] = []

    async def failing() -> None:
        await asyncio.sleep(0.01)
        raise ChildLost("status 1")

    async def together() -> None:
        with pytest.raises(ChildLost, match="status 1"):
            await all_or_none(slow("one", ended), failing(), all_or_none(slow("two", ended), slow("three", ended)))
        assert sorted(ended) == ["one", "three", "two"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(together())


def test_a_start_that_is_cancelled_is_over_with_all_its_parts() -> None:
    ended: list[Any] = []

    async def cancelled() -> None:
        start = asyncio.create_task(all_or_none(*(slow(number, ended) for number in range(3))))
        await asyncio.sleep(0.01)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert sorted(ended) == [0, 1, 2]

    asyncio.run(cancelled())


def test_what_all_give_comes_in_their_order() -> None:
    async def given(value: int) -> int:
        await asyncio.sleep(0.01 / (1 + value))
        return value

    async def together() -> list[int]:
        return await all_or_none(*(given(value) for value in range(4)))

    assert asyncio.run(together()) == [0, 1, 2, 3]
