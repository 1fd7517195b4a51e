"""Laws of the door: who is let in, from where, how often; and what every answer carries."""

import asyncio
from typing import Any

import pytest

from emobridge.server.security import make_key

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    "path", ["/", "/page/none.js", "/v1/models", "/v1/jobs/x", "/nope", "/openapi.json", "/healthz"]
)
def test_every_answer_has_the_headers_of_safety(serve: Any, path: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            headers = (await served.client.get(path)).headers
            assert EVERYWHERE.items() <= dict(headers).items()
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "microphone=(self)" in headers["permissions-policy"]
            assert "access-control-allow-origin" not in headers

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "", "localhost.evil.example", "127.0.0.1.evil"])
def test_another_name_of_the_service_is_refused(serve: Any, host: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.client.get("/v1/models", headers={"Host": host})
            assert (answer.status_code, answer.json()["type"]) == (421, "/problems/unknown-host")

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:9", "emo.example", "EMO.example:443"])
def test_its_own_names_are_taken(serve: Any, host: str) -> None:
    async def scenario() -> None:
        async with serve(allowed_host=["emo.example"]) as served:
            assert (await served.client.get("/v1/models", headers={"Host": host})).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:81", "http://localhost"])
def test_a_page_elsewhere_can_send_and_delete_nothing(serve: Any, sound: Any, origin: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(), headers={"Origin": origin})
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/foreign-origin")
            assert (await served.client.delete("/v1/jobs/x", headers={"Origin": origin})).status_code == 403
            assert not served.model.tasks

    asyncio.run(scenario())


def test_its_own_page_can(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            assert (await served.post(sound(), headers={"Origin": "http://127.0.0.1"})).status_code == 200

    asyncio.run(scenario())


def test_a_listed_page_can_and_no_other_learns_of_it(serve: Any, sound: Any) -> None:
    listed, other = {"Origin": "https://lab.example"}, {"Origin": "https://evil.example"}
    asks = {"Access-Control-Request-Method": "POST"}

    async def scenario() -> None:
        async with serve(cors_origin=["https://lab.example"]) as served:
            answer = await served.post(sound(), headers=listed)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "https://lab.example"
            allowed = await served.client.options("/v1/recordings", headers=listed | asks)
            assert (allowed.status_code, allowed.headers["access-control-allow-methods"]) == (204, "GET, POST, DELETE")
            refused = await served.client.options("/v1/recordings", headers=other | asks)
            assert refused.status_code == 405
            assert "access-control-allow-origin" not in refused.headers

    asyncio.run(scenario())


def test_keys_open_what_is_a_clients_and_nothing_else_asks_for_them(serve: Any, tmp_path: Any) -> None:
    key = make_key("anna", tmp_path / "keys")

    async def scenario() -> None:
        async with serve(keys=tmp_path / "keys") as served:
            for path in ("/v1/models", "/v1/formats", "/metrics"):
                for headers in ({}, {"Authorization": "Bearer emo_wrong"}, {"Authorization": f"Basic {key}"}):
                    answer = await served.client.get(path, headers=headers)
                    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/key-needed")
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert key not in answer.text
                right = {"Authorization": f"Bearer {key}"}
                assert (await served.client.get(path, headers=right)).status_code == 200
                lent = {"Cookie": f"theme=dark; emobridge-key={key}"}
                assert (await served.client.get(path, headers=lent)).status_code == 200
            assert (await served.client.delete("/v1/jobs/x", headers=lent)).status_code == 401  # it may only read
            for path in ("/healthz", "/readyz", "/openapi.json", "/problems/not-found"):
                assert (await served.client.get(path)).status_code == 200

    asyncio.run(scenario())


def test_requests_have_a_rate_and_guesses_of_keys_too(serve: Any, tmp_path: Any) -> None:
    make_key("anna", tmp_path / "keys")

    async def scenario() -> None:
        async with serve(requests_per_minute=3) as served:
            statuses = [(await served.client.get("/v1/formats")).status_code for _ in range(4)]
            assert statuses == [200, 200, 200, 429]
            refused = await served.client.get("/v1/formats")
            assert refused.json()["type"] == "/problems/too-many-requests"
            assert 1 <= int(refused.headers["retry-after"]) <= 20
            assert (await served.client.get("/healthz")).status_code == 200
        async with serve(requests_per_minute=3, keys=tmp_path / "keys") as served:
            wrong = {"Authorization": "Bearer emo_guess"}
            statuses = [(await served.client.get("/v1/formats", headers=wrong)).status_code for _ in range(4)]
            assert statuses == [401, 401, 401, 429]

    asyncio.run(scenario())


def test_requests_at_a_time_have_a_bound(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve(connections=1) as served:
            served.model.may_go.clear()
            asked = asyncio.create_task(served.post(sound()))
            while not served.model.tasks:
                await asyncio.sleep(0.01)
            refused = await served.client.get("/healthz")
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/queue-full")
            assert "retry-after" in refused.headers
            served.model.may_go.set()
            assert (await asked).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("PUT", "/v1/recordings", 405), ("GET", "/v1/jobs/", 404), ("GET", "/problems/x", 404)],
)
def test_what_is_not_there_is_a_problem_too(serve: Any, method: str, path: str, status: int) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert ("allow" in answer.headers) == (status == 405)
            of_job = await served.client.put(f"/v1/jobs/{'0' * 32}")
            assert (of_job.status_code, of_job.headers["allow"]) == (405, "DELETE, GET")

    asyncio.run(scenario())


def test_an_error_that_nobody_thought_of_is_told_without_its_words(
    serve: Any, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serve() as served:

            def broken(*_: object) -> None:
                raise RuntimeError("inner words")

            monkeypatch.setattr(served.service.dispatcher, "admit", broken)
            answer = await served.post(sound())
            assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
            assert "inner" not in answer.text
            assert EVERYWHERE.items() <= dict(answer.headers).items()

    asyncio.run(scenario())
