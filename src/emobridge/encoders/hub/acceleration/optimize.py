"""Frozen networks of transformers made fast on a processor, in place.

What comes out computes the same for a batch without padding, never looks at a mask, and can be exported.
"""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from emobridge.encoders.hub.acceleration.deberta_attention import SlicedPositions, replace_attention
from emobridge.encoders.hub.acceleration.layers import PackedLinear, ProductConvolution, QuantisedLinear, attend

NARROWEST = 16  # linears with fewer inputs or outputs stay as they are: gates, and the first convolution
SPEECH_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")


class SpeechAttention(nn.Module):
    """Self-attention of HuBERT, wav2vec 2.0 and Whisper, for sound without padding."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (getattr(attention, name) for name in SPEECH_ATTENTION)
        self.heads = int(attention.num_heads)  # type: ignore[arg-type]

    def forward(self, hidden_states: Tensor, **_: object) -> tuple[Tensor, None]:
        """Return (B, T, D) for ``hidden_states`` (B, T, D), and no map of attention."""
        query, key, value = self.query(hidden_states), self.key(hidden_states), self.value(hidden_states)
        scale = math.sqrt(self.heads / query.shape[2])
        return self.out(attend(query, key, value, None, self.heads, scale)), None


def _attend_with_bias(attention: Any, inputs: Tensor, _: object, bias: Tensor) -> tuple[Tensor, None]:
    """Return WavLM's self-attention (B, T, D), whose bias (B x H, T, T) it computes itself."""
    query, key, value = (getattr(attention, name)(inputs) for name in SPEECH_ATTENTION[:3])
    heads = attention.num_heads
    biases = bias.reshape(-1, heads, *bias.shape[1:]).to(query.dtype)
    return attention.out_proj(attend(query, key, value, biases, heads, attention.scaling)), None


def streamline(network: nn.Module, precision: str) -> None:
    """Change a frozen network, in place, into one that is faster on a processor, for batches without padding.

    Args:
        network: in 32 bits; the last use of it as it was.
        precision: ``float32``, ``bfloat16`` (inputs other than token numbers keep 32 bits) or ``int8`` (for export).
    """
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):  # a norm that would be computed at every call
            parametrize.remove_parametrizations(module, "weight")
    products = _replace_convolutions(network)
    _replace_attention(network)
    replace_attention(network, SlicedPositions)
    if precision == "bfloat16":
        network.bfloat16()
        for module in network.modules():
            if isinstance(module, nn.Conv1d):
                _halve(module)
        for product in products:
            product.dtype = torch.bfloat16
        for product in products[:1]:  # sound keeps its bits until its first features
            product.linear.float()
        if torch.ops.mkldnn._is_mkldnn_bf16_supported():
            _pack(network)
    elif precision == "int8":
        _replace(network, nn.Linear, QuantisedLinear)


def _halve(convolution: nn.Conv1d) -> None:
    """Have a convolution, already in 16 bits, take and give what is around it."""
    if convolution.in_channels // convolution.groups < NARROWEST:
        # oneDNN's kernels for AMX give wrong sums for so few channels and kernels of 8 and more (torch 2.13).
        convolution.float()
        convolution.register_forward_hook(_as_half)
    # Where it is the first, sound comes in 32 bits.
    convolution.register_forward_pre_hook(_as_weights)


def _as_half(_: nn.Module, __: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
    return outputs.to(torch.bfloat16)


def _as_weights(convolution: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the inputs in the type of the weights."""
    return tuple(value.to(convolution.weight.dtype) for value in inputs)  # type: ignore[arg-type]


def _replace_convolutions(network: nn.Module) -> list[ProductConvolution]:
    """Put products in the place of the convolutions over sound; return these."""
    products = []
    for layer in getattr(getattr(network, "feature_extractor", None), "conv_layers", ()):
        if 2 * layer.conv.stride[0] >= layer.conv.kernel_size[0] >= layer.conv.stride[0]:
            layer.conv = ProductConvolution(layer.conv)
            products.append(layer.conv)
    return products


def _replace_attention(network: nn.Module) -> None:
    for module in list(network.modules()):
        attention: Any = getattr(module, "attention", None) or getattr(module, "self_attn", None)
        if not isinstance(attention, nn.Module) or not all(hasattr(attention, name) for name in SPEECH_ATTENTION):
            continue
        if hasattr(attention, "gru_rel_pos_linear"):
            attention.__dict__["torch_multi_head_self_attention"] = partial(_attend_with_bias, attention)
        else:
            name = "attention" if getattr(module, "attention", None) is attention else "self_attn"
            setattr(module, name, SpeechAttention(attention))


def _pack(network: nn.Module) -> None:
    """Pack every linear layer, those before a GELU together with it."""
    for module in network.modules():
        dense, activation = getattr(module, "intermediate_dense", None), getattr(module, "intermediate_act_fn", None)
        if isinstance(dense, nn.Linear) and type(activation).__name__ == "GELUActivation":
            module.intermediate_dense = PackedLinear(dense, "gelu")
            module.intermediate_act_fn = nn.Identity()
    _replace(network, nn.Linear, PackedLinear)


def _replace(module: nn.Module, kind: type[nn.Module], by: type[nn.Module]) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, kind):
            if min(child.weight.shape) >= NARROWEST:  # type: ignore[arg-type]
                setattr(module, name, by(child))
        else:
            _replace(child, kind, by)
