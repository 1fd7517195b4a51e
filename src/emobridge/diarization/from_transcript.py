"""Turns from the times and speakers that a transcript has."""

from emobridge.diarization.turn import Turn
from emobridge.transcripts.base import Transcript

SAME_TURN_PAUSE_S = 0.8  # words of one speaker with less between them are one turn: recognisers pause at every comma
LONGEST_TURN_S = 12.0  # a turn that is as long takes no more words in


def turns_of(transcript: Transcript) -> tuple[Turn, ...]:
    """Return the turns behind the spans that have times, by start; spans of one word each are put together.

    Consecutive spans of one speaker, or of nobody known, are one turn where little lies between them.
    """
    turns: list[Turn] = []
    for span in sorted(transcript.spans, key=lambda span: span.start_s or 0.0):
        if span.start_s is None or span.end_s is None or not span.text.strip() or span.end_s <= max(span.start_s, 0.0):
            continue
        turn = Turn(max(span.start_s, 0.0), span.end_s, span.speaker)
        last = turns[-1] if turns else None
        if (
            last is not None
            and last.speaker == turn.speaker
            and turn.start_s - last.end_s < SAME_TURN_PAUSE_S
            and max(last.end_s, turn.end_s) - last.start_s <= LONGEST_TURN_S
        ):
            turns[-1] = Turn(last.start_s, max(last.end_s, turn.end_s), last.speaker)
        else:
            turns.append(turn)
    return tuple(turns)
