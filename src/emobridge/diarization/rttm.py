"""RTTM: a line a turn, as NIST defined it and as pyannote and other diarisers write it."""

from pathlib import Path

from emobridge.diarization.turn import Turn
from emobridge.errors import TranscriptError
from emobridge.transcripts.files import lines_of, read_text

FEWEST_FIELDS = 8  # SPEAKER file channel start duration orthography subtype name; what follows may be left out
LINE = "a turn is: SPEAKER file channel start_s duration_s <NA> <NA> name <NA> <NA>"


def read_rttm(path: str | Path, recording: str | None = None) -> tuple[Turn, ...]:
    """Return the turns of an RTTM file, by start.

    Lines of other types than SPEAKER and turns without a duration are left out.

    Args:
        path: the file, UTF-8.
        recording: whose turns to read where the file holds those of several: their names in its second column.

    Raises:
        TranscriptError: the file cannot be read, a line is no turn, there is none, or it holds the turns of several
            recordings and not of this one.
    """
    path = Path(path)
    found: dict[str, list[Turn]] = {}
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        fields = line.split()
        if fields and fields[0].upper() == "SPEAKER":
            found.setdefault(fields[1] if len(fields) > 1 else "", []).extend(_turn(path, number, fields))
    names = list(found)
    if len(names) > 1 and recording not in found:
        valid = f"it holds those of {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        raise TranscriptError(
            f"{str(path)!r} holds no turns of '{recording}'", valid, "give the file of this recording"
        )
    turns = found[recording] if recording in found and recording is not None else found[names[0]] if names else []
    if not turns:
        raise TranscriptError(f"{str(path)!r} holds no turn", LINE, "check that it is an RTTM file")
    return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.end_s)))


def _turn(path: Path, number: int, fields: list[str]) -> list[Turn]:
    """Return the turn of a line, or none where it has no duration."""
    given = f"{str(path)!r}, line {number}"
    if len(fields) < FEWEST_FIELDS:
        raise TranscriptError(f"{given} has {len(fields)} fields", LINE, "write it again")
    try:
        start_s, duration_s = float(fields[3]), float(fields[4])
    except ValueError as error:
        raise TranscriptError(
            f"{given} has the times '{fields[3]}' and '{fields[4]}'", LINE, "write it again"
        ) from error
    if duration_s == 0.0:
        return []
    try:
        return [Turn(start_s, start_s + duration_s, None if fields[7] == "<NA>" else fields[7])]
    except TranscriptError as error:
        raise TranscriptError(f"{given}: {error.given}", error.valid, error.remedy) from error
