"""Strangers' files made raw sound by processes with limits on memory, time and what they write."""

import asyncio
import json
import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from emobridge.errors import AudioError, EmobridgeError
from emobridge.server.children import Child, ChildLost, start_child
from emobridge.server.decoded import Decoded, Limit, Limits, Wanted
from emobridge.server.messages import as_error

MODULE = "emobridge.server.decoder_process"
MOST_REPLY_BYTES = 2**16
RECYCLED_AFTER = 200  # files: what leaks in a decoder, or stays in it, is gone with it
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
        self._idle: asyncio.Queue[Child] = asyncio.Queue()
        self._served: dict[Child, int] = {}
        self._changing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the processes.

        Raises:
            ChildLost: one does not start.
        """
        for child in await asyncio.gather(*(self._new() for _ in range(self._count))):
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
        """
        request = {"upload": str(upload), "into": str(into), "name": name, **asdict(wanted)}
        child = await self._idle.get()
        try:
            reply = await asyncio.wait_for(_asked(child, request), self._time_limit_s)
            self._served[child] += 1
        except TimeoutError:
            child.kill()
            raise self._exceeded("time", name) from None
        except ChildLost as lost:
            given = f"'{name}' brought down the process that decoded it ({lost.how})"
            raise AudioError(given, "a recording is whole and undamaged", "convert it, for example to wav") from lost
        except BaseException:
            child.kill()
            raise
        finally:
            self._put_back(child)
        return self._read(reply, into, name)

    def _read(self, reply: dict[str, Any], into: Path, name: str) -> Decoded:
        """Return what a reply says, which is believed of nobody who has read a stranger's file."""
        if isinstance(reply.get("failure"), dict):
            raise as_error(reply["failure"])
        if reply.get("limit") in get_args(Limit):
            raise self._exceeded(reply["limit"], name)
        duration_s, channels = reply.get("duration_s"), reply.get("channels")
        if (
            isinstance(duration_s, float)
            and math.isfinite(duration_s)
            and 0.0 < duration_s <= self._limits.max_duration_s
            and isinstance(channels, int)
            and 1 <= channels <= self._limits.max_channels
        ):
            return Decoded(into, duration_s, channels)
        logger.error("a decoder failed: %s", reply.get("fault", "a reply that is none"))
        raise AudioError(f"'{name}' could not be decoded", "a fault of the service", "send it again")

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
                return
            except (ChildLost, OSError) as error:
                logger.error("a decoder did not start (%s); it is tried again", error)
                await asyncio.sleep(AGAIN_S)

    async def _new(self) -> Child:
        child = await start_child(MODULE, [json.dumps(asdict(self._limits))], MOST_REPLY_BYTES)
        self._served[child] = 0
        return child


async def _asked(child: Child, request: dict[str, Any]) -> dict[str, Any]:
    child.send(request)
    return (await child.receive()).head
