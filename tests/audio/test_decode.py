"""A whole recording is read whatever its container; anything else is an error in one line, never a shorter result."""

import importlib
import logging
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emobridge.audio.load import load_audio, probe
from emobridge.errors import AudioError, MissingExtraError

RATE_HZ = 16_000


def tone(rate_hz: int, duration_s: float = 1.0, hz: float = 440.0, amplitude: float = 0.5) -> NDArray[np.float32]:
    times_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def noise(samples: int, channels: int = 1) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal((samples, channels))).astype(np.float32)


def write_media(path: Path, samples: NDArray[np.float32], rate_hz: int, codec: str, **options: str) -> Path:
    """Write mono samples with PyAV."""
    with av.open(str(path), "w", options=options) as container:
        track = container.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    return path


def wav_bytes(
    data: bytes, *, channels: int = 1, rate_hz: int = RATE_HZ, bits: int = 16, declared_bytes: int | None = None
) -> bytes:
    declared_bytes = len(data) if declared_bytes is None else declared_bytes
    width = channels * bits // 8
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate_hz, rate_hz * width % 2**32, width % 2**16, bits)
    riff = struct.pack("<I", min(36 + declared_bytes, 2**32 - 1))
    return b"RIFF" + riff + b"WAVEfmt " + head + b"data" + struct.pack("<I", declared_bytes) + data


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


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
    ("name", "rate_hz", "codec"),
    [("a.m4a", 44_100, "aac"), ("a.mp4", 48_000, "aac"), ("a.webm", 48_000, "libopus"), ("a.mkv", 16_000, "pcm_f32le")],
)
def test_what_libsndfile_cannot_read_goes_through_pyav(tmp_path: Path, name: str, rate_hz: int, codec: str) -> None:
    written = tone(rate_hz, 2.0)
    path = write_media(tmp_path / name, written, rate_hz, codec)
    read = load_audio(path, sample_rate_hz=rate_hz)
    assert len(read) / rate_hz == pytest.approx(2.0, abs=0.05)
    inner = read[rate_hz // 2 : rate_hz]
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    info = probe(path)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    assert (info.sample_rate_hz, info.channels) == (rate_hz, 1)


def test_a_file_is_known_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    for name in ("Gespräch – 東京 \N{GRINNING FACE}.wav", "no extension", "flac.mp3", "wave.raw"):
        form = "FLAC" if name == "flac.mp3" else "WAV"
        with (tmp_path / name).open("wb") as stream:
            soundfile.write(stream, tone(RATE_HZ), RATE_HZ, format=form)
        if name.endswith(".raw"):
            assert probe(tmp_path / name).duration_s == pytest.approx(1.0)
        assert len(load_audio(tmp_path / name)) == RATE_HZ


NOT_RECORDINGS = {
    "text.wav": (b"Dear diary, today I felt fine.\n" * 40, "cannot be decoded"),
    "text.mp3": (b"Dear diary, today I felt fine.\n" * 40, "cannot be decoded"),
    "noise.wav": (np.random.default_rng(1).bytes(5000), "cannot be decoded"),
    "noise.m4a": (np.random.default_rng(2).bytes(5000), "cannot be decoded"),
    "zeros.flac": (bytes(5000), "cannot be decoded"),
    "notes.raw": (b"hello " * 500, "cannot be decoded"),
    "empty.wav": (b"", "is empty"),
    "half_a_header.wav": (wav_bytes(b"")[:20], "cannot be decoded"),
    "header_only.wav": (wav_bytes(b""), "holds no samples"),
    "header_of_4_gb_only.wav": (wav_bytes(b"", declared_bytes=2**32 - 2), "holds no samples"),
    "header_of_4_gb.wav": (wav_bytes(bytes(1000), declared_bytes=2**32 - 2000), "of 134217.7 s"),
    "many_channels.wav": (wav_bytes(bytes(1000), channels=65535), "Too many channels"),
    "no_channels.wav": (wav_bytes(bytes(1000), channels=0), "Channel count is zero"),
    "rate_0.wav": (wav_bytes(bytes(1000), rate_hz=0), "cannot be decoded"),
    "rate_4_ghz.wav": (wav_bytes(bytes(1000), rate_hz=2**32 - 1), "cannot be decoded"),
    "no_bits.wav": (wav_bytes(bytes(1000), bits=0), "cannot be decoded"),
}


@pytest.mark.parametrize("name", NOT_RECORDINGS)
def test_what_is_no_recording_is_refused_by_name_and_reason(tmp_path: Path, name: str) -> None:
    content, reason = NOT_RECORDINGS[name]
    (tmp_path / name).write_bytes(content)
    for call in (probe, load_audio):
        message = error_of(lambda call=call: call(tmp_path / name))
        assert name in message
        assert reason in message


def test_missing_files_folders_and_devices_are_refused(tmp_path: Path) -> None:
    for call in (probe, load_audio):
        assert "there is no file" in error_of(lambda call=call: call(tmp_path / "gone.wav"))
        assert "is a folder" in error_of(lambda call=call: call(tmp_path))
        assert "no regular file" in error_of(lambda call=call: call("/dev/null"))
        assert "cannot be opened" in error_of(lambda call=call: call(tmp_path / ("x" * 300 + ".wav")))
        assert "a\\nb" in error_of(lambda call=call: call(tmp_path / "a\nb.wav"))


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=24)
        track.width = track.height = 16
        track.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8), format="rgb24")
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    assert "there is no sound in it" in error_of(lambda: load_audio(path))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
@pytest.mark.parametrize(
    ("name", "form", "coding"),
    [
        ("a.wav", "WAV", "PCM_16"),
        ("a.wav", "RF64", "PCM_16"),
        ("a.aiff", "AIFF", "PCM_16"),
        ("a.au", "AU", "PCM_16"),
        ("a.w64", "W64", "PCM_16"),
        ("a.caf", "CAF", "PCM_16"),
        ("a.caf", "CAF", "ALAC_16"),
        ("a.flac", "FLAC", "PCM_16"),
        ("a.ogg", "OGG", "VORBIS"),
        ("a.opus", "OGG", "OPUS"),
        ("a.mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
def test_a_recording_cut_short_is_never_read_as_a_shorter_one(
    tmp_path: Path, name: str, form: str, coding: str, share: float
) -> None:
    soundfile.write(tmp_path / name, noise(RATE_HZ * 5), RATE_HZ, format=form, subtype=coding)
    assert len(load_audio(tmp_path / name)) == RATE_HZ * 5
    error_of(lambda: load_audio(cut(tmp_path / name, share)))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.m4a", "aac", {}), ("a.m4a", "aac", {"movflags": "faststart"}), ("a.webm", "libopus", {})],
)
def test_media_cut_short_is_never_read_as_a_shorter_one(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_media(tmp_path / name, tone(48_000, 5.0), 48_000, codec, **options)
    error_of(lambda: load_audio(cut(path, 0.5)))


def test_the_error_for_a_cut_recording_names_both_lengths_and_how_to_keep_the_rest(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(RATE_HZ * 10), RATE_HZ)
    message = error_of(lambda: probe(cut(tmp_path / "a.wav", 0.4)))
    assert "after 4.0 s of 10.0 s" in message
    assert "keep what is there" in message


def test_an_ogg_that_only_lacks_its_end_mark_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, noise(RATE_HZ * 5), RATE_HZ)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    with caplog.at_level(logging.WARNING, logger="emobridge"):
        assert 0 < len(load_audio(path)) <= RATE_HZ * 5
    assert "not marked as ended" in caplog.text


# The second mp3 gives a frame or two before it is found out.
@pytest.mark.parametrize(("name", "end"), [("a.mp3", "5.1 s"), ("a.ogg", "5.0 s")])
def test_recordings_joined_byte_by_byte_are_refused(tmp_path: Path, name: str, end: str) -> None:
    path = tmp_path / name
    soundfile.write(path, noise(RATE_HZ * 5), RATE_HZ)
    path.write_bytes(path.read_bytes() * 2)
    assert f"goes on after {end}" in error_of(lambda: load_audio(path))


def test_an_mp3_without_a_length_tag_is_measured_by_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    samples = np.concatenate([np.zeros(44_100 * 4, dtype=np.float32), noise(44_100 * 2)[:, 0]])
    soundfile.write(path, samples, 44_100, bitrate_mode="VARIABLE", compression_level=0.5)
    content = path.read_bytes()
    untagged = content[content.index(b"\xff\xfb", content.index(b"Xing")) :]
    id3 = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    for head in (b"", id3):
        path.write_bytes(head + untagged)
        assert soundfile.info(path).duration > 6.5  # a guess from the quiet first frame
        assert probe(path).duration_s == pytest.approx(6.0, abs=0.1)
        assert len(load_audio(path)) / RATE_HZ == pytest.approx(6.0, abs=0.1)


def streamed_flac(path: Path) -> Path:
    """Write a FLAC whose header leaves the length open, as encoders do that write to a pipe."""
    soundfile.write(path, tone(RATE_HZ, 2.0), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    return path


def test_a_flac_of_open_length_is_read_whole(tmp_path: Path) -> None:
    path = streamed_flac(tmp_path / "a.flac")
    assert probe(path).duration_s == 2.0
    np.testing.assert_allclose(load_audio(path), tone(RATE_HZ, 2.0), atol=1e-4)


@pytest.mark.parametrize("length_bytes", [0x7FFFF000, 0x7FFFEFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_of_open_length_is_read_whole(tmp_path: Path, length_bytes: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(RATE_HZ, 2.0), RATE_HZ)
    content = bytearray(path.read_bytes())
    content[40:44] = length_bytes.to_bytes(4, "little")
    path.write_bytes(content)
    assert probe(path).duration_s == 2.0
    np.testing.assert_allclose(load_audio(path), tone(RATE_HZ, 2.0), atol=1e-4)


PLAYLISTS = {
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 50004 RTP/AVP 0\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{sound}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile sound.wav\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_file_that_names_others_or_the_network_opens_neither(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("sound.wav", np.zeros(16_000, np.float32), 16_000)
    (tmp_path / name).write_text(PLAYLISTS[name].format(sound=tmp_path / "sound.wav"), encoding="utf-8")
    with pytest.raises(AudioError, match="no known format"):  # at once: nothing is waited for
        load_audio(tmp_path / name, sample_rate_hz=16_000)


def test_without_pyav_only_media_files_ask_for_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = [
        write_media(tmp_path / "a.m4a", tone(44_100), 44_100, "aac"),
        write_media(tmp_path / "a.webm", tone(48_000), 48_000, "libopus"),
        write_media(tmp_path / "a.aac", tone(44_100), 44_100, "aac"),
        streamed_flac(tmp_path / "a.flac"),
    ]
    text = tmp_path / "text.m4a"
    text.write_text("This is no sound.")
    soundfile.write(tmp_path / "a.wav", tone(RATE_HZ), RATE_HZ)

    def import_module(name: str) -> object:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    for path in media:
        with pytest.raises(MissingExtraError, match=r"pip install 'emobridge\[media\]'"):
            probe(path)
    assert "cannot be decoded" in error_of(lambda: probe(text))
    assert len(load_audio(tmp_path / "a.wav")) == RATE_HZ
