"""Plain JSON values as dataclasses and back: each field is read strictly, by its annotation."""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from emobridge.errors import nearest

T = TypeVar("T")


class ShapeError(ValueError):
    """Values of another shape: a key that is unknown or missing, or a value of another type.

    Attributes:
        given, valid, remedy: as in `EmobridgeError`, the first with the place of the value; the remedy may be empty.
    """

    def __init__(self, problem: str, valid: str, remedy: str = "", place: tuple[str, ...] = ()) -> None:
        self.problem, self.valid, self.remedy, self.place = problem, valid, remedy, place
        self.given = ": ".join(place) + problem
        super().__init__("; ".join(part for part in (self.given, valid, remedy) if part))

    def below(self, name: str) -> "ShapeError":
        """Return the error of a value whose part has this one."""
        return ShapeError(self.problem, self.valid, self.remedy, (name, *self.place))


def read_dataclass(kind: type[T], values: Any, place: str) -> T:
    """Return ``values`` as the dataclass ``kind``; a field whose default is empty may be missing.

    Raises:
        ShapeError: they do not fit; ``place`` is where they come from.
    """
    try:
        return cast(T, _read(kind, values))
    except ShapeError as error:
        raise error.below(place) from None


def plain(value: Any) -> Any:
    """Return what `dataclasses.asdict` gives as JSON-ready values; tuples become lists."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _read(kind: Any, value: Any) -> Any:
    """Return a JSON ``value`` as the annotated type ``kind``."""
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return value
    if kind is Any or (kind in (str, int) and type(value) is kind):
        return value
    origin, arguments = _parts(kind)
    if origin is types.UnionType:
        return None if value is None else _read(_alternative(arguments, value), value)
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_fields(kind, value)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise ShapeError(f" is {value!r:.40}", f"{len(arguments)} values are needed")
        return tuple([_read(arguments[0], item) for item in value])
    if origin is Mapping and isinstance(value, dict):
        return {name: _below(name, arguments[1], item) for name, item in value.items()}
    raise ShapeError(f" is {value!r:.40}", f"{getattr(kind, '__name__', kind)} is needed")


def _read_fields(kind: Any, values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ShapeError(f" is {values!r:.40}", "an object is needed")
    known = _fields(kind)
    for name in values:
        if name not in known:
            raise ShapeError(f": unknown key '{name}'", f"valid: {', '.join(known)}", nearest(name, known))
    for name, (_, required) in known.items():
        if required and name not in values:
            raise ShapeError(f": the key '{name}' is missing", f"needed: {', '.join(known)}")
    return kind(**{name: _below(name, known[name][0], value) for name, value in values.items()})


def _below(name: str, kind: Any, value: Any) -> Any:
    """Return a part of a value, read; places are put together only for an error, as most values are right."""
    try:
        return _read(kind, value)
    except ShapeError as error:
        raise error.below(name) from None


@cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return name -> annotation, and whether it is required, of a dataclass."""
    hints = get_type_hints(kind)
    return {
        one.name: (hints[one.name], one.default not in (None, ()) and one.default_factory is MISSING)
        for one in fields(kind)
    }


def _alternative(kinds: tuple[Any, ...], value: Any) -> Any:
    """Return which of ``kinds`` a value is to be read as: of several dataclasses the one with most of its keys."""
    if not (isinstance(value, Mapping) and is_dataclass(kinds[0])):
        return kinds[0]
    choices = [kind for kind in kinds if is_dataclass(kind)]
    return max(choices, key=lambda kind: len(_fields(cast(Any, kind)).keys() & value.keys()))
