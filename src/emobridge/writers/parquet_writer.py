"""Parquet: one row a segment, several recordings in one table; the columns of `Result.to_rows`, with their types."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from emobridge.results import Result
from emobridge.utils.extras import load_extra
from emobridge.writers.tables import is_number, table


def render(results: Sequence[Result]) -> bytes:
    """Return one table of text and 64-bit floats, full precision; a missing value is null.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return parquet_bytes(arrow_table(*table(results)))


def arrow_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a pyarrow table with these columns, whatever the rows lack or hold beside them.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = load_extra("pyarrow", "formats")
    types = [(name, arrow.float64() if is_number(name) else arrow.string()) for name in columns]
    return arrow.Table.from_pylist(rows, schema=arrow.schema(types))


def parquet_bytes(values: Any) -> bytes:
    """Return the content of one Parquet file that holds a pyarrow table."""
    content = io.BytesIO()
    load_extra("pyarrow.parquet", "formats").write_table(values, content)
    return content.getvalue()
