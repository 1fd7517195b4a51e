"""Sound brought to what models learned from: one channel, without a constant offset or infrasound.

Design: all is decided on blocks of a fixed length, counted from the first sample. What is decided holds from that block
on, so that a file and a stream give the same, however their samples come.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import AudioError

BLOCK_S = 0.25
CUTOFF_HZ = 20.0
# Of 1,975 clips of two corpora, whose breaths and steps reach 0.26 below 20 Hz for a moment, none exceeds these.
OFFSET_PARTS, MAX_OFFSET = 5, 0.004  # all means of a block's parts have one sign and this size
INFRASOUND_BLOCKS, MAX_INFRASOUND, MAX_DOMINANT_INFRASOUND = 6, 0.03, 0.015  # root mean square in each of the last ones
DOMINANT_SHARE = 0.25  # of the power, from which infrasound dominates
CANCELLED_SHARE = 0.02  # of the channels' power: less is left in the mix of channels that cancel each other out
CANCELLED_POWER = 1e-5  # of channels so faint it does not matter
MAX_FULL_SCALE = 64.0  # samples beyond this are no loud floats, but whole numbers kept as floats

FILTERED = "a constant offset or infrasound was removed: sound below 20 Hz, too strong to be speech, from {:.1f} s on"
CANCELLED = "the channels cancel each other out when mixed; from {:.1f} s on channel {} was heard (see --channel)"

Samples = NDArray[np.float32]
Warn = Callable[[str], None]


class Conditioner:
    """Takes the chunks of one recording in order, returns its sound.

    Args:
        rate_hz: sample rate.
        channel: the channel to take, counted from 1; None mixes them down to their mean.
        warn: called with what was changed.
        given: the recording, as errors name it.
    """

    def __init__(self, rate_hz: int, channel: int | None, warn: Warn, given: str = "the sound") -> None:
        self._rate_hz, self._warn, self._given = rate_hz, warn, given
        self._block = round(BLOCK_S * rate_hz)
        self._channel = None if channel is None else channel - 1
        self._held: list[NDArray[Any]] = []
        self._held_samples = self._done_samples = 0
        self._high_pass: _HighPass | None = None
        self._window = np.hanning(self._block + 1)[:-1].astype(np.float32)
        self._window /= np.sqrt(self._block * np.sum(self._window**2))
        self._recent: list[tuple[float, float]] = []  # power below the cutoff and power, of the last blocks

    def add(self, chunk: NDArray[Any], is_last: bool = False) -> Samples:
        """Return the sound (M,) that is decided once ``chunk`` (N, channels) has come; at the end, all that is left.

        Raises:
            AudioError: a sample is not a finite number, or far beyond full scale.
        """
        self._check(chunk)
        self._held.append(chunk)
        self._held_samples += len(chunk)
        whole = self._held_samples if is_last else self._held_samples - self._held_samples % self._block
        if not whole:
            return np.zeros(0, np.float32)
        joined = np.concatenate(self._held)
        self._held, self._held_samples = [joined[whole:]], self._held_samples - whole
        blocks = [self._conditioned(joined[start : start + self._block]) for start in range(0, whole, self._block)]
        return np.concatenate(blocks)

    def _check(self, chunk: NDArray[Any]) -> None:
        chosen = chunk if self._channel is None else chunk[:, self._channel]
        largest = float(np.max(np.abs(chosen), initial=0.0))
        if not np.isfinite(largest):
            finite = np.isfinite(chosen.reshape(len(chunk), -1)).all(axis=1)
            at_s = (self._done_samples + self._held_samples + int(np.argmin(finite))) / self._rate_hz
            given = f"{self._given} holds a sample at {at_s:.3f} s that is not a number"
            raise AudioError(given, "every sample is a finite number", "export it again, for example as 16-bit wav")
        if largest > MAX_FULL_SCALE:
            given = f"{self._given} holds samples up to {largest:.0f}, which seem to be whole numbers kept as floats"
            raise AudioError(given, "full scale is [-1, 1]", "divide them by their full scale, 32768 for 16 bits")

    def _conditioned(self, block: NDArray[Any]) -> Samples:
        is_whole = len(block) == self._block
        sound = self._mixed(block, is_whole)
        if is_whole and self._high_pass is None and self._is_odd(sound):
            self._high_pass = _HighPass(self._rate_hz, self._block, float(np.mean(sound, dtype=np.float64)))
            self._warn(FILTERED.format(self._done_samples / self._rate_hz))
        self._done_samples += len(block)
        return sound if self._high_pass is None else self._high_pass.filter(sound)

    def _mixed(self, block: NDArray[Any], is_whole: bool) -> Samples:
        if self._channel is None and block.shape[1] > 1:
            mixed = block.mean(axis=1, dtype=np.float64)
            powers = np.var(block, axis=0, dtype=np.float64)
            power = np.mean(powers)
            if not is_whole or power < CANCELLED_POWER or np.var(mixed) >= CANCELLED_SHARE * power:
                return np.asarray(mixed, np.float32)
            self._channel = int(np.argmax(powers))
            self._warn(CANCELLED.format(self._done_samples / self._rate_hz, self._channel + 1))
        return np.ascontiguousarray(block[:, self._channel or 0], np.float32)

    def _is_odd(self, sound: Samples) -> bool:
        """Return whether a block has a constant offset, or ends a stretch of infrasound."""
        means = sound[: len(sound) // OFFSET_PARTS * OFFSET_PARTS].reshape(OFFSET_PARTS, -1).mean(axis=1)
        if means.min() > MAX_OFFSET or means.max() < -MAX_OFFSET:
            return True
        # Not as a product of matrices: where memory is short, that ends the process.
        waves = np.abs(np.fft.rfft(sound * self._window)[: math.ceil(CUTOFF_HZ * BLOCK_S)]) ** 2
        low = float(2.0 * np.sum(waves) - waves[0])
        self._recent = [*self._recent[1 - INFRASOUND_BLOCKS :], (low, float(np.mean(sound**2)))]
        least = np.sqrt(min(low for low, _ in self._recent)) if len(self._recent) == INFRASOUND_BLOCKS else 0.0
        share = sum(low for low, _ in self._recent) / max(sum(power for _, power in self._recent), 1e-12)
        return bool(least > (MAX_DOMINANT_INFRASOUND if share > DOMINANT_SHARE else MAX_INFRASOUND))


class _HighPass:
    """A Butterworth filter of second order that keeps what is above the cutoff.

    Args:
        rate_hz: sample rate.
        block: samples filtered at a time, at most.
        level: the constant that came before the first sample.
    """

    def __init__(self, rate_hz: int, block: int, level: float) -> None:
        tangent = np.tan(np.pi * CUTOFF_HZ / rate_hz)
        self._gain = 1.0 / (1.0 + np.sqrt(2.0) * tangent + tangent**2)
        self._back = (2.0 * (tangent**2 - 1.0) * self._gain, (1.0 - np.sqrt(2.0) * tangent + tangent**2) * self._gain)
        radius = np.sqrt(self._back[1])
        angle = np.arccos(-self._back[0] / (2.0 * radius))
        steps = np.arange(block + 1)
        # What one impulse makes of the recursive half; a block is the sum of its impulses and of what is left before.
        self._response = radius**steps * np.sin((steps + 1) * angle) / np.sin(angle)
        self._spectrum = np.fft.rfft(self._response[:block], 2 * block)
        self._before = np.full(2, level / (1.0 + sum(self._back)))  # the recursive half's last two values

    def filter(self, sound: Samples) -> Samples:
        """Return the next block filtered."""
        count, padded = len(sound), 2 * (len(self._response) - 1)
        second, last = self._before
        recursive = np.fft.irfft(np.fft.rfft(sound.astype(np.float64), padded) * self._spectrum, padded)[:count]
        recursive -= (self._back[0] * last + self._back[1] * second) * self._response[:count]
        recursive[1:] -= self._back[1] * last * self._response[: count - 1]
        joined = np.concatenate([self._before, recursive])
        self._before = joined[-2:]
        return np.asarray(self._gain * np.diff(joined, 2), np.float32)
