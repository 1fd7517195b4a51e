"""Flags: whether a window's sound can be predicted at all, and whether its estimate is reliable.

docs/behaviour.md lists each flag with its threshold and the reason for it. A change of gain changes no flag but
``silence`` and ``clipped``, which are about the level.
"""

import math
from collections.abc import Iterable
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from emobridge.segmentation.speech_detector import CHUNK_S, SpeechDetector

TOO_SHORT_S = 0.3
SILENCE_DBFS = -75.0  # quiet recordings hold speech below -60; a 16-bit file has nothing but rounding from -96 on

SPEECH_PROBABILITY = 0.5
SPEECH_S = 0.2  # so much speech makes a window one of speech
BRIEF_S = 1.0  # under it the detector, and the model, have too little to go by
BRIEF_SPEECH_PROBABILITY = 0.2  # in a brief window a single chunk of this probability is speech

FRAME_S = 0.064
LOW_HZ, HIGH_HZ = 80.0, 4000.0
FLOOR_BINS = 12  # on either side of a bin: what is around it
PEAK_RATIO = 18.0  # a peak stands above the geometric mean of what is around it by this factor
TONAL_SHARE = 0.4  # of the energy, in peaks that last, makes sound tonal
CHROMA_LAG_S = 0.5
CHROMA_CHANGE = 0.05  # mean distance (1 - cosine) of pitch classes `CHROMA_LAG_S` apart: other notes

FULL_SCALE = 0.98
CLIPPED_SHARE = 0.001

FAR_S = 2.0  # what is pooled over less sound scatters too much for a distance to mean anything
UNSURE_PROBABILITY = 1 / 3
UNSURE_SHARE = 0.75  # of the categories: a 90 % set with more of them rules out next to nothing

UNHEARD = ("too_short", "silence", "noise", "music")  # flags of sound that holds no speech to predict
ABSTAINING = (*UNHEARD, "out_of_domain")  # flags that are a reason to use no judgement


def window_flags(samples: NDArray[np.float32], sample_rate_hz: int, detector: SpeechDetector) -> tuple[str, ...]:
    """Return why to be careful with mono ``samples`` (N,), none or several of the following.

    At most one of: ``too_short``, ``silence``, and of sound without speech ``music`` or ``noise``.
    ``clipped``: more than `CLIPPED_SHARE` of the samples lie beside another one at full scale.
    """
    flags = []
    if len(samples) < TOO_SHORT_S * sample_rate_hz:
        flags.append("too_short")
    elif _power(samples) < 10 ** (SILENCE_DBFS / 10):
        flags.append("silence")
    elif not holds_speech(detector.steps(samples, sample_rate_hz), len(samples) / sample_rate_hz):
        flags.append("music" if is_musical(samples, sample_rate_hz) else "noise")
    if is_clipped(samples):
        flags.append("clipped")
    return tuple(flags)


def abstention(flags: tuple[str, ...]) -> str | None:
    """Return the first of ``flags`` that is a reason to use no judgement, None where there is none."""
    return next((flag for flag in flags if flag in ABSTAINING), None)


def is_unsure(top_probability: float, likely_categories: int, categories: int) -> bool:
    """Return whether an estimate is too uncertain to rely on its category.

    Args:
        top_probability: of the most probable category.
        likely_categories: how many are in the 90 % set.
        categories: how many there are.
    """
    return top_probability < UNSURE_PROBABILITY or likely_categories > UNSURE_SHARE * categories


def holds_speech(steps: Iterable[NDArray[np.float32]], duration_s: float) -> bool:
    """Return whether the detector's probabilities are those of a window in which somebody speaks.

    Args:
        steps: consecutive (T,) probabilities; no more of them is asked for than it takes to be sure.
        duration_s: of the window.
    """
    if math.ceil(round(duration_s / CHUNK_S, 3)) * CHUNK_S < BRIEF_S:
        return any((step >= BRIEF_SPEECH_PROBABILITY).any() for step in steps)
    spoken_s = accumulate(int((step >= SPEECH_PROBABILITY).sum()) * CHUNK_S for step in steps)
    return any(heard_s >= SPEECH_S for heard_s in spoken_s)


def is_clipped(samples: NDArray[np.float32]) -> bool:
    """Return whether more than `CLIPPED_SHARE` of ``samples`` (N,) lie beside another one at full scale."""
    full = np.abs(samples) >= FULL_SCALE
    return int((full[1:] & full[:-1]).sum()) > CLIPPED_SHARE * len(samples)


def is_musical(samples: NDArray[np.float32], sample_rate_hz: int) -> bool:
    """Return whether ``samples`` (N,) without speech are notes that change; an approximation.

    Most of the energy lies in spectral peaks that stay where they are for three frames, and the pitch classes are
    others half a second later. A steady tone or a mains hum does not change, and drums have no pitch: both are noise.
    """
    frame_samples = round(FRAME_S * sample_rate_hz)
    hop_samples = frame_samples // 2
    lag_frames = round(CHROMA_LAG_S * sample_rate_hz / hop_samples)
    if len(samples) < frame_samples + (lag_frames + 2) * hop_samples:
        return False  # too short for other notes
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame_samples)[::hop_samples]
    spectrum = np.fft.rfft(frames * np.hanning(frame_samples).astype(np.float32), axis=1)
    hz = np.fft.rfftfreq(frame_samples, 1 / sample_rate_hz)
    band = (hz >= LOW_HZ) & (hz <= HIGH_HZ)
    power = np.square(np.abs(spectrum[:, band]))
    tonal = np.where(_near_lasting_peaks(power), power, 0.0)[1:-1]
    if tonal.sum() < TONAL_SHARE * power[1:-1].sum():
        return False
    return _chroma_change(tonal, hz[band], lag_frames) >= CHROMA_CHANGE


def _power(samples: NDArray[np.float32]) -> float:
    return float(np.square(samples, dtype=np.float64).sum()) / max(len(samples), 1)


def _near_lasting_peaks(power: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (T, bins) where a peak of ``power`` that the frames before and after have too is two bins away at most."""
    logs = np.log(power + power.max() * 1e-10)  # far below the loudest it is rounding that makes peaks
    padded = np.pad(logs, ((0, 0), (FLOOR_BINS + 1, FLOOR_BINS)), mode="edge").cumsum(axis=1)
    around = 2 * FLOOR_BINS + 1
    floor = (padded[:, around:] - padded[:, :-around]) / around
    peaks = logs > floor + np.log(PEAK_RATIO)
    peaks[:, 1:] &= logs[:, 1:] >= logs[:, :-1]
    peaks[:, :-1] &= logs[:, :-1] >= logs[:, 1:]
    wide = _widened(peaks)
    lasting = np.zeros_like(peaks)
    lasting[1:-1] = peaks[1:-1] & wide[:-2] & wide[2:]
    return _widened(_widened(lasting))


def _widened(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``marked`` (T, bins) with the bins beside every marked one."""
    wide = marked.copy()
    wide[:, 1:] |= marked[:, :-1]
    wide[:, :-1] |= marked[:, 1:]
    return wide


def _chroma_change(tonal: NDArray[np.floating], hz: NDArray[np.floating], lag_frames: int) -> float:
    """Return 1 - the mean cosine between the pitch classes of frames ``lag_frames`` apart, for ``tonal`` (T, bins)."""
    classes = np.round(12 * np.log2(hz / 440)).astype(int) % 12
    chroma = tonal @ np.eye(12)[classes]
    length = np.linalg.norm(chroma, axis=1)
    both = (length[lag_frames:] > 0) & (length[:-lag_frames] > 0)
    if not both.any():
        return 0.0
    products = (chroma[lag_frames:] * chroma[:-lag_frames]).sum(axis=1)[both]
    return 1.0 - float((products / (length[lag_frames:] * length[:-lag_frames])[both]).mean())
