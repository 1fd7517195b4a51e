"""The process that holds the model: `python -m emobridge.server.processes.model_process PARENT SETTINGS`.

Design: requests come together, graphs run one recording at a time. A run over eight clips of 5 s at once gives the
same to the bit, but saves 0.3 of their 22 ms of processor time each, the rest being speech detection and descriptors:
not enough to let one wait for another.
"""

import dataclasses
import json
import logging
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import emobridge
from emobridge.audio.source import file_name
from emobridge.diarization import Turn
from emobridge.errors import AudioError, BundleError, EmobridgeError
from emobridge.inference.predictor import Predictor
from emobridge.inference.streaming import Stream
from emobridge.results import Result, Segment
from emobridge.server.processes.decode_messages import Decoded
from emobridge.server.processes.messages import Message, as_message, read
from emobridge.server.processes.pcm import open_decoded
from emobridge.server.processes.sandbox import Channel, confine
from emobridge.server.processes.scheduler import Lanes
from emobridge.transcripts import Span, Transcript

MOST_REQUEST_BYTES = 2**28
TOLD_EVERY_S = 0.1
SAMPLE_BYTES = 4

logger = logging.getLogger(__name__)


class _Abandoned(Exception):  # noqa: N818
    """Nobody waits for this recording any more."""


def main() -> None:
    """Load the model, say what it is, and serve requests until the parent ends."""
    channel = Channel()
    confine(int(sys.argv[1]), {})
    settings = json.loads(sys.argv[2])
    try:
        predictor = emobridge.load(settings["bundle"], threads=1)
        predictor.predict(emobridge.sample(), text="Ready.")  # so that everything is in memory
    except EmobridgeError as error:
        channel.send({"failure": as_message(error, {})})
        return
    path = predictor.bundle.path
    channel.send({"about": _about(predictor), "card": (path / "README.md").read_text(encoding="utf-8")})
    service = _Service(predictor, settings["threads"], channel)
    while (message := read(channel.incoming, MOST_REQUEST_BYTES)) is not None:
        service.take(message)


def _about(predictor: Predictor) -> dict[str, Any]:
    """Return what a client is told of the model."""
    config, linguistic = predictor.bundle.config, predictor.runtime.linguistic
    return {
        "name": config.name,
        "version": config.version,
        "sha256": predictor.bundle.sha256,
        "description": config.description,
        "licence": config.licence,
        "categories": config.categories,
        "views": {name: view.categories for name, view in config.views.items()},
        "dimensions": [asdict(dimension) for dimension in config.dimensions],
        "modalities": [name for name in ("acoustic", "linguistic") if name in config.presences],
        "languages": () if linguistic is None else linguistic.languages,
        "sample_rate_hz": config.sample_rate_hz,
        "window_s": config.window_s,
        "training_data": [asdict(corpus) for corpus in config.training_data],
    }


class _Service:
    """The model, and what is in hand: recordings in `Lanes`, live sound in a thread of its own, in order.

    Args:
        predictor: the model.
        threads: recordings judged at a time.
        channel: to the parent.
    """

    def __init__(self, predictor: Predictor, threads: int, channel: Channel) -> None:
        self._predictor = predictor
        self._channel = channel
        self._lanes = Lanes(threads)
        self._tellers: dict[int, _Teller] = {}  # of the recordings in hand
        self._streams: dict[int, _Live] = {}
        self._live: queue.SimpleQueue[Message] = queue.SimpleQueue()
        # What a client must not see in an error: where this is installed, and where the model is.
        self._shown = {
            predictor.bundle.path: predictor.bundle.config.name,
            Path(emobridge.__file__).parent: "emobridge",
        }
        threading.Thread(target=self._serve_live, daemon=True).start()

    def take(self, message: Message) -> None:
        """Take a request of the parent."""
        head = message.head
        if head["do"] == "judge":
            for task in head["tasks"]:
                self._take(task)
        elif head["do"] == "abandon":
            if teller := self._tellers.get(head["id"]):
                teller.is_abandoned = True
        else:
            self._live.put(message)

    def _take(self, task: dict[str, Any]) -> None:
        teller = self._tellers[task["id"]] = _Teller(task["id"], self._channel)
        duration_s = task["decoded"]["duration_s"] if task["decoded"] else 0.0

        def work() -> None:
            self._answered(task["id"], lambda: self._judged(task, teller))
            del self._tellers[task["id"]]

        self._lanes.put(duration_s, work)

    def _judged(self, task: dict[str, Any], teller: "_Teller") -> tuple[dict[str, Any], bytes]:
        name, decoded = task["name"], task["decoded"]
        teller.check()
        source = None
        if decoded is not None:
            source = open_decoded(Decoded(**{**decoded, "folder": Path(decoded["folder"])}), name)
        words, turns = _beside(task["beside"])
        try:
            result = self._predictor.with_categories(task["categories"]).predict(
                source,
                words,
                task["speakers"] if turns is None else turns,
                task["channel"],
                teller.progress,
                teller.heard,
                text=task["text"] if words is None else None,
            )
        except Exception:
            teller.check()  # of a recording that was abandoned the sound may be gone
            raise
        return {"segments": teller.segments}, _as_json(dataclasses.replace(result, file=file_name(name)))

    def _answered(self, number: int, work: Callable[[], tuple[dict[str, Any], bytes]]) -> None:
        """Do ``work`` and send what it gives, or why it gives nothing."""
        try:
            head, raw = work()
            self._channel.send({"id": number, "done": True, **head}, raw)
        except _Abandoned:
            pass
        except EmobridgeError as error:
            kind = "fault" if isinstance(error, BundleError) else "failure"
            self._channel.send({"id": number, kind: as_message(error, self._shown)})
        except Exception as error:  # a fault of ours in one recording must not end the others
            # What the error says may hold words of a transcript: where it came from is all that is kept.
            frames = traceback.extract_tb(error.__traceback__)
            places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
            logger.error("%s at %s", type(error).__name__, places)
            given = f"an unexpected {type(error).__name__}"
            self._channel.send({"id": number, "fault": as_message(EmobridgeError(given, remedy="report it"), {})})

    def _serve_live(self) -> None:
        while True:
            message = self._live.get()
            if message.head["do"] == "close":
                self._streams.pop(message.head["stream"], None)
            else:
                self._answered(message.head["id"], lambda: self._heard_live(message))  # noqa: B023

    def _heard_live(self, message: Message) -> tuple[dict[str, Any], bytes]:
        head = message.head
        if head["do"] == "open":
            predictor = self._predictor.with_categories(head["categories"])
            self._streams[head["stream"]] = _Live(predictor.stream(head["sample_rate_hz"], head["every_s"]))
            return {}, b""
        live = self._streams[head["stream"]]
        if head["do"] == "finish":
            return {}, _as_json(live.stream.finish())
        return {"events": live.pushed(message.raw)}, b""


class _Teller:
    """Tells the parent now and then how far a recording is, and what was heard of it.

    Attributes:
        is_abandoned: whether nobody waits for the recording any more.
        segments: what was heard and is still to be told.
    """

    def __init__(self, number: int, channel: Channel) -> None:
        self._number = number
        self._channel = channel
        self._told_s = time.monotonic()
        self.is_abandoned = False
        self.segments: list[dict[str, Any]] = []

    def heard(self, segments: Sequence[Segment]) -> None:
        """Take what was heard."""
        self.segments += [asdict(segment) for segment in segments]

    def progress(self, done_s: float, total_s: float) -> None:
        """Take how far it is."""
        self.check()
        now_s = time.monotonic()
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._channel.send({"id": self._number, "progress": done_s / total_s, "segments": self.segments})
            self.segments = []
            self._told_s = now_s

    def check(self) -> None:
        """Stop the work where nobody waits for it."""
        if self.is_abandoned:
            raise _Abandoned


class _Live:
    """A stream, and the estimate of the present that was told last."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._current: Segment | None = None

    def pushed(self, pcm: bytes) -> list[dict[str, Any]]:
        """Push mono little-endian float32; return the events of it, see `LiveStream.push`."""
        if len(pcm) % SAMPLE_BYTES:
            given = f"{len(pcm)} bytes, which end within a sample"
            raise AudioError(given, f"a sample has {SAMPLE_BYTES} bytes", "send whole samples")
        events = [
            {"type": "segment", "segment": asdict(segment)} for segment in self.stream.push(np.frombuffer(pcm, "<f4"))
        ]
        current = self.stream.current()
        if current is not None and current is not self._current:
            self._current = current
            events.append({"type": "current", "segment": asdict(current)})
        return events


def _beside(text: str | None) -> tuple[Transcript | None, tuple[Turn, ...] | None]:
    """Return the words and turns that a decoder read from files, None of what it was not given."""
    found = {} if text is None else json.loads(text)
    words, turns = found.get("transcript"), found.get("turns")
    return (
        None if words is None else Transcript(tuple(Span(**span) for span in words["spans"]), words["language"]),
        None if turns is None else tuple(Turn(**turn) for turn in turns),
    )


def _as_json(result: Result) -> bytes:
    return json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False).encode(errors="replace")


if __name__ == "__main__":
    main()
