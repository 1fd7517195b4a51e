"""Sound on its way in, from a microphone or as raw samples on standard input; what is no such sound is refused.

Design: one queue between a thread that reads, or that the audio system calls, and the one that predicts. One event ends
both, so that sound from before it is predicted and nothing waits for more.
"""

import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import AudioError
from emobridge.utils.extras import load_extra

SAMPLE_BYTES = 2
BLOCK_S = 0.25  # read at a time
WAITING_BLOCKS = 40  # read ahead at most; where prediction is behind by more, a microphone's sound is lost
POLL_S = 0.1
RAW = "valid: raw samples of 16 bits, signed, little-endian, one channel"
REMEDY = "convert it, for example: ffmpeg -i FILE -f s16le -ac 1 -ar 16000 - | emobridge listen -"
MAGIC = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1aE\xdf\xa3")  # how files of sound begin
TELLING_SAMPLES = 400  # so many, nearly all of them not 0, show what they are
FULL_SCALE, CLIPPED_SHARE = 32_767 / 32_768, 0.05

logger = logging.getLogger(__name__)


class Incoming:
    """Sound on its way from its source to its prediction.

    Attributes:
        blocks: raw samples in pieces of any length, as they come.
        is_over: set where nothing more is to come, or to be taken.
        is_interrupted: whether that is because of ctrl-C.
        failure: why it is, where something failed.
    """

    def __init__(self) -> None:
        self.blocks: queue.Queue[bytes] = queue.Queue(WAITING_BLOCKS)
        self.is_over = threading.Event()
        self.is_interrupted = False
        self.failure: AudioError | None = None

    def samples(self) -> Iterator[NDArray[np.float32]]:
        """Yield mono samples (N,) in [-1, 1] as they come, all that came before it was over.

        Raises:
            AudioError: it is no raw sound, or no more than none; where something failed, after what came before.
        """
        rest, is_first, is_told = b"", True, False
        for block in self._arrived():
            came = rest + block
            sound = came[: len(came) // SAMPLE_BYTES * SAMPLE_BYTES]
            rest = came[len(sound) :]
            if is_first:
                _refuse_file(came)
            values = np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(2**15)
            if not is_told and _is_telling(values):
                _refuse_other_samples(sound, values)
                is_told = True
            is_first = False
            yield values
        if self.is_interrupted:
            return
        if self.failure is not None:
            raise self.failure
        if rest:
            raise AudioError("standard input ended within a sample, after an odd number of bytes", RAW, REMEDY)
        if is_first:
            raise AudioError("no sound came", RAW, "check the microphone, or what is before the pipe")

    def _arrived(self) -> Iterator[bytes]:
        while True:
            is_over = self.is_over.is_set()
            try:
                yield self.blocks.get(timeout=POLL_S)
            except queue.Empty:
                if is_over:
                    return


@contextmanager
def ended_by_interruption(incoming: Incoming) -> Iterator[None]:
    """Make ctrl-C end what comes, so that it stops nothing in the middle."""

    def end(*_: object) -> None:
        incoming.is_interrupted = True
        incoming.is_over.set()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def standard_input(incoming: Incoming, rate_hz: int) -> Iterator[None]:
    """Read standard input into what comes.

    Raises:
        AudioError: it is a terminal.
    """
    if os.isatty(0):
        raise AudioError("standard input is a terminal", RAW, REMEDY)
    size = max(1, round(BLOCK_S * rate_hz)) * SAMPLE_BYTES

    def read() -> None:
        # Not through sys.stdin: its lock, held by a thread that waits, would let Python not end.
        try:
            while not incoming.is_over.is_set() and (block := os.read(0, size)):
                incoming.blocks.put(block)
        except OSError as error:
            incoming.failure = AudioError(f"standard input cannot be read ({error.strerror})", RAW, REMEDY)
        incoming.is_over.set()

    threading.Thread(target=read, daemon=True).start()
    yield


@contextmanager
def microphone(incoming: Incoming, device: str | None, rate_hz: int) -> Iterator[None]:
    """Open a microphone, whose sound goes into what comes.

    Raises:
        AudioError: there is none, or it does not give this rate.
        MissingExtraError: the extra [listen] is not installed.
    """
    name = "the default microphone" if device is None else f"microphone '{device}'"

    def take(block: Any, _frames: int, _time: Any, status: Any) -> None:
        if not incoming.is_over.is_set():
            try:
                incoming.blocks.put_nowait(bytes(block))
            except queue.Full:
                logger.warning("sound was lost: this machine is too slow for the microphone")
        if status:
            logger.warning("%s: %s", name, status)

    def end() -> None:
        if not incoming.is_over.is_set():
            incoming.failure = AudioError(f"{name} gives no more sound", "", "check whether it is still plugged in")
            incoming.is_over.set()

    def failure(error: Exception, remedy: str) -> AudioError:
        given = f"{name} cannot record at {rate_hz} Hz ({' '.join(str(error).split())})"
        return AudioError(given, "valid: a device with an input", f"{remedy}; or pipe sound in: emobridge listen -")

    try:
        sounddevice = load_extra("sounddevice", "listen")
    except OSError as error:  # the package is there, the library that it calls is not
        raise failure(error, "install PortAudio, for example: apt install libportaudio2") from error
    with ExitStack() as stack:
        try:
            stream = sounddevice.RawInputStream(
                samplerate=rate_hz,
                blocksize=round(BLOCK_S * rate_hz),
                device=int(device) if device is not None and device.isdecimal() else device,
                channels=1,
                dtype="int16",
                callback=take,
                finished_callback=end,
            )
            stack.enter_context(stream)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise failure(error, "see the devices with: python -m sounddevice") from error
        print(f"listening to {name} at {rate_hz} Hz; ctrl-C ends it", file=sys.stderr, flush=True)
        yield


def _refuse_file(start: bytes) -> None:
    if start.startswith(MAGIC) or start[4:8] == b"ftyp":
        raise AudioError("standard input is a sound file", RAW, "pipe it to: emobridge predict -")


def _is_telling(values: NDArray[np.float32]) -> bool:
    """Return whether ``values`` (N,) are enough to decide whether they are samples."""
    most = max(np.count_nonzero(values[::2]), np.count_nonzero(values[1::2]))
    return bool(most > max(TELLING_SAMPLES, 0.45 * len(values)))


def _refuse_other_samples(sound: bytes, values: NDArray[np.float32]) -> None:
    """Raise AudioError where ``sound``, taken for the samples ``values`` (N,), is of samples of another kind.

    No speech is so: pairs of samples that are all ordinary floats, which small negative samples are not; most bytes
    near the middle, as those of 8 bits; loud without being clipped, but faint with its bytes swapped; every other
    sample fainter by 12 dB, as halves of 32 bits are, or one of two channels.
    """
    swapped = np.frombuffer(sound, ">i2").astype(np.float32) / np.float32(2**15)
    from_middle = np.abs(np.frombuffer(sound, np.uint8).astype(np.int16) - 128)
    fainter, louder = sorted(float(half.std()) for half in (values[::2], values[1::2]))
    if any(_are_floats(sound[shift:]) for shift in (0, SAMPLE_BYTES)):
        seems = "32-bit floats"
    elif np.median(from_middle) < 40:
        seems = "8-bit samples"
    elif fainter > 0.4 and swapped.std() < 0.25 * fainter and np.mean(np.abs(values) >= FULL_SCALE) < CLIPPED_SHARE:
        seems = "big-endian samples"
    elif louder > 4 * fainter:
        seems = "32-bit samples or two channels"
    else:
        return
    raise AudioError(f"standard input seems to hold {seems}", RAW, REMEDY)


def _are_floats(sound: bytes) -> bool:
    floats = np.frombuffer(sound[: len(sound) // 4 * 4], "<f4")
    if not np.isfinite(floats).all():
        return False
    sizes = np.abs(floats)
    return bool(sizes.max() < 4 and np.median(sizes) > 1e-7 and floats.min() < 0 < floats.max())
