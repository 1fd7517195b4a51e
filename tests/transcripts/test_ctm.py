"""CTM: a word a line; channels are speakers where there are several."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.transcripts import Span, Transcript

Reading = Callable[[str, str], Transcript]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(0, 10**6),
            st.integers(0, 500),
            st.text(alphabet="abé'漢", min_size=1, max_size=5),
        )
    )
)
def test_written_words_are_read_back_in_order_of_time(reading: Reading, rows: list[tuple[str, int, int, str]]) -> None:
    rows.sort(key=lambda row: row[:2])
    lines = [f"call {row[0]} {row[1] / 100:.2f} {row[2] / 100:.2f} {row[3]} 0.99" for row in rows]
    channels = {row[0] for row in rows}
    expected = [
        (row[1] / 100, row[3], row[0] if len(channels) > 1 else None) for row in sorted(rows, key=lambda row: row[1])
    ]
    spans = reading("a.ctm", ";; made by hand\n" + "\n".join(lines) + "\n").spans
    assert [(span.start_s, span.text, span.speaker) for span in spans] == expected


def test_a_word_ends_its_duration_after_its_start(reading: Reading) -> None:
    assert reading("a.ctm", "call 1 1.50 .25 hello").spans == (Span("hello", 1.5, 1.75),)


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("call 1 0.1 0.2 a\ncall 1 0.3 b\n", 2, "has 4 fields"),
        ("call 1 zero 0.2 a\n", 1, "'zero'"),
        ("call 1 0.1 -0.2 a\n", 1, "'-0.2'"),
        ("call 1 nan 1e999 a\n", 1, "'nan'"),
        ("call 1 2.0 0.2 a\n;;\ncall 1 1.0 0.2 b\n", 3, "a word at 1 s after one at 2 s"),
        ("call 1 2.0 0.2 a\nother 1 3.0 0.2 b\n", 2, "the recording 'other', after 'call'"),
    ],
)
def test_impossible_lines_are_refused(
    complaint: Callable[[str, str], str], content: str, line: int, found: str
) -> None:
    message = complaint("a.ctm", content)
    assert f"line {line}:" in message
    assert found in message
