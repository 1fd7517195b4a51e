"""Turns of a transcript hold its timed words, each speaker's own."""

from hypothesis import given
from hypothesis import strategies as st

from emobridge.diarization import Turn, turns_of
from emobridge.diarization.from_transcript import LONGEST_TURN_S
from emobridge.transcripts import Span, Transcript

times = st.floats(0, 60)
spans = st.builds(
    lambda start_s, length_s, name: Span("so", start_s, start_s + length_s, name),
    times,
    st.floats(0.01, 20),
    st.sampled_from([None, "A", "B"]),
)


def test_words_of_one_speaker_are_one_turn_until_a_pause_or_another_speaker() -> None:
    words = [("A", 0.0, 0.4), ("A", 0.5, 1.0), ("B", 1.1, 2.0), ("A", 2.1, 2.5), ("A", 4.0, 4.5)]
    transcript = Transcript(tuple(Span("so", start_s, end_s, name) for name, start_s, end_s in words))
    assert turns_of(transcript) == (
        Turn(0.0, 1.0, "A"),
        Turn(1.1, 2.0, "B"),
        Turn(2.1, 2.5, "A"),
        Turn(4.0, 4.5, "A"),
    )


def test_what_has_no_time_no_length_or_no_words_makes_no_turn() -> None:
    assert turns_of(Transcript((Span("so"), Span(" ", 0.0, 1.0), Span("so", 2.0, 2.0, "A")))) == ()


@given(st.lists(spans, max_size=12))
def test_every_span_lies_within_a_turn_of_its_speaker(given: list[Span]) -> None:
    turns = turns_of(Transcript(tuple(given)))
    assert [turn.start_s for turn in turns] == sorted(turn.start_s for turn in turns)
    for span in given:
        assert span.start_s is not None
        assert span.end_s is not None
        assert any(
            turn.speaker == span.speaker and turn.start_s <= span.start_s and span.end_s <= turn.end_s for turn in turns
        )
    longest_s = max([LONGEST_TURN_S, *((span.end_s or 0.0) - (span.start_s or 0.0) for span in given)])
    assert all(turn.end_s - turn.start_s <= longest_s + 1e-9 for turn in turns)
