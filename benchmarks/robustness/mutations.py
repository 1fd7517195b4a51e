"""What a stranger may send as a recording: bytes that were damaged, that lie, that swell, or that are something else.

Every function takes a generator of chance, which alone decides what comes out, and good recordings by format.
"""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from random import Random

from benchmarks.robustness.seeds import silence

Seeds = Mapping[str, bytes]
ODD_NUMBERS = (0, 1, 2, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
BOMB_BYTES = 32 << 20
EXTERNAL = "file:///etc/passwd"
PREFIXES = (
    b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
    b"%PDF-1.7\n1 0 obj<<>>endobj\n",
    b"<!doctype html><script>alert(1)</script>",
    b"\x7fELF\x02\x01\x01" + bytes(57),
    b"MZ" + bytes(62),
    b"#!/bin/sh\nid\n",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(9) + b"\xff\xd9",
    b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
)


def any_seed(chance: Random, seeds: Seeds) -> bytes:
    """Return a good recording in any format."""
    return seeds[chance.choice(sorted(seeds))]


def truncated(chance: Random, seeds: Seeds) -> bytes:
    """Cut off at any byte."""
    content = any_seed(chance, seeds)
    return content[: chance.randrange(len(content))]


def flipped(chance: Random, seeds: Seeds) -> bytes:
    """Some bits turned over."""
    content = bytearray(any_seed(chance, seeds))
    for _ in range(chance.choice((1, 3, 10, 100))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def flipped_head(chance: Random, seeds: Seeds) -> bytes:
    """Some of the first bytes made others."""
    content = bytearray(any_seed(chance, seeds))
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(min(96, len(content)))] = chance.randrange(256)
    return bytes(content)


def odd_numbers(chance: Random, seeds: Seeds) -> bytes:
    """Words of the header, or of anything, made the numbers at which programs err."""
    content = bytearray(any_seed(chance, seeds))
    for _ in range(chance.randint(1, 4)):
        layout = chance.choice(("<I", ">I", "<H", ">H", "<Q", ">Q"))
        size = struct.calcsize(layout)
        place = chance.randrange(min(chance.choice((96, 1024, len(content))), len(content)) - size)
        content[place : place + size] = struct.pack(layout, chance.choice(ODD_NUMBERS) & ((1 << 8 * size) - 1))
    return bytes(content)


def holed(chance: Random, seeds: Seeds) -> bytes:
    """A stretch made zeros, noise, or left out, or put in twice."""
    content = any_seed(chance, seeds)
    start, end = sorted(chance.randrange(len(content)) for _ in range(2))
    inside = chance.choice((bytes(end - start), chance.randbytes(end - start), b"", 2 * content[start:end]))
    return content[:start] + inside + content[end:]


def spliced(chance: Random, seeds: Seeds) -> bytes:
    """The head of one format and the tail of another."""
    head, tail = any_seed(chance, seeds), any_seed(chance, seeds)
    return head[: chance.randrange(len(head))] + tail[chance.randrange(len(tail)) :]


def noise(chance: Random, seeds: Seeds) -> bytes:
    """No format at all, perhaps behind the mark of one."""
    mark = any_seed(chance, seeds)[: chance.choice((0, 4, 12, 64))]
    return mark + chance.randbytes(chance.choice((0, 1, 11, 100, 5_000, 100_000)))


def lying_wav(chance: Random, seeds: Seeds) -> bytes:
    """A header that promises what is not there, or cannot be."""
    coding = chance.choice((0, 1, 1, 1, 2, 3, 6, 7, 0x11, 0x31, 0x55, 0x50, 0xFFFE, 0x9999))
    channels = chance.choice((0, 1, 2, 17, 255, 1024, 65535))
    rate_hz = chance.choice((0, 1, 3_999, 16_000, 192_000, 192_001, 2**31 - 1, 2**32 - 1))
    bits = chance.choice((0, 1, 7, 8, 16, 32, 64, 255, 65535))
    block = chance.choice((0, 1, 2, channels * bits // 8 & 0xFFFF, 65535))
    declared = chance.choice((0, 1, 48_000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1))
    layout = struct.pack("<IHHIIHH", 16, coding, channels, rate_hz, chance.choice(ODD_NUMBERS), block, bits)
    total = chance.choice((0, 36, declared & 0xFFFFFFFF, 2**32 - 1))
    return (
        b"RIFF"
        + struct.pack("<I", total)
        + b"WAVEfmt "
        + layout
        + b"data"
        + struct.pack("<I", declared)
        + seeds["wav"][44:]
    )


def lying_flac(chance: Random, seeds: Seeds) -> bytes:
    """A STREAMINFO block that declares another rate, depth, number of channels and length."""
    content = bytearray(seeds["flac"])
    rate_hz = chance.choice((0, 1, 16_000, 655_350, 2**20 - 1))
    channels, bits = chance.choice((1, 2, 8)), chance.choice((4, 8, 16, 24, 32))
    frames = chance.choice((0, 1, 24_000, 2**36 - 1, 2**35))
    packed = rate_hz << 44 | (channels - 1) << 41 | (bits - 1) << 36 | frames
    content[18:26] = packed.to_bytes(8, "big")
    return bytes(content)


def lying_mp4(chance: Random, seeds: Seeds) -> bytes:
    """Durations, counts, sizes and dimensions of the boxes made huge."""
    content = bytearray(seeds[chance.choice(("m4a", "mp4-video"))])
    for _ in range(chance.randint(1, 3)):
        box = chance.choice((b"mvhd", b"tkhd", b"mdhd", b"stts", b"stsz", b"stco", b"stsc", b"mp4a", b"mp4v", b"esds"))
        place = content.find(box)
        if place >= 0:
            start = place + 4 * chance.randint(-1, 8)
            content[start : start + 4] = struct.pack(">I", chance.choice(ODD_NUMBERS))
    return bytes(content)


def huge_picture(chance: Random, seeds: Seeds) -> bytes:
    """A picture, or a film, that declares dimensions which no memory holds."""
    side = struct.pack(">II", chance.choice(ODD_NUMBERS), chance.choice((65_535, 2**31 - 1)))
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + side + b"\x08\x06\x00\x00\x00" + chance.randbytes(64)
    webp = b"RIFF\xff\xff\xff\x7fWEBPVP8X\n\x00\x00\x00\x10\x00\x00\x00" + b"\xff" * 6 + chance.randbytes(64)
    tiff = b"II*\x00\x08\x00\x00\x00\x02\x00\x00\x01\x04\x00\x01\x00\x00\x00\xff\xff\xff\x7f" + bytes(40)
    film = bytearray(seeds["mp4-video"])
    place = film.find(b"mp4v")
    film[place + 28 : place + 32] = b"\xff\xff\xff\xff"
    return chance.choice((png, webp, tiff, bytes(film)))


def _member(name: str) -> zipfile.ZipInfo:
    """Return a place in an archive, with the same time whenever it is made."""
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


@cache
def _zeros(level: int) -> bytes:
    """Return zeros in a zip archive that is itself packed ``level`` times."""
    content = bytes(BOMB_BYTES)
    for _ in range(level):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_member("recording.wav"), content)
        content = file.getvalue()
    return content


@cache
def _zipped_zeros() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES), mtime=0)


@cache
def _long_silence() -> tuple[bytes, ...]:
    return silence(1800, 8_000, "FLAC", "PCM_16"), silence(90, 192_000, "FLAC", "PCM_16")


def bomb(chance: Random, seeds: Seeds) -> bytes:
    """Little that swells: archives of zeros, hours of silence."""
    return chance.choice((_zeros(1), _zeros(2), _zipped_zeros(), *_long_silence()))


def polyglot(chance: Random, seeds: Seeds) -> bytes:
    """A recording that is also something else."""
    content = any_seed(chance, seeds)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(_member("../../../index.html"), "<script>alert(1)</script>")
    script = b"<script>alert(document.domain)</script>"
    inside = content[:12] + b"LIST" + struct.pack("<I", len(script) + 1) + script + b"\0" + content[12:]
    return chance.choice((chance.choice(PREFIXES) + content, content + archive.getvalue(), inside, content + script))


def reference(chance: Random, seeds: Seeds) -> bytes:
    """What names other files, or hosts, for a decoder to open."""
    texts = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{EXTERNAL}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{EXTERNAL}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 50004 RTP/AVP 0\n",
        f'<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{EXTERNAL}</BaseURL></Period></MPD>',
        f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{EXTERNAL}">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
        f"[playlist]\nFile1={EXTERNAL}\nNumberOfEntries=1\n",
        ";FFMETADATA1\ntitle=x\n",
    )
    return chance.choice(texts).encode() + chance.choice((b"", bytes(64)))


# name -> what makes the content of a recording
CONTENTS: dict[str, Callable[[Random, Seeds], bytes]] = {
    "any format, whole": any_seed,
    "cut off": truncated,
    "bits turned over": flipped,
    "first bytes changed": flipped_head,
    "odd numbers": odd_numbers,
    "holes and repeats": holed,
    "two formats in one": spliced,
    "noise": noise,
    "lying wav": lying_wav,
    "lying flac": lying_flac,
    "lying mp4": lying_mp4,
    "huge dimensions": huge_picture,
    "bombs": bomb,
    "polyglots": polyglot,
    "references": reference,
}
