"""SRT written is read back by pysubs2 with the same times and words; nothing that was said is taken for markup."""

from collections.abc import Callable

import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result
from emobridge.writers.srt_writer import render

MARKUP = str.maketrans("<>{}", "‹›()")
PRECISION_MS = 1.0


def read(result: Result) -> list[tuple[int, int, str]]:
    subtitles = pysubs2.SSAFile.from_string(render([result]).decode(), format_="srt")
    return [(event.start, event.end, event.text) for event in subtitles]


def test_a_conversation_with_its_emotions(conversation: Result) -> None:
    assert read(conversation) == [
        (500, 4000, 'A: no, "not" ‹b›that‹/b› & --› (x)\\N[angry 0.71]'),
        (2000, 3123, "B: what?\\N[angry 0.71, low confidence, clipped]"),
        (3000, 5000, "B\\N[very sad 1.00, abstains: out of domain]"),
        (6000, 7250, "[abstains: silence]"),
    ]


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_pysubs2_reads_any_result_with_equal_values(
    odd_results: st.SearchStrategy[Result], on_one_line: Callable[[str | None], str], data: st.DataObject
) -> None:
    result = data.draw(odd_results)
    cues = read(result)
    segments = sorted(result.segments, key=lambda one: one.start_s)
    assert [cue[0] for cue in cues] == pytest.approx([1000 * one.start_s for one in segments], abs=PRECISION_MS)
    assert sorted(cue[1] for cue in cues) == pytest.approx(
        sorted(1000 * one.end_s for one in segments), abs=2 * PRECISION_MS
    )
    for segment in segments:
        words = on_one_line(segment.text).translate(MARKUP)
        assert any(words in cue[2].replace("∶", ":") for cue in cues)
        assert any((segment.category or "[") in cue[2] for cue in cues)
