"""Names are taken from lines only where they are unmistakable, and no word is ever lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.transcripts.speaker_prefixes import starts_with_name, turns


@pytest.mark.parametrize(
    "lines",
    [
        ["Anna: Hi.", "Ben: Hello.", "Anna: Well."],
        ["SPEAKER_00: Hi.", "SPEAKER_01: Hello."],
        ["[Anna]: Hi.", "[Ben] : Hello."],
        ["- Anna: Hi.", "– Ben: Hello.", "Anna: Well."],
        ["Speaker 1: Hi."],
        ["INTERVIEWER: Why?", "Dr. Jones-O'Neil: Because.", "and so on", "INTERVIEWER: Oh."],
        ["王: 你好", "李： 嗨", "王: 好"],
        ["Anna:", "Ben: Hello.", "Anna: Well: no."],
    ],
)
def test_unmistakable_names_are_speakers(lines: list[str]) -> None:
    assert turns(lines)[0][0] is not None
    for line, (speaker, words) in zip(lines, turns(lines), strict=True):
        assert line.endswith(words)
        assert speaker is None or line.lstrip("-– [").startswith(speaker)
        assert ":" not in (words if speaker != "Anna" else "")


@pytest.mark.parametrize(
    "lines",
    [
        ["Note: bring tea.", "And cake."],
        ["Pros: cheap.", "Cons: ugly."],
        ["He said: no.", "He said: yes."],
        ["I said yes.", "Anna: no.", "Anna: never."],
        ["Anna: no.", "one", "two", "Anna: three", "four"],
        ["10:30 is fine.", "10:30 it is."],
        ["10: ten", "10: more"],
        ["https://example.org is it", "https://example.org again"],
        ["The very long tall Man: a", "The very long tall Man: b"],
        [],
    ],
)
def test_where_names_could_be_words_lines_stay_whole(lines: list[str]) -> None:
    assert turns(lines) == [(None, line) for line in lines]


@given(st.lists(st.text(alphabet="Ab :[]-\n1", max_size=12)))
def test_words_are_kept_whatever_the_lines(lines: list[str]) -> None:
    for line, (speaker, words) in zip(lines, turns(lines), strict=True):
        assert speaker is None or (starts_with_name(line) and line.strip().endswith(words))
        assert speaker is not None or words == line
