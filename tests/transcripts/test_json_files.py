"""JSON in the shapes that Whisper and its relatives write, and a span a line."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.transcripts import Span, Transcript

Reading = Callable[[str, str], Transcript]
Complaint = Callable[[str, str], str]

OPENAI = {
    "text": " So what? No.",
    "segments": [
        {"id": 0, "seek": 0, "start": 0.0, "end": 2.0, "text": " So what?", "tokens": [1, 2], "temperature": 0.0,
         "words": [{"word": " So", "start": 0.0, "end": 0.5, "probability": 0.9},
                   {"word": " what?", "start": 0.5, "end": 2, "probability": 0.9}]},
        {"id": 1, "start": 3.0, "end": 4.0, "text": " No.", "words": []},
    ],
    "language": "en",
}  # fmt: skip
WHISPERX = {
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "In 2024.", "speaker": "SPEAKER_00",
         "words": [{"word": "In", "start": 0.0, "end": 0.5, "score": 0.9, "speaker": "SPEAKER_01"}, {"word": "2024."}]},
    ],
    "word_segments": [{"word": "In", "start": 0.0, "end": 0.5}],
    "language": "de",
}  # fmt: skip


def test_openai_whisper_gives_its_words_and_its_segments_without_words(reading: Reading) -> None:
    expected = (Span("So", 0.0, 0.5), Span("what?", 0.5, 2.0), Span("No.", 3.0, 4.0))
    for indent in (None, 1):
        assert reading("a.json", json.dumps(OPENAI, indent=indent)) == Transcript(expected, "en")


def test_faster_whisper_s_segments_may_stand_alone(reading: Reading) -> None:
    assert reading("a.json", json.dumps(OPENAI["segments"])).spans == reading("a.json", json.dumps(OPENAI)).spans
    assert reading("a.json", json.dumps(OPENAI["segments"])).language is None


def test_whisperx_s_words_keep_their_speakers_and_numbers_get_a_place(reading: Reading) -> None:
    expected = (Span("In", 0.0, 0.5, "SPEAKER_01"), Span("2024.", 0.5, 2.0, "SPEAKER_00"))
    assert reading("a.json", json.dumps(WHISPERX)) == Transcript(expected, "de")


def test_words_alone_and_text_alone_are_transcripts(reading: Reading) -> None:
    words = [{"word": "so", "start": 0, "end": 1}, {"word": "what", "start": 1.0, "end": 2.0}]
    assert reading("a.json", json.dumps({"language": "english", "words": words})) == Transcript(
        (Span("so", 0.0, 1.0), Span("what", 1.0, 2.0)), "english"
    )
    assert reading("a.json", '{"text": " hello ", "language": "en"}') == Transcript((Span("hello"),), "en")
    assert reading("a.json", '{"text": "", "segments": [], "language": "en"}') == Transcript((), "en")


def test_segments_come_in_order_of_time(reading: Reading) -> None:
    segments = [{"start": 2, "end": 3, "text": "b"}, {"start": 0, "end": 1, "text": "a"}]
    assert [span.text for span in reading("a.json", json.dumps({"segments": segments})).spans] == ["a", "b"]


@settings(deadline=None)
@given(
    written=st.lists(
        st.tuples(
            st.floats(0, 1e5),
            st.floats(0, 100),
            st.text(max_size=8).map(str.strip),
            st.sampled_from([None, "A", "B é"]),
        )
    ),
    keys=st.sampled_from([("start", "end", "text"), ("start_s", "end_s", "word")]),
)
def test_written_lines_are_read_back(
    reading: Reading, written: list[tuple[float, float, str, str | None]], keys: tuple[str, str, str]
) -> None:
    lines = [
        json.dumps({**dict(zip(keys, (start, start + length, text), strict=True)), "speaker": speaker}) + "\n\n"
        for start, length, text, speaker in written
    ]
    expected = [Span(text, start, start + length, speaker) for start, length, text, speaker in written if text]
    assert list(reading("a.jsonl", "".join(lines)).spans) == sorted(expected, key=lambda span: span.start_s or 0)


def test_lines_without_times_keep_their_order(reading: Reading) -> None:
    content = '{"text": "b", "start": 5, "end": 6}\n{"text": "a"}\n{"text": null, "start": 0, "end": 1}\n'
    assert reading("a.jsonl", content).spans == (Span("b", 5.0, 6.0), Span("a"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"segments": [\n{"start": 0,,}]}', "line 2: no JSON"),
        ('{"start": 0, "end": 1, "text": "a"}\n{"start": 1, "end": 2, "text": "b"}\n', "rename it to a.jsonl"),
        ('{"segments": [{"start": 2, "end": 1, "text": "a"}]}', "segment 1: from 2 to 1 s: times run backwards"),
        ('{"segments": [{"start": 2, "text": "a"}]}', "segment 1: one time without the other"),
        ('{"segments": [{"start": 1, "end": 2}]}', "segment 1: neither text nor word"),
        ('{"segments": [{"start": "1", "end": 2, "text": "a"}]}', "start is '\"1\"', no number"),
        ('{"segments": [{"start": true, "end": 2, "text": "a"}]}', "start is 'true', no number"),
        ('{"segments": [{"start": 1, "end": Infinity, "text": "a"}]}', "end is 'Infinity', no number"),
        ('{"segments": [{"start": 1, "end": 2, "text": 5}]}', "text is '5.0', no text"),
        ('{"segments": [{"start": 1, "end": 2, "text": "a", "speaker": 1.5}]}', "speaker is '1.5', no name"),
        ('{"segments": [{"start": 1, "end": 2, "text": "a", "words": {}}]}', "segment 1: words that are no list"),
        ('{"segments": [{"words": [{"word": "a", "start": 2, "end": 1}]}]}', "segment 1, word 1: from 2 to 1 s"),
        ('{"segments": [5]}', "segment 1: '5.0' is no object"),
        ('{"segments": 5}', "no list of segments"),
        ('{"chapters": []}', "no list of segments"),
        ('{"chunks": [{"words": 5}]}', "not in the shape that it begins as"),
        ('{"chunks": 5}', "no list of segments"),
        ('{"monologues": [{"elements": 5}]}', "not in the shape that it begins as"),
        ('{"text": "a b", "units": [{"begin": 0.3, "word": "a"}]}', "has times in a shape that is not known"),
        ('{"segments": [{"begin_s": 0.3, "text": "a"}]}', "segment 1: a time under a name that is not known"),
        ("5", "no list of segments"),
        ("[" * 100_000, "no JSON that can be read"),
    ],
)  # fmt: skip
def test_other_shapes_are_refused_with_their_place(complaint: Complaint, content: str, found: str) -> None:
    assert found in complaint("a.json", content)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"start": 0, "end": 1, "text": "a"}\nhello\n', "line 2: 'hello' is no JSON"),
        ('{"text": "a"}\n\n{"start": 3, "end": 1, "text": "a"}\n', "line 3: from 3 to 1 s: times run backwards"),
        ('{"text": "a"}\n["b"]\n', "is no object"),
        (json.dumps(OPENAI), "rename it to a.json"),
        (json.dumps(OPENAI, indent=1), "rename it to a.json"),
    ],
)
def test_lines_of_another_shape_are_refused_with_their_number(complaint: Complaint, content: str, found: str) -> None:
    assert found in complaint("a.jsonl", content)


def test_a_number_of_a_million_digits_takes_no_time(complaint: Complaint) -> None:
    started_s = time.perf_counter()
    assert "no number" in complaint("a.json", '{"segments": [{"start": ' + "1" * 10**6 + ', "end": 2, "text": "a"}]}')
    assert time.perf_counter() - started_s < 5.0
