"""Laws of the outline: it is the recording's own, whatever its blocks, and where there is none the reason is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emobridge.results import Result
from emobridge.visualization.sound import PEAKS, data_uri, embedded_bytes, outline

RATE_HZ = 16_000


@pytest.fixture
def recorded(call: Result, tmp_path: Path) -> Result:
    """The call with a recording of its length."""
    samples = np.random.default_rng(0).uniform(-0.2, 0.2, 6 * RATE_HZ)
    soundfile.write(tmp_path / "call.wav", samples, RATE_HZ, subtype="FLOAT")
    return replace(call, file=str(tmp_path / "call.wav"))


def test_an_outline_holds_the_extremes_of_equal_stretches(recorded: Result) -> None:
    sound = outline(recorded)
    assert sound.missing is None
    samples, _ = soundfile.read(recorded.file, dtype="float32")
    stretches = samples.reshape(300, -1)
    np.testing.assert_array_equal(sound.low, stretches.min(axis=1))
    np.testing.assert_array_equal(sound.high, stretches.max(axis=1))


def test_a_long_recording_has_no_more_peaks_than_a_page_needs(call: Result, tmp_path: Path) -> None:
    samples = np.zeros(130 * 4_000, dtype=np.int16)
    samples[100 * 4_000] = 30_000
    soundfile.write(tmp_path / "long.wav", samples, 4_000)
    sound = outline(replace(call, file=str(tmp_path / "long.wav"), duration_s=130.0))
    assert PEAKS - 10 <= len(sound.high) <= PEAKS
    assert np.argmax(sound.high) / len(sound.high) == pytest.approx(100 / 130, abs=1 / PEAKS)


def test_no_recording_is_told(call: Result) -> None:
    sound = outline(call)
    assert sound.missing == "the recording was not there when this page was written"
    assert not len(sound.low)


def test_another_recording_of_the_same_name_is_not_shown(recorded: Result) -> None:
    sound = outline(replace(recorded, duration_s=9.0))
    assert sound.missing == "the file of this name is 6.0 s long, and the recording was 9.0 s"
    assert not len(sound.low)


def test_what_cannot_be_read_is_told(recorded: Result) -> None:
    Path(recorded.file).write_text("no sound", encoding="utf-8")
    missing = outline(recorded).missing
    assert missing is not None
    assert "cannot be decoded" in missing


def test_embedded_sound_is_short_enough_and_playable_by_browsers(recorded: Result, tmp_path: Path) -> None:
    prefix, _, content = data_uri(recorded).partition(",")
    assert prefix == "data:audio/wav;base64"
    assert len(content) == embedded_bytes(recorded)
    assert embedded_bytes(replace(recorded, file=str(tmp_path / "call.aiff"))) is None
