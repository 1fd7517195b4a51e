"""Log-mel energies: the picture of a sound that descriptors and the search for near-duplicates start from.

Design: the level of the segment is divided out before the logarithm, so that a change of gain changes nothing;
no centre padding, so that a frame depends on its own 25 ms alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LEVEL_FLOOR = 1e-5  # root mean square under which a segment counts as silent and is not amplified (-100 dBFS)
LOG_FLOOR = 1e-4  # added to mel energies of the level-normalised signal before the logarithm


@dataclass(frozen=True)
class LogMelSettings:
    """Window, hop and bands."""

    sample_rate_hz: int = 16_000
    window_samples: int = 400
    hop_samples: int = 160
    fft_samples: int = 512
    bands: int = 64
    low_hz: float = 40.0
    high_hz: float = 7_600.0


def mel_filters(settings: LogMelSettings) -> NDArray[np.float32]:
    """Return triangular filters (fft_samples // 2 + 1, bands) on the HTK mel scale, each of unit area."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (settings.low_hz, settings.high_hz))
    edges_hz = 700.0 * (10.0 ** (np.linspace(low, high, settings.bands + 2) / 2595.0) - 1.0)
    bins_hz = np.fft.rfftfreq(settings.fft_samples, 1.0 / settings.sample_rate_hz)
    rising = (bins_hz[:, None] - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz[:, None]) / (edges_hz[2:] - edges_hz[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    # Low bands are narrower than an FFT bin: without the small constant some would be empty.
    filters: NDArray[np.float32] = (triangles / np.maximum(triangles.sum(axis=0), 1e-6)).astype(np.float32)
    return filters


@lru_cache(maxsize=4)
def analysis_constants(settings: LogMelSettings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the window (window_samples,) and the mel filters (fft_samples // 2 + 1, bands)."""
    window = np.hanning(settings.window_samples + 1)[:-1].astype(np.float32)
    return window, mel_filters(settings)


def log_mel(samples: NDArray[np.float32], settings: LogMelSettings) -> NDArray[np.float32]:
    """Return the log-mel energies (T, bands) of mono ``samples`` (N,), T = 1 + (N - window) // hop, at least 1.

    A signal shorter than one window is padded with zeros to one window.
    """
    window, filters = analysis_constants(settings)
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    signal = (samples / max(level, LEVEL_FLOOR)).astype(np.float32)
    if len(signal) < settings.window_samples:
        signal = np.pad(signal, (0, settings.window_samples - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(signal, settings.window_samples)[:: settings.hop_samples]
    spectrum = np.fft.rfft(frames * window, settings.fft_samples)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    energies: NDArray[np.float32] = np.log(power.astype(np.float32) @ filters + LOG_FLOOR).astype(np.float32)
    return energies
