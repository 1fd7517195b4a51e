"""Log-mel front end, the training form: batched, padding-safe, equal to ``encoders/log_mel.py`` on real frames."""

import torch
from torch import Tensor
from torch.nn import functional

from emobridge.encoders.log_mel import LEVEL_FLOOR, LOG_FLOOR, LogMelSettings, analysis_constants


def frame_counts(lengths: Tensor, settings: LogMelSettings) -> Tensor:
    """Return how many frames (B,) signals of ``lengths`` (B,) samples have: at least one each."""
    beyond_first = (lengths - settings.window_samples).clamp(min=0)
    return 1 + torch.div(beyond_first, settings.hop_samples, rounding_mode="floor")


def log_mel(samples: Tensor, lengths: Tensor, settings: LogMelSettings) -> tuple[Tensor, Tensor]:
    """Return the log-mel energies of a padded batch of mono signals.

    Args:
        samples: (B, N) float32 in [-1, 1]; what lies beyond an item's length has no influence.
        lengths: (B,) int, samples of each item, 0 to N.
        settings: shape of the front end.

    Returns:
        Frames (B, T, bands) float32, zero beyond an item's end, and their mask (B, T), True = real.
        T = 1 + (N - window) // hop, at least 1.
    """
    window, filters = (torch.from_numpy(constant).to(samples.device) for constant in analysis_constants(settings))
    real = torch.arange(samples.shape[1], device=samples.device) < lengths[:, None]
    signal = samples.masked_fill(~real, 0.0)
    level = (signal.double().square().sum(dim=1) / lengths.clamp(min=1)).sqrt()
    signal = signal / level.clamp(min=LEVEL_FLOOR).float()[:, None]
    signal = functional.pad(signal, (0, max(0, settings.window_samples - signal.shape[1])))
    framed = signal.unfold(1, settings.window_samples, settings.hop_samples) * window  # (B, T, window)
    # In double: rounding of a loud tone would otherwise show in the quiet bands beside it.
    spectrum = torch.fft.rfft(framed.double(), settings.fft_samples)
    power = (spectrum.real.square() + spectrum.imag.square()).float()
    frames = (power @ filters + LOG_FLOOR).log()
    mask = torch.arange(frames.shape[1], device=samples.device) < frame_counts(lengths, settings)[:, None]
    return frames.masked_fill(~mask[:, :, None], 0.0), mask
