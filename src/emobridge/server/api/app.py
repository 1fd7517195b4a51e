"""The application: every address of the service, with what OpenAPI says of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from emobridge.server.api import about_api, jobs_api, live_api, recordings_api, schema
from emobridge.server.api.about_api import PageFile, read_page
from emobridge.server.api.middleware import Gate
from emobridge.server.api.responses import problem_answer
from emobridge.server.problems import Problem
from emobridge.server.service import Service
from emobridge.version import __version__

# FastAPI can report every request to a collector; this service reports to nobody.
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


def build_app(service: Service, page: dict[str, PageFile] | None = None) -> ASGIApp:
    """Return the application of a service, whose life is the application's.

    Args:
        service: that has not started.
        page: path -> file of the page; None is the one that comes with emobridge.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="emobridge",
        version=__version__,
        description=schema.DESCRIPTION,
        docs_url=None,  # it would ask another host for its scripts
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        telemetry=NO_TELEMETRY,  # type: ignore[arg-type]
    )
    app.state.service = service
    app.state.page = read_page() if page is None else page
    _add_routes(app)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _of_starlette)
    app.add_exception_handler(Exception, _unexpected)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return Gate(app, service)


def _add_routes(app: FastAPI) -> None:
    done = schema.of_result()
    accepted = schema.of_json("Job", "The recording was accepted; Location is the job's address.", schema.JOB_EXAMPLE)
    accepted["headers"] = {"Location": {"description": "Address of the job.", "schema": {"type": "string"}}}
    _route(
        app, "POST", "/v1/recordings", recordings_api.post_recording, {200: done, 202: accepted}, schema.OF_POST,
        schema.POST_EXTRA,
    )  # fmt: skip
    job = {200: schema.of_json("Job", "The job.", schema.JOB_EXAMPLE)}
    _route(app, "GET", "/v1/jobs/{job}", jobs_api.get_job, job, schema.OF_JOB)
    deleted = {204: {"description": "The job is deleted."}}
    _route(app, "DELETE", "/v1/jobs/{job}", jobs_api.delete_job, deleted, schema.OF_DELETE)
    _route(app, "GET", "/v1/jobs/{job}/result", jobs_api.get_result, {200: done}, schema.OF_RESULT)
    named = "/v1/jobs/{job}/result.{extension}"
    _route(app, "GET", named, jobs_api.get_result_as, {200: done}, schema.OF_RESULT)
    events = {200: schema.of_events()}
    _route(app, "GET", "/v1/jobs/{job}/events", jobs_api.get_events, events, schema.OF_EVENTS)
    sound = {200: schema.of_text("application/octet-stream", "The recording as it was sent.")}
    _route(app, "GET", "/v1/jobs/{job}/recording", jobs_api.get_recording, sound, schema.OF_JOB)
    models = {200: schema.of_json("Models", "The models.", schema.MODELS_EXAMPLE)}
    _route(app, "GET", "/v1/models", about_api.get_models, models, schema.OF_MODEL)
    card = {200: schema.of_text("text/markdown", "The model card.")}
    _route(app, "GET", "/v1/models/{name}/card", about_api.get_card, card, schema.OF_MODEL)
    formats = {200: schema.of_json("Formats", "The formats.", schema.FORMATS_EXAMPLE)}
    _route(app, "GET", "/v1/formats", about_api.get_formats, formats, schema.OF_CLIENTS)
    text = {200: schema.of_text("text/plain", "The answer, as text.")}
    _route(app, "GET", "/healthz", about_api.get_health, text, schema.OF_ANYWHERE)
    _route(app, "GET", "/readyz", about_api.get_ready, text, schema.OF_READY)
    _route(app, "GET", "/metrics", about_api.get_metrics, text, schema.OF_CLIENTS)
    _route(app, "GET", "/problems/{name}", about_api.get_problem, text, schema.OF_PAGE)
    app.add_api_route("/", about_api.get_page, include_in_schema=False)
    app.add_api_route("/page/{path:path}", about_api.get_page_file, include_in_schema=False)
    app.add_api_websocket_route("/v1/stream", live_api.stream)


def _route(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Callable[..., Any],
    answers: dict[int, dict[str, Any]],
    problems: tuple[str, ...],
    extra: dict[str, Any] | None = None,
) -> None:
    """Add an address; ``answers`` and ``problems`` are what OpenAPI says of it."""
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        status_code=next(iter(answers)),
        response_model=None,
        response_class=Response,
        responses=dict([*answers.items(), *schema.problems(problems).items()]),
        openapi_extra=extra,
        summary=(endpoint.__doc__ or "").partition("\n")[0],
    )


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes,
            license_info=app.license_info,
        )  # fmt: skip
        parts = made.setdefault("components", {})
        parts["schemas"] = schema.SCHEMAS
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"key": []}, {}]
        for path in made["paths"].values():
            for operation in path.values():
                # What the framework would say of parameters that are no text; all of ours are.
                if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                    del operation["responses"]["422"]
        app.openapi_schema = made
    return app.openapi_schema


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_answer(error)


async def _of_starlette(request: Request, error: Exception) -> Response:
    """Answer what the framework refused: an address or a method that is not there."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        routes = [route for route in request.app.routes if isinstance(route, Route)]
        found = [route for route in routes if route.path_regex.match(request.scope["path"])]
        methods = sorted({method for route in found for method in route.methods or ()})
        return problem_answer(Problem("method-not-allowed", headers={"Allow": ", ".join(methods)}))
    return problem_answer(Problem("not-found" if error.status_code == 404 else "malformed"))


async def _unexpected(_: Request, __: Exception) -> Response:
    return problem_answer(Problem("internal"))
