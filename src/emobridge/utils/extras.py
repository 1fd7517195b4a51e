"""Parts found by name on first use: what an extra installs, entries of a registry, and what stands above a module."""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from emobridge.errors import MissingExtraError

_REGISTERED: dict[str, Callable[..., Any]] = {}


def register(name: str, function: Callable[..., Any]) -> None:
    """Let a module below find ``function`` by ``name``, so that no import points up."""
    _REGISTERED[name] = function


def registered(name: str) -> Callable[..., Any]:
    """Return what was registered under ``name``."""
    return _REGISTERED[name]


def load_extra(module: str, extra: str) -> ModuleType:
    """Import ``module``, which the extra ``extra`` installs.

    Raises:
        MissingExtraError: the module is not installed; the message holds the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this needs the package '{error.name}', which is not installed",
            f"it comes with the extra [{extra}]",
            f"run: pip install 'emobridge[{extra}]'",
        ) from error


def load_entry(registry: Mapping[str, str], name: str, extra: str | None = None) -> object:
    """Return the object behind ``registry[name]``, written as ``package.module:attribute``.

    Raises:
        MissingExtraError: its module needs what the extra ``extra`` installs, and that is not installed.
    """
    module, _, attribute = registry[name].partition(":")
    return getattr(load_extra(module, extra) if extra else importlib.import_module(module), attribute)
