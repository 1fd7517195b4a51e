"""What is known without any recording: the model, the formats, the state of the service, and its page."""

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from emobridge.server.api.formats import formats
from emobridge.server.api.responses import service_of
from emobridge.server.metrics import MEDIA_TYPE
from emobridge.server.problems import KINDS, Problem

INDEX = "index.html"
TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True)
class PageFile:
    """A file of the page, in memory."""

    content: bytes
    media_type: str
    etag: str


def read_page() -> dict[str, PageFile]:
    """Return path below the page's folder -> file; a path that is none of these is nowhere on the disk either."""
    folder = files("emobridge.server").joinpath("page")
    return dict(_read(folder, "")) if folder.is_dir() else {}


def _read(folder: Traversable, prefix: str) -> list[tuple[str, PageFile]]:
    found: list[tuple[str, PageFile]] = []
    for each in folder.iterdir():
        path = f"{prefix}{each.name}"
        if each.is_dir():
            found += _read(each, f"{path}/")
        else:
            content = each.read_bytes()
            suffix = f".{each.name.rpartition('.')[2]}"
            media_type = TYPES.get(suffix) or mimetypes.guess_type(each.name)[0] or "application/octet-stream"
            found.append((path, PageFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')))
    return found


async def get_page(request: Request) -> Response:
    """Return the page for browsers."""
    return _page_file(request, INDEX)


async def get_page_file(request: Request, path: str) -> Response:
    """Return a file of the page."""
    return _page_file(request, path)


def _page_file(request: Request, path: str) -> Response:
    file: PageFile | None = request.app.state.page.get(path)
    if file is None:
        raise Problem("not-found", "no such file of the page")
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


async def get_models(request: Request) -> Response:
    """Describe the model: its categories and dimensions, its licence and its training data."""
    service = service_of(request)
    if not service.model.ready:
        raise Problem("not-ready", "the model is being loaded", remedy="ask again", retry_after_s=2.0)
    return JSONResponse({"models": [service.model.about]})


async def get_card(request: Request, name: str) -> Response:
    """Return the model card, in Markdown."""
    service = service_of(request)
    if not service.model.ready:
        raise Problem("not-ready", "the model is being loaded", remedy="ask again", retry_after_s=2.0)
    if name != service.model.about["name"]:
        raise Problem("not-found", f"model '{name}'", f"valid: {service.model.about['name']}")
    return PlainTextResponse(service.model.card, media_type="text/markdown")


async def get_formats(request: Request) -> Response:
    """List the formats of results."""
    return JSONResponse(formats())


async def get_health(request: Request) -> Response:
    """Report that the service is alive."""
    return PlainTextResponse("alive\n")


async def get_ready(request: Request) -> Response:
    """Report whether the service is ready for recordings."""
    if not service_of(request).is_ready:
        raise Problem("not-ready", "the model is not there", remedy="ask again", retry_after_s=2.0)
    return PlainTextResponse("ready\n")


async def get_metrics(request: Request) -> Response:
    """Return the metrics of the service, for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=MEDIA_TYPE)


async def get_problem(request: Request, name: str) -> Response:
    """Explain a kind of problem: what the member ``type`` of a problem points to."""
    kind = KINDS.get(name)
    if kind is None:
        raise Problem("not-found", "no such kind of problem")
    return PlainTextResponse(f"{kind.title} ({kind.status})\n\n{kind.meaning}\n")
