"""JSON Lines: one result a line, the shape of `Result.to_dict`; files can be joined and read line by line."""

import json
from collections.abc import Sequence

from emobridge.results import Result

# JSON may hold these as they are, but readers that split text into lines would split there.
BREAKS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


def render(results: Sequence[Result]) -> bytes:
    """Return the results in order, a line each: strict JSON (no NaN) in UTF-8, full precision."""
    lines = (json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) for result in results)
    return "".join(f"{line.translate(BREAKS)}\n" for line in lines).encode()
