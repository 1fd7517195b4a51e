"""The same words and times in the JSON of every recogniser and service that is known."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.transcripts import Span, Transcript
from emobridge.transcripts.json_shapes import in_seconds

Reading = Callable[[str, str], Transcript]
Said = list[tuple[str, float, float]]

texts = st.text(st.characters(codec="ascii", categories=("L",)), min_size=1, max_size=9)


@st.composite
def sentences(draw: st.DrawFn) -> Said:
    """Words with their starts and ends in seconds, one after the other, of plausible lengths."""
    said, time_ms = [], draw(st.integers(0, 3_000_000))
    for text in draw(st.lists(texts, min_size=1, max_size=5)):
        time_ms += draw(st.integers(1, 5000))
        end_ms = time_ms + len(text) * draw(st.integers(40, 150))
        said.append((text, time_ms / 1000, end_ms / 1000))
        time_ms = end_ms
    return said


def clock(time_s: float) -> str:
    seconds, milliseconds = divmod(round(1000 * time_s), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{milliseconds:03d}"


def plain(said: Said) -> str:
    return " ".join(text for text, _, _ in said)


def timed(said: Said, word: str = "word", unit: float = 1, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            word: text,
            "start": start * unit if unit == 1 else round(start * unit),
            "end": end * unit if unit == 1 else round(end * unit),
            **more,
        }
        for text, start, end in said
    ]


SHAPES: dict[str, Callable[[Said], Any]] = {
    "transformers": lambda said: {
        "text": plain(said),
        "chunks": [{"text": f" {text}", "timestamp": [start, end]} for text, start, end in said],
    },
    "whisper.cpp": lambda said: {
        "result": {"language": "en"},
        "transcription": [
            {"timestamps": {"from": clock(start), "to": clock(end)}, "text": f" {text}"} for text, start, end in said
        ],
    },
    "vosk": lambda said: {"text": plain(said), "result": timed(said, conf=1.0)},
    "vosk, one a pause": lambda said: [{"text": ""}, {"text": plain(said), "result": timed(said)}],
    "nemo": lambda said: {"text": plain(said), "timestamp": {"word": timed(said, start_offset=3)}},
    "assemblyai, words": lambda said: {
        "id": "x",
        "text": plain(said),
        "words": timed(said, "text", 1000),
        "utterances": None,
    },
    "assemblyai": lambda said: {
        "text": plain(said),
        "utterances": [{"text": plain(said), "start": 1, "end": 2, "words": timed(said, "text", 1000)}],
    },
    "elevenlabs": lambda said: {"text": plain(said), "words": timed(said, "text", type="word", speaker_id=None)},
    "deepgram": lambda said: {
        "metadata": {"duration": 9.0},
        "results": {"channels": [{"alternatives": [{"transcript": plain(said), "words": timed(said)}]}]},
    },
    "amazon": lambda said: {
        "results": {
            "transcripts": [{"transcript": plain(said)}],
            "items": [
                {
                    "type": "pronunciation",
                    "start_time": str(start),
                    "end_time": str(end),
                    "alternatives": [{"content": text}],
                }
                for text, start, end in said
            ],
        }
    },
    "google": lambda said: {
        "results": [
            {
                "alternatives": [
                    {
                        "transcript": plain(said),
                        "words": [
                            {"word": text, "startTime": f"{start}s", "endTime": f"{end}s"} for text, start, end in said
                        ],
                    }
                ]
            }
        ]
    },
    "speechmatics": lambda said: {
        "format": "2.9",
        "results": [
            {"type": "word", "start_time": start, "end_time": end, "alternatives": [{"content": text}]}
            for text, start, end in said
        ],
    },
    "rev": lambda said: {
        "monologues": [
            {
                "speaker": None,
                "elements": [{"type": "text", "value": text, "ts": start, "end_ts": end} for text, start, end in said],
            }
        ]
    },
    "azure": lambda said: {
        "phrases": [
            {
                "offsetMilliseconds": round(1000 * start),
                "durationMilliseconds": round(1000 * (end - start)),
                "text": text,
            }
            for text, start, end in said
        ]
    },
    "azure, batch": lambda said: {
        "recognizedPhrases": [
            {"offsetInTicks": start * 1e7, "durationInTicks": (end - start) * 1e7, "nBest": [{"display": text}]}
            for text, start, end in said
        ]
    },
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None)
@given(said=sentences())
def test_words_keep_their_times_in_every_shape(reading: Reading, shape: str, said: Said) -> None:
    spans = reading("a.json", json.dumps(SHAPES[shape](said))).spans
    assert [span.text for span in spans] == [text for text, _, _ in said]
    times = [time for span in spans for time in (span.start_s, span.end_s)]
    assert times == pytest.approx([time for _, start, end in said for time in (start, end)], abs=2e-3)


def test_speakers_are_those_that_services_tell() -> None:
    from emobridge.transcripts.json_shapes import segments_of

    word = {"type": "pronunciation", "start_time": "1.0", "end_time": "2.0", "alternatives": [{"content": "so"}]}
    mark = {"type": "punctuation", "alternatives": [{"content": "?"}]}
    labels = {"segments": [{"items": [{"start_time": "1.0", "speaker_label": "spk_1"}]}]}
    expected = [{"words": [{"word": "so?", "start": 1.0, "end": 2.0, "speaker": "spk_1"}]}]
    assert segments_of({"results": {"items": [word, mark], "speaker_labels": labels}}) == expected
    assert segments_of({"results": {"items": [{**word, "speaker_label": "spk_1"}, mark]}}) == expected


def test_counted_speakers_and_channels_are_named(reading: Reading) -> None:
    words = [
        {"word": "so", "start": 0.5, "end": 0.8, "speaker": 0},
        {"word": "what", "start": 1.0, "end": 1.5, "speaker": 1},
    ]
    assert [span.speaker for span in reading("a.json", json.dumps({"words": words})).spans] == [
        "speaker 0",
        "speaker 1",
    ]
    channels = [
        {
            "alternatives": [
                {"transcript": "so", "words": [{"word": "so", "punctuated_word": "So.", "start": 0.5, "end": 0.8}]}
            ]
        },
        {"alternatives": [{"transcript": ""}]},
    ]
    (span,) = reading("a.json", json.dumps({"results": {"channels": channels}})).spans
    assert span == Span("So.", 0.5, 0.8, "channel 1")


def test_a_last_chunk_without_an_end_keeps_its_start(reading: Reading) -> None:
    (span,) = reading("a.json", '{"text": "so what", "chunks": [{"timestamp": [2.0, null], "text": " so what"}]}').spans
    assert (span.start_s, span.text) == (2.0, "so what")
    assert 2.2 < (span.end_s or 0) < 3.0


@given(said=sentences())
def test_seconds_stay_and_milliseconds_become_seconds(said: Said) -> None:
    whole = [{"word": text, "start": float(round(start)), "end": float(round(end))} for text, start, end in said]
    assert in_seconds(whole) == whole
    milliseconds = [
        {"word": text, "start": round(1000.0 * start) * 1.0, "end": round(1000.0 * end) * 1.0}
        for text, start, end in said
    ]
    assert [each["start"] for each in in_seconds(milliseconds)] == [start for _, start, _ in said]


def test_overlapping_sentences_keep_their_words_together(reading: Reading) -> None:
    one, other = [("so", 1.0, 2.0), ("what", 3.0, 4.0)], [("not", 1.5, 2.5), ("now", 3.5, 4.5)]
    content = json.dumps({"segments": [{"words": timed(other)}, {"words": timed(one)}]})
    assert [span.text for span in reading("a.json", content).spans] == ["so", "what", "not", "now"]
