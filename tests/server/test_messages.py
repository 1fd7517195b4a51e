"""Laws of messages: what is sent arrives, whatever else comes is refused, no error tells a place on this machine."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emobridge import errors
from emobridge.errors import AudioError, EmobridgeError
from emobridge.server.processes.messages import (
    LENGTHS,
    Message,
    MessageError,
    as_error,
    as_message,
    packed,
    read,
    receive,
)

MOST_BYTES = 4_000

Run = Callable[..., Any]

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
heads = st.dictionaries(st.text(max_size=9), plain, max_size=4)


def received(run: Run, content: bytes, most_bytes: int = MOST_BYTES) -> list[Message | str]:
    """Return what comes of ``content``, a message after the other; at the end what was refused, if anything."""

    async def take() -> list[Message | str]:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        found: list[Message | str] = []
        try:
            while (message := await receive(reader, most_bytes)) is not None:
                found.append(message)
        except MessageError as error:
            found.append(str(error))
        return found

    found: list[Message | str] = run(take())
    return found


def read_all(content: bytes, most_bytes: int = MOST_BYTES) -> list[Message | str]:
    stream = io.BytesIO(content)
    found: list[Message | str] = []
    try:
        while (message := read(stream, most_bytes)) is not None:
            found.append(message)
    except MessageError as error:
        found.append(str(error))
    return found


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(heads, st.binary(max_size=50)), max_size=3))
def test_what_is_sent_arrives_in_order(run: Run, sent: list[tuple[dict[str, Any], bytes]]) -> None:
    content = b"".join(packed(head, raw) for head, raw in sent)
    assert received(run, content, 2**20) == read_all(content, 2**20) == [Message(head, raw) for head, raw in sent]


@settings(deadline=None)
@example(LENGTHS.pack(0, LENGTHS.size))
@given(st.binary(max_size=60) | st.builds(lambda sizes, rest: LENGTHS.pack(*sizes) + rest,
       st.tuples(st.integers(0, 40), st.integers(0, 40)), st.binary(max_size=90)))  # fmt: skip
def test_whatever_comes_is_a_message_or_refused_the_same_both_ways(run: Run, content: bytes) -> None:
    assert received(run, content) == read_all(content)


@settings(max_examples=50, deadline=None)
@given(heads, st.binary(max_size=20), st.data())
def test_a_message_that_is_cut_short_is_refused(
    run: Run, head: dict[str, Any], raw: bytes, data: st.DataObject
) -> None:
    content = packed(head, raw)
    cut = content[: data.draw(st.integers(1, len(content) - 1))]
    assert received(run, cut, 2**20) == read_all(cut, 2**20) == ["a message was cut short"]


@pytest.mark.parametrize("head", [b"[]", b"1", b'{"a": NaN}', b'{"a": 1', b"\xff", b"[" * 3_000, b'{"a":' * 3_000])
def test_what_is_no_json_object_is_refused(run: Run, head: bytes) -> None:
    (found,) = received(run, LENGTHS.pack(len(head), 0) + head, 2**16)
    assert isinstance(found, str)


def test_a_long_message_is_refused_by_its_lengths_alone(run: Run) -> None:
    told = [f"a message of {2**32 + 2**31 - 2} bytes; at most {MOST_BYTES} are taken"]
    start = LENGTHS.pack(2**32 - 1, 2**31 - 1)
    assert received(run, start) == read_all(start) == told


def test_a_number_that_is_not_finite_is_not_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        packed({"share": float("nan")})


@pytest.mark.parametrize("path", ["/spool/a b/1", "/spool/it's/1", "/spool/ü\n/1", r"/spool/a\b/1"])
def test_errors_arrive_with_names_for_paths(path: str) -> None:
    sent = AudioError(f"{path!r} is empty", f"valid: more than {path}", "record /spool/other again")
    arrived = as_error(as_message(sent, {Path(path): "my recording.wav"}))
    assert type(arrived) is AudioError
    assert (arrived.given, arrived.valid) == ("'my recording.wav' is empty", "valid: more than my recording.wav")
    assert arrived.remedy == sent.remedy


@pytest.mark.parametrize("kind", ["nothing", "Exception", "difflib", "nearest", "__name__", 3, None])
def test_an_error_of_no_known_kind_is_the_base_of_all(kind: object) -> None:
    assert type(as_error({"kind": kind, "given": "x"})) is EmobridgeError


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EmobridgeError)]
)
def test_every_kind_of_error_arrives_as_it_was_sent(kind: type[EmobridgeError]) -> None:
    arrived = as_error(as_message(kind("given", "valid", "remedy"), {}))
    assert type(arrived) is kind
    assert str(arrived) == "given; valid; remedy"
