"""What a client sends, from its body straight to disk: a form, or a recording alone with its options in the address.

Design: nothing that a client says of a file decides where or under which name it is kept; the extension of a transcript
is taken for its format where it is one that can be read. Every byte is held against its limit before it is written.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from emobridge.diarization.channels import BY_CHANNEL
from emobridge.errors import nearest, one_line
from emobridge.server.jobs.jobs import Options
from emobridge.server.jobs.spool import Spool, SpoolFile
from emobridge.server.problems import Problem
from emobridge.server.settings import MEBIBYTE, Settings
from emobridge.transcripts import READERS

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

RECORDING, TRANSCRIPT, TURNS = "recording", "transcript", "speakers.rttm"  # names of the files of a job
FILE_FIELDS = ("recording", "transcript", "speakers")
FIELDS = ("recording", "transcript", "speakers", "channel", "categories", "keep", "name")
NEVER_EMPTY = ("speakers", "channel", "keep")  # a text may be empty; it is then as if it were left out
MOST_PARTS = 16
MOST_FIELD_BYTES = 1024
MOST_NAME_CHARACTERS = 200
MOST_SPEAKERS = 64
FORM_BYTES = 1 << 16  # of a form beside what is in it
RAW_TYPES = re.compile(r"(audio|video)/|application/octet-stream$")


class ClientGone(Exception):  # noqa: N818
    """The client went away before it had sent everything."""


async def body_of(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    Raises:
        Problem: it takes too long, or nothing comes for too long.
        ClientGone: its client went away.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + settings.upload_time_s
    more = True
    while more:
        try:
            async with asyncio.timeout_at(min(end_s, loop.time() + settings.idle_time_s)):
                message = await request.receive()
        except TimeoutError as error:
            valid = f"it has {settings.upload_time_s:g} s, and {settings.idle_time_s:g} s for the next of its bytes"
            raise Problem("too-slow", "the upload stopped or was too slow", valid, "send it again") from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        yield message["body"]


class Upload:
    """What was sent for one job; use it once.

    Args:
        settings: of the service.
        spool: where its files go.
        job: its id.

    Attributes:
        name: what the recording is called.
        options: how it is to be judged.
    """

    def __init__(self, settings: Settings, spool: Spool, job: str) -> None:
        self._settings = settings
        self._spool = spool
        self._job = job
        self._of_address: dict[str, str] = {}
        self._fields: dict[str, str] = {}
        self.name = ""
        self.options = Options()

    async def take(self, request: Request) -> None:
        """Take the whole body of a request.

        Raises:
            Problem: it is not as it should be, or larger than it may be.
            ClientGone: its client went away.
        """
        self._of_address = _fields_of_address(request)
        content_type = request.headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        self._check_length(request)
        if kind == "multipart/form-data":
            await self._take_form(request, content_type)
        elif RAW_TYPES.match(kind):
            most_bytes = self._settings.max_upload_mb * MEBIBYTE
            with self._spool.create(self._job, RECORDING, most_bytes) as file:
                async for chunk in body_of(request, self._settings):
                    if chunk:
                        file.write(chunk)
            self.options = replace(self.options, recording=RECORDING)
        else:
            valid = "valid: multipart/form-data, audio/*, video/*, application/octet-stream"
            raise Problem("unsupported-media-type", f"the body has the type '{kind}'", valid, "send one of these")
        self._conclude()

    def _check_length(self, request: Request) -> None:
        """Refuse what is too large before any of it is read, where its length is told."""
        told = request.headers.get("content-length", "")
        most_bytes = self._settings.max_upload_mb * MEBIBYTE + 2 * self._settings.max_transcript_kb * 1024 + FORM_BYTES
        if told.isdecimal() and int(told) > most_bytes:
            valid = f"a recording may have {self._settings.max_upload_mb} MiB"
            raise Problem("too-large", f"a body of {told} bytes", valid, "send it in a smaller format, or in parts")

    async def _take_form(self, request: Request, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise Problem("malformed", "a form without a boundary in its Content-Type")
        form = _Form(self)
        try:
            parser = MultipartParser(boundary, form.callbacks())
            async for chunk in body_of(request, self._settings):
                if chunk:
                    parser.write(chunk)
        except FormParserError as error:
            raise Problem("malformed", "the body is no multipart form") from error
        finally:
            form.close()
        if not form.is_whole:
            raise Problem("malformed", "the form ends before its last boundary")

    def open_file(self, field: str, filename: str) -> SpoolFile:
        """Return the file that a part of the form goes to.

        Raises:
            Problem: the part is none that can be a file, is there twice, or names a format that cannot be read.
        """
        most_bytes = self._settings.max_transcript_kb * 1024
        extension = PurePath(filename.replace("\\", "/")).suffix.lower()
        if field == "recording":
            self.name = self.name or shown_name(filename)
            self._set(recording=RECORDING)
            return self._spool.create(self._job, RECORDING, self._settings.max_upload_mb * MEBIBYTE)
        if field == "transcript":
            if extension not in READERS:
                raise _invalid("transcript", f"a file '{extension}'", f"one of {' '.join(READERS)}, or text")
            self._set(transcript=f"{TRANSCRIPT}{extension}")
            return self._spool.create(self._job, f"{TRANSCRIPT}{extension}", most_bytes)
        if field == "speakers":
            if extension != ".rttm":
                raise _invalid("speakers", f"a file '{extension}'", "an .rttm file, a number, or channels")
            self._set(speakers=TURNS)
            return self._spool.create(self._job, TURNS, most_bytes)
        if field in FIELDS:
            raise _invalid(field, "a file", "text")
        given, valid = f"a file in the field '{field[:64]}'", f"valid: {', '.join(FILE_FIELDS)}"
        raise Problem("invalid-parameter", given, valid, "send the recording as the field recording")

    def _set(self, **options: str) -> None:
        for field in options:
            if getattr(self.options, field) is not None:
                raise _invalid(field, "sent twice", "once")
        self.options = replace(self.options, **options)  # type: ignore[arg-type]

    def most_bytes(self, field: str) -> int:
        """Return how long the text of a field may be.

        Raises:
            Problem: there is no such field, or it is there already.
        """
        if field not in FIELDS:
            raise _unknown(field)
        if field in self._fields:
            raise _invalid(field, "sent twice", "once")
        return self._settings.max_transcript_kb * 1024 if field == "transcript" else MOST_FIELD_BYTES

    def set_field(self, field: str, content: bytes) -> None:
        """Take the text of a field.

        Raises:
            Problem: it is no text in UTF-8.
        """
        if field == "recording":
            raise _invalid(field, "text", "a file")
        try:
            self._fields[field] = content.decode()
        except UnicodeDecodeError as error:
            raise _invalid(field, "bytes that are no text", "text in UTF-8") from error

    def _conclude(self) -> None:
        """Make options of the fields; what is in the form goes before what is in the address.

        Raises:
            Problem: one of them is not valid, or there is nothing to judge.
        """
        sent = self.options
        files = {"transcript": sent.transcript, "speakers": sent.speakers}
        of_address = {name: text for name, text in self._of_address.items() if files.get(name) is None}
        given = of_address | self._fields
        fields = {name: text.strip() for name, text in given.items() if text.strip() or name in NEVER_EMPTY}
        if "transcript" in fields:
            self._set(transcript=TRANSCRIPT)
            with self._spool.create(self._job, TRANSCRIPT, self._settings.max_transcript_kb * 1024) as file:
                file.write(given["transcript"].encode("utf-8", "replace"))
        if self.options.recording is None and self.options.transcript is None:
            raise _invalid("recording", "neither a recording nor a transcript", "one of them, or both")
        speakers = sent.speakers
        if "speakers" in fields:
            if speakers is not None:
                raise _invalid("speakers", "sent twice", "once")
            speakers = BY_CHANNEL if fields["speakers"] == BY_CHANNEL else _number("speakers", fields, MOST_SPEAKERS)
        self.options = replace(
            self.options,
            is_text="transcript" in fields,
            speakers=speakers,
            channel=_number("channel", fields, self._settings.max_channels) if "channel" in fields else None,
            categories=fields.get("categories"),
            keep=_truth("keep", fields),
        )
        default = "recording" if sent.recording is not None else "text"
        self.name = shown_name(fields.get("name", "")) or self.name or default


class _Form:
    """The parts of a form, as the parser meets them."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._parts = 0
        self._header = self._value = b""
        self._disposition = b""
        self._file: SpoolFile | None = None
        self._field = ""
        self._text = bytearray()
        self._most_bytes = 0
        self.is_whole = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser is to call."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._whole,
        }

    def close(self) -> None:
        """Close a file that is still open."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Problem("malformed", f"a form of more than {MOST_PARTS} parts")
        self._disposition = b""
        self._text = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename", b"").decode("utf-8", "replace")
        self._file = None
        if filename or (self._field == "recording" and b"filename" not in options):
            self._file = self._upload.open_file(self._field, filename)
        elif b"filename" in options:
            self._most_bytes = 0  # what a browser sends for a file that was not chosen
        else:
            self._most_bytes = self._upload.most_bytes(self._field)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])
            return
        if len(self._text) + end - start > self._most_bytes:
            raise Problem("too-large", f"the field '{self._field}'", f"it may have {self._most_bytes} bytes")
        self._text += data[start:end]

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
        elif self._most_bytes:
            self._upload.set_field(self._field, bytes(self._text))

    def _whole(self) -> None:
        self.is_whole = True


def shown_name(given: str) -> str:
    """Return what a recording is called: the last part of the name that a client gave it, of printable characters."""
    plain = one_line(given.replace("\\", "/")).encode("utf-8", "replace").decode()
    last = plain.rstrip("/").rpartition("/")[2].strip()
    return "" if last in (".", "..") else last[:MOST_NAME_CHARACTERS]


def _fields_of_address(request: Request) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in FIELDS or name == "recording":
            raise _unknown(name)
        if name in fields:
            raise _invalid(name, "sent twice", "once")
        fields[name] = value
    return fields


def _invalid(field: str, given: str, valid: str) -> Problem:
    return Problem("invalid-parameter", f"{field}: {given}", f"valid: {valid}", "correct it or leave it out")


def _unknown(field: str) -> Problem:
    remedy = nearest(field, FIELDS) or "leave it out"
    return Problem("invalid-parameter", f"a field '{field[:64]}'", f"valid: {', '.join(FIELDS)}", remedy)


def _number(field: str, fields: Mapping[str, str], most: int) -> int:
    text = fields[field]
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        valid = f"a number from 1 to {most}" + (", channels, or an .rttm file" if field == "speakers" else "")
        raise _invalid(field, f"'{text}'", valid)
    return int(text)


def _truth(field: str, fields: Mapping[str, str]) -> bool:
    text = fields.get(field, "false").lower()
    if text not in ("true", "1", "false", "0"):
        raise _invalid(field, f"'{text}'", "true or false")
    return text in ("true", "1")
