"""Laws of a job: how far it is, its events, its formats, and that it is its client's alone."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from emobridge.results import Result
from emobridge.server.api.jobs_api import _live_events
from emobridge.server.security import make_key
from emobridge.writers import FORMATS, render


def events_of(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_events_tell_the_way_of_a_job_and_every_segment_once(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.decoders.may_go.clear()
            served.model.may_go.clear()
            job = await served.post_async(sound())
            live = served.service.dispatcher.live[job["id"]]
            told = []

            async def follow() -> None:
                async for event in _live_events(live):
                    told.extend(events_of(event.decode()))

            following = asyncio.create_task(follow())
            await asyncio.sleep(0.02)
            served.decoders.may_go.set()
            while live.progress < 0.5:
                await asyncio.sleep(0.01)
            served.model.may_go.set()
            await following
            states = [values["state"] for name, values in told if name == "progress"]
            assert list(dict.fromkeys(states)) == ["decoding", "judging", "done"]
            assert [len(values) for name, values in told if name == "segments"] == [1]
            assert told[-1] == ("done", {})
            late = events_of((await served.client.get(job["links"]["events"])).text)
            assert late[-1] == ("done", {})
            assert [values for name, values in late if name == "segments"] == [
                values for name, values in told if name == "segments"
            ]

    asyncio.run(scenario())


def test_events_of_a_job_that_failed_end_with_its_problem(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.fails_with = ValueError("inner")
            job = await served.post_async(sound())
            failed = await served.ended(job["links"]["self"])
            name, problem = events_of((await served.client.get(job["links"]["events"])).text)[-1]
            assert (name, problem) == ("failed", failed["problem"])

    asyncio.run(scenario())


def test_events_end_where_the_service_stops_before_the_job(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            jobs = [await served.post_async(sound()) for _ in range(40)]
            following = [asyncio.create_task(served.client.get(jobs[at]["links"]["events"])) for at in (0, -1)]
            await asyncio.sleep(0.1)
            served.service.begin_stop()
            for told in await asyncio.gather(*following):
                assert {name for name, _ in events_of(told.text)} <= {"progress", "segments"}

    asyncio.run(scenario())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_the_library_is_given_as_the_library_writes_it(serve: Any, sound: Any, name: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound())
            address = answer.headers["location"] + "/result"
            given = await served.client.get(f"{address}.{name}")
            assert given.status_code == 200
            assert given.headers["content-disposition"].startswith("attachment; filename*=UTF-8''call.")
            result = Result.from_dict(answer.json())
            if name == "json":
                assert given.json() == result.to_dict()
            elif name == "eaf":  # the one format that has a path of this machine, where the library writes it
                assert b'MEDIA_URL="file:///call.wav"' in given.content
            elif name not in ("zip", "html"):
                assert given.content == render([result], name)
            asked = await served.client.get(address, headers={"Accept": given.headers["content-type"].split(";")[0]})
            assert asked.headers["content-type"] == given.headers["content-type"]
            posted = await served.post(sound(), headers={"Accept": given.headers["content-type"]})
            assert posted.headers["content-type"] == given.headers["content-type"]

    asyncio.run(scenario())


def test_formats_lists_what_can_be_asked_for(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            listed = (await served.client.get("/v1/formats")).json()
            assert {each["name"] for each in listed} == set(FORMATS)
            assert all(each.keys() == {"name", "extension", "media_type"} for each in listed)

    asyncio.run(scenario())


def test_a_format_that_is_not_there_is_refused_before_any_work(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(), headers={"Accept": "image/png"})
            assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
            assert not served.model.tasks
            answer = await served.client.get(f"/v1/jobs/{'0' * 32}/result.png")
            assert answer.status_code == 406

    asyncio.run(scenario())


def test_a_name_of_a_recording_is_no_path_to_look_at(serve: Any, sound: Any, tmp_path: Any) -> None:
    (tmp_path / "secret.wav").write_bytes(sound())

    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(), name=str(tmp_path / "secret.wav"))
            assert answer.json()["file"] == "secret.wav"
            page = await served.client.get(answer.headers["location"] + "/result.html")
            assert "the recording was not there" in page.text
            assert str(tmp_path) not in page.text

    asyncio.run(scenario())


def test_deleting_a_job_cancels_it_and_forgets_all(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            job = await served.post_async(sound(), data={"keep": "true"})
            while not served.model.tasks:
                await asyncio.sleep(0.01)
            assert (await served.client.delete(job["links"]["self"])).status_code == 204
            assert (await served.client.get(job["links"]["self"])).status_code == 404
            assert served.files() == []
            assert served.service.store.count_by_state() == {}

    asyncio.run(scenario())


def test_a_job_is_its_clients_alone(serve: Any, sound: Any, tmp_path: Any) -> None:
    keys = {name: make_key(name, tmp_path / "keys") for name in ("anna", "ben")}

    async def scenario() -> None:
        async with serve(keys=tmp_path / "keys") as served:
            anna, ben = ({"Authorization": f"Bearer {keys[name]}"} for name in ("anna", "ben"))
            answer = await served.post(sound(), headers=anna, data={"keep": "true"})
            address = answer.headers["location"]
            for path in ("", "/result", "/result.csv", "/events", "/recording"):
                assert (await served.client.get(address + path, headers=anna)).status_code == 200
                assert (await served.client.get(address + path, headers=ben)).status_code == 404
            assert (await served.client.delete(address, headers=ben)).status_code == 404
            assert (await served.client.get(address, headers=anna)).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "path", ["x", "0" * 32, "../jobs.sqlite", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "0" * 31 + "\u0660"]
)
def test_a_job_that_is_not_there_is_not_found(serve: Any, path: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer: httpx.Response = await served.client.get(f"/v1/jobs/{path}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")

    asyncio.run(scenario())


def test_results_expire_with_all_that_was_kept(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(results_s=1.0) as served:
            answer = await served.post(sound(), data={"keep": "true"})
            address = answer.headers["location"]
            assert served.files()
            await asyncio.sleep(1.05)
            assert (await served.client.get(address)).status_code == 404
            served.service.sweep()
            assert served.files() == []
            assert served.service.store.all_ids() == set()
            assert served.service.spool.used_bytes == served.service.store.size_bytes()

    asyncio.run(scenario())
