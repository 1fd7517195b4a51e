"""Laws of what the service says of itself: every address and every problem is documented as it is."""

import asyncio
import json
import re
from typing import Any

from emobridge.server.api.about_api import read_page
from emobridge.server.problems import KINDS


def test_openapi_documents_every_problem_with_its_status(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            told = (await served.client.get("/openapi.json")).json()
        documented = set()
        for path, operations in told["paths"].items():
            for method, operation in operations.items():
                assert operation["summary"], (path, method)
                for status, answer in operation["responses"].items():
                    content = answer.get("content", {}).get("application/problem+json", {})
                    for name, example in content.get("examples", {}).items():
                        assert example["value"]["status"] == int(status) == KINDS[name].status
                        documented.add(name)
                        if status in ("429", "503"):
                            assert "Retry-After" in answer["headers"]
        assert set(KINDS) - documented == {"method-not-allowed"}  # of every address alike
        references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(told)))
        assert references <= set(told["components"]["schemas"])

    asyncio.run(scenario())


def test_every_problem_has_a_page_that_explains_it(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            for name, kind in KINDS.items():
                answer = await served.client.get(f"/problems/{name}")
                assert kind.meaning in answer.text

    asyncio.run(scenario())


def test_the_model_is_told_and_missed_while_it_is_not_there(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            assert (await served.client.get("/v1/models")).json() == {"models": [served.model.about]}
            assert (await served.client.get("/v1/models/toy/card")).text == served.model.card
            assert (await served.client.get("/v1/models/other/card")).status_code == 404
            served.model.ready = False
            for path in ("/v1/models", "/readyz"):
                answer = await served.client.get(path)
                assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
                assert "retry-after" in answer.headers
            assert (await served.client.get("/healthz")).status_code == 200

    asyncio.run(scenario())


def test_figures_count_what_happened_and_hold_nothing_of_it(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            await served.post(sound(2.0), name="canary.wav")
            await served.client.get("/canary")
            text = (await served.client.get("/metrics")).text
            assert 'emobridge_requests_total{method="POST",route="/v1/recordings",status="200"} 1.0' in text
            assert 'emobridge_requests_total{method="GET",route="none",status="404"} 1.0' in text
            assert "emobridge_sound_seconds_total 2.0" in text
            assert 'emobridge_jobs{state="done"} 1.0' in text
            assert "emobridge_queue_length 0.0" in text
            assert "emobridge_disk_bytes" in text
            assert 'emobridge_batches_total{size="1"} 7.0' in text
            assert 'emobridge_process_restarts_total{process="model"} 0.0' in text
            assert "canary" not in text

    asyncio.run(scenario())


def test_files_of_the_page_are_given_from_memory_and_not_twice(serve: Any) -> None:
    page = read_page()

    async def scenario() -> None:
        async with serve() as served:
            served.app._app.state.page.update(page)
            for path, file in page.items():
                answer = await served.client.get(f"/page/{path}")
                assert (answer.content, answer.headers["etag"]) == (file.content, file.etag)
                again = await served.client.get(f"/page/{path}", headers={"If-None-Match": file.etag})
                assert (again.status_code, again.content) == (304, b"")
            for path in ("../app.py", "%2e%2e/app.py", "..%2fapp.py"):
                assert (await served.client.get(f"/page/{path}")).status_code == 404
            assert (await served.client.get("/")).status_code == (200 if "index.html" in page else 404)

    asyncio.run(scenario())
