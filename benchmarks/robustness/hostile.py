"""Whole requests, as bytes on the wire, from clients that do not mean well: what is sent, in which pieces, what is due.

Some carry a recording out of `mutations`; others have a form, a name, words, options, or HTTP itself that is wrong.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote_from_bytes, urlencode

from benchmarks.robustness.mutations import BOMB_BYTES, CONTENTS, EXTERNAL, Seeds, any_seed

BOUNDARY = b"----a-part"
NAMES = (
    b"../../../../etc/passwd",
    b"..\\..\\windows\\system.ini",
    b"/etc/passwd",
    b"a\x00b.wav",
    b"call.wav\r\nX-Injected: yes",
    b"call%0d%0aX-Injected:%20yes.wav",
    b"x" * 5000 + b".wav",
    b"\xff\xfe\xed.wav",
    "\u202egnp.wav".encode(),
    "\U0001f4a5.wav".encode(),
    b"<script>alert(1)</script>.wav",
    b"$(id).wav",
    b"-rf",
    b".",
    b"..",
    b"",
    b"CON",
    b"headerless.raw",
    b"list.m3u8",
    b"%s%n%x.wav",
)
LAUGHS = "".join(f'<!ENTITY l{n} "{10 * f"&l{n - 1};"}">' for n in range(1, 9))
WORDS: dict[str, bytes] = {
    "laughs.eaf": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><ANNOTATION_DOCUMENT>&l8;</ANNOTATION_DOCUMENT>'.encode(),
    "outside.eaf": f'<!DOCTYPE x [<!ENTITY e SYSTEM "{EXTERNAL}">]><ANNOTATION_DOCUMENT A="&e;"/>'.encode(),
    "deep.json": b"[" * 100_000,
    "deep.eaf": b"<a>" * 100_000,
    "numbers.json": b'[{"start": 1e999, "end": NaN, "text": "x"}, {"start": -5, "end": 1e308, "text": "y"}]',
    "long.txt": b"angry happy " * 40_000,
    "zeros.txt": bytes(5000),
    "latin.txt": "sch\xf6n".encode("latin-1"),
    "claims.TextGrid": b'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n1\n<exists>\n999999999\n"x"\n',
    "times.srt": b"1\n99:99:99,999 --> -1:00:00,000\nx\n\n2\n00:00:00,000 --> 999999999:00:00,000\ny\n",
    "turns.rttm": b"SPEAKER x 1 nan inf <NA> <NA> a <NA> <NA>\n" * 3,
    "many.rttm": b"".join(
        b"SPEAKER x 1 %d.%03d 0.001 <NA> <NA> a <NA> <NA>\n" % divmod(n, 1000) for n in range(20_000)
    ),
    "cues.vtt": b"WEBVTT\n\n" + b"00:00.000 --> 00:01.000\n<v a>x\n\n" * 20_000,
    "unknown.exe": b"MZ",
}
OPTIONS = (
    {"channel": "-1"},
    {"channel": "99999999999999999999"},
    {"channel": "1e9"},
    {"speakers": "999999999999"},
    {"speakers": "-1"},
    {"speakers": "channels" * 500},
    {"categories": "../../../etc/passwd"},
    {"categories": "\x00"},
    {"keep": "perhaps"},
    {"name": "../../x\r\ny"},
    {"transcript": "\x00\x01"},
    {"transcript": "\U0010ffff \u202e \ud7ff" * 50},
    {"transcript": "!" * 5000},
    {"unknown": "x" * 10_000},
)


@dataclass(frozen=True)
class Upload:
    """One request.

    Attributes:
        kind: what is wrong with it.
        pieces: the bytes, in the order in which they are sent.
        pause_s: between two pieces.
        stays: whether the client waits for the answer; else it is gone when all is sent.
        is_http: whether it is HTTP at all, so that an answer is due.
    """

    kind: str
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    stays: bool = True
    is_http: bool = True


def head(path: str, kind: bytes, size: int | None, *more: bytes) -> bytes:
    """Return the head of a request for a body of a type; without a size it is to come in chunks."""
    length = b"Transfer-Encoding: chunked" if size is None else b"Content-Length: %d" % size
    lines = (
        b"POST " + path.encode() + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        b"Content-Type: " + kind,
    )
    return b"\r\n".join((*lines, length, *more)) + b"\r\n\r\n"


def part(name: bytes, content: bytes, file_name: bytes | None = None, *more: bytes) -> bytes:
    """Return a part of a form."""
    named = b"" if file_name is None else b'; filename="' + file_name + b'"'
    lines = (b"--" + BOUNDARY, b'Content-Disposition: form-data; name="' + name + b'"' + named, *more)
    return b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


def form(kind: str, body: bytes, type_: bytes = b"multipart/form-data; boundary=" + BOUNDARY) -> Upload:
    """Return the request that sends a form."""
    return Upload(kind, (head("/v1/recordings", type_, len(body)), body))


END = b"--" + BOUNDARY + b"--\r\n"


def content(kind: str, chance: Random, seeds: Seeds) -> Upload:
    """Return a mutated recording, as a form or as the body itself, under any type."""
    made = CONTENTS[kind](chance, seeds)
    if chance.random() < 0.5:
        return form(kind, part(b"recording", made, b"call.wav") + END)
    type_ = chance.choice((b"audio/wav", b"audio/mpeg", b"video/mp4", b"application/octet-stream", b"audio/x-nonsense"))
    return Upload(kind, (head("/v1/recordings?name=call.wav", type_, len(made)), made))


def name(chance: Random, seeds: Seeds) -> Upload:
    """Return a good recording under a hostile name."""
    given, sound = chance.choice(NAMES), any_seed(chance, seeds)
    if chance.random() < 0.5:
        return form("names", part(b"recording", sound, given) + END)
    return Upload("names", (head(f"/v1/recordings?name={quote_from_bytes(given)}", b"audio/wav", len(sound)), sound))


def words(chance: Random, seeds: Seeds) -> Upload:
    """Return a good recording with hostile words or turns."""
    given = chance.choice(sorted(WORDS))
    field = b"speakers" if given.endswith(".rttm") else b"transcript"
    parts = [part(b"recording", seeds["wav"], b"call.wav"), part(field, WORDS[given], given.encode())]
    return form("words and turns", b"".join(parts[chance.randint(0, 1) :]) + END)


def option(chance: Random, seeds: Seeds) -> Upload:
    """Return a good recording with an option that makes no sense."""
    given = chance.choice(OPTIONS)
    if chance.random() < 0.5:
        parts = b"".join(part(key.encode(), value.encode()) for key, value in given.items())
        return form("options", parts + part(b"recording", seeds["wav"], b"call.wav") + END)
    path = f"/v1/recordings?{urlencode(given)}"
    return Upload("options", (head(path, b"audio/wav", len(seeds["wav"])), seeds["wav"]))


def odd_form(chance: Random, seeds: Seeds) -> Upload:
    """Return a form that breaks the rules of forms."""
    sound = part(b"recording", seeds["wav"], b"call.wav")
    type_ = b"multipart/form-data; boundary=" + BOUNDARY
    bodies = (
        (sound, type_),  # without an end
        (sound[: chance.randrange(len(sound))], type_),
        (sound + END, b"multipart/form-data"),
        (sound + END, b"multipart/form-data; boundary="),
        (sound + END, b"multipart/form-data; boundary=" + b"x" * 2000),
        (sound + END, b"multipart/form-data; boundary=another"),
        (sound + END, b"multipart/mixed; boundary=" + BOUNDARY),
        (sound + sound + END, type_),
        (b"".join(part(b"x%d" % n, b"") for n in range(5000)) + END, type_),
        (part(b"x" * 100_000, b"y") + END, type_),
        (part(b"recording", b"y", b"x", *(b"X-%d: %s" % (n, b"z" * 100) for n in range(2000))) + END, type_),
        (part(b"transcript", b"happy " * 200_000) + END, type_),
        (sound.replace(b"\r\n", b"\n") + END, type_),
        (b"preamble\r\n" * 1000 + sound + END + b"epilogue" * 1000, type_),
        (part(b"recording", seeds["wav"], b"x.wav", b"Content-Transfer-Encoding: base64") + END, type_),
        (b"--" + BOUNDARY + b"\r\n\r\nno name\r\n" + END, type_),
        (part(b"recording", b"", b"") + END, type_),
        (END, type_),
        (b"", type_),
        (chance.randbytes(2000), type_),
    )
    return form("forms", *chance.choice(bodies))


def wrong_type(chance: Random, seeds: Seeds) -> Upload:
    """Return a body of another type, or coded, or said to be."""
    zipped = gzip.compress(chance.choice((seeds["wav"], bytes(BOMB_BYTES // 8))), mtime=0)
    bodies = (
        (json.dumps({"recording": "file:///etc/passwd"}).encode(), b"application/json", ()),
        (b"recording=http%3A%2F%2F127.0.0.1%2F", b"application/x-www-form-urlencoded", ()),
        (seeds["wav"], b"text/html", ()),
        (seeds["wav"], b"", ()),
        (seeds["wav"], b"audio/" + b"x" * 5000, ()),
        (seeds["wav"], b"\xff\xfe", ()),
        (zipped, b"audio/wav", (b"Content-Encoding: gzip",)),
        (zipped, b"multipart/form-data; boundary=" + BOUNDARY, (b"Content-Encoding: gzip",)),
        (seeds["wav"], b"audio/wav", (b"Accept: text/nonsense",)),
        (seeds["wav"], b"audio/wav", (b"Accept: " + b"text/csv;q=x," * 500,)),
        (seeds["wav"], b"audio/wav", (b"Prefer: wait=-1, respond-async, wait=1e99",)),
        (seeds["wav"], b"audio/wav", (b"Authorization: Bearer \xff\xfe",)),
        (seeds["wav"], b"audio/wav", (b"Origin: https://elsewhere.example",)),
    )
    sent, type_, more = chance.choice(bodies)
    return Upload("types and headers", (head("/v1/recordings", type_, len(sent), *more), sent))


def odd_http(chance: Random, seeds: Seeds) -> Upload:
    """Return what is hardly HTTP."""
    sound = seeds["wav"]
    start = b"POST /v1/recordings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: audio/wav\r\n"
    sent = chance.choice((
        chance.randbytes(2000),
        start + b"Content-Length: -5\r\n\r\n" + sound,
        start + b"Content-Length: 99999999999999999999999\r\n\r\n" + sound,
        start + b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n" + sound,
        start + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        start + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + sound,
        start + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        start + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 200) for n in range(2000)) + b"\r\n",
        start.replace(b"/v1/recordings", b"/v1/recordings?name=%00%ff" + b"a" * 100_000) + b"Content-Length: 0\r\n\r\n",
        start.replace(b"/v1/", b"/v1/../../etc/\x00") + b"Content-Length: 0\r\n\r\n",
        start.replace(b"HTTP/1.1", b"HTTP/9.9") + b"Content-Length: 0\r\n\r\n",
        start.replace(b"localhost", b"elsewhere.example") + b"Content-Length: %d\r\n\r\n" % len(sound) + sound,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ))  # fmt: skip
    return Upload("broken HTTP", (sent,), is_http=False)


def slow(chance: Random, seeds: Seeds) -> Upload:
    """Return a good recording that comes in drops, stops in the middle, or whose client goes away."""
    sound = seeds["wav"]
    start = head("/v1/recordings", b"audio/wav", len(sound))
    drops = tuple(sound[place : place + 4000] for place in range(0, len(sound), 4000))
    return chance.choice((
        Upload("slow and gone", (start, *drops), pause_s=0.05),
        Upload("slow and gone", (start, sound[:9999])),  # and no more
        Upload("slow and gone", (start[:40],), is_http=False),
        Upload("slow and gone", (start, sound[:9999]), stays=False, is_http=False),
        Upload("slow and gone", (start, sound), stays=False, is_http=False),
        Upload("slow and gone", (head("/v1/recordings", b"audio/wav", None), b"ffff\r\n" + sound[:999])),
    ))  # fmt: skip


# Each kind comes as often as it stands here.
MAKERS: tuple[Callable[[Random, Seeds], Upload], ...] = (
    *(lambda chance, seeds, kind=kind: content(kind, chance, seeds) for kind in CONTENTS),
    *(name, words, option, odd_form, wrong_type, odd_http, slow),
)


def uploads(count: int, seed: int, seeds: Seeds) -> list[Upload]:
    """Return ``count`` requests of all kinds in turn; the same seed, the same requests."""
    return [MAKERS[number % len(MAKERS)](Random(f"{seed}/{number}"), seeds) for number in range(count)]
