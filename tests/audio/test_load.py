"""Recordings of every kind become mono blocks, and joined blocks are the recording."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from emobridge.audio.load import load_audio, probe, read_blocks
from emobridge.errors import AudioError

RATE_HZ = 16_000


def tone(rate_hz: int, duration_s: float = 1.0, hz: float = 440.0, amplitude: float = 0.5) -> NDArray[np.float32]:
    times_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def noise(samples: int, channels: int = 1) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal((samples, channels))).astype(np.float32)


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(AudioError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.given
    assert caught.value.valid
    assert caught.value.remedy
    return message


@pytest.mark.parametrize(
    ("name", "form", "coding", "tolerance"),
    [
        ("a.wav", "WAV", "PCM_16", 1e-4),
        ("a.wav", "WAV", "PCM_U8", 1e-2),
        ("a.wav", "WAV", "PCM_24", 1e-6),
        ("a.wav", "WAV", "FLOAT", 0),
        ("a.wav", "WAV", "DOUBLE", 0),
        ("a.flac", "FLAC", "PCM_16", 1e-4),
        ("a.aiff", "AIFF", "PCM_16", 1e-4),
        ("a.au", "AU", "PCM_16", 1e-4),
        ("a.caf", "CAF", "PCM_16", 1e-4),
        ("a.w64", "W64", "PCM_16", 1e-4),
        ("a.ogg", "OGG", "VORBIS", 0.1),
        ("a.opus", "OGG", "OPUS", 0.1),
        ("a.mp3", "MP3", "MPEG_LAYER_III", 0.1),
    ],
)
def test_every_libsndfile_format_gives_the_samples_that_were_written(
    tmp_path: Path, name: str, form: str, coding: str, tolerance: float
) -> None:
    written = tone(RATE_HZ)
    soundfile.write(tmp_path / name, written, RATE_HZ, format=form, subtype=coding)
    read = load_audio(tmp_path / name)
    assert read.dtype == np.float32
    assert read.shape == written.shape
    assert np.sqrt(np.mean((read - written) ** 2)) <= tolerance
    info = probe(tmp_path / name)
    assert (info.duration_s, info.sample_rate_hz, info.channels) == (1.0, RATE_HZ, 1)
    assert info.format == ("mp3/mp3float" if form == "MP3" else f"{form}/{coding}")


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 11_025, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("block_s", [0.01, 0.3, 30.0])
def test_joined_blocks_equal_the_one_shot_resample(tmp_path: Path, rate_hz: int, block_s: float) -> None:
    samples = noise(rate_hz * 3 // 2)[:, 0]
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")
    blocks = list(read_blocks(tmp_path / "a.wav", block_s=block_s))
    np.testing.assert_array_equal(np.concatenate(blocks), soxr.resample(samples, rate_hz, RATE_HZ))
    assert {len(block) for block in blocks[:-1]} <= {round(block_s * RATE_HZ)}
    assert 0 < len(blocks[-1]) <= round(block_s * RATE_HZ)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.flac"])
def test_blocks_of_a_compressed_file_equal_the_whole(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, tone(RATE_HZ, 3.0), RATE_HZ)
    whole, _ = soundfile.read(tmp_path / name, dtype="float32")
    blocks = np.concatenate(list(read_blocks(tmp_path / name, block_s=0.1)))
    # PyAV's decoder of mp3 is another one than that of libsndfile.
    np.testing.assert_allclose(blocks, whole, atol=3e-6 if name == "a.mp3" else 1e-6)


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 44_100, 192_000])
def test_a_tone_keeps_its_frequency_and_its_amplitude(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate_hz, 2.0), rate_hz, subtype="FLOAT")
    inner = load_audio(tmp_path / "a.wav")[RATE_HZ // 2 : RATE_HZ // 2 + RATE_HZ]
    spectrum = 2 * np.abs(np.fft.rfft(inner)) / len(inner)
    assert np.argmax(spectrum) == 440
    assert spectrum[440] == pytest.approx(0.5, rel=1e-3)
    assert np.delete(spectrum, 440).max() < 1e-3


def test_channels_are_mixed_to_their_mean_and_one_can_be_picked(tmp_path: Path) -> None:
    samples = noise(1000, channels=8)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    assert probe(tmp_path / "a.wav").channels == 8
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav"), samples.mean(axis=1), atol=1e-7)
    for channel in range(1, 9):
        np.testing.assert_array_equal(load_audio(tmp_path / "a.wav", channel=channel), samples[:, channel - 1])
    for channel in (0, 9, -1):
        message = error_of(lambda channel=channel: load_audio(tmp_path / "a.wav", channel=channel))
        assert f"channel {channel}" in message
        assert "1 to 8" in message


def test_stereo_media_is_mixed_down_too(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    left, right = tone(RATE_HZ), np.zeros(RATE_HZ, dtype=np.float32)
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, right]), format="fltp", layout="stereo")
        frame.sample_rate = RATE_HZ
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    np.testing.assert_allclose(load_audio(path), left / 2, atol=1e-7)
    np.testing.assert_allclose(load_audio(path, channel=1), left, atol=1e-7)


def test_float_samples_beyond_full_scale_are_left_as_they_are(tmp_path: Path) -> None:
    samples = np.array([0.5, 3.0, -7.5], dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(tmp_path / "a.wav"), samples)


def test_one_sample_is_a_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.25], dtype=np.float32), RATE_HZ, subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(tmp_path / "a.wav"), [0.25])
    assert probe(tmp_path / "a.wav").duration_s == 1 / RATE_HZ


def test_memory_is_bounded_by_the_block_not_by_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "long.au"
    duration_s = 1200
    header = struct.pack(">4sIIIII", b".snd", 24, 2 * 48_000 * duration_s, 3, 48_000, 1)  # au, 16 bits
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + 2 * 48_000 * duration_s)
    tracemalloc.start()
    try:
        samples = sum(len(block) for block in read_blocks(path, block_s=5.0))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert samples == RATE_HZ * duration_s
    assert peak_bytes < 8e6  # the whole: 230 MB as it is, 77 MB at the target rate


def test_blocks_can_be_left_before_the_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(RATE_HZ * 2), RATE_HZ)
    blocks = read_blocks(tmp_path / "a.wav", block_s=0.5)
    assert len(next(blocks)) == RATE_HZ // 2
    blocks.close()  # an open file here would be a ResourceWarning, hence an error


@pytest.mark.parametrize("rate_hz", [3_999, 192_001])
def test_sample_rates_out_of_range_are_refused(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1000), rate_hz)
    for call in (probe, load_audio):
        message = error_of(lambda call=call: call(tmp_path / "a.wav"))
        assert f"{rate_hz} Hz" in message
        assert "4000 to 192000 Hz" in message
    with pytest.raises(AudioError, match=f"target rate of {rate_hz} Hz"):
        load_audio(tmp_path / "a.wav", sample_rate_hz=rate_hz)


@pytest.mark.parametrize("block_s", [0.0, -1.0, float("nan")])
def test_blocks_without_length_are_refused(tmp_path: Path, block_s: float) -> None:
    assert f"{block_s} s" in error_of(lambda: next(read_blocks(tmp_path / "a.wav", block_s=block_s)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_found_and_timed(tmp_path: Path, bad: float) -> None:
    samples = noise(RATE_HZ * 4, channels=2)
    samples[40_000, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    assert "2.500 s" in error_of(lambda: load_audio(tmp_path / "a.wav"))
    assert "2.500 s" in error_of(lambda: load_audio(tmp_path / "a.wav", channel=2))
    np.testing.assert_array_equal(load_audio(tmp_path / "a.wav", channel=1), samples[:, 0])


def test_a_recording_of_nothing_but_nan_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(1000, np.nan), RATE_HZ, subtype="DOUBLE")
    assert "0.000 s" in error_of(lambda: load_audio(tmp_path / "a.wav"))
