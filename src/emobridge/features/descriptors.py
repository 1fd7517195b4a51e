"""Low-level descriptors of a voice, a row every 10 ms: spectrum, its shape, loudness, pitch and how periodic it is.

Design: the level of the stretch is divided out first, so that a change of gain changes nothing; numpy alone, so that
training and predicting share the one implementation. Pitch is the highest peak of the autocorrelation below 2 kHz,
divided by the window's own, with a small preference for higher pitch against octave errors [Boersma 1993].
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emobridge.features.log_mel import LEVEL_FLOOR, LOG_FLOOR, LogMelSettings, analysis_constants

Array = NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
SHORTEST_SAMPLES = 1_600  # shorter stretches are padded with zeros: every statistic needs some frames
MEL = LogMelSettings(bands=40, low_hz=20.0, high_hz=7_800.0)
CEPSTRA = 20
PITCH_WINDOW_SAMPLES = 640
PITCH_FFT_SAMPLES = 1_024
PITCH_RATE_HZ = 8_000  # of the lags; peaks between them are found by a parabola
PITCH_HIGHEST_PARTIAL_HZ = 2_000
PITCH_RANGE_HZ = (60.0, 500.0)
OCTAVE_COST = 0.03  # of the autocorrelation, for each octave below the highest pitch
SHAPE = ("alpha", "hammarberg", "centroid", "spread", "flatness", "flux", "high")


@dataclass(frozen=True)
class Descriptors:
    """A stretch of T frames.

    Attributes:
        mel: (T, 40) log mel energies of the level-normalised signal.
        cepstra: (T, 20) their cosine transform (MFCC), the first being loudness.
        shape: (T, 7) as `SHAPE` names them: alpha ratio, Hammarberg index, centroid and spread in kHz, log flatness,
            flux, log share above 4 kHz.
        energy: (T,) log energy.
        pitch: (T,) octaves above 100 Hz, whether or not the frame is voiced.
        periodicity: (T,) normalised autocorrelation at that pitch, about 1 for a clean vowel.
    """

    mel: Array
    cepstra: Array
    shape: Array
    energy: Array
    pitch: Array
    periodicity: Array


def describe(samples: Array) -> Descriptors:
    """Return the descriptors of mono ``samples`` (N,) at 16 kHz; T = 1 + (max(N, 1600) - 400) // 160."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    signal = (samples / max(level, LEVEL_FLOOR)).astype(np.float32)
    if len(signal) < SHORTEST_SAMPLES:
        signal = np.pad(signal, (0, SHORTEST_SAMPLES - len(signal)))
    window, filters = analysis_constants(MEL)
    cosines, hz = _constants()
    frames = np.lib.stride_tricks.sliding_window_view(signal, MEL.window_samples)[:: MEL.hop_samples]
    spectrum = np.fft.rfft(frames * window, MEL.fft_samples)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.log(power @ filters + LOG_FLOOR)
    pitch, periodicity = _pitch(signal, len(frames))
    return Descriptors(
        mel=mel,
        cepstra=mel @ cosines,
        shape=_shape(power, hz),
        energy=np.log(power.sum(axis=1) + 1e-3),
        pitch=pitch,
        periodicity=periodicity,
    )


@lru_cache(maxsize=1)
def _constants() -> tuple[Array, Array]:
    """Return the cosines of the cepstra (bands, CEPSTRA) and the frequencies (bins,) of a spectrum."""
    bands = np.arange(MEL.bands)
    cosines = np.cos(np.pi / MEL.bands * (bands[:, None] + 0.5) * np.arange(CEPSTRA)) * np.sqrt(2.0 / MEL.bands)
    cosines[:, 0] /= np.sqrt(2.0)
    return cosines.astype(np.float32), np.fft.rfftfreq(MEL.fft_samples, 1.0 / SAMPLE_RATE_HZ).astype(np.float32)


def _shape(power: Array, hz: Array) -> Array:
    """Return (T, 7), see `SHAPE`, of power spectra (T, bins)."""
    total = power.sum(axis=1) + 1e-6
    low, middle = (hz >= 50) & (hz < 1000), (hz >= 1000) & (hz < 5000)
    below, above = hz < 2000, (hz >= 2000) & (hz < 5000)
    alpha = np.log((power[:, low].sum(axis=1) + 1e-4) / (power[:, middle].sum(axis=1) + 1e-4))
    hammarberg = np.log((power[:, below].max(axis=1) + 1e-5) / (power[:, above].max(axis=1) + 1e-5))
    khz = hz / 1000
    centroid = power @ khz / total
    spread = np.sqrt(np.maximum(power @ np.square(khz) / total - np.square(centroid), 0.0))
    flatness = np.log(power[:, 4:] + 1e-4).mean(axis=1) - np.log(power[:, 4:].mean(axis=1) + 1e-4)
    relative = np.sqrt(power / total[:, None])
    flux = np.concatenate([[0.0], np.sqrt(np.square(np.diff(relative, axis=0)).sum(axis=1))])
    high = np.log((power[:, hz > 4000].sum(axis=1) + 1e-4) / total)
    return np.stack([alpha, hammarberg, centroid, spread, flatness, flux, high], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _pitch_constants() -> tuple[Array, Array]:
    """Return the window of a pitch frame and its autocorrelation at the lags of `PITCH_RATE_HZ`."""
    window = np.hanning(PITCH_WINDOW_SAMPLES + 1)[:-1]
    step = SAMPLE_RATE_HZ // PITCH_RATE_HZ
    correlation = np.correlate(window, window, "full")[PITCH_WINDOW_SAMPLES - 1 :: step]
    return window.astype(np.float32), (correlation / correlation[0]).astype(np.float32)


def _pitch(signal: Array, count: int) -> tuple[Array, Array]:
    """Return pitch (T,) in octaves above 100 Hz and periodicity (T,) of the first ``count`` frames."""
    window, window_correlation = _pitch_constants()
    margin = (PITCH_WINDOW_SAMPLES - MEL.window_samples) // 2
    padded = np.pad(signal, (margin, margin))
    frames = np.lib.stride_tricks.sliding_window_view(padded, PITCH_WINDOW_SAMPLES)[:: MEL.hop_samples][:count]
    spectrum = np.fft.rfft(frames * window, PITCH_FFT_SAMPLES)
    kept = PITCH_HIGHEST_PARTIAL_HZ * PITCH_FFT_SAMPLES // SAMPLE_RATE_HZ
    power = np.square(spectrum.real[:, :kept]) + np.square(spectrum.imag[:, :kept])
    lags = PITCH_FFT_SAMPLES * PITCH_RATE_HZ // SAMPLE_RATE_HZ
    correlation = np.fft.irfft(power, lags)[:, : lags // 2]
    shortest, longest = (round(PITCH_RATE_HZ / hz) for hz in reversed(PITCH_RANGE_HZ))
    correlation = correlation / (correlation[:, :1] + 1e-6)
    correlation[:, : longest + 2] /= np.maximum(window_correlation[: longest + 2], 0.1)
    lag = np.arange(shortest, longest + 1)
    best = lag[(correlation[:, lag] - OCTAVE_COST * np.log2(lag / shortest)).argmax(axis=1)]
    row = np.arange(len(correlation))
    before, at, after = (correlation[row, best + offset] for offset in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(np.abs(bend) > 1e-9, bend, 1.0), 0.0)
    hz = PITCH_RATE_HZ / (best + np.clip(shift, -0.5, 0.5))
    return np.log2(hz / 100.0).astype(np.float32), at.astype(np.float32)
