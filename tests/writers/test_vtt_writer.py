"""WebVTT written is read back by webvtt-py with the same times, words and voices; every flag is a class and a word."""

import html
import re
from collections.abc import Callable

import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result
from emobridge.writers.vtt_writer import render

PRECISION_S = 1.01e-3


def read(result: Result) -> list[webvtt.Caption]:
    return list(webvtt.from_string(render([result]).decode()))


def seconds(time: str) -> float:
    hours, minutes, rest = time.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def test_a_conversation_with_its_emotions(conversation: Result) -> None:
    first, second, third, last = read(conversation)
    assert (first.start, first.end, first.voice) == ("00:00:00.500", "00:00:04.000", "A")
    assert html.unescape(first.text) == 'no, "not" <b>that</b> & --> {x}\n[angry 0.71]'
    assert second.raw_text == (
        "<v B>what?\n<c.angry.low_confidence.clipped>[angry 0.71, low confidence, clipped]</c></v>"
    )
    assert "<c.very_sad.out_of_domain.abstains>" in third.raw_text
    assert (last.voice, last.text) == (None, "[abstains: silence]")


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_webvtt_reads_any_result_with_equal_values(
    odd_results: st.SearchStrategy[Result], on_one_line: Callable[[str | None], str], data: st.DataObject
) -> None:
    result = data.draw(odd_results)
    cues = read(result)
    for times, expected in (
        ([cue.start for cue in cues], [one.start_s for one in result.segments]),
        ([cue.end for cue in cues], [one.end_s for one in result.segments]),
    ):
        assert sorted(map(seconds, times)) == pytest.approx(sorted(expected), abs=PRECISION_S)
    words = ["".join(html.unescape(re.sub(r"<[^>]*>", "", cue.raw_text)).split("\n")[:-1]) for cue in cues]
    assert sorted(words) == sorted(on_one_line(one.text) for one in result.segments)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_markup_is_only_what_was_written_as_markup(odd_results: st.SearchStrategy[Result], data: st.DataObject) -> None:
    content = render([data.draw(odd_results)]).decode()
    assert all(re.fullmatch(r"<(v [^<>\n]+|/v|c[\w.-]*|/c)>", tag) for tag in re.findall(r"<[^>]*>", content))
    assert all(re.fullmatch(r"[\d:.]+ --> [\d:.]+", line) for line in content.split("\n") if "-->" in line)
