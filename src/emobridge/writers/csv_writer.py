"""CSV: one row a segment, several recordings in one table; the columns of `Result.to_rows`.

Design: cells hold the data as they are. A text that starts with ``=`` is kept, since a transcript must come back equal;
a spreadsheet asks before it runs formulas from a CSV file. Lines end with CR LF (RFC 4180), so that either is quoted.
"""

import csv
import io
from collections.abc import Sequence

from emobridge.results import Result
from emobridge.writers.tables import table


def render(results: Sequence[Result]) -> bytes:
    """Return one table in UTF-8 with a header, full precision; a missing value is an empty cell."""
    columns, rows = table(results)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
