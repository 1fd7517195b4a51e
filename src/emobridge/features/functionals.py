"""Functionals: what a stretch of voice was like as a whole, one vector whatever its length.

Statistics of the low-level descriptors over the frames that carry the voice: level and spread, how fast things move,
pitch and its movement, rhythm, slow modulation, and which descriptors move together (the logarithm of their covariance
matrix [Arsigny 2006]). The kind of description is that of openSMILE's sets [Schuller 2009, Eyben 2016]; the code, the
pitch tracker and the selection are our own.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import BundleError
from emobridge.features.descriptors import SAMPLE_RATE_HZ, Descriptors, describe

Array = NDArray[np.float32]

VERSION = 1

ACTIVE_RANGE = 6.0  # frames within this of the loudest, in log energy (26 dB), carry the voice
FEWEST_ACTIVE = 5
VOICED = 0.5  # periodicity from which a frame is voiced
FEWEST_VOICED = 4
SMOOTH_OCTAVES = 0.2  # pitch that moves further within 10 ms is a tracking error
PERCENTILES = (2, 10, 25, 50, 75, 90, 98)
MODULATION_FRAMES = 64
COVARIANCE_CEPSTRA = 13
COVARIANCE_FLOOR = 0.05
THIRDS = 3
# Typical deviations over speech of what the covariance is taken of, so that none of them rules it: 13 cepstra, 7 of
# shape, energy and periodicity, then their slopes.
SCALES = np.array(
    [
        *[7.28, 4.69, 3.39, 2.89, 2.37, 2.10, 1.81, 1.81, 1.65, 1.57, 1.53, 1.45, 1.42],
        *[2.14, 2.50, 0.98, 0.51, 1.76, 0.20, 2.49, 1.51, 0.19],
        *[1.69, 1.17, 0.73, 0.73, 0.59, 0.54, 0.50, 0.49, 0.44, 0.42, 0.41, 0.39, 0.38],
        *[0.55, 0.65, 0.25, 0.15, 0.48, 0.06, 0.64, 0.52, 0.05],
    ]
)
LARGEST = 1_000.0  # a functional beyond it is an accident of a nearly constant descriptor


@dataclass(frozen=True)
class FunctionalsSettings:
    """The front end's version, part of an encoder's fingerprint: `VERSION` is all there is."""

    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            given = f"functionals of version {self.version}"
            raise BundleError(given, f"this emobridge computes {VERSION}", "install the emobridge that wrote the model")

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second that `frames` takes."""
        return SAMPLE_RATE_HZ

    @property
    def width(self) -> int:
        """How many functionals there are."""
        return _width()

    def frames(self, samples: Array) -> Array:
        """Return (1, width): the functionals of mono ``samples`` (N,) as a sequence of one."""
        return functionals(describe(samples))[None]

    def to_dict(self) -> dict[str, float]:
        """Return the settings as plain numbers, for ``config.json``."""
        return asdict(self)


@lru_cache(maxsize=1)
def _width() -> int:
    return len(functionals(describe(np.zeros(SAMPLE_RATE_HZ, np.float32))))


def functionals(voice: Descriptors) -> Array:
    """Return the functionals (F,), finite, of one stretch."""
    active, voiced = voice_frames(voice)
    columns = np.column_stack([voice.mel, voice.cepstra[:, 1:], voice.shape, voice.energy, voice.periodicity])
    moving = delta(columns)
    parts = [
        statistics(columns[active]),
        statistics(np.abs(moving[active])),
        delta(moving)[active].std(axis=0),
        columns[voiced].mean(axis=0) - columns[active].mean(axis=0),
        columns[voiced].std(axis=0),
        _course(columns[active][:, 40:], voice.pitch[voiced]),
        _pitch_functionals(voice, active, voiced),
        _rhythm(voiced),
        _modulation(voice),
        _covariance(voice, active),
    ]
    whole = np.concatenate([np.ravel(part) for part in parts])
    finite: Array = np.clip(np.nan_to_num(whole), -LARGEST, LARGEST).astype(np.float32)
    return finite


def voice_frames(voice: Descriptors) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which frames (T,) carry the voice, and which of these are voiced; always some."""
    active = voice.energy > voice.energy.max() - ACTIVE_RANGE
    if active.sum() < FEWEST_ACTIVE:
        active = np.ones_like(active)
    voiced = active & (voice.periodicity > VOICED)
    if voiced.sum() < FEWEST_VOICED:
        voiced = active & (voice.periodicity >= np.median(voice.periodicity))
    return active, voiced


def delta(columns: Array, reach: int = 2) -> Array:
    """Return the slope a frame (T, D) of each column, by regression over ``reach`` frames on either side."""
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="edge")
    count = len(columns)
    slope = np.zeros_like(columns)
    for step in range(1, reach + 1):
        slope += step * (padded[reach + step :][:count] - padded[reach - step :][:count])
    slope /= 2 * sum(step * step for step in range(1, reach + 1))
    return slope


def statistics(columns: Array) -> Array:
    """Return (11, D): mean, deviation, seven percentiles, skewness and log kurtosis of each column (T, D)."""
    mean, deviation = columns.mean(axis=0), columns.std(axis=0) + 1e-6
    standard = (columns - mean) / deviation
    square = np.square(standard)
    skewness, kurtosis = (square * standard).mean(axis=0), np.square(square).mean(axis=0)
    ordered = np.sort(columns, axis=0)
    place = np.array(PERCENTILES) / 100 * (len(columns) - 1)
    below = place.astype(int)
    share = (place - below)[:, None].astype(np.float32)
    percentiles = (1 - share) * ordered[below] + share * ordered[np.minimum(below + 1, len(columns) - 1)]
    rest: Array = np.concatenate([[mean, deviation], percentiles, [skewness, np.log(kurtosis + 1)]])
    return rest


def _course(columns: Array, pitch: Array) -> Array:
    """Return how the mean of each third lies against the whole: the course of a stretch."""
    parts = [
        part.mean(axis=0) - whole.mean(axis=0)
        for whole in (columns, pitch[:, None])
        for part in np.array_split(whole, THIRDS)
        if len(part)
    ]
    return np.concatenate([np.ravel(part) for part in parts])


def _pitch_functionals(voice: Descriptors, active: NDArray[np.bool_], voiced: NDArray[np.bool_]) -> Array:
    pitch = voice.pitch[voiced][:, None]
    step = np.diff(voice.pitch)
    smooth = step[voiced[1:] & voiced[:-1] & (np.abs(step) < SMOOTH_OCTAVES)]
    if len(smooth) < 3:
        smooth = np.zeros(3, np.float32)
    shape = np.column_stack([voice.shape, voice.energy, voice.periodicity])[voiced]
    loud = voice.energy[voiced]
    spread = pitch.std() * loud.std()
    together = float(((pitch[:, 0] - pitch.mean()) * (loud - loud.mean())).mean() / spread) if spread > 1e-6 else 0.0
    counts = [voiced.mean(), voiced.sum() / active.sum(), active.mean(), np.log(active.sum()), together]
    parts = (statistics(pitch), statistics(np.abs(smooth)[:, None]), statistics(smooth[:, None]), statistics(shape)[:4])
    return np.concatenate([*(np.ravel(part) for part in parts), counts])


def _rhythm(voiced: NDArray[np.bool_]) -> Array:
    """Return voiced stretches a second, log mean and log deviation of voiced and of unvoiced stretches, log length."""
    found = [len(_runs(voiced)) / len(voiced) * 100.0]
    for runs in (_runs(voiced), _runs(~voiced)):
        found += [np.log1p(runs.mean()), np.log1p(runs.std())] if len(runs) else [0.0, 0.0]
    return np.array([*found, np.log(len(voiced))], np.float32)


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    lengths: NDArray[np.int64] = edges[1::2] - edges[::2]
    return lengths


def _modulation(voice: Descriptors) -> Array:
    """Return log modulation energies of eight wide bands and of loudness, from 1.6 Hz upwards [Hermansky 1994]."""
    bands = [voice.mel[:, start : start + 5].mean(axis=1) for start in range(0, voice.mel.shape[1], 5)]
    columns = np.column_stack([*bands, voice.energy])
    if len(columns) < MODULATION_FRAMES:
        columns = np.pad(columns, ((0, MODULATION_FRAMES - len(columns)), (0, 0)), mode="edge")
    starts = range(0, len(columns) - MODULATION_FRAMES + 1, MODULATION_FRAMES // 2)
    pieces = np.stack([columns[start : start + MODULATION_FRAMES] for start in starts])
    centred = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(MODULATION_FRAMES)[None, :, None]
    spectrum = np.log(np.square(np.abs(np.fft.rfft(centred, axis=1))) + 1e-2).mean(axis=0)
    ranges = ((1, 2), (2, 3), (3, 4), (4, 6), (6, 9), (9, 13), (13, 20), (20, 32))
    return np.concatenate([spectrum[low:high].mean(axis=0) for low, high in ranges])


def _covariance(voice: Descriptors, active: NDArray[np.bool_]) -> Array:
    """Return the upper triangle of the matrix logarithm of the descriptors' scaled covariance."""
    columns = np.column_stack(
        [voice.cepstra[:, 1 : COVARIANCE_CEPSTRA + 1], voice.shape, voice.energy, voice.periodicity]
    )
    columns = np.column_stack([columns, delta(columns)])[active].astype(np.float64)
    scaled = (columns - columns.mean(axis=0)) / SCALES
    covariance = scaled.T @ scaled / max(len(columns) - 1, 1) + COVARIANCE_FLOOR * np.eye(scaled.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    logarithm = (vectors * np.log(np.maximum(values, 1e-6))) @ vectors.T
    upper = np.triu_indices(len(logarithm))
    return np.asarray(logarithm[upper] * np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0)), np.float32)
