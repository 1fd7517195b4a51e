"""2,000 uploads that mean no good, against a service: damaged, lying, swelling, slow, or no sound at all.

    python -m benchmarks.robustness.fuzz_uploads [--count 2000] [--seed 0] [--out PAGE]

Asserts that every request that is one is answered, in time and by no server error; that no answer tells of the
service's files; that no process died but decoders at their limits; that memory, open files and the folder are as
before; and that good recordings are judged as before. Then writes what was answered. Needs the extras [server] and
[media].
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.robustness.hostile import Upload, uploads
from benchmarks.robustness.seeds import seeds
from benchmarks.service.serving import HOST, MODEL_PROCESS, Service, running

AT_A_TIME = 16
SETTINGS: dict[str, object] = {
    "max_upload_mb": 4,
    "max_duration_s": 120.0,
    "max_decoded_mb": 128,
    "max_transcript_kb": 512,
    "decode_memory_mb": 768,
    "decode_time_s": 5.0,
    "judge_time_s": 20.0,
    "upload_time_s": 8.0,
    "idle_time_s": 2.0,
    "results_s": 3.0,
    "jobs_per_client": 1000,
    "requests_per_minute": 1_000_000,
}
# A request may wait for others in the queue, then take what these limits allow.
ANSWER_S = 45.0
FORGOTTEN_S = 30.0
MORE_MB, MORE_FILES = 400.0, 40
NEVER_TOLD = (b"root:x:0", b"Traceback", b'File "/')
HEAD = ["kind of upload", "sent", "answers", "longest, s"]


@dataclass(frozen=True)
class Outcome:
    """What came of an upload.

    Attributes:
        upload: what was sent.
        status: of the answer; None where there was none.
        type: of the answer.
        text: the whole answer, its head included.
        seconds: from the first byte sent until the answer, or the end, was there.
    """

    upload: Upload
    status: int | None
    type: str
    text: bytes
    seconds: float


async def send(port: int, upload: Upload) -> Outcome:
    """Send an upload and return what came of it."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        text = await asyncio.wait_for(_exchange(reader, writer, upload), ANSWER_S)
    except TimeoutError:
        text = b""
    writer.close()
    head = text.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    status = int(head.split()[1]) if head.startswith("http/1.") else None
    types = (line.partition(":")[2].strip() for line in head.split("\r\n") if line.startswith("content-type:"))
    return Outcome(upload, status, next(types, ""), text, time.monotonic() - began)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upload: Upload) -> bytes:
    """Send the pieces and return all that comes back, until the service closes the connection."""
    with contextlib.suppress(ConnectionError):  # answered, and closed, before all was sent
        for piece in upload.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(upload.pause_s)
    text = b""
    with contextlib.suppress(ConnectionError):
        while upload.stays and (block := await reader.read(1 << 16)):
            text += block
    return text


async def send_all(port: int, sent: Sequence[Upload]) -> list[Outcome]:
    """Send all uploads, some at a time; return what came of each."""
    free = asyncio.Semaphore(AT_A_TIME)

    async def one(upload: Upload) -> Outcome:
        async with free:
            return await send(port, upload)

    return list(await asyncio.gather(*(one(upload) for upload in sent)))


def wrong(outcome: Outcome, data: Path) -> str | None:
    """Return what is wrong with an answer, in words; None where it is as it should be."""
    status, upload = outcome.status, outcome.upload
    if outcome.seconds >= ANSWER_S:
        return "it hung"
    if status is None:
        return "there was no answer" if upload.stays and upload.is_http else None
    if status >= 500 and status != 503:
        return f"a server error, {status}"
    if status >= 400 and upload.is_http and outcome.type != "application/problem+json":
        return f"{status} without a problem"
    if b"\r\nx-injected:" in outcome.text.partition(b"\r\n\r\n")[0].lower():
        return "a header was put in"
    told = next((text for text in (*NEVER_TOLD, os.fsencode(data)) if text in outcome.text), None)
    return None if told is None else f"it tells {told!r}"


@dataclass(frozen=True)
class State:
    """How a service is: what it says of a good recording, its memory, its open files, its processes."""

    segments: str
    resident_mb: float
    open_files: int
    model: tuple[int, ...]
    processes: int


def state_of(service: Service, sound: bytes) -> State:
    """Return how the service is now."""
    answer = service.ask("POST", "/v1/recordings?name=good.wav", sound, {"Content-Type": "audio/wav"})
    if answer.status != 200:
        raise AssertionError(f"a good recording was answered with {answer.status}: {answer.body[:500]!r}")
    open_files = len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))
    model, processes = tuple(service.children(MODEL_PROCESS)), len(service.processes())
    return State(json.dumps(answer.json()["segments"]), service.resident_mb(), open_files, model, processes)


def complaints(service: Service, before: State, sound: bytes, outcomes: Sequence[Outcome]) -> list[str]:
    """Return everything that is not as it should be, in words."""
    found = [
        f"{outcome.upload.kind}, upload {number}: {told}: {outcome.text[:300]!r}"
        for number, outcome in enumerate(outcomes)
        if (told := wrong(outcome, service.data)) is not None
    ]
    if service.process.poll() is not None:
        return [*found, f"the service ended with status {service.process.returncode}"]
    after = state_of(service, sound)
    if after.segments != before.segments:
        found.append("a good recording is judged otherwise than before")
    if after.model != before.model:
        found.append("the process of the model died")
    if after.processes > before.processes:
        found.append(f"{after.processes} processes are there, {before.processes} were")
    if after.resident_mb > before.resident_mb + MORE_MB:
        found.append(f"{after.resident_mb:.0f} MB are held, {before.resident_mb:.0f} were")
    if after.open_files > before.open_files + MORE_FILES:
        found.append(f"{after.open_files} files are open, {before.open_files} were")
    until = time.monotonic() + FORGOTTEN_S
    while service.files() and time.monotonic() < until:
        time.sleep(0.2)
    if service.files():
        found.append(f"files were left behind: {', '.join(service.files()[:10])}")
    return found


def fuzz(folder: Path, count: int, seed: int) -> tuple[list[Outcome], list[str]]:
    """Send ``count`` uploads to a service of their own; return what came of each, and what is not as it should be."""
    good = seeds()
    sent = uploads(count, seed, good)
    with running(folder, SETTINGS) as service:
        before = state_of(service, good["wav"])
        outcomes = asyncio.run(send_all(service.port, sent))
        return outcomes, complaints(service, before, good["wav"], outcomes)


def page(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return what was found, in Markdown."""
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    longest_s: dict[str, float] = defaultdict(float)
    for outcome in outcomes:
        kind = outcome.upload.kind
        statuses[kind][str(outcome.status or "none")] += 1
        longest_s[kind] = max(longest_s[kind], outcome.seconds)
    rows = [
        f"| {kind} | {seen.total()} | {', '.join(f'{status}: {times}' for status, times in sorted(seen.items()))} "
        f"| {longest_s[kind]:.1f} |"
        for kind, seen in statuses.items()
    ]
    limits = ", ".join(f"`{name} = {value}`" for name, value in SETTINGS.items())
    told = (
        f"Made by `python -m benchmarks.robustness.fuzz_uploads`: {len(outcomes)} uploads (seed {seed}), {AT_A_TIME} "
        f"at a time, against `emobridge serve` with {limits}. None was answered by a server error, or not at all where "
        "an answer was due (what is no HTTP, and clients that were gone, have none), none hung, and no answer revealed "
        "the service's files. Afterwards the model's process was the same one, memory, processes and open files were "
        "as before, a good recording gave the same result as before, and nothing was left in the folder."
    )
    table = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|", *rows]
    return "\n".join(["# Uploads that mean no good", "", told, "", *table, ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the uploads; write fuzz.md where all is well, else say what is not, and return 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/fuzz.md"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes, found = fuzz(Path(folder), options.count, options.seed)
        if found:
            print((Path(folder) / "log.txt").read_text(encoding="utf-8")[-20_000:], file=sys.stderr)
    for told in found:
        print(told, file=sys.stderr)
    if not found:
        options.out.write_text(page(outcomes, options.seed), encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
