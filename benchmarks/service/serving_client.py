"""A lean client: many connections kept alive, one request after the other on each, HTTP/1.1 written by hand.

It runs in a process of its own, so that what it costs is not the service's (see `load.py`); what it is to do comes as
JSON on standard input, and what it saw goes to standard output in the same way.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

WAIT_AT_MOST_S = 5.0


@dataclass(frozen=True)
class Work:
    """What to send.

    Attributes:
        host, port: where the service is.
        files: sound files, sent in turn.
        requests: how many are to be answered with something else than 429.
        connections: how many there are at a time.
        path: of each request.
        form: whether each file is sent as a form, as browsers do; else it is the body.
        headers: of each request, beside its type and length.
        limit_s: when to stop at the latest.
    """

    host: str
    port: int
    files: list[str]
    requests: int
    connections: int
    path: str = "/v1/recordings"
    form: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    limit_s: float = 3600.0


@dataclass
class Seen:
    """What was seen.

    Attributes:
        statuses: status, or the name of a failure -> how often.
        latencies_s: of each answer but 429, from the first byte sent to the last byte received.
        wall_s: of all.
        processor_s: that the client itself took.
        bodies: of the first answers that are neither 200 nor 202 nor 429.
        locations: of all that were accepted (202).
    """

    statuses: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    processor_s: float = 0.0
    bodies: list[str] = field(default_factory=list)
    locations: list[str] = field(default_factory=list)


def message(work: Work, file: Path) -> bytes:
    """Return one whole request."""
    content, kind = file.read_bytes(), "audio/wav"
    if work.form:
        kind = "multipart/form-data; boundary=part-of-a-form"
        head = f'--part-of-a-form\r\nContent-Disposition: form-data; name="recording"; filename="{file.name}"\r\n\r\n'
        content = head.encode() + content + b"\r\n--part-of-a-form--\r\n"
    headers = {"Host": f"{work.host}:{work.port}", "Content-Type": kind, "Content-Length": len(content), **work.headers}
    lines = [f"POST {work.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + content


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers in lower case and the body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def client(work: Work, messages: list[bytes], left: list[int], seen: Seen) -> None:
    """Send requests on one connection until none is left; one that is refused by 429 is sent again when it may be."""
    reader, writer = await asyncio.open_connection(work.host, work.port)
    try:
        while left[0] > 0:
            left[0] -= 1
            again = True
            while again:
                began = time.perf_counter()
                writer.write(messages[left[0] % len(messages)])
                status, headers, body = await answer(reader)
                seen.statuses[str(status)] += 1
                again = status == 429
                if again:
                    await asyncio.sleep(min(WAIT_AT_MOST_S, float(headers.get("retry-after", 1))))
            seen.latencies_s.append(time.perf_counter() - began)
            if status == 202:
                seen.locations.append(headers["location"])
            elif status != 200 and len(seen.bodies) < 5:
                seen.bodies.append(body.decode("utf-8", "replace"))
    finally:
        writer.close()


async def run(work: Work) -> Seen:
    """Send all requests; return what was seen."""
    seen, left = Seen(), [work.requests]
    messages = [message(work, Path(file)) for file in work.files]
    began, used = time.perf_counter(), time.process_time()

    async def guarded() -> None:
        try:
            await asyncio.wait_for(client(work, messages, left, seen), work.limit_s)
        except (OSError, EOFError, TimeoutError) as error:
            seen.statuses[type(error).__name__] += 1

    await asyncio.gather(*(guarded() for _ in range(work.connections)))
    seen.wall_s, seen.processor_s = time.perf_counter() - began, time.process_time() - used
    return seen


if __name__ == "__main__":
    json.dump(vars(asyncio.run(run(Work(**json.load(sys.stdin))))), sys.stdout)
