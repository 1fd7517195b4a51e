"""``/v1/jobs``: how far a job is, its events as they come, its result in any format, and its end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from emobridge.server.api import schema
from emobridge.server.api.formats import by_accept, by_extension
from emobridge.server.api.responses import (
    answer,
    attachment,
    client_of,
    described,
    failure_of,
    job_of,
    result_of,
    service_of,
)
from emobridge.server.jobs.jobs import DONE, Job
from emobridge.server.jobs.live_jobs import LiveJob
from emobridge.server.problems import Problem
from emobridge.server.service import Service
from emobridge.writers import FORMATS

JobId = Annotated[str, Path(description="Id of a job of yours.", examples=[schema.ID])]
Extension = Annotated[str, Path(description="Of a format.", json_schema_extra={"enum": list(FORMATS)})]
HEARTBEAT_S = 15.0  # proxies close what is silent for long


async def get_job(request: Request, job: JobId) -> Response:
    """Return the state and progress of a job."""
    service = service_of(request)
    return JSONResponse(described(service, job_of(service, request, job)))


async def get_result(request: Request, job: JobId) -> Response:
    """Return the result of a job in the format that the header Accept asks for."""
    service = service_of(request)
    format_name = by_accept(request.headers.get("accept", ""))
    return await answer(result_of(service, job_of(service, request, job)), format_name, {})


async def get_result_as(request: Request, job: JobId, extension: Extension) -> Response:
    """Return the result of a job as a file in the format of the extension."""
    service = service_of(request)
    format_name = by_extension(extension)
    found = job_of(service, request, job)
    return await answer(result_of(service, found), format_name, {}, recording=_job(found).name)


async def get_recording(request: Request, job: JobId) -> Response:
    """Return the recording of a job that keeps it."""
    service = service_of(request)
    found = _job(job_of(service, request, job))
    if not found.options.keep or found.options.recording is None or found.state not in (DONE, "queued"):
        raise Problem("not-found", "the recording was not kept", "sent with keep=true", "send it again")
    path = service.spool.path_of(found.id, found.options.recording)
    if not path.is_file():
        raise Problem("not-found", "the recording is not there any more")
    return FileResponse(
        path, media_type="application/octet-stream", headers={"Content-Disposition": attachment(found.name)}
    )


async def delete_job(request: Request, job: JobId) -> Response:
    """Cancel a job if it is unfinished, and delete everything about it."""
    service = service_of(request)
    found = _job(job_of(service, request, job))
    task = service.dispatcher.cancel(found.id)
    if task is not None:
        await asyncio.wait((task,))
    service.spool.forget(found.id)
    service.store.delete([found.id])
    return Response(status_code=204)


async def get_events(request: Request, job: JobId) -> Response:
    """Follow a job: server-sent events ``progress``, ``segments``, and ``done`` or ``failed`` at the end."""
    service = service_of(request)
    found = job_of(service, request, job)
    events = _live_events(found) if isinstance(found, LiveJob) else _past_events(service, found)
    headers = {"X-Accel-Buffering": "no"}  # what a proxy held back would not be live
    held = contextlib.ExitStack()
    held.enter_context(service.streams.held(client_of(request), is_live=False))
    return _EventStream(events, held, headers)


class _EventStream(StreamingResponse):
    """Events, whose place among the streams is given back when they end."""

    def __init__(self, events: AsyncIterator[bytes], held: contextlib.ExitStack, headers: dict[str, str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._held = held

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


async def _live_events(live: LiveJob) -> AsyncIterator[bytes]:
    told_segments, told = 0, None
    tries = live.job.tries
    while True:
        version = live.version
        if live.job.tries != tries:
            told_segments, tries = 0, live.job.tries
            yield _event("restarted", {})
        if (live.state, live.progress) != told:
            told = (live.state, live.progress)
            yield _event("progress", {"state": live.state, "progress": live.progress})
        if len(live.segments) > told_segments:
            fresh = live.segments[told_segments:]
            told_segments = len(live.segments)
            yield _event("segments", fresh)
        if live.ending is not None:
            yield _last_event(live.ending.job)
            return
        if live.settled.done():  # it goes on with the next start
            return
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await live.change(version)
        except TimeoutError:
            yield b": still there\n\n"


async def _past_events(service: Service, job: Job) -> AsyncIterator[bytes]:
    yield _event("progress", {"state": job.state, "progress": float(job.state == DONE)})
    result = service.store.result(job.id)
    if result is not None:
        yield _event("segments", json.loads(result)["segments"])
    yield _last_event(job)


def _last_event(job: Job) -> bytes:
    return _event("done", {}) if job.state == DONE else _event("failed", failure_of(job).to_dict())


def _event(name: str, values: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(values, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


def _job(found: Job | LiveJob) -> Job:
    return found.job if isinstance(found, LiveJob) else found
