"""JSON Lines written is read back line by line as the same results, by any way of telling lines."""

import io
import json

import pandas
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result
from emobridge.writers.jsonl_writer import render


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_every_line_is_one_result(odd_results: st.SearchStrategy[Result], data: st.DataObject) -> None:
    results = data.draw(st.lists(odd_results, max_size=3))
    content = render(results)
    for lines in (content.split(b"\n")[:-1], content.decode().splitlines()):
        assert [Result.from_dict(json.loads(line)) for line in lines] == results


def test_pandas_reads_it(conversation: Result) -> None:
    frame = pandas.read_json(io.BytesIO(render([conversation, conversation])), lines=True)
    assert frame["file"].tolist() == [conversation.file] * 2
    assert [segment["text"] for segment in frame["segments"][1]] == [one.text for one in conversation.segments]
