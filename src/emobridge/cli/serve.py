"""The commands ``emobridge serve`` and ``emobridge serve-key``: the service, and the keys of its clients."""

import inspect
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from emobridge.server.settings import ENVIRONMENT, TOLD, TYPES, Settings, read_settings
from emobridge.utils.extras import load_extra

EXTRA = "server"
PACKAGES = ("fastapi", "httptools", "prometheus_client", "python_multipart", "uvicorn", "websockets")


def serve(config: Path | None = None, **given: Any) -> None:
    """Serve predictions over HTTP: recordings and live sound in, results out, and a page at / for browsers.

    Without --keys only this machine can reach it. Each setting is also a variable EMOBRIDGE_SERVE_NAME and a key of the
    file that --config names; a flag goes before a variable, and a variable before the file.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as for predict
    for package in PACKAGES:
        load_extra(package, EXTRA)
    import logging  # here, as every command imports this module

    from emobridge.server.running import run

    settings = read_settings(given, config)
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    run(settings)


def _options() -> list[inspect.Parameter]:
    """Return the options of `serve`: a setting each, so that none can be missing among the flags."""
    config = Annotated[
        Path | None, typer.Option(envvar=f"{ENVIRONMENT}CONFIG", metavar="FILE", help="File of settings, TOML.")
    ]
    parameters = [inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=config)]
    for name, told in TOLD.items():
        kind: Any = list[str] if TYPES[name] == tuple[str, ...] else TYPES[name]
        default = getattr(Settings, name)
        option = typer.Option(
            f"--{name.replace('_', '-')}",
            envvar=f"{ENVIRONMENT}{name.upper()}",
            help=told.help if default in (None, ()) else f"{told.help} Default: {default}.",
            show_default=False,
        )
        annotation = Annotated[kind | None, option]
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return parameters


_OPTIONS = _options()
serve.__signature__ = inspect.Signature(_OPTIONS)  # type: ignore[attr-defined]
serve.__annotations__ = {each.name: each.annotation for each in _OPTIONS}


def serve_key(
    name: Annotated[str, typer.Argument(help="Name of the client, for its jobs, its limits and its line.")],
    *,
    keys: Annotated[Path, typer.Option(metavar="FILE", help="File of keys; made where it is not there.")],
) -> None:
    """Print a new API key once; the file keeps only its SHA-256."""
    from emobridge.server.security import make_key

    typer.echo(make_key(name, keys))
