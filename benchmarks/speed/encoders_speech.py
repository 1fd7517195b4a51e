"""A HuBERT of the large size for encoders.py: random weights, transformers' classifier on top, and what it costs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import HubertConfig, HubertForSequenceClassification, Wav2Vec2FeatureExtractor

from emobridge.encoders.hub.speech import HubAcousticConfig, HubAcousticEncoder, open_acoustic

LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "num_labels": 4,
}


def write_speech(folder: Path, layers: int) -> None:
    """Save a HuBERT with a classifier."""
    torch.manual_seed(0)
    model = HubertForSequenceClassification(HubertConfig(num_hidden_layers=layers, **LARGE))
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)


def open_speech(folder: Path, precision: Any) -> HubAcousticEncoder:
    """Return the encoder as emobridge runs it."""
    return open_acoustic(HubAcousticConfig(str(folder), precision=precision))


class Head:
    """transformers' classifier over vectors, in numpy.

    Args:
        model: a `HubertForSequenceClassification`.
    """

    def __init__(self, model: Any) -> None:
        self._projector, self._classifier = (
            (layer.weight.detach().numpy().T, layer.bias.detach().numpy())
            for layer in (model.projector, model.classifier)
        )

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (C,) for the vectors (T, D) of a file."""
        projected = (vectors @ self._projector[0] + self._projector[1]).mean(axis=0)
        logits = projected @ self._classifier[0] + self._classifier[1]
        shares: NDArray[np.float32] = np.exp(logits - logits.max())
        return shares / shares.sum()

    def states(self, pipeline: Any, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vectors (T, D) that transformers gives for ``samples`` (N,)."""
        inputs = pipeline.feature_extractor(samples, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            states: NDArray[np.float32] = pipeline.model.hubert(inputs["input_values"]).last_hidden_state[0].numpy()
        return states


def speech_operations(config: Any, lengths: Sequence[int]) -> float:
    """Return the 10^9 operations of the matrix products that sounds of these ``lengths`` take."""
    total = 0.0
    for samples in lengths:
        length, width = samples, 1
        for channels, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
            length = (length - kernel) // stride + 1
            total += 2 * length * channels * width * kernel
            width = channels
        size, inner = config.hidden_size, config.intermediate_size
        positions = size * size // config.num_conv_pos_embedding_groups * config.num_conv_pos_embeddings
        total += 2 * length * (width * size + positions)
        layer = 4 * size * size + 2 * size * inner + 2 * length * size
        total += 2 * length * layer * config.num_hidden_layers
    return total / 1e9
