"""A recording as chunks of samples, whatever its format: libsndfile, and PyAV for what that does not know.

A recording that is cut short is an error, never a shorter result: its header (wav, aiff, flac, mp4, ...), its pages
(ogg) or its unread bytes (mp3, ogg) tell. The error says how to keep what is left. Times are those of a player: where
the clock of a container goes on without sound, there is silence.
"""

import io
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import soundfile

from emobridge.audio.conditioning import Samples, Warn
from emobridge.audio.containers import (
    CHUNK_VALUES,
    LENGTH_TOLERANCE_S,
    OpenRecording,
    open_with_pyav,
    tagged_frames,
)
from emobridge.audio.headers import Length, mended, read_length
from emobridge.audio.refusals import KEEP_THE_REST, check_rate, cut_short, goes_on, no_track, quoted, undecodable
from emobridge.errors import AudioError, MissingExtraError
from emobridge.utils.extras import load_extra

# libsndfile writes its largest count where a header leaves the length open (FLAC written to a pipe).
_OPEN_LENGTH_FRAMES = 2**62
# libsndfile's codes for "not one of mine": unknown format, unsupported coding, no MPEG frame, unimplemented.
_NOT_FOR_SOUNDFILE = frozenset({1, 4, 7, 18})
_MP3 = re.compile(rb"ID3|\xff[\xe2-\xe7\xea-\xef\xf2-\xf7\xfa-\xff]", re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_QUIETING = threading.Lock()


@contextmanager
def open_recording(
    path: Path | bytes, warn: Warn = lambda told: None, track: int | None = None
) -> Iterator[OpenRecording]:
    """Open the recording at ``path``, or one whose file's bytes are given.

    Args:
        path: the recording.
        warn: called with what is odd about it, now and while its chunks are read.
        track: the audio track to read, counted from 1; None is the first.

    Raises:
        AudioError: there is no such file or track, it is no recording, or its header is absurd or promises more than is
            there; while its chunks are read: it ends before its declared length.
        MissingExtraError: the format needs the extra [media].
    """
    with ExitStack() as stack:
        stream = stack.enter_context(_open_file(path))
        length = read_length(stream)
        if length is not None and length.is_impossible:
            warn(f"its header cannot be right that there are {length.declared} bytes of sound; it was read to its end")
            stream = stack.enter_context(mended(stream, length))
        stream.seek(0)
        source = _open_with_soundfile(path, stream, stack, length, warn)
        if source is None:
            stream.seek(0)
            source = open_with_pyav(path, stream, stack, track, warn)
        elif track not in (None, 1):
            raise no_track(path, track, 1)
        yield source


def _open_file(path: Path | bytes) -> BinaryIO:
    if isinstance(path, bytes):
        return io.BytesIO(path)
    try:
        if path.is_dir():
            raise AudioError(f"{quoted(path)} is a folder", "a recording is one file", "name a file in it")
        if _URL.match(str(path)) and not path.exists():
            raise AudioError(f"{quoted(path)} is a URL", "a recording is a file", "download it first")
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


def _open_with_soundfile(
    path: Path | bytes, stream: BinaryIO, stack: ExitStack, length: Length | None, warn: Warn
) -> OpenRecording | None:
    """Return the source, or None where the format is not one of libsndfile's, or is read better by PyAV."""
    is_mp3 = _MP3.match(stream.read(4)) is not None
    stream.seek(0)
    if is_mp3 and _has_pyav():
        return None
    try:
        with _quiet() if is_mp3 else nullcontext():
            file = stack.enter_context(soundfile.SoundFile(stream))
    except TypeError:  # soundfile takes every name in .raw for headerless samples
        return None
    except soundfile.LibsndfileError as error:
        if error.code in _NOT_FOR_SOUNDFILE:
            return None
        raise undecodable(path, error.error_string) from error
    if file.frames >= _OPEN_LENGTH_FRAMES:
        return None
    check_rate(path, file.samplerate)
    held_s = file.frames / file.samplerate
    if length is not None and not length.is_impossible and length.held:
        promised_s = held_s * length.declared / length.held
        if promised_s - held_s > LENGTH_TOLERANCE_S:
            raise cut_short(path, promised_s, held_s)
    if file.format == "OGG":
        _check_last_page(path, file.extra_info, warn)
    declared = file.format != "MP3" or tagged_frames(stream) is not None
    return OpenRecording(
        held_s if declared else None,
        file.samplerate,
        file.channels,
        f"{file.format}/{file.subtype}",
        _soundfile_chunks(path, stream, file, file.frames if declared else 0),
    )


def _soundfile_chunks(path: Path | bytes, stream: BinaryIO, file: Any, declared_frames: int) -> Iterator[Samples]:
    chunk_frames = max(1, CHUNK_VALUES // file.channels)
    done_frames = 0
    while True:
        try:
            with _quiet() if file.format == "MP3" else nullcontext():
                chunk = file.read(chunk_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise cut_short(path, declared_frames / file.samplerate, done_frames / file.samplerate) from error
        if not len(chunk):
            break
        done_frames += len(chunk)
        yield chunk
    if declared_frames - done_frames > LENGTH_TOLERANCE_S * file.samplerate:
        raise cut_short(path, declared_frames / file.samplerate, done_frames / file.samplerate)
    if file.format in {"MP3", "OGG", "FLAC"}:
        _check_read_to_the_end(path, stream, done_frames / file.samplerate)


def _check_last_page(path: Path | bytes, log: str, warn: Warn) -> None:
    if "Junk after the last page" in log:
        raise AudioError(f"{quoted(path)} ends inside an Ogg page", "a recording is whole", KEEP_THE_REST)
    if "lacks an end-of-stream bit" in log:
        warn("it is not marked as ended: a live recording, or one that was cut short")


def _check_read_to_the_end(path: Path | bytes, stream: BinaryIO, read_s: float) -> None:
    position = stream.tell()
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(position)
    if size_bytes - position > 4096 + size_bytes // 100:
        raise goes_on(path, read_s)


def _has_pyav() -> bool:
    try:
        return bool(load_extra("av", "media"))
    except MissingExtraError:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the decoder of mp3 in libsndfile prints off standard error; what others print there comes a bit later.

    It takes no option for that. PyAV, where it is installed, needs nothing of the kind.
    """
    with _QUIETING, tempfile.TemporaryFile() as printed:
        kept = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            printed.seek(0)
            os.write(2, b"".join(line for line in printed if b"mpg123" not in line))
