"""Good recordings in every format that the service reads, cut out of the packaged sample: what uploads start from."""

import io
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

import emobridge
from emobridge.audio.load import load_audio

RATE_HZ = 16_000
Samples = NDArray[np.float32]

# name -> format and subtype of libsndfile
SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-24": ("WAVEX", "PCM_24"),
    "wav-mu-law": ("WAV", "ULAW"),
    "wav-adpcm": ("WAV", "MS_ADPCM"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "ALAC_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
# name -> container and codec of FFmpeg
MEDIA = {
    "m4a": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "mka": ("matroska", "flac"),
    "adts": ("adts", "aac"),
    "ts": ("mpegts", "aac"),
    "flv": ("flv", "aac"),
    "avi": ("avi", "mp3"),
}


def seeds() -> dict[str, bytes]:
    """Return the name of each format -> a recording of a second and a half in it."""
    sound = load_audio(emobridge.sample(), sample_rate_hz=RATE_HZ)[: RATE_HZ * 3 // 2]
    found = {name: with_soundfile(sound, *kind) for name, kind in SOUNDFILE.items()}
    found |= {name: with_ffmpeg(sound, *kind) for name, kind in MEDIA.items()}
    return found | {"mp4-video": with_ffmpeg(sound, "mp4", "aac", picture_pixels=32)}


def with_soundfile(sound: Samples, format_name: str, subtype: str, rate_hz: int = RATE_HZ) -> bytes:
    """Return a file of libsndfile with samples (N,) or (N, channels)."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=format_name, subtype=subtype)
    return file.getvalue()


def with_ffmpeg(sound: Samples, container: str, codec: str, picture_pixels: int = 0) -> bytes:
    """Return a file of FFmpeg with samples (N,), and a second of grey pictures of so many pixels square."""
    file = io.BytesIO()
    output: Any
    with av.open(file, "w", format=container) as output:
        if picture_pixels:
            pictures = output.add_stream("mpeg4", rate=5)
            pictures.width = pictures.height = picture_pixels
        track = output.add_stream(codec, rate=48_000)
        track.layout = "mono"
        if picture_pixels:
            grey = np.full((picture_pixels, picture_pixels, 3), 128, np.uint8)
            frames = (av.VideoFrame.from_ndarray(grey, format="rgb24") for _ in range(5))
            _encode(output, pictures, frames)
        frame = av.AudioFrame.from_ndarray(np.repeat(sound, 3)[None], format="fltp", layout="mono")
        frame.rate, frame.pts = 48_000, 0
        converted = av.AudioResampler(format=track.codec_context.format, layout="mono", rate=48_000).resample(frame)
        _encode(output, track, converted)
    return file.getvalue()


def _encode(output: Any, track: Any, frames: Any) -> None:
    encode: Callable[[Any], Any] = track.encode
    for frame in (*frames, None):
        for packet in encode(frame):
            output.mux(packet)


def silence(seconds: float, rate_hz: int, format_name: str, subtype: str) -> bytes:
    """Return silence that takes little room until it is decoded."""
    return with_soundfile(np.zeros(round(seconds * rate_hz), np.float32), format_name, subtype, rate_hz)
