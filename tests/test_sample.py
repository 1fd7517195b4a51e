"""The packaged recording: what its page says of it is so."""

import hashlib
import json
import re
from pathlib import Path

import soundfile

import emobridge
from emobridge.diarization import Turn
from emobridge.inference.word_alignment import place_words
from emobridge.transcripts import read_transcript

PACKAGE = Path(emobridge.__file__).parent
SAMPLE = PACKAGE / "sample" / "two_speakers.flac"
PAGE = (PACKAGE / "sample" / "ATTRIBUTION.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) s \| (\d{4})_\w+ \| \w+ \| .+? \| (.+?) \|$", PAGE, re.MULTILINE)


def test_recording_is_the_one_that_its_page_describes() -> None:
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() in PAGE
    information = soundfile.info(SAMPLE)
    assert (information.samplerate, information.channels, information.duration) == (16_000, 1, 24.0)


def test_transcript_has_one_line_for_each_clip() -> None:
    assert SAMPLE.with_suffix(".txt").read_text(encoding="utf-8").splitlines() == [text for _, _, text in ROWS]
    assert [int(start) for start, _, _ in ROWS] == [0, 4, 8, 12, 16, 20]


def test_words_fall_into_the_slots_of_their_clips() -> None:
    slots = [Turn(float(start), float(start) + 4.0) for start, _, _ in ROWS]
    placed = place_words(read_transcript(SAMPLE.with_suffix(".txt")), slots)
    assert [" ".join(word.text for word in words) for words in placed] == [text for _, _, text in ROWS]


def test_shipped_model_was_trained_without_the_speakers() -> None:
    fold = json.loads((PACKAGE / "folds" / "crema_d.json").read_text(encoding="utf-8"))["folds"][0]
    assert {speaker for _, speaker, _ in ROWS} <= set(fold["test"]["speakers"])
