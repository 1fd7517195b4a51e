"""Spans have both times or none; text that is laid out over time keeps its words, their order and their shares."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript, in_order, laid_out, reads

texts = st.text(alphabet="ab é\n\t漢.", max_size=60)


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_blank_text_gives_no_spans(text: str) -> None:
    assert Transcript.from_text(text).spans == ()


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(1.0, None), (None, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_spans_with_half_or_impossible_times_are_refused(start_s: float | None, end_s: float | None) -> None:
    with pytest.raises(TranscriptError, match=f"{start_s} to {end_s} s"):
        Span("a", start_s, end_s)


@settings(deadline=None)
@given(pieces=st.lists(st.tuples(st.sampled_from([None, "A"]), texts), max_size=5), length_s=st.floats(0, 50))
def test_pieces_of_a_span_leave_each_word_where_it_was_in_the_whole(
    pieces: list[tuple[str | None, str]], length_s: float
) -> None:
    spread = laid_out(pieces, 3.0, 3.0 + length_s)
    words = [word for _, text in pieces for word in text.split()]
    alone = laid_out([(None, word) for word in words], 3.0, 3.0 + length_s)
    assert all(one.end_s == other.start_s for one, other in pairwise(spread))
    assert [word for piece in spread for word in piece.text.split()] == words
    place = 0
    for piece in spread:
        inside = alone[place : place + len(piece.text.split())]
        assert (inside[0].start_s, inside[-1].end_s) == pytest.approx((piece.start_s, piece.end_s))
        place += len(inside)


def test_spans_are_put_in_order_only_where_all_have_times() -> None:
    late, early, nowhere = Span("b", 2.0, 3.0), Span("a", 1.0, 2.0), Span("c")
    assert in_order([[late], [early]]) == (early, late)
    assert in_order([[late], [nowhere], [early]]) == (late, nowhere, early)


@pytest.mark.parametrize("language", [None, "en", "EN", "en-GB", "en_US", "eng", "English", " english "])
def test_an_english_encoder_reads_english_and_what_nobody_named(language: str | None) -> None:
    assert reads(language)


@pytest.mark.parametrize("language", ["de", "enm", "", "german", "zh-en", "nan"])
def test_an_english_encoder_steps_aside_for_other_languages(language: str) -> None:
    assert not reads(language)


def test_an_encoder_of_several_languages_reads_each() -> None:
    assert reads("de-AT", {"en", "de"})
    assert not reads("fr", {"en", "de"})
