"""CSV: one row a segment, several recordings in one table; the columns of `Result.to_rows`.

Design: cells hold the data as they are. A text that starts with ``=`` is kept, since a transcript must come back equal;
a spreadsheet asks before it runs formulas from a CSV file. Lines end with CR LF (RFC 4180), so that either is quoted.
"""

import csv
import io
from collections.abc import Sequence

from emobridge.results import Result

FIRST = ("file", "start_s", "end_s", "speaker", "text", "category")
LAST = ("modalities", "flags", "abstain")


class CsvWriter:
    """Writes comma-separated UTF-8 with a header, full precision; a missing value is an empty cell."""

    def render(self, results: Sequence[Result]) -> bytes:
        """Return one table; its probabilities and dimensions are those that any of the results has."""
        rows = [row for result in results for row in result.to_rows()]
        names = dict.fromkeys(name for row in rows for name in row if name not in FIRST + LAST)
        probabilities = [name for name in names if name.startswith("prob_")]
        dimensions = [name for name in names if not name.startswith("prob_")]
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, [*FIRST, *probabilities, *dimensions, *LAST])
        writer.writeheader()
        writer.writerows(rows)
        return table.getvalue().encode()
