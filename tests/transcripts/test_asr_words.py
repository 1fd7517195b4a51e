"""Recognised words become one-word spans; none is lost, those without times lie between their neighbours."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emobridge.transcripts.asr_words import RecognisedWord, spans_of


@st.composite
def segments(draw: st.DrawFn) -> list[RecognisedWord]:
    count = draw(st.integers(0, 8))
    edges = sorted(draw(st.lists(st.floats(0, 100), min_size=2 * count, max_size=2 * count)))
    words = []
    for index in range(count):
        text = draw(st.sampled_from([" ", ""])) + draw(st.text("ab'-", min_size=1, max_size=4))
        timed = draw(st.booleans())
        times = (edges[2 * index], edges[2 * index + 1]) if timed else (None, None)
        words.append(RecognisedWord(text, *times, draw(st.sampled_from([None, "A"]))))
    return words


@given(segments())
def test_no_character_is_lost_and_spans_stay_in_their_segment_and_order(words: list[RecognisedWord]) -> None:
    spans = spans_of(words, 0.0, 100.0)
    assert "".join(span.text for span in spans) == "".join(word.text.strip() for word in words)
    times = [time_s for span in spans for time_s in (span.start_s, span.end_s) if time_s is not None]
    assert len(times) == 2 * len(spans)
    assert all(0 <= time_s <= 100 for time_s in times)
    assert all(one <= other for one, other in pairwise(times))


def test_words_without_times_share_the_gap_by_their_characters() -> None:
    words = [
        RecognisedWord("in", 1.0, 2.0),
        RecognisedWord("2"),
        RecognisedWord("345", speaker="A"),
        RecognisedWord("years", 5.0, 6.0),
    ]
    spans = spans_of(words, 0.0, 10.0)
    assert [(span.text, span.start_s, span.end_s) for span in spans] == [
        ("in", 1.0, 2.0),
        ("2", 2.0, 3.0),
        ("345", 3.0, 5.0),
        ("years", 5.0, 6.0),
    ]
    assert [span.speaker for span in spans] == [None, None, "A", None]
    assert [(span.start_s, span.end_s) for span in spans_of([RecognisedWord("a"), RecognisedWord("b")], 2.0, 4.0)] == [
        (2, 3),
        (3, 4),
    ]


def test_pieces_that_whisper_writes_without_a_space_go_on_with_the_word() -> None:
    words = [
        RecognisedWord(" sixteen", 0.0, 1.0),
        RecognisedWord("-year", 1.0, 2.0),
        RecognisedWord("-old", 2.0, 2.5),
        RecognisedWord(" boy.", 3.0, 4.0),
    ]
    spans = spans_of(words, 0.0, 4.0)
    assert [(span.text, span.start_s, span.end_s) for span in spans] == [
        ("sixteen-year-old", 0.0, 2.5),
        ("boy.", 3.0, 4.0),
    ]


def test_words_that_never_carry_a_space_stay_apart() -> None:
    spans = spans_of([RecognisedWord("so", 0.0, 1.0), RecognisedWord("what", 1.0, 2.0)], 0.0, 2.0)
    assert [span.text for span in spans] == ["so", "what"]
