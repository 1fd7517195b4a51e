"""Parquet: one row a segment, several recordings in one table; the columns of `Result.to_rows`, with their types."""

import io
from collections.abc import Sequence

from emobridge.registry import load_extra
from emobridge.results import Result
from emobridge.writers.tables import is_number, table


class ParquetWriter:
    """Writes text and 64-bit floats, full precision; a missing value is null. Needs the extra ``[formats]``."""

    def render(self, results: Sequence[Result]) -> bytes:
        """Return one table; its probabilities and dimensions are those that any of the results has.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        arrow = load_extra("pyarrow", "formats")
        columns, rows = table(results)
        types = [(name, arrow.float64() if is_number(name) else arrow.string()) for name in columns]
        content = io.BytesIO()
        load_extra("pyarrow.parquet", "formats").write_table(
            arrow.Table.from_pylist(rows, schema=arrow.schema(types)), content
        )
        return content.getvalue()
