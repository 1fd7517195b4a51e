"""Laws of jobs under load and in trouble: nothing accepted is lost, nothing goes beyond its bound."""

import asyncio
import logging
from typing import Any

import pytest


def test_jobs_go_on_after_a_restart(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            jobs = [await served.post_async(sound()) for _ in range(60)]
            assert served.service.dispatcher.waiting > 0
        async with serve() as served:
            for job in jobs:
                assert (await served.ended(job["links"]["self"]))["state"] == "done"
            assert served.files() == []

    asyncio.run(scenario())


def test_a_stop_finishes_what_is_in_hand_within_its_grace(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(grace_s=5.0) as served:
            served.model.may_go.clear()
            asked = asyncio.create_task(served.post(sound()))
            while not served.model.tasks:
                await asyncio.sleep(0.01)
            served.service.begin_stop()
            refused = await served.post(sound())
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/stopping")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await served.client.get("/readyz")).status_code == 503
            served.model.may_go.set()
            assert (await asked).status_code == 200

    asyncio.run(scenario())


def test_who_waits_while_the_service_stops_is_told_where_the_result_will_be(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            asked = [asyncio.create_task(served.post(sound())) for _ in range(40)]
            while served.service.dispatcher.waiting == 0:
                await asyncio.sleep(0.01)
            served.service.begin_stop()
            answers = await asyncio.gather(*asked)
            assert {answer.status_code for answer in answers} == {202}
        async with serve() as served:
            for answer in answers:
                assert (await served.ended(answer.headers["location"]))["state"] == "done"

    asyncio.run(scenario())


def test_a_model_that_dies_loses_no_accepted_job(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.deaths = 2
            answer = await served.post(sound())
            assert answer.status_code == 200
            assert len(served.model.tasks) == 3

    asyncio.run(scenario())


def test_a_job_that_kills_the_model_each_time_fails_at_last(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.deaths = 100
            answer = await served.post(sound())
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/model-lost")
            assert len(served.model.tasks) == 3
            served.model.deaths = 0
            assert (await served.post(sound())).status_code == 200

    asyncio.run(scenario())


def test_judging_has_a_time(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(judge_time_s=0.1) as served:
            served.model.may_go.clear()
            answer = await served.post(sound())
            assert (answer.status_code, answer.json()["type"]) == (413, "/problems/over-limit")

    asyncio.run(scenario())


def test_the_queue_is_bounded(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(queue=3) as served:
            served.model.may_go.clear()
            for _ in range(3):
                await served.post_async(sound())
            refused = await served.post(sound())
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/queue-full")
            assert int(refused.headers["retry-after"]) >= 1
            served.model.may_go.set()
            while served.service.dispatcher.live:
                await asyncio.sleep(0.01)
            assert (await served.post(sound())).status_code == 200

    asyncio.run(scenario())


def test_a_client_has_so_many_jobs_at_a_time(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(jobs_per_client=2) as served:
            served.model.may_go.clear()
            for _ in range(2):
                await served.post_async(sound())
            refused = await served.post(sound())
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-jobs")
            assert int(refused.headers["retry-after"]) >= 1

    asyncio.run(scenario())


def test_a_waiting_job_knows_its_place(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            jobs = [await served.post_async(sound()) for _ in range(40)]
            places = [(await served.client.get(job["links"]["self"])).json()["position"] for job in jobs]
            waiting = [place for place in places if place is not None]
            assert waiting == list(range(len(waiting)))
            assert (await served.client.delete(jobs[-2]["links"]["self"])).status_code == 204
            assert (await served.client.get(jobs[-1]["links"]["self"])).json()["position"] == len(waiting) - 2

    asyncio.run(scenario())


def test_an_upload_has_a_size_and_the_disk_a_bound(serve: Any) -> None:
    settings = {"max_upload_mb": 1, "max_decoded_mb": 1, "max_disk_mb": 3}

    async def scenario() -> None:
        async with serve(**settings) as served:
            spool = served.service.spool
            large = await served.client.post("/v1/recordings", files={"recording": ("a", b"\0" * (2 << 20))})
            assert (large.status_code, large.json()["type"]) == (413, "/problems/too-large")
            too_much = await served.client.post(
                "/v1/recordings", content=chunked(b"\0" * (1 << 16), 17), headers={"Content-Type": "audio/wav"}
            )
            assert (too_much.status_code, too_much.json()["type"]) == (413, "/problems/too-large")
            assert served.files() == []
            served.decoders.may_go.clear()
            statuses = []
            for _ in range(4):
                answer = await served.client.post(
                    "/v1/recordings",
                    content=b"\0" * 900_000,
                    headers={"Content-Type": "audio/wav", "Prefer": "respond-async"},
                )
                statuses.append(answer.status_code)
                assert spool.used_bytes <= 3 << 20
            assert statuses == [202, 202, 503, 503]
            assert answer.json()["type"] == "/problems/disk-full"
            assert int(answer.headers["retry-after"]) >= 1

    asyncio.run(scenario())


async def chunked(chunk: bytes, count: int) -> Any:
    for _ in range(count):
        yield chunk


def test_an_upload_that_stops_is_given_up(serve: Any) -> None:
    async def endless() -> Any:
        yield b"abc"
        await asyncio.sleep(5)

    async def scenario() -> None:
        async with serve(idle_time_s=0.1) as served:
            answer = await served.client.post(
                "/v1/recordings", content=endless(), headers={"Content-Type": "audio/wav"}
            )
            assert (answer.status_code, answer.json()["type"]) == (408, "/problems/too-slow")
            assert served.files() == []

    asyncio.run(scenario())


def test_one_service_has_a_folder(serve: Any) -> None:
    async def scenario() -> None:
        async with serve():
            with pytest.raises(Exception, match="used by another service"):
                async with serve():
                    pass

    asyncio.run(scenario())


def test_what_no_job_knows_is_deleted_at_the_start(serve: Any, tmp_path: Any) -> None:
    for place in ("uploads", "decoded/7"):
        (tmp_path / "data" / place).mkdir(parents=True)
        (tmp_path / "data" / place / "stray.recording").write_bytes(b"x")

    async def scenario() -> None:
        async with serve() as served:
            assert served.files() == []
            assert served.service.spool.used_bytes == served.service.spool.database_bytes

    asyncio.run(scenario())


def test_log_lines_hold_nothing_of_what_is_sent(serve: Any, sound: Any, caplog: pytest.LogCaptureFixture) -> None:
    canary = "canary7261"

    async def scenario() -> None:
        async with serve() as served:
            await served.post(sound(), name=f"{canary}.wav", data={"transcript": f"{canary} said so"})
            await served.client.get(f"/v1/jobs/{canary}", headers={"Authorization": canary})
            await served.client.get(f"/{canary}", params={"name": canary})
            await served.client.post("/v1/recordings", content=b"x", params={canary: canary})
            served.model.fails_with = RuntimeError(f"{canary}")
            await served.post(sound(), name=f"{canary}.wav")
            served.model.deaths = 3
            await served.post(sound(), name=f"{canary}.wav")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    ours = [record for record in caplog.records if record.name.startswith("emobridge")]
    assert len(ours) >= 4
    assert canary not in "\n".join(record.getMessage() + str(record.exc_info) for record in ours)
