"""Laws of limits: a minute has so many requests, whoever asks; and the disk its bound, whatever is decoded."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emobridge.server.api.formats import by_accept
from emobridge.server.jobs import limits
from emobridge.server.jobs.limits import RequestRate
from emobridge.server.jobs.spool import Spool
from emobridge.server.problems import Problem


@given(st.integers(1, 20), st.lists(st.floats(0.0, 30.0), max_size=80))
@example(1, [4.596197744760595, 0.0])  # a minute later is a minute less a rounding error
def test_no_minute_has_more_than_twice_its_requests(per_minute: int, waits_s: list[float]) -> None:
    now_s = 0.0
    rate = RequestRate(per_minute, lambda: now_s)
    taken = []
    for wait_s in waits_s:
        now_s += wait_s
        try:
            rate.take("anna")
        except Problem as problem:
            now_s += float(problem.headers()["Retry-After"])
            rate.take("anna")  # after that time there is one
        taken.append(now_s)
    assert all(sum(start <= each < start + 60 for each in taken) <= 2 * per_minute for start in taken)


def test_a_client_takes_nothing_of_anothers_and_many_clients_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENTS", 10)
    rate = RequestRate(1, lambda: 0.0)
    for number in range(100):
        rate.take(str(number))
    assert len(rate._buckets) == 10


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "json"), ("*/*", "json"), ("application/json", "json"), ("text/csv", "csv"), ("text/*;q=0.5", "csv"),
        ("text/csv;q=0.1, application/json;q=0.9", "json"), ("image/png, text/vtt", "vtt"), ("TEXT/HTML", "html"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "html"),
    ],
)  # fmt: skip
def test_what_is_asked_for_most_is_given(accept: str, name: str) -> None:
    assert by_accept(accept) == name


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "application/json;q=x", ";", "a,b,c"])
def test_what_is_not_there_is_not_acceptable(accept: str) -> None:
    with pytest.raises(Problem) as caught:
        by_accept(accept)
    assert caught.value.status == 406


def test_sound_waits_for_room_and_one_always_has_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(tmp_path / "data", most_bytes=1000, decoded_bytes=600)
        with spool.create("a", "recording", 400) as file:
            file.write(b"x" * 400)
        with pytest.raises(Problem, match="disk-full"), spool.create("b", "recording", 400) as file:
            file.write(b"x")
        spool.forget("b")
        order = []

        async def decode(name: str) -> None:
            async with spool.room_to_decode() as room:
                assert spool.used_bytes <= 1000
                (room.folder / "sound").write_bytes(b"x" * 100)
                room.shrink()
                order.append(f"{name} in")
                await asyncio.sleep(0.01)
                order.append(f"{name} out")

        await asyncio.gather(decode("first"), decode("second"))
        assert order == ["first in", "first out", "second in", "second out"]
        spool.forget("a")
        assert spool.used_bytes == 0
        assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and path.name != "lock"]
        spool.close()

    asyncio.run(scenario())
