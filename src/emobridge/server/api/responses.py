"""What routes share: whose request it is, the job it is about, and answers made of results and problems."""

import re
import time
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import Response

from emobridge.errors import MissingExtraError, OutputError
from emobridge.server.api.formats import Rendered, rendered
from emobridge.server.jobs.jobs import CANCELLED, DONE, Job
from emobridge.server.jobs.live_jobs import LiveJob
from emobridge.server.problems import MEDIA_TYPE, Problem
from emobridge.server.service import Service

CLIENT = "emobridge.client"  # key of the scope of a request, where the gate says whose it is
JOB_ID = re.compile(r"[0-9a-f]{32}")


def service_of(connection: HTTPConnection) -> Service:
    """Return the service that a request is for."""
    service: Service = connection.app.state.service
    return service


def client_of(connection: HTTPConnection) -> str:
    """Return whose request it is."""
    client: str = connection.scope[CLIENT]
    return client


def job_of(service: Service, connection: HTTPConnection, identifier: str) -> Job | LiveJob:
    """Return a job of the client that asks.

    Raises:
        Problem: there is none, it is another client's, or it has expired.
    """
    if JOB_ID.fullmatch(identifier):
        client = client_of(connection)
        live = service.dispatcher.live.get(identifier)
        if live is not None and live.job.client == client:
            return live
        job = service.store.job(identifier)
        if live is None and job is not None and job.client == client and (job.expires_s or 1e12) > time.time():
            return job
    raise Problem("not-found", "no such job", "a job of yours that has not expired")


def described(service: Service, found: Job | LiveJob) -> dict[str, Any]:
    """Return a job as its client sees it."""
    live = found if isinstance(found, LiveJob) else None
    job = found.job if isinstance(found, LiveJob) else found
    address = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "state": live.state if live else job.state,
        "progress": live.progress if live else float(job.state == DONE),
        "duration_s": live.duration_s if live else job.duration_s,
        "name": job.name,
        "created_at": _time(job.created_s),
        "expires_at": _time(job.expires_s) if job.expires_s is not None else None,
        "position": service.dispatcher.position(job.id) if live else None,
        "links": {"self": address, "result": f"{address}/result", "events": f"{address}/events"},
        "problem": job.problem,
    }


def result_of(service: Service, found: Job | LiveJob) -> bytes:
    """Return the JSON of the result of a job.

    Raises:
        Problem: the job is not finished, has failed, or was cancelled.
    """
    if isinstance(found, LiveJob):
        remedy = "ask again later, or follow its events"
        retry_after_s = min(10.0, service.dispatcher.retry_after_s())
        raise Problem("not-finished", f"the job is {found.state}", remedy=remedy, retry_after_s=retry_after_s)
    result = service.store.result(found.id)
    if result is None:
        raise failure_of(found)
    return result


def failure_of(job: Job) -> Problem:
    """Return why there is no result of a job that ended."""
    if job.state == CANCELLED:
        return Problem("cancelled")
    return Problem.from_dict(job.problem) if job.problem is not None else Problem("internal")


async def answer(result: bytes, name: str, headers: dict[str, str], recording: str | None = None) -> Response:
    """Return a result as an answer.

    Args:
        result: its JSON.
        name: of the format.
        headers: more headers.
        recording: what the recording is called, where the answer is to be kept as a file.

    Raises:
        Problem: the format needs what is not installed, or cannot hold the result.
    """
    try:
        made: Rendered = await rendered(result, name)
    except (MissingExtraError, OutputError) as error:
        raise Problem("not-acceptable", error.given, error.valid, error.remedy) from error
    if recording is not None:
        headers = {**headers, "Content-Disposition": attachment(f"{PurePath(recording).stem}{made.extension}")}
    return Response(made.content, media_type=made.media_type, headers=headers)


def attachment(filename: str) -> str:
    """Return the header that makes a browser keep an answer as a file."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"


def problem_answer(problem: Problem) -> Response:
    """Return a problem as an answer."""
    return Response(problem.content(), problem.status, problem.headers(), MEDIA_TYPE)


def _time(since_1970_s: float) -> str:
    return datetime.fromtimestamp(since_1970_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
