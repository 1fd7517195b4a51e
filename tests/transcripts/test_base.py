"""Every word of a transcript lands in exactly one window of a recording."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import TranscriptError
from emobridge.transcripts.base import Span, Transcript, in_order, laid_out, reads

times_s = st.floats(-5, 100, allow_nan=False)
texts = st.text(alphabet="ab é\n\t漢.", max_size=60)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    if draw(st.booleans()):
        return Span(draw(texts))
    start_s, end_s = sorted((draw(times_s), draw(times_s)))
    return Span(draw(texts), start_s, end_s, draw(st.sampled_from([None, "A", "B"])))


@settings(deadline=None)
@given(
    transcript=st.builds(Transcript, st.lists(spans(), max_size=6).map(tuple)),
    duration_s=st.floats(0.01, 80),
    cuts=st.lists(st.floats(0, 1), max_size=10),
)
def test_windows_that_tile_the_recording_share_out_every_word_once(
    transcript: Transcript, duration_s: float, cuts: list[float]
) -> None:
    edges_s = [0.0, *sorted(cut * duration_s for cut in cuts), duration_s]
    shared = [
        word
        for start_s, end_s in pairwise(edges_s)
        for word in transcript.words_between(start_s, end_s, duration_s).split(" ")
        if word
    ]
    assert sorted(shared) == sorted(word for span in transcript.spans for word in span.text.split())


@settings(deadline=None)
@given(text=texts, cuts=st.lists(st.floats(0, 1), max_size=10))
def test_windows_of_a_text_without_times_keep_its_order(text: str, cuts: list[float]) -> None:
    edges_s = [0.0, *sorted(cut * 7.0 for cut in cuts), 7.0]
    parts = [Transcript.from_text(text).words_between(start, end, 7.0) for start, end in pairwise(edges_s)]
    assert " ".join(part for part in parts if part) == " ".join(text.split())


def test_text_without_times_is_spread_by_its_numbers_of_characters() -> None:
    transcript = Transcript.from_text("a b c supercalifragilistic")
    assert transcript.words_between(0.0, 3.0, 10.0) == "a b c"
    assert transcript.words_between(3.0, 10.0, 10.0) == "supercalifragilistic"


def test_spans_with_times_are_cut_by_time_and_words_inside_by_share() -> None:
    transcript = Transcript((Span("one two six ten", 2.0, 6.0, "A"), Span("late", 8.0, 9.0, "B")))
    assert transcript.words_between(0.0, 2.0, 10.0) == ""
    assert transcript.words_between(2.0, 4.0, 10.0) == "one two"
    assert transcript.words_between(4.0, 8.0, 10.0) == "six ten"
    assert transcript.words_between(8.0, 10.0, 10.0) == "late"


def test_text_without_times_is_not_squeezed_by_spans_with_times() -> None:
    transcript = Transcript((Span("aa bb"), Span("mid", 4.0, 6.0), Span("cc dd")))
    assert transcript.words_between(0.0, 5.0, 10.0) == "aa bb"
    assert transcript.words_between(5.0, 10.0, 10.0) == "mid cc dd"


def test_words_beyond_the_recording_go_to_its_first_or_last_window() -> None:
    transcript = Transcript((Span("early", -3.0, -1.0), Span("late", 20.0, 30.0)))
    assert transcript.words_between(0.0, 5.0, 10.0) == "early"
    assert transcript.words_between(5.0, 10.0, 10.0) == "late"


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_blank_text_gives_no_spans_and_no_words(text: str) -> None:
    assert Transcript.from_text(text).spans == ()
    assert Transcript.from_text(text).words_between(0.0, 5.0, 5.0) == ""


def test_the_whole_text_is_the_window_of_the_whole_recording() -> None:
    assert Transcript.from_text(" I feel\nfine. ").words_between(0.0, 0.5, 0.5) == "I feel fine."


def test_transcripts_of_equal_spans_are_equal_also_after_use() -> None:
    one, other = Transcript.from_text("a b"), Transcript.from_text("a b")
    one.words_between(0.0, 1.0, 1.0)
    assert one == other
    assert hash(one) == hash(other)


def test_ten_hours_of_windows_take_seconds_not_minutes() -> None:
    transcript = Transcript.from_text("word " * 90_000)
    started_s = time.perf_counter()
    words = sum(len(transcript.words_between(5.0 * i, 5.0 * i + 5.0, 36_000.0).split()) for i in range(720))
    assert words == pytest.approx(9_000, abs=2)
    assert time.perf_counter() - started_s < 5.0


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(1.0, None), (None, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_spans_with_half_or_impossible_times_are_refused(start_s: float | None, end_s: float | None) -> None:
    with pytest.raises(TranscriptError, match=f"{start_s} to {end_s} s"):
        Span("a", start_s, end_s)


@settings(deadline=None)
@given(transcript=st.builds(Transcript, st.lists(spans(), max_size=6).map(tuple)))
def test_speakers_share_out_every_word_once_and_nobody_s_words_are_everybody_s(transcript: Transcript) -> None:
    def words(speaker: str | None) -> list[str]:
        return sorted(transcript.words_between(0.0, 50.0, 50.0, speaker).split(" "))

    def said_by(*speakers: str | None) -> list[str]:
        return sorted(word for span in transcript.spans if span.speaker in speakers for word in span.text.split())

    assert [word for word in words(None) if word] == said_by(None, "A", "B")
    assert [word for word in words("A") if word] == said_by(None, "A")
    assert [word for word in words("stranger") if word] == said_by(None)


@settings(deadline=None)
@given(pieces=st.lists(st.tuples(st.sampled_from([None, "A"]), texts), max_size=5), length_s=st.floats(0, 50))
def test_pieces_of_a_span_leave_each_word_where_it_was_in_the_whole(
    pieces: list[tuple[str | None, str]], length_s: float
) -> None:
    spread = laid_out(pieces, 3.0, 3.0 + length_s)
    whole = Transcript((Span(" ".join(text for _, text in pieces), 3.0, 3.0 + length_s),))
    assert all(one.end_s == other.start_s for one, other in pairwise(spread))
    for edge_s in (3.0 + 0.31 * length_s, 3.0 + 0.77 * length_s):
        assert Transcript(tuple(spread)).words_between(0, edge_s, 60) == whole.words_between(0, edge_s, 60)


def test_spans_are_put_in_order_only_where_all_have_times() -> None:
    late, early, nowhere = Span("b", 2.0, 3.0), Span("a", 1.0, 2.0), Span("c")
    assert in_order([late, early]) == (early, late)
    assert in_order([late, nowhere, early]) == (late, nowhere, early)


@pytest.mark.parametrize("language", [None, "en", "EN", "en-GB", "en_US", "eng", "English", " english "])
def test_an_english_encoder_reads_english_and_what_nobody_named(language: str | None) -> None:
    assert reads(language)


@pytest.mark.parametrize("language", ["de", "enm", "", "german", "zh-en", "nan"])
def test_an_english_encoder_steps_aside_for_other_languages(language: str) -> None:
    assert not reads(language)


def test_an_encoder_of_several_languages_reads_each() -> None:
    assert reads("de-AT", {"en", "de"})
    assert not reads("fr", {"en", "de"})
