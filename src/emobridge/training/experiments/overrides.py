"""Keys with dots: ``section.key = value`` set in the plain values of a recipe."""

import tomllib
from typing import Any

from emobridge.errors import RecipeError


def override(values: dict[str, Any], key: str, value: Any) -> None:
    """Set ``a.b.c`` in nested tables in place; ``*`` steps into all of a list, a whole number into one.

    Raises:
        RecipeError: the path leads through something that is not a table.
    """
    *path, last = key.split(".")
    places: list[Any] = [values]
    for part in path:
        places = [inner for place in places for inner in _inside(place, part, key)]
    for place in places:
        if not isinstance(place, dict):
            raise RecipeError(f"override '{key}'", f"'{'.'.join(path)}' is no section", "see the recipe's sections")
        place[last] = value


def _inside(place: Any, part: str, key: str) -> list[Any]:
    """Return what one part of a dotted key leads to: several places for ``*`` in a list."""
    if isinstance(place, list | tuple) and part == "*":
        return list(place)
    if isinstance(place, list | tuple) and part.isdigit() and int(part) < len(place):
        return [place[int(part)]]
    if isinstance(place, dict):
        return [place.setdefault(part, {})]
    raise RecipeError(f"override '{key}'", f"'{part}' is not in the recipe", "see the recipe's sections")


def toml_value(text: str) -> Any:
    """Return the TOML value that ``text`` is, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
