"""A track of a container, decoded by PyAV, on the time line of a player."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emobridge.audio.conditioning import Samples, Warn
from emobridge.audio.refusals import check_rate, cut_short, goes_on, no_samples, no_track, undecodable
from emobridge.errors import MissingExtraError
from emobridge.utils.extras import load_extra

# Encoders pad and trim by up to about two frames; less than this is not a recording cut short.
LENGTH_TOLERANCE_S = 0.1
MAX_BEYOND_S = 0.5  # by which sound may go on after its declared end
CLOCK_TOLERANCE_S = 0.04  # clocks of containers are rounded, and those of live recordings tremble
MAX_PRIMING_S = 1.0  # of an encoder, before the time 0
MAX_OVERLAP_S = 0.5  # of packets, before the clock is set anew
MAX_SILENCE_S = 7_200.0  # in all, where the clock goes on without sound; a forged clock must not make days of it
CHUNK_VALUES = 2**18
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


def open_with_pyav(
    path: Path | bytes, stream: BinaryIO, stack: ExitStack, number: int | None, warn: Warn
) -> OpenRecording:
    """Open track ``number`` of a recording, the first where that is None.

    Raises:
        AudioError: it is no recording, or has no such track.
        MissingExtraError: PyAV is not installed.
    """
    try:
        av = load_extra("av", "media")
    except MissingExtraError:
        if _MEDIA_SIGNATURE.match(stream.read(16)):
            raise
        raise undecodable(path) from None
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
    try:
        container = stack.enter_context(av.open(stream, metadata_errors="ignore", options=options))
    except (av.FFmpegError, ValueError) as error:
        raise undecodable(path) from error
    tracks = container.streams.audio
    if not tracks:
        raise undecodable(path, "there is no sound in it")
    if number is not None and not 1 <= number <= len(tracks):
        raise no_track(path, number, len(tracks))
    if number is None and len(tracks) > 1:
        told = f"it has {len(tracks)} audio tracks ({_listed(tracks)})"
        warn(f"{told}; track 1 was read, and open_source(FILE, track=N) reads another")
    track = tracks[(number or 1) - 1]
    if track.codec_context is None or not track.channels:
        raise undecodable(path, "unknown coding")
    declared_s = _declared_s(container, track, stream)
    decoded = _Decoded(path, av, container.decode(track), _origin_s(container, track, warn), declared_s, warn)
    check_rate(path, decoded.rate_hz)
    name = f"{container.format.name}/{track.codec_context.name}"
    return OpenRecording(declared_s, decoded.rate_hz, decoded.channels, name, decoded.chunks())


class _Decoded:
    """What PyAV decodes of a track, as samples on the time line of its container.

    The rate and the channels are those of the first frame; frames that differ are converted.
    """

    def __init__(
        self,
        path: Path | bytes,
        av: Any,
        frames: Iterator[Any],
        origin_s: float | None,
        declared_s: float | None,
        warn: Warn,
    ) -> None:
        self._path, self._av, self._frames, self._warn = path, av, frames, warn
        self._origin_s, self._declared_s = origin_s, declared_s
        self._done = 0
        self._silence = MAX_SILENCE_S
        self._resampler: Any = None
        self._setup: tuple[str, str, int] | None = None
        self._first = self._next()
        if self._first is None:
            raise no_samples(path)
        self.rate_hz: int = self._first.sample_rate
        self._layout = self._first.layout
        self.channels = len(self._layout.channels)

    def chunks(self) -> Iterator[Samples]:
        """Yield the samples (N, channels).

        Raises:
            AudioError: they end before they should.
        """
        frame = self._first
        while frame is not None:
            setup = (frame.format.name, frame.layout.name, frame.sample_rate)
            if setup != self._setup:
                yield from self._converted(None)
                self._resampler = self._av.AudioResampler(format="fltp", layout=self._layout, rate=self.rate_hz)
                self._setup = setup
            late = self._late(frame)
            for start in range(0, late, CHUNK_VALUES):
                yield np.zeros((min(CHUNK_VALUES, late - start), self.channels), np.float32)
            self._done += max(0, late)
            for part in self._converted(frame):
                early, late = min(len(part), max(0, -late)), late + len(part)
                self._done -= early
                yield part[early:]
            frame = self._next()
        yield from self._converted(None)
        reached_s = self._done / self.rate_hz
        if self._declared_s is not None and self._declared_s - reached_s > LENGTH_TOLERANCE_S:
            raise cut_short(self._path, self._declared_s, reached_s)
        if self._declared_s is not None and reached_s - self._declared_s > MAX_BEYOND_S:
            raise goes_on(self._path, self._declared_s)

    def _next(self) -> Any:
        try:
            return next(self._frames, None)
        except (self._av.FFmpegError, ValueError) as error:
            reached_s = self._done / self.rate_hz if self._done else 0.0
            raise cut_short(self._path, self._declared_s or 0.0, reached_s) from error

    def _converted(self, frame: Any) -> Iterator[Samples]:
        for part in [] if self._resampler is None else self._resampler.resample(frame):
            self._done += part.samples
            yield part.to_ndarray().T

    def _late(self, frame: Any) -> int:
        """Return how many samples are missing before a frame; below 0, how many of its own come before the start."""
        if self._origin_s is None or frame.time is None:
            return 0
        late_s: float = frame.time - self._origin_s - self._done / self.rate_hz
        if abs(late_s) < CLOCK_TOLERANCE_S:
            return 0
        if self._done == 0 and -MAX_PRIMING_S < late_s < 0:
            return round(late_s * self.rate_hz)
        if 0 < late_s <= self._silence:
            self._silence -= late_s
            return round(late_s * self.rate_hz)
        if late_s > 0:
            self._warn("its clock leaps, which is not followed: times after that are counted from its samples")
        else:
            self._warn("its clock goes back, or its packets overlap: times after that are counted from its samples")
        if late_s > 0 or late_s < -MAX_OVERLAP_S:
            self._origin_s += late_s
        return 0


def _origin_s(container: Any, track: Any, warn: Warn) -> float | None:
    """Return what a container's clock shows where a player starts; None where it has no clock of its own."""
    family = container.format.name.split(",")[0]
    start_s = (container.start_time or 0) / 1e6
    if family in {"mpegts", "mpeg", "flv", "ogg"}:
        return start_s
    if family not in {"mov", "matroska", "asf", "avi"}:
        return None
    if start_s > CLOCK_TOLERANCE_S:
        warn(f"it starts {start_s:.2f} s late by its clock: times are those of the clock")
    return 0.0


def _declared_s(container: Any, track: Any, stream: BinaryIO) -> float | None:
    """Return the length by the container's header; None where that is absent or only a guess."""
    family = container.format.name.split(",")[0]
    if family == "mp3":
        frames = tagged_frames(stream)
        tagged_s = (frames or 0) * (1152 if track.rate >= 32_000 else 576) / track.rate
        known_s = (container.duration or 0) / 1e6  # without what the encoder padded; a guess where the tag is wrong
        return None if frames is None else known_s if abs(known_s - tagged_s) < MAX_BEYOND_S else tagged_s
    if family == "mov" and track.duration is not None:
        return float(((track.start_time or 0) + track.duration) * track.time_base)
    is_on_time = (track.start_time or 0) * track.time_base < CLOCK_TOLERANCE_S
    if family == "matroska" and is_on_time and (clock := track.metadata.get("DURATION")):
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return None


def _listed(tracks: Any) -> str:
    """Return the tracks of a file in words."""
    told = [(track.codec_context and track.codec_context.name, track.metadata.get("language")) for track in tracks]
    return ", ".join(" ".join([str(number), *filter(None, names)]) for number, names in enumerate(told, 1))


def tagged_frames(stream: BinaryIO) -> int | None:
    """Return how many frames an mp3 has by its tag; None without one, where decoders guess from the first bit rate."""
    position = stream.tell()
    stream.seek(0)
    head = stream.read(10)
    tag_bytes = 0
    if head[:3] == b"ID3":  # its size is four bytes of seven bits
        tag_bytes = 10 + sum(value << shift for value, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    stream.seek(tag_bytes)
    frame = stream.read(4096)
    stream.seek(position)
    start = max(frame.find(b"Xing"), frame.find(b"Info"))
    if start < 0 or len(frame) < start + 12 or not frame[start + 7] & 1:
        return None
    return int.from_bytes(frame[start + 8 : start + 12], "big")
