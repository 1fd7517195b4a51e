"""Strangers' files made raw sound, words and turns by processes with limits on memory, time and what they write."""

import asyncio
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from emobridge.errors import AudioError, EmobridgeError, one_line
from emobridge.server.processes.decode_messages import Decoded, Limit, Limits, Wanted
from emobridge.server.processes.messages import Message, ServiceFault, as_error
from emobridge.server.processes.subprocesses import Child, ChildLost, all_or_none, start_child

MODULE = "emobridge.server.processes.decoder_process"
MOST_REPLY_BYTES = 2**26  # of words, each with its times
RECYCLED_AFTER = 1000  # files: what leaks in a decoder, or stays in it, is gone with it
MOST_WARNINGS, MOST_WARNING = 20, 300  # in characters
AGAIN_S = 1.0  # after which a process that did not start is tried again

logger = logging.getLogger(__name__)


class LimitError(EmobridgeError):
    """A recording that needs more than the service gives it.

    Attributes:
        limit: which of its limits.
    """

    def __init__(self, limit: Limit, given: str, valid: str = "", remedy: str = "") -> None:
        super().__init__(given, valid, remedy)
        self.limit = limit


class Decoders:
    """Processes that decode, each one file at a time.

    Args:
        count: how many.
        memory_bytes: that a process may have.
        time_limit_s: that a file may take.
        max_duration_s: of a recording.
        max_channels: of a recording.
        max_pcm_bytes: that the raw sound of a recording may take on disk.

    Attributes:
        restarts: how often a process took the place of another, which had ended or had served its time.
    """

    def __init__(
        self,
        count: int,
        memory_bytes: int,
        time_limit_s: float,
        max_duration_s: float,
        max_channels: int,
        max_pcm_bytes: int,
    ) -> None:
        self._count = count
        self._time_limit_s = time_limit_s
        self._limits = Limits(memory_bytes, max_duration_s, max_channels, max_pcm_bytes)
        self.restarts = 0
        self._idle: asyncio.Queue[Child] = asyncio.Queue()
        self._served: dict[Child, int] = {}
        self._changing: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [child.pid for child in self._served]

    async def start(self) -> None:
        """Start the processes.

        Raises:
            ChildLost: one does not start.
        """
        for child in await all_or_none(*(self._new() for _ in range(self._count))):
            self._idle.put_nowait(child)

    async def stop(self) -> None:
        """End the processes; what they have in hand is lost."""
        for task in self._changing:
            task.cancel()
        await asyncio.gather(*self._changing, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self._served))
        self._served.clear()

    async def decode(self, upload: Path, into: Path, wanted: Wanted, name: str) -> Decoded:
        """Decode ``upload`` into the folder ``into``; whoever made that deletes it. Cancelling ends the work at once.

        Args:
            upload: the file, whatever it holds.
            into: an empty folder.
            wanted: what is to be decoded.
            name: what the recording is called in errors.

        Raises:
            AudioError: it cannot be read.
            MissingExtraError: its format needs an extra.
            LimitError: it is longer, has more channels, or takes more time, memory or disk than it may.
            ServiceFault: a mistake of ours.
        """
        request = {"upload": str(upload), "into": str(into), "name": name, **asdict(wanted)}
        reply = (await self._asked(request, name)).head
        duration_s, channels = reply.get("duration_s"), reply.get("channels")
        if (
            type(duration_s) is float
            and 0.0 < duration_s <= self._limits.max_duration_s
            and type(channels) is int
            and 1 <= channels <= self._limits.max_channels
        ):
            warnings = reply.get("warnings", [])
            told = [one_line(str(warning))[:MOST_WARNING] for warning in warnings] if type(warnings) is list else []
            return Decoded(into, duration_s, channels, tuple(told[:MOST_WARNINGS]))
        raise _fault(reply, name)

    async def read(self, transcript: Path | None, speakers: Path | None, name: str) -> str:
        """Return what files beside a recording hold, as JSON that the model's process takes; see `decode`.

        Args:
            transcript: a file of words, whatever it holds; its extension is its format.
            speakers: an RTTM file, whatever it holds.
            name: what the recording is called.

        Raises:
            TranscriptError: one cannot be read.
            LimitError: they take more time or memory than they may.
            ServiceFault: a mistake of ours.
        """
        paths = {"transcript": transcript, "speakers": speakers}
        request = {"name": name, **{key: str(path) for key, path in paths.items() if path is not None}}
        reply = await self._asked(request, name)
        try:
            return reply.raw.decode()
        except UnicodeDecodeError as error:
            raise _fault(reply.head, name) from error

    async def _asked(self, request: dict[str, Any], name: str) -> Message:
        """Return what a process answers, which is believed of nobody who has read a stranger's file."""
        try:
            try:
                reply = await self._asked_once(request, name)
            except ChildLost:  # not always of what is in the file
                reply = await self._asked_once(request, name)
        except ChildLost as lost:
            given = f"'{name}' brought down the process that decoded it ({lost.how})"
            raise AudioError(given, "a recording is whole and undamaged", "convert it, for example to wav") from lost
        if isinstance(reply.head.get("failure"), dict):
            raise as_error(reply.head["failure"])
        if reply.head.get("limit") in get_args(Limit):
            raise self._exceeded(reply.head["limit"], name)
        if reply.head.get("fault"):
            raise _fault(reply.head, name)
        return reply

    async def _asked_once(self, request: dict[str, Any], name: str) -> Message:
        """Return what a process answers.

        Raises:
            LimitError: it takes too long.
            ChildLost: the process has ended.
        """
        child = await self._idle.get()
        while not child.is_alive:
            self._put_back(child)
            child = await self._idle.get()
        try:
            child.send(request)
            async with asyncio.timeout(self._time_limit_s):
                reply = await child.receive()
            self._served[child] += 1
        except TimeoutError:
            await child.stop()  # nothing more is written once this is told
            raise self._exceeded("time", name) from None
        except ChildLost:
            raise
        except BaseException:
            await child.stop()
            raise
        finally:
            self._put_back(child)
        return reply

    def _exceeded(self, limit: Limit, name: str) -> LimitError:
        limits = self._limits
        given, valid, remedy = {
            "duration": ("is too long", f"at most {limits.max_duration_s:g} s are taken", "send it in parts"),
            "channels": ("has too many channels", f"at most {limits.max_channels} are taken", "mix them down"),
            "size": (
                "is too much sound once it is decoded",
                f"at most {limits.max_pcm_bytes} bytes are taken",
                "send it in parts, or ask for fewer channels",
            ),
            "time": (
                "takes too long to decode",
                f"at most {self._time_limit_s:g} s are taken",
                "convert it, for example to wav, or send it in parts",
            ),
            "memory": (
                "takes too much memory to decode",
                f"at most {limits.memory_bytes} bytes are taken",
                "convert it, for example to wav, or send it in parts",
            ),
        }[limit]
        return LimitError(limit, f"'{name}' {given}", valid, remedy)

    def _put_back(self, child: Child) -> None:
        """Let the process take another file, or another process take its place."""
        if child.is_alive and self._served[child] < RECYCLED_AFTER:
            self._idle.put_nowait(child)
            return
        task = asyncio.create_task(self._replace(child))
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _replace(self, child: Child) -> None:
        await child.stop()
        del self._served[child]
        while True:
            try:
                self._idle.put_nowait(await self._new())
                self.restarts += 1
                return
            except (ChildLost, OSError) as error:
                logger.error("a decoder did not start (%s); it is tried again", error)
                await asyncio.sleep(AGAIN_S)

    async def _new(self) -> Child:
        child = await start_child(MODULE, [json.dumps(asdict(self._limits))], MOST_REPLY_BYTES, is_trusted=False)
        self._served[child] = 0
        return child


def _fault(reply: dict[str, Any], name: str) -> ServiceFault:
    logger.error("a decoder failed: %.99s", one_line(str(reply.get("fault"))))
    return ServiceFault(f"'{name}' could not be decoded", "a fault of the service", "send it again")
