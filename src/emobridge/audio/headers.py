"""Lengths in headers: what a file promises against what is there, and lengths that cannot be right.

A recorder that crashed, or wrote to a pipe, leaves 0 or the largest number where the length of the samples should be.
Such a file is read to its end. A header that agrees with itself and promises more than is there is another matter: the
file was copied in part.
"""

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

UNEXPLAINED_BYTES, UNEXPLAINED_SHARE = 4096, 0.01  # that may follow the samples without being a part of the format
RECORDINGS = (b"RIFF", b"RIFX", b"RF64", b"FORM")  # another recording, not a part of this one
# 0x7FFFF000 is sox, which rounds down to whole frames; the others are arecord, ffmpeg, and their roundings.
OPEN_32 = (range(0x7FFFEF00, 0x80000001), range(0xFFFFFF00, 0x100000000))
OPEN_64 = (range(2**62, 2**64),)


@dataclass(frozen=True)
class Length:
    """Where a header says how many bytes of samples there are.

    Attributes:
        start: of the samples in the file, in bytes.
        declared, held: bytes of samples by the header, and to the end of the file.
        field, form, extra: where the number stands, its `struct` format, and what it counts beside the samples.
        outer_end: where the file ends by its header; None where that does not say.
        explained: bytes after the declared samples that are further parts of the format.
    """

    start: int
    declared: int
    held: int
    field: int
    form: str
    extra: int
    outer_end: int | None
    explained: int

    @property
    def is_impossible(self) -> bool:
        """Whether the number cannot be right, so that the samples go on to the end of the file."""
        if self.declared > self.held:
            is_open = any(self.declared + self.extra in numbers for numbers in (*OPEN_32, *OPEN_64))
            return is_open or (self.outer_end is not None and self.outer_end < self.start + self.declared)
        unexplained = self.held - self.declared - self.explained
        return unexplained > (UNEXPLAINED_BYTES + UNEXPLAINED_SHARE * self.held if self.declared else 0)


@dataclass(frozen=True)
class _Chunks:
    """How a format writes chunks: a name, a size in the `struct` format ``form``, and content.

    Attributes:
        form: of the size.
        name_bytes: length of the name.
        own: bytes that the size counts beside the content.
        even: chunks begin at multiples of it.
    """

    form: str
    name_bytes: int = 4
    own: int = 0
    even: int = 2


_CAF, _W64 = _Chunks(">Q", even=1), _Chunks("<Q", 16, 24, 8)


def read_length(stream: BinaryIO) -> Length | None:  # noqa: PLR0911
    """Return the length of the samples by the header of a wav, rf64, w64, aiff, au or caf; None for anything else."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(64)
    order = ">" if head[:4] in (b".snd", b"FORM", b"RIFX") else "<"
    chunks = _Chunks(order + "I")
    try:
        if head[:4] in (b".snd", b"dns."):
            start, declared = struct.unpack_from(order + "II", head, 4)
            return Length(start, declared, max(0, size - start), 8, order + "I", 0, None, 0)
        if head[:4] == b"caff":
            return _length(stream, size, 8, _CAF, b"data", 4, None)
        if head[:4] == b"riff" and head[24:28] == b"wave":
            return _length(stream, size, 40, _W64, b"data", 0, struct.unpack_from("<Q", head, 16)[0])
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _length(stream, size, 12, chunks, b"SSND", 8, 8 + struct.unpack_from(">I", head, 4)[0])
        if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
            length = _length(stream, size, 12, chunks, b"data", 0, 8 + struct.unpack_from(order + "I", head, 4)[0])
            if length is not None and head[:4] == b"RF64" and head[12:16] == b"ds64":
                outer, declared = struct.unpack_from("<QQ", head, 20)
                explained = _explained(stream, length.start + declared, size, chunks)
                return Length(length.start, declared, length.held, 28, "<Q", 0, 8 + outer, explained)
            return length
    except struct.error:
        pass
    return None


def mended(stream: BinaryIO, length: Length) -> BinaryIO:
    """Return the file with a header that says that the samples go on to its end."""
    number = min(length.held + length.extra, 2 ** (8 * struct.calcsize(length.form)) - 1)
    return io.BufferedReader(_Mended(stream, length.field, struct.pack(length.form, number)))


def _length(
    stream: BinaryIO, size: int, first: int, chunks: _Chunks, name: bytes, extra: int, outer_end: int | None
) -> Length | None:
    """Return the length in a file of ``size`` bytes whose chunks begin at byte ``first``.

    The samples are ``extra`` bytes after the start of the chunk called ``name``.
    """
    for start, kind, content in _walk(stream, first, size, chunks):
        if kind == name:
            declared, field = max(0, content - extra), start - struct.calcsize(chunks.form)
            explained = _explained(stream, start + extra + declared, size, chunks)
            held = max(0, size - start - extra)
            return Length(start + extra, declared, held, field, chunks.form, extra + chunks.own, outer_end, explained)
    return None


def _walk(stream: BinaryIO, position: int, size: int, chunks: _Chunks) -> Iterator[tuple[int, bytes, int]]:
    """Yield (start of the content, first bytes of the name, bytes of the content) of the chunks from there on."""
    head_bytes = chunks.name_bytes + struct.calcsize(chunks.form)
    while position + head_bytes <= size:
        stream.seek(position)
        head = stream.read(head_bytes)
        content = max(0, struct.unpack_from(chunks.form, head, chunks.name_bytes)[0] - chunks.own)
        if not (head[:4].isascii() and head[:4].decode().isprintable()):
            return
        position += head_bytes
        yield position, head[:4], content
        position += content
        position += -position % chunks.even


def _explained(stream: BinaryIO, position: int, size: int, chunks: _Chunks) -> int:
    """Return how many bytes from ``position`` on are further chunks."""
    end = position
    for start, name, content in _walk(stream, position + -position % chunks.even, size, chunks):
        if name in RECORDINGS or start + content > size:
            break
        end = start + content
    return end - position


class _Mended(io.RawIOBase):
    """A file with a few other bytes at ``position``."""

    def __init__(self, stream: BinaryIO, position: int, content: bytes) -> None:
        self._stream, self._position, self._content = stream, position, content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        at = self._stream.tell()
        content = bytearray(self._stream.read(len(buffer)))
        for index, byte in enumerate(self._content, self._position - at):
            if 0 <= index < len(content):
                content[index] = byte
        buffer[: len(content)] = content
        return len(content)
