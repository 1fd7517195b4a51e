"""Laws of containers: what is said comes at the time of a player, whatever gap there is; tracks can be chosen."""

import fractions
from pathlib import Path

import av
import numpy as np
import pytest

from emobridge.audio.source import open_source
from emobridge.errors import AudioError

RATE_HZ = 48_000
TONE_HZ = 1000
NEAR_S = 0.05


def write(path: Path, starts_s: list[float], tracks: int = 1) -> None:
    """Write Opus packets of tones of 2 s, which start at these times and leave gaps between them."""
    tone = 0.3 * np.sin(2 * np.pi * TONE_HZ * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libopus", rate=RATE_HZ, layout="mono") for _ in range(tracks)]
        for stream in streams:
            packets, pts = [], 0
            for start in range(0, len(tone) * len(starts_s), 960):
                block = np.resize(tone, len(tone) * len(starts_s))[start : start + 960]
                frame = av.AudioFrame.from_ndarray(block[None], "flt", "mono")
                frame.rate, frame.pts, frame.time_base = RATE_HZ, pts, fractions.Fraction(1, RATE_HZ)
                pts += len(block)
                packets += stream.encode(frame)
            for packet in packets + stream.encode(None):
                number = min(int(max(packet.pts * packet.time_base, 0) // 2), len(starts_s) - 1)
                packet.pts += int((starts_s[number] - 2 * number) / packet.time_base)
                packet.dts = packet.pts
                container.mux(packet)


def onsets_s(path: Path, track: int | None = None) -> tuple[list[float], tuple[str, ...]]:
    """Return when sound begins, after half a second of none, and what is odd about the recording."""
    source = open_source(path, track=track)
    sound = np.concatenate(list(source.blocks(16_000, None)))
    loud = np.abs(sound[: len(sound) // 160 * 160]).reshape(-1, 160).max(axis=1) > 0.1
    padded = np.concatenate([np.zeros(50, bool), loud])
    begins = [place for place in np.flatnonzero(loud) if not padded[place : place + 50].any()]
    return [place / 100 for place in begins], tuple(source.warnings)


@pytest.mark.parametrize("extension", ["webm", "mka"])
@pytest.mark.parametrize("starts_s", [[0.0, 6.0], [0.0, 3.5, 12.0]])
def test_gaps_of_a_container_are_silence(tmp_path: Path, extension: str, starts_s: list[float]) -> None:
    write(tmp_path / f"a.{extension}", starts_s)
    found, _ = onsets_s(tmp_path / f"a.{extension}")
    assert found == pytest.approx(starts_s, abs=NEAR_S)


def test_a_leap_of_hours_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.webm", [0.0, 36_000.0])
    with pytest.raises(AudioError, match=r"damaged or cut short after 4\.0 s"):
        onsets_s(tmp_path / "a.webm")


def test_other_tracks_are_told_and_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path / "a.mka", [0.0, 6.0], tracks=2)
    _, warnings = onsets_s(tmp_path / "a.mka")
    assert any("2 audio tracks" in warning for warning in warnings)
    assert onsets_s(tmp_path / "a.mka", track=2)[1] == ()
    with pytest.raises(AudioError, match="track"):
        onsets_s(tmp_path / "a.mka", track=3)
