"""The model in a process of its own: recordings and live sound put to it from many clients at once.

Design: what it says is what `Predictor.predict` and `Predictor.stream` say, for it is they that say it. Where the
process dies, another is started, and whoever waited is told by `ModelLost` to ask again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emobridge.server.decoders import Decoded, Wanted


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


class LiveStream:
    """Live sound at the model. Make one with `Model.open_stream`; one call at a time, and `close` it at the end."""

    async def push(self, pcm: bytes) -> list[dict[str, Any]]:
        """Take the next mono samples, little-endian float32; return what they gave.

        Returns:
            ``{"type": "segment", "segment": ...}`` for each segment that became final, then perhaps
            ``{"type": "current", "segment": ...}``, a new estimate of the present.

        Raises:
            AudioError: they are no finite samples.
            ModelLost: the process died, and all that was pushed is lost.
        """
        raise NotImplementedError

    async def finish(self) -> bytes:
        """Return the result, `Result.to_dict` as JSON in UTF-8.

        Raises:
            AudioError: nothing was pushed.
            ModelLost: as `push`.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Let the model forget the stream."""
        raise NotImplementedError


class Model:
    """A process with one model in memory, started again where it dies.

    Args:
        bundle: the model directory; None is the model that comes with emobridge.
        threads: recordings that are judged at a time.
        batch_size: requests that are sent to the process together, at most.
        batch_wait_ms: how long the first of them waits for others, at most.

    Attributes:
        about: of the model, as ``/v1/models`` shows it; there once `start` has returned.
    """

    about: dict[str, Any]

    def __init__(self, bundle: Path | None, threads: int, batch_size: int = 8, batch_wait_ms: float = 3.0) -> None:
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether the process is there and has loaded the model."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the process; return when the model is loaded.

        Raises:
            BundleError: the directory holds no model, or a damaged one.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """End the process; what it has in hand is lost."""
        raise NotImplementedError

    def wanted(self, speakers: Path | int | str | None, channel: int | None) -> Wanted:
        """Return what is to be decoded of a recording to judge it so."""
        raise NotImplementedError

    def card(self) -> str:
        """Return the model card, in Markdown."""
        raise NotImplementedError

    async def judge(self, task: JudgeTask, heard: Callable[[float, list[dict[str, Any]]], None]) -> bytes:
        """Return the result, `Result.to_dict` as JSON in UTF-8. Cancelling abandons it.

        Args:
            task: the recording.
            heard: called now and then with the share that is done, on [0, 1], and the segments that became final, as
                in the result; in order of time where nobody's channel was asked for.

        Raises:
            EmobridgeError: a mistake of who asked.
            ModelLost: the process died, or was not there for `START_S`.
        """
        raise NotImplementedError

    async def open_stream(self, sample_rate_hz: int, every_s: float, categories: str | None) -> LiveStream:
        """Return a stream for live sound; see `Predictor.stream`.

        Raises:
            AudioError: the rate is none that a recording has.
            LabelError: the model has no such view.
            ModelLost: the process died, or was not there for `START_S`.
        """
        raise NotImplementedError
