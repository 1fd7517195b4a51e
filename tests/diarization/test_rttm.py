"""RTTM is read as diarisers write it, and what is none is refused in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge.diarization import Turn, read_rttm
from emobridge.errors import TranscriptError

PYANNOTE = """SPEAKER call 1 0.008 2.430 <NA> <NA> SPEAKER_01 <NA> <NA>
SPEAKER call 1 2.100 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>
"""
NIST = """;; made by hand
SPKR-INFO call 1 <NA> <NA> <NA> unknown Anna <NA> <NA>

SPEAKER call 1 7.25 1.5 <NA> <NA> Anna <NA>
NON-SPEECH call 1 0 7 <NA> noise <NA> <NA> <NA>
speaker call 1 1 0.0 <NA> <NA> Anna <NA>
SPEAKER call 1 1 2 <NA> <NA> <NA> <NA>
"""


def written(folder: Path, text: str, name: str = "call.rttm") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_what_pyannote_writes_is_read(tmp_path: Path) -> None:
    assert read_rttm(written(tmp_path, PYANNOTE)) == (
        Turn(0.008, 2.438, "SPEAKER_01"),
        Turn(2.1, 3.1, "SPEAKER_00"),
    )


def test_other_lines_and_empty_turns_are_left_out_and_turns_come_by_start(tmp_path: Path) -> None:
    assert read_rttm(written(tmp_path, NIST)) == (Turn(1.0, 3.0), Turn(7.25, 8.75, "Anna"))


def test_of_several_recordings_the_one_that_is_named_is_read(tmp_path: Path) -> None:
    two = PYANNOTE + PYANNOTE.replace("call", "talk").replace("0.008", "1.5")
    path = written(tmp_path, two, "two.rttm")
    assert read_rttm(path, "talk")[0].start_s == 1.5
    assert read_rttm(written(tmp_path, PYANNOTE), "another") == read_rttm(written(tmp_path, PYANNOTE))
    for recording in (None, "other"):
        with pytest.raises(TranscriptError, match="it holds those of call, talk"):
            read_rttm(path, recording)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no turn; a turn is: SPEAKER"),
        ("hello there", "holds no turn"),
        ("SPEAKER call 1 0.5", "line 1 has 4 fields"),
        ("SPEAKER call 1 zero 1.0 <NA> <NA> A", "'zero' and '1.0'"),
        (PYANNOTE + "SPEAKER call 1 -3.0 1.0 <NA> <NA> A", "line 3: a turn from -3.0"),
        ("SPEAKER call 1 1.0 -1.0 <NA> <NA> A", "a turn from 1.0 to 0.0 s"),
        ("SPEAKER call 1 1.0 nan <NA> <NA> A", "a turn from 1.0 to nan s"),
    ],
)
def test_what_is_no_rttm_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(TranscriptError, match=told) as caught:
        read_rttm(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"nowhere\.rttm"):
        read_rttm(tmp_path / "nowhere.rttm")


@given(st.floats(), st.floats())
def test_a_turn_starts_in_the_recording_and_ends_after_its_start(start_s: float, end_s: float) -> None:
    if 0 <= start_s < end_s < float("inf"):
        assert Turn(start_s, end_s).end_s == end_s
    else:
        with pytest.raises(TranscriptError, match="a turn from"):
            Turn(start_s, end_s)
