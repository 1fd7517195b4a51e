"""Messages between the processes of the service: a JSON object and raw bytes, each with its length before it.

Design: JSON and never pickle, and every length is held against a limit before anything is read, so that a process that
a stranger's file took over can say nothing that harms who listens.
"""

import asyncio
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from emobridge import errors
from emobridge.errors import EmobridgeError

LENGTHS = struct.Struct(">II")  # of the JSON, of the raw bytes


class MessageError(Exception):
    """What came is no message."""


class ServiceFault(EmobridgeError):  # noqa: N818
    """What is wrong is this service, or its model, and not what was asked."""


@dataclass(frozen=True)
class Message:
    """What one process tells another.

    Attributes:
        head: a JSON object.
        raw: bytes that go with it, none or more.
    """

    head: dict[str, Any]
    raw: bytes = b""


def packed(head: Mapping[str, Any], raw: bytes = b"") -> bytes:
    """Return a message as it is sent.

    Raises:
        ValueError: ``head`` holds a number that is not finite.
    """
    text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    return LENGTHS.pack(len(text), len(raw)) + text + raw


async def receive(reader: asyncio.StreamReader, most_bytes: int) -> Message | None:
    """Return the next message, None where the other side has ended between two.

    Args:
        reader: what comes from the other process.
        most_bytes: that a message may have, its lengths left out.

    Raises:
        MessageError: it is longer, is cut short, or is no message.
    """
    try:
        lengths = await reader.readexactly(LENGTHS.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise _cut_short() from error
    head_bytes, raw_bytes = _lengths(lengths, most_bytes)
    try:
        return _message(await reader.readexactly(head_bytes), await reader.readexactly(raw_bytes))
    except asyncio.IncompleteReadError as error:
        raise _cut_short() from error


def read(stream: BinaryIO, most_bytes: int) -> Message | None:
    """Return the next message from a blocking stream; see `receive`."""
    lengths = stream.read(LENGTHS.size)
    if not lengths:
        return None
    head_bytes, raw_bytes = _lengths(_whole(lengths, LENGTHS.size), most_bytes)
    head = _whole(stream.read(head_bytes), head_bytes)
    return _message(head, _whole(stream.read(raw_bytes), raw_bytes) if raw_bytes else b"")


def _whole(content: bytes, expected: int) -> bytes:
    if len(content) != expected:
        raise _cut_short()
    return content


def _cut_short() -> MessageError:
    return MessageError("a message was cut short")


def _lengths(content: bytes, most_bytes: int) -> tuple[int, int]:
    head_bytes, raw_bytes = LENGTHS.unpack(content)
    if head_bytes + raw_bytes > most_bytes:
        raise MessageError(f"a message of {head_bytes + raw_bytes} bytes; at most {most_bytes} are taken")
    return head_bytes, raw_bytes


def _message(text: bytes, raw: bytes) -> Message:
    try:
        head = json.loads(text.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MessageError("a message that is no JSON") from error
    if not isinstance(head, dict):
        raise MessageError("a message that is no JSON object")
    return Message(head, raw)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def as_message(error: EmobridgeError, shown: Mapping[Path, str]) -> dict[str, str]:
    """Return an error as a message that tells no place on this machine.

    Args:
        error: what went wrong.
        shown: file or folder -> what it is called instead of its path.
    """
    # Errors quote a path as Python does, or have it as it is with more behind it.
    names = {repr(str(path)): repr(name) for path, name in shown.items()}
    names |= {str(path): name for path, name in shown.items()}
    any_path = re.compile("|".join(map(re.escape, names)) or "(?!)")
    parts = {
        key: any_path.sub(lambda found: names[found[0]], text)
        for key, text in (("given", error.given), ("valid", error.valid), ("remedy", error.remedy))
    }
    return {"kind": type(error).__name__, **parts}


def as_error(message: Mapping[str, Any]) -> EmobridgeError:
    """Return the error that `as_message` told of; of a kind that is not known, the base of all."""
    kind = getattr(errors, str(message.get("kind")), EmobridgeError)
    if not (isinstance(kind, type) and issubclass(kind, EmobridgeError)):
        kind = EmobridgeError
    return kind(*(str(message.get(key, "")) for key in ("given", "valid", "remedy")))
