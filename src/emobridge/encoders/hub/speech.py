"""Frozen public speech encoders: HuBERT, WavLM, wav2vec 2.0 or the encoder of Whisper.

Nothing is cut off: what is longer than a window goes through in equal parts.

Padding law: a clip alone gives what it gives inside a padded batch. Checkpoints whose first convolution is normalised
over time (``group``) were trained without attention masks and hear padding, so that only clips of one length go through
them together; those that are normalised over channels (``layer``) get a mask.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from emobridge.encoders.config import NamedEncoderConfig
from emobridge.encoders.hub.acceleration.precision import Precision
from emobridge.encoders.hub.base import HubConfig, HubEncoder, check_same, settings_of
from emobridge.encoders.hub.checkpoints import Checkpoint, open_checkpoint
from emobridge.errors import BundleError, RecipeError
from emobridge.features.speaker_normalization import SpeakerMean
from emobridge.utils.extras import load_extra

FAMILIES = ("hubert", "wavlm", "wav2vec2", "whisper")
GPU_BATCH_S = 120.0
WINDOW_S = 10.0  # beyond it, attention takes a growing share of the time


@dataclass(frozen=True)
class HubAcousticConfig(HubConfig):
    """A public speech encoder.

    Attributes:
        pool_frames: the mean of so many vectors in a row becomes one; a cache so many times smaller.
        window_s: what is longer goes through in equal parts of at most this, whose vectors are joined; None: 10 s, of
            Whisper as much as it hears at once.
    """

    pool_frames: PositiveInt = 1
    window_s: PositiveFloat | None = None


class HubAcousticEncoder(HubEncoder):
    """Sound in, about fifty vectors a second out. Make one with `open_acoustic`.

    Args:
        config: the recipe's.
        checkpoint: of one of `FAMILIES`.
        extractor: transformers' feature extractor of the checkpoint.
    """

    kind = "hub speech"
    takes = "input_values"
    graphs = ("float32", "int8")
    normalizes_speakers = False
    config: HubAcousticConfig

    def __init__(self, config: HubAcousticConfig, checkpoint: Checkpoint, extractor: Any) -> None:
        super().__init__(config, checkpoint)
        settings = checkpoint.settings
        self.sample_rate_hz = int(extractor.sampling_rate)
        self.batch_s = GPU_BATCH_S if self.device.type == "cuda" else 0.0
        self._extractor = extractor
        self._whisper = checkpoint.family == "whisper"
        if self._whisper:
            self.part, self.takes = "encoder", "input_features"
            self._whisper_hop_samples = 2 * int(extractor.hop_length)
            longest_s = settings.max_source_positions * self._whisper_hop_samples / self.sample_rate_hz
            window_s = longest_s if config.window_s is None else config.window_s
            if window_s > longest_s:
                given = f"window_s {window_s:g} for encoder '{self.name}'"
                raise RecipeError(given, f"it hears at most {longest_s:g} s at once", f"set window_s = {longest_s:g}")
        else:
            window_s = WINDOW_S if config.window_s is None else config.window_s
            settings.add_adapter = False  # it shortens what recognisers of words read
            self._convolutions = tuple(zip(settings.conv_kernel, settings.conv_stride, strict=True))
            hears_padding = settings.feat_extract_norm != "layer" or getattr(settings, "conv_pos_batch_norm", False)
            self._batches_alike = bool(hears_padding)
        self.window_s = window_s
        self.config = replace(config, window_s=window_s)  # left out or named, it is the same encoder

    def example(self) -> Tensor:
        """Return a second of silence, as the network takes it."""
        return self._inputs([np.zeros(self.sample_rate_hz, np.float32)], [self.sample_rate_hz])[0]

    def encode(self, samples: NDArray[np.float32], speaker_mean: SpeakerMean | None = None) -> NDArray[np.float32]:
        """Return (T, dimension) for mono ``samples`` (N,) at ``sample_rate_hz``, N >= 1; a speaker's mean is not used.

        Raises:
            BundleError: the weights cannot be read, or are not all there.
        """
        return self.encode_batch([samples])[0]

    def encode_batch(self, sounds: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return (T, dimension) for each of ``sounds`` (N,); otherwise as `encode`."""
        parts = [np.array_split(sound, self.windows(len(sound))) for sound in sounds]
        encoded = iter(self._encode_parts([part for each in parts for part in each]))
        whole = [np.concatenate([next(encoded) for _ in each]) for each in parts]
        return [pool_frames(vectors, self.config.pool_frames) for vectors in whole]

    def vector_count(self, duration_s: float) -> int:
        """Return how many vectors a clip of ``duration_s`` gives, to within one a window."""
        length = round(duration_s * self.sample_rate_hz)
        windows = self.windows(length)
        return -(-windows * self._frame_count(length // windows) // self.config.pool_frames)

    def windows(self, length: int) -> int:
        """Return in how many parts a sound of ``length`` samples goes through."""
        return max(1, -(-length // round(self.window_s * self.sample_rate_hz)))

    def _frame_count(self, length: int) -> int:
        """Return how many vectors ``length`` samples give, at least 1."""
        if self._whisper:
            return max(1, -(-length // self._whisper_hop_samples))
        for kernel, stride in self._convolutions:
            length = (length - kernel) // stride + 1
        return max(1, length)

    @cached_property
    def _shortest_samples(self) -> int:
        """The length that gives one vector."""
        length = 1
        for kernel, stride in reversed(() if self._whisper else self._convolutions):
            length = (length - 1) * stride + kernel
        return length

    def _encode_parts(self, parts: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        groups: dict[int, list[int]] = defaultdict(list)
        for number, part in enumerate(parts):
            groups[self._group(number, part)].append(number)
        encoded: dict[int, NDArray[np.float32]] = {}
        for numbers in groups.values():
            lengths = [max(len(parts[number]), self._shortest_samples) for number in numbers]
            states = self.states(*self._inputs([parts[number] for number in numbers], lengths)).numpy()
            for number, length, state in zip(numbers, lengths, states, strict=True):
                encoded[number] = state[: self._frame_count(length)]
        return [encoded[number] for number in range(len(parts))]

    def _group(self, number: int, part: NDArray[np.float32]) -> int:
        """Return what parts that go through together have in common: on a processor, each goes alone."""
        if self.device.type == "cpu":
            return number
        return len(part) if not self._whisper and self._batches_alike else 0

    def _inputs(self, parts: Sequence[NDArray[np.float32]], lengths: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return a batch and its mask, None where it has no padding: each part is normalised before it is padded."""
        extracted = [
            self._extractor(
                np.pad(part, (0, length - len(part))) if not self._whisper else part,
                sampling_rate=self.sample_rate_hz,
                return_tensors="np",
            )
            for part, length in zip(parts, lengths, strict=True)
        ]
        if self._whisper:
            return torch.from_numpy(np.concatenate([one["input_features"] for one in extracted])), None
        values = torch.zeros(len(parts), max(lengths))
        mask = torch.zeros(values.shape, dtype=torch.int64)
        for row, (one, length) in enumerate(zip(extracted, lengths, strict=True)):
            values[row, :length] = torch.from_numpy(one["input_values"][0])
            mask[row, :length] = 1
        return values, None if bool(mask.all()) else mask


def pool_frames(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return (ceil(T / count), D), the means of ``count`` of ``vectors`` (T, D) in a row; the last of what is left."""
    starts = np.arange(0, len(vectors), count)
    sums = np.add.reduceat(vectors, starts, axis=0)
    sizes = np.diff(np.append(starts, len(vectors)))
    means: NDArray[np.float32] = (sums / sizes[:, None]).astype(np.float32)
    return means


def open_acoustic(config: HubAcousticConfig) -> HubAcousticEncoder:
    """Return a public speech encoder; its weights are loaded when they are first needed.

    Raises:
        BundleError: the checkpoint is not here, incomplete, or of another architecture.
        RecipeError: it has no such layers, or hears less at once than ``window_s``.
    """
    checkpoint = open_checkpoint(config.encoder, config.revision, FAMILIES, ("preprocessor_config.json",))
    try:
        extractor = load_extra("transformers", "train").AutoFeatureExtractor.from_pretrained(checkpoint.folder)
    except (OSError, ValueError) as error:
        given = f"encoder '{config.encoder}' has no readable preprocessor_config.json: {' '.join(str(error).split())}"
        raise BundleError(given, "it says what sound the encoder takes", "fetch it again") from error
    return HubAcousticEncoder(config, checkpoint, extractor)


def named_acoustic(named: NamedEncoderConfig, precision: Precision | None = None) -> HubAcousticEncoder:
    """Return the speech encoder that a bundle names.

    Args:
        named: what the bundle says of it.
        precision: to compute in; None: that of the training's recipe.

    Raises:
        BundleError: it is not here, or another one than the model was trained with.
        RecipeError: this machine has no units for ``precision``.
    """
    encoder = open_acoustic(settings_of(HubAcousticConfig, named))
    check_same(encoder, named)
    if precision is not None:
        encoder.compute_in(precision)
    return encoder
