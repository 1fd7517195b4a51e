"""``POST /v1/recordings``: a recording becomes a job, and a short one is answered with its result."""

import asyncio
import re
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emobridge.server.api.formats import by_accept
from emobridge.server.api.responses import answer, client_of, described, failure_of, service_of
from emobridge.server.api.uploads import Upload
from emobridge.server.jobs.jobs import WAITING, Job
from emobridge.server.jobs.live_jobs import LiveJob
from emobridge.server.problems import Problem
from emobridge.server.service import Service, fresh_id

WAIT = re.compile(r"\bwait=(\d{1,6})\b")


async def post_recording(request: Request) -> Response:
    """Predict the emotions in a recording, with its transcript and speakers where they are known."""
    service = service_of(request)
    client = client_of(request)
    format_name = by_accept(request.headers.get("accept", ""))
    prefer = request.headers.get("prefer", "")
    live = await _accepted(service, request, client)
    headers = {"Location": f"/v1/jobs/{live.job.id}"}
    if "respond-async" not in prefer:
        wanted = WAIT.search(prefer)
        if await _is_answerable(service, request, live, int(wanted[1]) if wanted else None):
            ending = live.ending
            assert ending is not None
            if ending.result is None:
                raise failure_of(ending.job).at(headers["Location"])
            return await answer(ending.result, format_name, headers)
    found = live.ending.job if live.ending is not None else live
    return JSONResponse(described(service, found), 202, headers)


async def _accepted(service: Service, request: Request, client: str) -> LiveJob:
    """Take the body to disk and make a job of it.

    Raises:
        Problem: there is no place for it, or it is not as it should be.
        ClientGone: its client went away.
    """
    service.dispatcher.admit(client)
    identifier = fresh_id()
    try:
        upload = Upload(service.settings, service.spool, identifier)
        await upload.take(request)
        if service.model.ready:
            _check_view(service, upload.options.categories)
        job = Job(identifier, client, upload.name, WAITING, time.time(), options=upload.options)
        return service.dispatcher.submit(job)
    except BaseException:
        service.spool.forget(identifier)
        service.dispatcher.dismiss(client)
        raise


def _check_view(service: Service, categories: str | None) -> None:
    """Refuse a view that the model has not, before any work.

    Raises:
        Problem: it has none of this name.
    """
    views = service.model.about["views"]
    if categories is not None and categories not in views:
        given = f"categories: '{categories}'"
        raise Problem("invalid-parameter", given, f"valid: {', '.join(views) or 'none'}", "or leave it out for all")


async def _is_answerable(service: Service, request: Request, live: LiveJob, wait_s: int | None) -> bool:
    """Wait for the end of a job; return whether it came in time. A client that goes away cancels it.

    Args:
        service: that has the job.
        request: whose body was taken.
        live: the job.
        wait_s: how long the client says it waits, whatever the recording's length; None leaves it to the service.
    """
    waits_s = service.settings.wait_s
    event = live.answerable if wait_s is None else live.settled
    gone = asyncio.ensure_future(_gone(request))
    try:
        timeout_s = waits_s if wait_s is None else min(wait_s, waits_s)
        await asyncio.wait((gone, event), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            service.dispatcher.cancel(live.job.id)
    finally:
        gone.cancel()
    return live.ending is not None


async def _gone(request: Request) -> None:
    """Wait until a client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
