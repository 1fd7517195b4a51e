"""Parquet written is read back with the same values and types."""

import dataclasses
import io

import pandas
import pyarrow.parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result
from emobridge.writers.parquet_writer import render


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_rows_come_back_equal(odd_results: st.SearchStrategy[Result], data: st.DataObject) -> None:
    results = data.draw(st.lists(odd_results, max_size=3))
    read = pyarrow.parquet.read_table(io.BytesIO(render(results)))
    rows = [row for result in results for row in result.to_rows()]
    assert read.to_pylist() == [{name: row.get(name) for name in read.column_names} for row in rows]
    assert {name for row in rows for name in row} <= set(read.column_names)


def test_types_do_not_depend_on_what_happens_to_be_missing(conversation: Result) -> None:
    unjudged = dataclasses.replace(conversation, segments=conversation.segments[-1:])
    frame = pandas.read_parquet(io.BytesIO(render([unjudged, conversation])))
    assert frame["valence"].dtype == frame["prob_angry"].dtype == frame["start_s"].dtype == "float64"
    nothing = pyarrow.parquet.read_table(io.BytesIO(render([])))
    assert [(field.name, str(field.type)) for field in nothing.schema][:4] == [
        ("file", "string"), ("start_s", "double"), ("end_s", "double"), ("speaker", "string")
    ]  # fmt: skip
