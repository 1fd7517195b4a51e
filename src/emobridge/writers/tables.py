"""What the formats that hold tables share: the rows of several recordings under one set of columns."""

from collections.abc import Sequence
from typing import Any

from emobridge.results import Result

FIRST = ("file", "start_s", "end_s", "speaker", "text", "category")
LAST = ("modalities", "flags", "abstain")
NUMBERS = ("start_s", "end_s")


def table(results: Sequence[Result]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return (columns, rows) of all results; a row lacks the columns that its own result does not have.

    The columns are those of `Result.to_rows`; probabilities and dimensions are those that any of the results has.
    """
    rows = [row for result in results for row in result.to_rows()]
    names = dict.fromkeys(name for row in rows for name in row if name not in FIRST + LAST)
    probabilities = [name for name in names if name.startswith("prob_")]
    dimensions = [name for name in names if not name.startswith("prob_")]
    return [*FIRST, *probabilities, *dimensions, *LAST], rows


def is_number(column: str) -> bool:
    """Tell whether a column holds numbers; all others hold text."""
    return column in NUMBERS or column not in FIRST + LAST
