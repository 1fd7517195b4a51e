"""JSON: one result is an object, several are a list of them; the shape of `Result.to_dict`."""

import json
from collections.abc import Sequence

from emobridge.results import Result


def render(results: Sequence[Result]) -> bytes:
    """Return one result as an object, none or several as a list: strict JSON (no NaN) in UTF-8, full precision."""
    values = [result.to_dict() for result in results]
    content = values[0] if len(values) == 1 else values
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
