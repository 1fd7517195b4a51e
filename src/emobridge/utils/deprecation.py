"""Old public names, which work for one release and warn with the new one."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def warn_renamed(old: str, new: str, stacklevel: int = 2) -> None:
    """Warn whoever calls the calling function that ``old`` is now ``new``.

    Args:
        old, new: the names, as they are written in code.
        stacklevel: 2 blames the caller of the function that calls this one; each frame between adds one.
    """
    text = f"{old} is deprecated and goes with the next release; use {new}"
    warnings.warn(text, DeprecationWarning, stacklevel=stacklevel + 1)


def renamed_keywords(**new_names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a function take old keywords, ``old="new"`` each, with a `DeprecationWarning`.

    A call with both names of one parameter fails with a `TypeError`, as any keyword given twice does.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in new_names.keys() & kwargs.keys():
                new = new_names[old]
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}() got both '{new}' and its old name '{old}'")
                warn_renamed(f"{function.__qualname__}({old}=)", f"{new}=")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def report_renamed_option(old: str, new: str) -> None:
    """Report on standard error that an option of the command line has a new name."""
    print(f"emobridge: {old} is deprecated and goes with the next release; use {new}", file=sys.stderr)
