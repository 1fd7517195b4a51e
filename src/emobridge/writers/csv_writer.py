"""CSV: one row a segment, several recordings in one table; the columns of `Result.to_rows`.

Design: a text that a spreadsheet would run as a formula, for it starts with ``=``, ``+``, ``-``, ``@``, a tab or a line
end, is written with an apostrophe before it, as OWASP advises; numbers and all other texts are written as they are.
Lines end with CR LF (RFC 4180), so that either is quoted.
"""

import csv
import io
from collections.abc import Sequence

from emobridge.results import Result
from emobridge.writers.tables import is_number, table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def render(results: Sequence[Result]) -> bytes:
    """Return one table in UTF-8 with a header, full precision; a missing value is an empty cell."""
    columns, rows = table(results)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: value if is_number(name) else _as_text(value) for name, value in row.items()})
    return text.getvalue().encode()


def _as_text(value: str | None) -> str | None:
    return f"'{value}" if value is not None and value.startswith(FORMULA_STARTS) else value
