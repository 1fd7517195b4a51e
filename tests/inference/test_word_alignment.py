"""Every word belongs to exactly one turn: by time and speaker where they are known, else in order."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.diarization import Turn
from emobridge.inference.word_alignment import place_words, spoken_times, stray_words, words_within
from emobridge.transcripts import Span, Transcript

A, B = Turn(0.0, 4.0, "A"), Turn(5.0, 9.0, "B")
times = st.floats(0, 30)
names = st.sampled_from([None, "A", "B", "C"])
spans = st.builds(
    lambda text, start_s, length_s, name, timed: (
        Span(text, start_s, start_s + length_s, name) if timed else Span(text, speaker=name)
    ),
    st.sampled_from(["so", "so happy", "i am so sad today.", "yes! no."]),
    times,
    st.floats(0, 5),
    names,
    st.booleans(),
)
turns = st.lists(
    st.builds(lambda start_s, length_s, name: Turn(start_s, start_s + length_s, name), times, st.floats(0.1, 9), names),
    min_size=1,
    max_size=6,
)


def texts(transcript: Transcript, *given: Turn) -> list[str]:
    return [" ".join(word.text for word in words) for words in place_words(transcript, given)]


@settings(deadline=None)
@given(st.lists(spans, max_size=6), turns)
def test_every_word_belongs_to_one_turn_at_a_moment_within_it(given: list[Span], known: list[Turn]) -> None:
    placed = place_words(Transcript(tuple(given)), known)
    assert sorted(word.text for words in placed for word in words) == sorted(
        word for span in given for word in span.text.split()
    )
    for turn, words in zip(known, placed, strict=True):
        assert all(turn.start_s <= word.time_s <= turn.end_s for word in words)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text("abc", min_size=1), st.integers(1, 4), times, st.floats(0.1, 9)), max_size=6))
def test_words_of_a_span_stay_together_however_spans_overlap(said: list[tuple[str, int, float, float]]) -> None:
    spans = [Span(" ".join([text] * count), start_s, start_s + length_s) for text, count, start_s, length_s in said]
    spans.sort(key=lambda span: span.start_s or 0.0)
    (words,) = place_words(Transcript(tuple(spans)), [Turn(0.0, 40.0)])
    assert " ".join(word.text for word in words) == " ".join(span.text for span in spans)
    assert all(one.time_s <= other.time_s for one, other in pairwise(words))


@given(st.lists(spans, max_size=6), st.floats(0.1, 40))
def test_what_lies_outside_of_a_recording_is_left_out_and_counted(given: list[Span], duration_s: float) -> None:
    kept, left_out = words_within(Transcript(tuple(given), "en"), duration_s)
    assert kept is not None
    assert kept.language == "en"
    assert all(span.end_s is None or 0 <= (span.start_s or 0.0) <= span.end_s <= duration_s for span in kept.spans)
    outside = [span for span in given if span.start_s is not None and span.start_s >= duration_s]
    assert left_out == sum(len(span.text.split()) for span in outside)
    assert len(kept.spans) == len(given) - len(outside)


def test_words_before_a_recording_are_outside_of_it() -> None:
    words = Transcript((Span("before", -3.0, -1.0), Span("at once", -1.0, 1.0), Span("then", 1.0, 2.0)))
    assert words_within(words, 5.0) == (Transcript((Span("at once", 0.0, 1.0), Span("then", 1.0, 2.0))), 1)
    assert words_within(None, 5.0) == (None, 0)


def test_a_word_with_a_time_belongs_to_the_turn_that_holds_it_or_to_the_nearest() -> None:
    words = Transcript((Span("in", 1.0, 2.0), Span("near", 4.1, 4.3), Span("nearer", 4.7, 4.9), Span("late", 20, 21)))
    assert texts(words, A, B) == ["in near", "nearer late"]


def test_a_word_belongs_to_its_own_speaker_even_where_another_speaks() -> None:
    both = (Turn(0.0, 6.0, "A"), Turn(2.0, 6.0, "B"))
    words = Transcript((Span("mine", 3.0, 3.2, "A"), Span("yours", 3.1, 3.3, "B"), Span("whose", 0.5, 0.6, "C")))
    assert texts(words, *both) == ["whose mine", "yours"]


def test_words_without_times_are_laid_out_over_the_turns_in_order() -> None:
    assert texts(Transcript.from_text("one two three four"), A, B) == ["one two", "three four"]
    assert texts(Transcript.from_text("so happy"), Turn(0.0, 1.0)) == ["so happy"]


def test_a_sentence_that_ends_near_the_end_of_a_turn_ends_with_it() -> None:
    words = Transcript.from_text("Maybe tomorrow it will be cold. I think I have an appointment.")
    assert texts(words, A, B) == ["Maybe tomorrow it will be cold.", "I think I have an appointment."]
    lines = Transcript((Span("maybe tomorrow it is cold"), Span("i think i have an appointment")))
    assert texts(lines, A, B) == ["maybe tomorrow it is cold", "i think i have an appointment"]


def test_without_words_or_turns_there_is_nothing_to_place() -> None:
    assert place_words(None, [A, B]) == ((), ())
    assert place_words(Transcript(), [A]) == ((),)
    assert place_words(Transcript.from_text("so"), []) == ()


def test_times_are_those_of_the_middles_of_words() -> None:
    assert spoken_times(Transcript((Span("ab cd", 1.0, 3.0), Span("none")))) == pytest.approx([1.5, 2.5])
    assert spoken_times(None) == []


def test_words_far_from_every_turn_are_counted() -> None:
    words = Transcript((Span("so", 4.4, 4.6), Span("far away", 15.0, 16.0)))
    assert stray_words(words, [A, B]) == 2
    assert stray_words(None, [A]) == stray_words(words, []) == 0


def test_only_a_word_that_has_a_span_of_its_own_has_times_of_its_own() -> None:
    words = Transcript((Span("yes", 1.0, 1.5), Span("so happy", 2.0, 3.0), Span("untimed")))
    ((yes, so, happy, untimed),) = place_words(words, [A])
    assert (yes.own_times_s, so.own_times_s, happy.own_times_s, untimed.own_times_s) == ((1.0, 1.5), None, None, None)
