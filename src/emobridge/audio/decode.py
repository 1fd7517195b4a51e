"""A recording as chunks of samples, whatever its format: libsndfile, and PyAV for what that does not know.

A recording that is cut short is an error, never a shorter result: its header (wav, aiff, flac, mp4, ...), its pages
(ogg) or its unread bytes (mp3, ogg) tell. The error says how to keep what is left.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from emobridge.errors import AudioError, MissingExtraError
from emobridge.utils.extras import load_extra

MIN_SAMPLE_RATE_HZ = 4_000
MAX_SAMPLE_RATE_HZ = 192_000
# Encoders pad and trim by up to about two frames; less than this is not a recording cut short.
LENGTH_TOLERANCE_S = 0.1

logger = logging.getLogger(__name__)

_CHUNK_VALUES = 2**18
# libsndfile writes its largest count where a header leaves the length open (FLAC written to a pipe).
_OPEN_LENGTH_FRAMES = 2**62
# libsndfile's codes for "not one of mine": unknown format, unsupported coding, no MPEG frame, unimplemented.
_NOT_FOR_SOUNDFILE = frozenset({1, 4, 7, 18})
# How files start that PyAV may read: mp4 and its kin, matroska and webm, asf, aac, and codings unknown to libsndfile.
_MEDIA_SIGNATURE = re.compile(
    rb".{4}ftyp|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\xff[\xf0\xf1\xf8\xf9]"
    rb"|\x00\x00\x01\xba|FLV|#!AMR|RIFF.{4}AVI |RIFF.{4}WAVE|OggS|fLaC|caff",
    re.DOTALL,
)
# What PyAV may take a file for: containers that hold their sound themselves. Playlists and session descriptions would
# have FFmpeg open other files, or the network, in the name of whoever wrote them.
_CONTAINERS = (
    "mov,mp4,matroska,webm,asf,aac,avi,flv,mpeg,mpegts,ogg,flac,wav,w64,caf,amr,amrnb,amrwb,mp3,ape,wv,tta,ac3,eac3,"
    "dts,voc"
)
_PROMISED_BYTES = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
# What sox, arecord and ffmpeg write as the length of a wav that goes to a pipe; sox rounds down to whole frames.
_OPEN_LENGTHS_BYTES = (range(0x7FFFF000 - 0xFF, 0x80000000 + 1), range(0xFFFFFFFF, 0xFFFFFFFF + 1))
_PROMISED_FRAMES = re.compile(r"frame count \d+ does not match value from 'ds64' chunk of (\d+)")
_KEEP_THE_REST = "copy it again from its source, or keep what is there with: ffmpeg -i FILE REPAIRED.wav"

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class OpenRecording:
    """An open recording.

    Attributes:
        duration_s: length in seconds, None where the header does not hold it.
        sample_rate_hz, channels: of the file.
        format: container and coding in the decoder's words.
        chunks: its samples, once, (N, channels) float32 each.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    format: str
    chunks: Iterator[Samples]


@contextmanager
def open_recording(path: Path) -> Iterator[OpenRecording]:
    """Open the recording at ``path``.

    Raises:
        AudioError: there is no such file, it is no recording, or its header is absurd or promises more than is there;
            while its chunks are read: it ends before its declared length.
        MissingExtraError: the format needs the extra [media].
    """
    with ExitStack() as stack:
        stream = stack.enter_context(_open_file(path))
        source = _open_with_soundfile(path, stream, stack)
        if source is None:
            stream.seek(0)
            source = _open_with_pyav(path, stream, stack)
        yield source


def _open_file(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise AudioError(f"{quoted(path)} is a folder", "a recording is one file", "name a file in it")
        if not path.exists():
            raise AudioError(f"there is no file {quoted(path)}", "a recording is one file", "check the path")
        if not path.is_file():
            raise AudioError(f"{quoted(path)} is no regular file", "a recording is one file", "save it as a file first")
        if path.stat().st_size == 0:
            raise AudioError(f"{quoted(path)} is empty", "a recording holds samples", "record or copy it again")
        return path.open("rb")
    except OSError as error:
        given = f"{quoted(path)} cannot be opened ({error.strerror})"
        raise AudioError(given, "the file must be readable", "check its name and permissions") from error


def _open_with_soundfile(path: Path, stream: BinaryIO, stack: ExitStack) -> OpenRecording | None:
    """Return the source, or None where the format is not one of libsndfile's."""
    try:
        file = stack.enter_context(soundfile.SoundFile(stream))
    except TypeError:  # soundfile takes every name in .raw for headerless samples
        return None
    except soundfile.LibsndfileError as error:
        if error.code in _NOT_FOR_SOUNDFILE:
            return None
        raise _undecodable(path, error.error_string) from error
    if file.frames >= _OPEN_LENGTH_FRAMES:
        return None
    _check_rate(path, file.samplerate)
    promised_frames = _promised_frames(file.extra_info, file.frames)
    if promised_frames - file.frames > LENGTH_TOLERANCE_S * file.samplerate:
        raise _cut_short(path, promised_frames / file.samplerate, file.frames / file.samplerate)
    if file.format == "OGG":
        _check_last_page(path, file.extra_info)
    declared = file.format != "MP3" or _has_length_tag(stream)
    return OpenRecording(
        file.frames / file.samplerate if declared else None,
        file.samplerate,
        file.channels,
        f"{file.format}/{file.subtype}",
        _soundfile_chunks(path, stream, file, file.frames if declared else 0),
    )


def _soundfile_chunks(path: Path, stream: BinaryIO, file: Any, declared_frames: int) -> Iterator[Samples]:
    chunk_frames = max(1, _CHUNK_VALUES // file.channels)
    done_frames = 0
    while True:
        try:
            chunk = file.read(chunk_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _cut_short(path, declared_frames / file.samplerate, done_frames / file.samplerate) from error
        if not len(chunk):
            break
        done_frames += len(chunk)
        yield chunk
    if declared_frames - done_frames > LENGTH_TOLERANCE_S * file.samplerate:
        raise _cut_short(path, declared_frames / file.samplerate, done_frames / file.samplerate)
    if file.format in {"MP3", "OGG"}:
        _check_read_to_the_end(path, stream, done_frames / file.samplerate)


def _promised_frames(log: str, frames: int) -> int:
    """Return how many frames the header promises; libsndfile believes the file's size and only logs the difference."""
    if match := _PROMISED_FRAMES.search(log):
        return int(match[1])
    if match := _PROMISED_BYTES.search(log):
        promised_bytes, held_bytes = int(match[1]), int(match[2])
        if any(promised_bytes in lengths for lengths in _OPEN_LENGTHS_BYTES):
            return frames
        return frames * promised_bytes // max(held_bytes, 1)
    return frames


def _check_last_page(path: Path, log: str) -> None:
    if "Junk after the last page" in log:
        raise AudioError(f"{quoted(path)} ends inside an Ogg page", "a recording is whole", _KEEP_THE_REST)
    if "lacks an end-of-stream bit" in log:
        logger.warning("%s is not marked as ended: a live recording, or one that was cut short", quoted(path))


def _has_length_tag(stream: BinaryIO) -> bool:
    """Return whether an mp3 says how long it is; without a tag libsndfile guesses from the first frame's bit rate."""
    position = stream.tell()
    stream.seek(0)
    head = stream.read(10)
    tag_bytes = 0
    if head[:3] == b"ID3":  # its size is four bytes of seven bits
        tag_bytes = 10 + sum(value << shift for value, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    stream.seek(tag_bytes)
    frame = stream.read(4096)
    stream.seek(position)
    return b"Xing" in frame or b"Info" in frame


def _check_read_to_the_end(path: Path, stream: BinaryIO, read_s: float) -> None:
    size_bytes = os.fstat(stream.fileno()).st_size
    if size_bytes - stream.tell() > 4096 + size_bytes // 100:
        raise AudioError(
            f"{quoted(path)} goes on after {read_s:.1f} s, where its first part ends",
            "a recording is one part, as long as its header says",
            "join its parts properly: ffmpeg -i FILE JOINED.wav",
        )


def _open_with_pyav(path: Path, stream: BinaryIO, stack: ExitStack) -> OpenRecording:
    try:
        av = load_extra("av", "media")
    except MissingExtraError:
        if _MEDIA_SIGNATURE.match(stream.read(16)):
            raise
        raise _undecodable(path) from None
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
    try:
        container = stack.enter_context(av.open(stream, metadata_errors="ignore", options=options))
    except (av.FFmpegError, ValueError) as error:
        raise _undecodable(path) from error
    track = next(iter(container.streams.audio), None)
    if track is None:
        raise _undecodable(path, "there is no sound in it")
    if track.codec_context is None or not track.channels:
        raise _undecodable(path, "unknown coding")
    _check_rate(path, track.rate)
    resampler = av.AudioResampler(format="fltp", layout=track.layout, rate=track.rate)
    end_s = _declared_end_s(container, track)
    return OpenRecording(
        None if end_s is None else end_s - _start_s(track),
        track.rate,
        track.channels,
        f"{container.format.name}/{track.codec_context.name}",
        _pyav_chunks(path, container.decode(track), resampler.resample, (av.FFmpegError, ValueError), end_s),
    )


def _pyav_chunks(
    path: Path,
    frames: Iterator[Any],
    convert: Callable[[Any], list[Any]],
    decoding_errors: tuple[type[Exception], ...],
    declared_end_s: float | None,
) -> Iterator[Samples]:
    reached_s = 0.0
    while True:
        try:
            frame = next(frames, None)
            parts = [] if frame is None else convert(frame)
        except decoding_errors as error:
            raise _cut_short(path, declared_end_s or 0.0, reached_s) from error
        if frame is None:
            break
        reached_s = (reached_s if frame.time is None else frame.time) + frame.samples / frame.sample_rate
        for part in parts:
            yield part.to_ndarray().T
    if declared_end_s is not None and declared_end_s - reached_s > LENGTH_TOLERANCE_S:
        raise _cut_short(path, declared_end_s, reached_s)


def _declared_end_s(container: Any, track: Any) -> float | None:
    """Return when the track ends by its container's header; None where that is absent or only a guess."""
    family = container.format.name.split(",")[0]
    if family == "mov" and track.duration is not None:
        return _start_s(track) + float(track.duration * track.time_base)
    if family == "matroska" and (clock := track.metadata.get("DURATION")):
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return None


def _start_s(track: Any) -> float:
    return float((track.start_time or 0) * track.time_base)


def _check_rate(path: Path, rate_hz: int) -> None:
    if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"{quoted(path)} has a sample rate of {rate_hz} Hz")


def bad_rate(given: str) -> AudioError:
    """Return the error for a sample rate out of range."""
    valid = f"sample rates go from {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz"
    return AudioError(given, valid, "resample it: ffmpeg -i FILE -ar 16000 RESAMPLED.wav")


def _undecodable(path: Path, reason: str = "no known format") -> AudioError:
    return AudioError(
        f"{quoted(path)} cannot be decoded ({reason.rstrip('.')})",
        "a recording is wav, flac, ogg, opus, mp3, aiff, m4a, mp4, webm or the like, whole and undamaged",
        "check that it plays, or convert it: ffmpeg -i FILE CONVERTED.wav",
    )


def _cut_short(path: Path, promised_s: float, held_s: float) -> AudioError:
    promise = f" of {promised_s:.1f} s that its header promises" if promised_s else ""
    return AudioError(
        f"{quoted(path)} is damaged or cut short after {held_s:.1f} s{promise}", "a recording is whole", _KEEP_THE_REST
    )


def no_samples(path: Path) -> AudioError:
    """Return the error for a recording without samples."""
    return AudioError(f"{quoted(path)} holds no samples", "a recording has some sound in it", "record or copy it again")


def quoted(path: Path) -> str:
    """Return the path as it is shown in an error: in quotes, on one line whatever its name holds."""
    return repr(str(path))
