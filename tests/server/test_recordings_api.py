"""Laws of sending a recording: short ones are answered, long ones become jobs, and what is sent is what is judged."""

import asyncio
import json
from typing import Any

import pytest

from emobridge.errors import AudioError, TranscriptError


def test_a_short_recording_is_answered_with_its_result_untouched(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound())
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()["file"] == "call.wav"
            kept = await served.client.get(answer.headers["location"] + "/result")
            assert kept.content == answer.content

    asyncio.run(scenario())


def test_a_long_recording_becomes_a_job_whose_result_is_there_later(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            answer = await served.post(sound(61.0))
            assert answer.status_code == 202
            job = answer.json()
            assert job["duration_s"] == 61.0
            assert job["links"]["self"] == answer.headers["location"]
            early = await served.client.get(job["links"]["result"])
            assert early.status_code == 409
            assert int(early.headers["retry-after"]) >= 1
            served.model.may_go.set()
            done = await served.ended(job["links"]["self"])
            assert (done["state"], done["progress"]) == ("done", 1.0)
            assert (await served.client.get(job["links"]["result"])).json()["duration_s"] == 61.0

    asyncio.run(scenario())


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0"])
def test_who_does_not_want_to_wait_is_answered_at_once(serve: Any, sound: Any, prefer: str) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            answer = await served.post(sound(), headers={"Prefer": prefer})
            assert answer.status_code == 202

    asyncio.run(scenario())


def test_who_wants_to_wait_waits_for_a_long_recording_too(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(61.0), headers={"Prefer": "wait=10"})
            assert answer.status_code == 200

    asyncio.run(scenario())


def test_a_form_and_a_body_alone_are_judged_alike(serve: Any, sound: Any) -> None:
    fields = {"transcript": "so be it", "speakers": "2", "channel": "1", "categories": "four"}

    async def scenario() -> None:
        async with serve() as served:
            one = await served.post(sound(), data=fields)
            other = await served.client.post(
                "/v1/recordings",
                params={**fields, "name": "call.wav"},
                content=sound(),
                headers={"Content-Type": "audio/wav"},
            )
            assert one.json() == other.json()
            first, second = ({**vars(task), "decoded": None} for task in served.model.tasks)
            assert first == second
            assert first["transcript"] == "so be it"
            assert (first["speakers"], first["channel"], first["categories"]) == (2, 1, "four")

    asyncio.run(scenario())


def test_what_is_in_the_form_goes_before_what_is_in_the_address(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            params = {"transcript": "of the address", "channel": "1", "name": ""}
            answer = await served.post(sound(), params=params, data={"transcript": "of the form"})
            assert answer.status_code == 200
            (task,) = served.model.tasks
            assert (task.transcript, task.channel, task.speakers) == ("of the form", 1, None)

    asyncio.run(scenario())


def test_words_alone_are_judged_without_decoding(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.decoders.may_go.clear()
            answer = await served.client.post("/v1/recordings", files={"transcript": (None, "I am so happy")})
            assert answer.status_code == 200
            assert served.model.tasks[0].transcript == "I am so happy"
            assert served.model.tasks[0].decoded is None

    asyncio.run(scenario())


def test_files_of_words_and_turns_keep_their_format_and_lose_their_names(serve: Any, sound: Any) -> None:
    files = {
        "recording": ("../../etc/passwd", sound()),
        "transcript": ("/etc/cron.d/evil.SRT", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"),
        "speakers": ("..\\..\\evil.rttm", b"SPEAKER a 1 0 1 <NA> <NA> A <NA> <NA>\n"),
    }

    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            answer = await served.client.post("/v1/recordings", files=files, headers={"Prefer": "respond-async"})
            job = answer.json()
            assert job["name"] == "passwd"
            while not served.model.tasks:
                await asyncio.sleep(0.01)
            task = served.model.tasks[0]
            uploads = served.service.settings.folder / "uploads"
            assert task.transcript == uploads / f"{job['id']}.transcript.srt"
            assert task.speakers == uploads / f"{job['id']}.speakers.rttm"
            assert {path.name for path in uploads.iterdir()} == {
                f"{job['id']}.{name}" for name in ("recording", "transcript.srt", "speakers.rttm")
            }
            served.model.may_go.set()
            await served.ended(job["links"]["self"])

    asyncio.run(scenario())


def test_nothing_that_was_sent_is_kept_after_the_result(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(), data={"transcript": "hello"})
            assert answer.status_code == 200
            assert served.files() == []
            assert (await served.client.get(answer.headers["location"] + "/recording")).status_code == 404

    asyncio.run(scenario())


def test_a_recording_is_kept_where_that_is_asked_for_and_comes_back_equal(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.post(sound(), data={"keep": "true"})
            kept = await served.client.get(answer.headers["location"] + "/recording")
            assert kept.content == sound()
            alone = await served.client.post(
                "/v1/recordings", params={"keep": "1"}, content=sound(), headers={"Content-Type": "audio/wav"}
            )
            assert (await served.client.get(alone.headers["location"] + "/recording")).content == sound()
            assert (await served.client.delete(alone.headers["location"])).status_code == 204
            assert kept.headers["content-disposition"].startswith("attachment")
            assert (await served.client.delete(answer.headers["location"])).status_code == 204
            assert served.files() == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("files", "status", "kind"),
    [
        ({"other": (None, "x")}, 422, "invalid-parameter"),
        ({"file": ("a.wav", b"x")}, 422, "invalid-parameter"),
        ({"keep": (None, "maybe")}, 422, "invalid-parameter"),
        ({"channel": (None, "0")}, 422, "invalid-parameter"),
        ({"channel": (None, "")}, 422, "invalid-parameter"),
        ({"channel": (None, "١")}, 422, "invalid-parameter"),
        ({"speakers": (None, "many")}, 422, "invalid-parameter"),
        ({"categories": (None, "nine")}, 422, "invalid-parameter"),
        ({"transcript": ("words.exe", b"x")}, 422, "invalid-parameter"),
        ({"speakers": ("turns.csv", b"x")}, 422, "invalid-parameter"),
        ({"name": ("name.txt", b"x")}, 422, "invalid-parameter"),
        ({"name": (None, "n" * 2000)}, 413, "too-large"),
        ({"transcript": (None, b"\xff\xfe")}, 422, "invalid-parameter"),
    ],
)
def test_each_mistake_has_its_problem_and_leaves_nothing(
    serve: Any, sound: Any, files: Any, status: int, kind: str
) -> None:
    async def scenario() -> None:
        async with serve() as served:
            answer = await served.client.post("/v1/recordings", files={"recording": ("a.wav", sound()), **files})
            assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
            assert answer.headers["content-type"] == "application/problem+json"
            assert served.files() == []
            assert served.service.spool.used_bytes == served.service.spool.database_bytes

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("text/html", b"<p>", 415),
        ("", b"x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"no form", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="recording"\r\n\r\nabc', 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422),
        ("application/octet-stream", b"no sound", 500),
    ],
)
def test_bodies_of_other_kinds_are_refused(
    serve: Any, content_type: str, content: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serve() as served:
            headers = {"Content-Type": content_type}
            answer = await served.client.post("/v1/recordings", content=content, headers=headers)
            assert answer.status_code == status, answer.text
            assert served.files() == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (AudioError("'x' is no sound", "sound", "send sound"), 422, "unreadable-recording"),
        (TranscriptError("'FOLDER/uploads/ID.transcript.srt' is empty"), 422, "unreadable-transcript"),
        (ValueError("secret words"), 500, "internal"),
    ],
)
def test_a_job_fails_with_its_problem_which_tells_no_path_and_no_inner_words(
    serve: Any, sound: Any, error: Exception, status: int, kind: str
) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            job = await served.post_async(sound())
            folder = str(served.service.settings.folder)
            told = type(error)(str(error).replace("FOLDER", folder).replace("ID", job["id"]))
            served.model.fails_with = told
            served.model.may_go.set()
            failed = await served.ended(job["links"]["self"])
            assert failed["state"] == "failed"
            assert failed["problem"]["type"] == f"/problems/{kind}"
            assert folder not in json.dumps(failed)
            assert "secret" not in json.dumps(failed)
            assert (await served.client.get(job["links"]["result"])).status_code == status
            assert (await served.post(sound())).status_code == status

    asyncio.run(scenario())


def test_a_client_that_goes_away_while_it_waits_cancels_its_job(serve: Any, sound: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            served.model.may_go.clear()
            gone = asyncio.Event()
            messages = [{"type": "http.request", "body": sound(), "more_body": False}]

            async def receive() -> dict[str, Any]:
                if messages:
                    return messages.pop()
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message: dict[str, Any]) -> None: ...

            asked = asyncio.create_task(served.app(scope_of("audio/wav"), receive, send))
            while not served.model.tasks:
                await asyncio.sleep(0.01)
            (live,) = served.service.dispatcher.live.values()
            gone.set()
            await asked
            assert live.state == "cancelled"
            assert served.files() == []
            assert not served.service.dispatcher.live

    asyncio.run(scenario())


def test_a_client_that_goes_away_while_it_sends_leaves_nothing(serve: Any) -> None:
    async def scenario() -> None:
        async with serve() as served:
            messages = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"abc", "more_body": True}]

            async def receive() -> dict[str, Any]:
                return messages.pop()

            async def send(message: dict[str, Any]) -> None: ...

            await served.app(scope_of("audio/wav"), receive, send)
            assert served.files() == []
            assert served.service.dispatcher.retry_after_s() == 1.0
            assert served.service.store.count_by_state() == {}

    asyncio.run(scenario())


def scope_of(content_type: str) -> dict[str, Any]:
    return {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/recordings", "raw_path": b"",
        "query_string": b"", "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", content_type.encode())], "state": {},
    }  # fmt: skip
