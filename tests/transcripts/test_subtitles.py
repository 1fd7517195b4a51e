"""Cues of SubRip and WebVTT: as written, as pysubs2 reads them, strict about times."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pysubs2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary
from emobridge.transcripts import Transcript, read_transcript

Reading = Callable[[str, str], Transcript]
Complaint = Callable[[str, str], str]

words = st.text(
    alphabet=st.characters(codec="utf-8", categories=("L", "N", "Po"), exclude_characters=r"\{}&:："), max_size=6
)
texts = st.lists(words.filter(bool), max_size=5).map(" ".join)


@st.composite
def cues(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Starts and ends in milliseconds, and texts."""
    starts = sorted(draw(st.lists(st.integers(0, 350_000_000), max_size=6)))
    return [(start, start + draw(st.integers(0, 99_999)), draw(texts)) for start in starts]


def clock(milliseconds: int, sign: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{sign}{rest:03d}"


def subrip(written: list[tuple[int, int, str]], newline: str = "\n") -> str:
    blocks = [
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n"
        for number, (start, end, text) in enumerate(written, start=1)
    ]
    return "\n".join(blocks).replace("\n", newline)


def webvtt(written: list[tuple[int, int, str]]) -> str:
    blocks = [f"{clock(start, '.')} --> {clock(end, '.')} align:start\n{text}\n" for start, end, text in written]
    return "\n".join(["WEBVTT - a title\nLanguage: en\n", "NOTE --- nothing\n", *blocks])


@settings(deadline=None)
@given(written=cues(), newline=st.sampled_from(["\n", "\r\n", "\r"]))
def test_written_cues_are_read_back(reading: Reading, written: list[tuple[int, int, str]], newline: str) -> None:
    expected = [(start / 1000, end / 1000, text) for start, end, text in written if text]
    for name, content in (("a.srt", subrip(written, newline)), ("a.vtt", webvtt(written))):
        assert [(span.start_s, span.end_s, span.text) for span in reading(name, content).spans] == expected


@settings(deadline=None)
@given(written=cues())
def test_cues_are_those_that_an_independent_parser_finds(reading: Reading, written: list[tuple[int, int, str]]) -> None:
    for name, content in (("a.srt", subrip(written)), ("a.vtt", webvtt(written))):
        events = pysubs2.SSAFile.from_string(content, format_=name[2:])
        found = [(each.start / 1000, each.end / 1000, each.plaintext) for each in events if each.plaintext]
        assert [(span.start_s, span.end_s, span.text) for span in reading(name, content).spans] == found


def test_styles_are_no_words(reading: Reading) -> None:
    styled = "1\n00:00:01,000 --> 00:00:02,000 X1:40\n{\\an8}<i>I <3</i> <font color='red'>you</font>\nall\n"
    assert reading("a.srt", styled).spans[0].text == "I <3 you all"
    tagged = (
        "WEBVTT\n\nSTYLE\n::cue {}\n\nREGION\nid:a\n\nintro\n00:01.000 --> 01:02.000\n<b>Q&amp;A</b> <00:01.500>now\n"
    )
    transcript = reading("a.vtt", tagged)
    assert [(span.text, span.start_s, span.end_s) for span in transcript.spans] == [("Q&A now", 1.0, 62.0)]


def test_either_decimal_sign_and_short_fractions_are_subrip(reading: Reading) -> None:
    assert reading("a.srt", "0:00:01.5 --> 0:00:2,25\nhi\n").spans[0].end_s == 2.25


def test_voices_are_speakers_and_share_the_time_of_their_cue(reading: Reading) -> None:
    content = (
        "WEBVTT\n\n00:00.000 --> 00:10.000\n<v Mary Ann>abcd</v>\n\n"
        "00:10.000 --> 00:20.000\n<v.loud Fred>abcd\n<v Mary Ann>efgh</v> ijkl\n"
    )
    spans = reading("a.vtt", content).spans
    assert [(span.speaker, span.text) for span in spans] == [
        ("Mary Ann", "abcd"),
        ("Fred", "abcd"),
        ("Mary Ann", "efgh"),
        (None, "ijkl"),
    ]
    assert [span.start_s for span in spans] == pytest.approx([0.0, 10.0, 10 + 10 / 3, 10 + 20 / 3])
    assert spans[-1].end_s == 20.0


@pytest.mark.parametrize(("name", "header", "sign"), [("a.srt", "", ","), ("a.vtt", "WEBVTT\n\n", ".")])
def test_names_at_the_start_of_cues_are_speakers(reading: Reading, name: str, header: str, sign: str) -> None:
    texts = ["[SPEAKER_00]: Hi.\nYou.", "[SPEAKER_01]: Yes?\n- [SPEAKER_00]: Oh.", "Nobody."]
    blocks = [f"{clock(1000 * i, sign)} --> {clock(1000 * i + 1000, sign)}\n{text}\n" for i, text in enumerate(texts)]
    spans = reading(name, header + "\n".join(blocks)).spans
    assert [(span.speaker, span.text) for span in spans] == [
        ("SPEAKER_00", "Hi. You."),
        ("SPEAKER_01", "Yes?"),
        ("SPEAKER_00", "Oh."),
        (None, "Nobody."),
    ]


def test_the_header_of_webvtt_tells_the_language(reading: Reading) -> None:
    assert reading("a.vtt", "WEBVTT\nKind: captions\nLanguage: de-AT\n").language == "de-AT"
    assert reading("a.vtt", "WEBVTT\n").language is None


@pytest.mark.parametrize("blank", ["", " \n", "\t\n"])
@pytest.mark.parametrize("depth", [1, 2])
@given(
    said=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4).map(" ".join), min_size=3, max_size=9)
)
def test_captions_that_roll_up_are_read_once(reading: Reading, depth: int, blank: str, said: list[str]) -> None:
    """Each cue shows the last lines again above the new one, as live captions on the web do."""
    shown = [said[max(0, last - depth) : last + 1] for last in range(len(said))]
    cues = [
        f"{clock(1000 * index, '.')} --> {clock(1000 * index + 1000, '.')} align:start\n{blank}" + "\n".join(lines)
        for index, lines in enumerate(shown)
    ]
    assume(all(one != other for one, other in pairwise(said)))
    spans = reading("a.vtt", "WEBVTT\n\n" + "\n\n".join(cues) + "\n").spans
    assert [span.text for span in spans] == said


def test_words_that_somebody_repeats_are_all_read(reading: Reading) -> None:
    texts = ["No.", "No.", "I said no.", "Why?", "Why?", "Because."]
    blocks = [f"{clock(1000 * i, ',')} --> {clock(1000 * i + 1000, ',')}\n{text}\n" for i, text in enumerate(texts)]
    assert [span.text for span in reading("a.srt", "\n".join(blocks)).spans] == texts


def test_captions_that_grow_are_read_once(reading: Reading) -> None:
    texts = ["so", "so I<00:01.500> went", "so I<00:01.500> went home", "and slept"]
    blocks = [f"{clock(1000 * i, '.')} --> {clock(1000 * i + 1000, '.')}\n{text}\n" for i, text in enumerate(texts)]
    spans = reading("a.vtt", "WEBVTT\n\n" + "\n".join(blocks)).spans
    assert " ".join(span.text for span in spans) == "so I went home and slept"


@pytest.mark.parametrize("extension", [".srt", ".vtt"])
def test_own_cues_are_read_back_without_the_emotions(tmp_path: Path, extension: str) -> None:
    segments = (
        Segment(0.0, 1.0, "Anna", "Come [here].", "angry", {"angry": 0.71}, flags=("low_confidence", "noise")),
        Segment(1.0, 2.0, "Ben", "No.", "sad", {"sad": 0.4}),
        Segment(2.0, 3.0, "Anna", "Oh.", flags=("silence",), abstain="silence"),
        Segment(3.0, 4.0, "Ben", "Well."),
    )
    Result("a.wav", 4.0, {}, segments, {}, Summary(4.0)).save(tmp_path / f"a{extension}")
    spans = read_transcript(tmp_path / f"a{extension}").spans
    assert [(span.speaker, span.text) for span in spans] == [(each.speaker, each.text) for each in segments]


@pytest.mark.parametrize(
    ("name", "content", "line", "found"),
    [
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:03 --> 00:00:04\nb\n", 6, "no SubRip time line"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\na\n\nand more\n", 5, "'and more' is no SubRip time line"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:03,000 --> 00:00:04,000\nb\n", 5, "inside the words"),
        ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\na\n", 2, "ends at 1 s, before its start at 2 s"),
        ("a.srt", "00:00:02,000 --> 00:00:03,000\na\n\n00:00:01,000 --> 00:00:02,000\nb\n", 4, "before the one above"),
        ("a.srt", "00:00:99,000 --> 00:01:03,000\na\n", 1, "00:00:99,000"),
        ("a.vtt", "WEBVTT\n\n00:01,000 --> 00:02,000\na\n", 3, "no WebVTT time line"),
        ("a.vtt", "WEBVTT\n\nid\n00:02.000 --> 00:01.000\na\n", 4, "before its start"),
        ("a.vtt", "WEBVTT\n00:01.000 --> 00:02.000\na\n", 2, "blank line after the header"),
        ("a.vtt", "WEBVTTT\n", 1, "begins with WEBVTT"),
        ("a.vtt", "00:01.000 --> 00:02.000\na\n", 1, "begins with WEBVTT"),
    ],
)
def test_malformed_cues_are_refused_with_their_line(
    complaint: Complaint, name: str, content: str, line: int, found: str
) -> None:
    message = complaint(name, content)
    assert f"line {line}:" in message
    assert found in message
