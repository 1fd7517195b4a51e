"""The model in a process of its own: recordings and live sound put to it from many clients at once.

Design: what it says is what `Predictor.predict` and `Predictor.stream` say, for it is they that say it. Where the
process dies, another is started, and whoever waited is told by `ModelLost` to ask again.
"""

import asyncio
import contextlib
import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emobridge.errors import EmobridgeError
from emobridge.server.processes.decode_messages import Decoded, Wanted
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.messages import Message, ServiceFault, as_error
from emobridge.server.processes.subprocesses import Child, ChildLost, start_child

MODULE = "emobridge.server.processes.model_process"
MOST_REPLY_BYTES = 2**30  # what it says is believed: ten hours of dense speech are some 20 MB
START_S = 60.0  # that a request waits for a process which is being started
AGAIN_S = (0.0, 1.0, 5.0, 30.0)  # before the next try, where a process does not start; the last again and again
STALLED_S = 300.0  # without a word, though something is in hand: it hangs, for progress is told far more often
DETECTION_RATE_HZ = 16_000  # at which speech is detected, whatever the model hears

Heard = Callable[[float, list[dict[str, Any]]], None]

logger = logging.getLogger(__name__)


class ModelLost(Exception):  # noqa: N818
    """The process of the model died with this in hand, or is not there; the same may be asked again."""


@dataclass(frozen=True)
class JudgeTask:
    """One recording to judge.

    Attributes:
        name: what the result calls it.
        decoded: its sound, None where there is a transcript alone.
        transcript: a `str` is the text itself, a `Path` is a file with the extension of its format, None is none.
        speakers: a `Path` to an RTTM file, how many speak, ``"channels"`` or None; see `Predictor.predict`.
        channel: the channel to hear, counted from 1; None mixes them down.
        categories: name of one of the model's views, None is all its categories.
    """

    name: str
    decoded: Decoded | None = None
    transcript: Path | str | None = None
    speakers: Path | int | str | None = None
    channel: int | None = None
    categories: str | None = None


@dataclass(frozen=True)
class _Asked:
    """A request that the process has not answered."""

    answer: asyncio.Future[Message]
    heard: Heard | None
    since_s: float


class Model:
    """A process with one model in memory, started again where it dies.

    Args:
        bundle: the model directory; None is the model that comes with emobridge.
        threads: recordings that are judged at a time.
        batch_size: requests that are sent to the process together, at most.
        batch_wait_ms: how long the first of them waits for others, at most.
        decoders: who reads the files of words and turns, which are strangers' as recordings are.

    Attributes:
        about: of the model, as ``/v1/models`` shows it; there once `start` has returned.
        card: the model card, in Markdown; as `about`.
        restarts: how often a process took the place of another.
        batches: requests that were sent together -> how often so many were.
    """

    def __init__(
        self,
        bundle: Path | None,
        threads: int,
        batch_size: int = 8,
        batch_wait_ms: float = 3.0,
        *,
        decoders: Decoders,
    ) -> None:
        self.about: dict[str, Any] = {}
        self.card = ""
        self.restarts = 0
        self.batches: Counter[int] = Counter()
        self._decoders = decoders
        self._settings = json.dumps({"bundle": None if bundle is None else str(bundle), "threads": threads})
        self._batch_size = batch_size
        self._batch_wait_s = batch_wait_ms / 1000
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._batch: list[dict[str, Any]] = []
        self._sending: asyncio.TimerHandle | None = None
        self._child: Child | None = None
        self._is_there = asyncio.Event()
        self._told_s = 0.0  # when the process said something last
        self._watching: tuple[asyncio.Task[None], ...] = ()

    @property
    def ready(self) -> bool:
        """Whether the process is there and has loaded the model."""
        return self._is_there.is_set()

    @property
    def pid(self) -> int | None:
        """The id of the process, None where it is not there."""
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Start the process; return when the model is loaded.

        Raises:
            BundleError: the directory holds no model, or a damaged one.
            ChildLost: the process ended.
        """
        child = await self._started()
        self._watching = (asyncio.create_task(self._watch(child)), asyncio.create_task(self._end_stalled()))

    async def stop(self) -> None:
        """End the process; what it has in hand is lost."""
        for task in self._watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._child is not None:
            await self._child.stop()
        self._lose("the service stops")

    def wanted(self, speakers: Path | int | str | None, channel: int | None) -> Wanted:
        """Return what is to be decoded of a recording to judge it so."""
        rates_hz = tuple(dict.fromkeys((self.about["sample_rate_hz"], DETECTION_RATE_HZ)))
        return Wanted(rates_hz, "all" if speakers == "channels" and channel is None else channel)

    async def judge(self, task: JudgeTask, heard: Heard) -> bytes:
        """Return the result, `Result.to_dict` as JSON in UTF-8. Cancelling abandons it.

        Args:
            task: the recording.
            heard: called now and then with the share that is done, on [0, 1], and the segments that became final since,
                as in the result; in order of time within a channel.

        Raises:
            EmobridgeError: a mistake of who asked; LimitError for a file that takes too much to read.
            ServiceFault: a mistake of ours.
            ModelLost: the process died, or was not there for `START_S`.
        """
        request = await self._as_request(task)
        await self._there()
        number = next(self._numbers)
        answer = self._expect(number, heard)
        self._batch.append({"id": number, **request})
        if len(self._batch) >= self._batch_size:
            self._send_batch()
        elif self._sending is None:
            self._sending = asyncio.get_running_loop().call_later(self._batch_wait_s, self._send_batch)
        try:
            return (await answer).raw
        except asyncio.CancelledError:
            self._abandon(number)
            raise
        finally:
            self._asked.pop(number, None)

    async def open_stream(self, sample_rate_hz: int, every_s: float, categories: str | None) -> "LiveStream":
        """Return a stream for live sound; see `Predictor.stream`.

        Raises:
            AudioError: the rate is none that a recording has.
            LabelError: the model has no such view.
            ServiceFault, ModelLost: as `judge`.
        """
        child = await self._there()
        stream = LiveStream(self, child, next(self._numbers))
        try:
            await stream.ask("open", {"sample_rate_hz": sample_rate_hz, "every_s": every_s, "categories": categories})
        except asyncio.CancelledError:
            await stream.close()
            raise
        return stream

    async def ask(self, child: Child, head: dict[str, Any], raw: bytes) -> Message:
        """Return the answer of the process that a stream lives in; for `LiveStream`."""
        if child is not self._child:
            raise ModelLost("the process of the model died with the stream")
        number = next(self._numbers)
        answer = self._expect(number)
        child.send({"id": number, **head}, raw)
        try:
            return await answer
        finally:
            self._asked.pop(number, None)

    async def _as_request(self, task: JudgeTask) -> dict[str, Any]:
        """Return a task as the process takes it: no file in it but raw sound."""
        plain = {"name": task.name, "channel": task.channel, "categories": task.categories, "beside": None}
        sound = task.decoded
        decoded = sound and {**asdict(sound), "folder": str(sound.folder)}
        transcript = task.transcript if isinstance(task.transcript, Path) else None
        # Without sound nobody speaks at any time, and who does is not looked at.
        speakers = task.speakers if isinstance(task.speakers, Path) and sound is not None else None
        if transcript is not None or speakers is not None:
            plain["beside"] = await self._decoders.read(transcript, speakers, task.name)
        return {
            **plain,
            "decoded": decoded,
            "text": task.transcript if isinstance(task.transcript, str) else None,
            "speakers": None if isinstance(task.speakers, Path) else task.speakers,
        }

    def _expect(self, number: int, heard: Heard | None = None) -> asyncio.Future[Message]:
        loop = asyncio.get_running_loop()
        asked = self._asked[number] = _Asked(loop.create_future(), heard, loop.time())
        return asked.answer

    async def _there(self) -> Child:
        try:
            async with asyncio.timeout(START_S):
                await self._is_there.wait()
        except TimeoutError as error:
            raise ModelLost("the process of the model is not there") from error
        assert self._child is not None
        return self._child

    def _send_batch(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if self._batch and self._child is not None:
            self._child.send({"do": "judge", "tasks": self._batch})
            self.batches[len(self._batch)] += 1
            self._batch = []

    def _abandon(self, number: int) -> None:
        waiting = [task for task in self._batch if task["id"] != number]
        if len(waiting) < len(self._batch):
            self._batch = waiting
        elif self._child is not None:
            self._child.send({"do": "abandon", "id": number})

    async def _started(self) -> Child:
        child = await start_child(MODULE, [self._settings], MOST_REPLY_BYTES, is_trusted=True)
        if "failure" in child.greeting:
            await child.stop()
            raise as_error(child.greeting["failure"])
        self.about, self.card = child.greeting["about"], child.greeting["card"]
        self._child = child
        self._is_there.set()
        return child

    async def _watch(self, child: Child) -> None:
        """Take what the process says; start another where it dies."""
        while True:
            try:
                while True:
                    self._take(await child.receive())
            except ChildLost as lost:
                logger.error("the process of the model died (%s); another is started", lost.how)
                self._child = None
                self._lose(f"the process of the model died ({lost.how})")
                await child.stop()
                child = await self._restarted()
                self.restarts += 1

    async def _end_stalled(self) -> None:
        """Kill a process that hangs, so that another is started."""
        while True:
            await asyncio.sleep(STALLED_S / 10)
            now_s = asyncio.get_running_loop().time()
            silent_s = max((now_s - max(self._told_s, asked.since_s) for asked in self._asked.values()), default=0.0)
            if self._child is not None and silent_s > STALLED_S:
                logger.error("the process of the model has said nothing for %.0f s; it is ended", silent_s)
                self._child.kill()

    async def _restarted(self) -> Child:
        for wait_s in itertools.chain(AGAIN_S, itertools.repeat(AGAIN_S[-1])):
            await asyncio.sleep(wait_s)
            try:
                return await self._started()
            except (ChildLost, EmobridgeError, OSError) as error:
                logger.error("the process of the model did not start: %s", error)
        raise AssertionError

    def _lose(self, why: str) -> None:
        self._is_there.clear()
        self._batch = []
        self._send_batch()
        for asked in self._asked.values():
            if not asked.answer.done():
                asked.answer.set_exception(ModelLost(why))

    def _take(self, message: Message) -> None:
        head = message.head
        self._told_s = asyncio.get_running_loop().time()
        asked = self._asked.get(head["id"])
        if asked is None or asked.answer.done():  # nobody waits for it any more
            return
        if "failure" in head:
            asked.answer.set_exception(as_error(head["failure"]))
            return
        if "fault" in head:
            fault = as_error(head["fault"])
            asked.answer.set_exception(ServiceFault(fault.given, fault.valid, fault.remedy))
            return
        try:
            if asked.heard is not None:
                asked.heard(head.get("progress", 1.0), head["segments"])
        except Exception as error:  # it is of who asked, and concerns nobody else
            asked.answer.set_exception(error)
            self._abandon(head["id"])
            return
        if "done" in head:
            asked.answer.set_result(message)


class LiveStream:
    """Live sound at the model. Make one with `Model.open_stream`; one call at a time, and `close` it at the end."""

    def __init__(self, model: Model, child: Child, number: int) -> None:
        self._model = model
        self._child = child
        self._number = number

    async def push(self, pcm: bytes) -> list[dict[str, Any]]:
        """Take the next mono samples, little-endian float32; return what they gave.

        Returns:
            ``{"type": "segment", "segment": ...}`` for each segment that became final, then perhaps
            ``{"type": "current", "segment": ...}``, a new estimate of the present.

        Raises:
            AudioError: they are no finite samples.
            ServiceFault, ModelLost: as `Model.judge`; all that was pushed is lost then.
        """
        events: list[dict[str, Any]] = (await self.ask("push", {}, pcm)).head["events"]
        return events

    async def finish(self) -> bytes:
        """Return the result, `Result.to_dict` as JSON in UTF-8.

        Raises:
            AudioError: nothing was pushed.
            ServiceFault, ModelLost: as `push`.
        """
        return (await self.ask("finish", {})).raw

    async def close(self) -> None:
        """Let the model forget the stream."""
        self._child.send({"do": "close", "stream": self._number})

    async def ask(self, what: str, more: dict[str, Any], raw: bytes = b"") -> Message:
        """Return the answer of the process; for this module."""
        return await self._model.ask(self._child, {"do": what, "stream": self._number, **more}, raw)
