"""Laws of networks made fast: another arithmetic, the same function."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoModel

from emobridge.encoders.hub.acceleration.layers import PackedLinear, ProductConvolution, QuantisedLinear
from emobridge.encoders.hub.acceleration.optimize import streamline

KINDS = [(family, norm) for family in ("hubert", "wavlm", "wav2vec2") for norm in ("group", "layer")]


def network(folder: str) -> nn.Module:
    model: nn.Module = AutoModel.from_pretrained(folder)
    return model.eval().requires_grad_(False)


def states(model: nn.Module, value: Tensor) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(value).last_hidden_state.float()
    return found


@pytest.mark.parametrize(("family", "norm"), KINDS)
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_a_streamlined_speech_encoder_gives_what_it_gave(
    checkpoint: Callable[..., str], family: str, norm: str, precision: str, tolerance: float
) -> None:
    fast, plain = (network(checkpoint(family, norm)) for _ in range(2))
    streamline(fast, precision)
    for samples in (6256, 7000, 20_011):
        sound = 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(samples))
        torch.testing.assert_close(states(fast, sound), states(plain, sound), atol=tolerance, rtol=0)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_a_streamlined_whisper_gives_what_it_gave(
    checkpoint: Callable[..., str], precision: str, tolerance: float
) -> None:
    fast, plain = (network(checkpoint("whisper")).encoder for _ in range(2))
    streamline(fast, precision)
    features = torch.randn(1, 20, 100)
    torch.testing.assert_close(states(fast, features), states(plain, features), atol=tolerance, rtol=0)


@pytest.mark.parametrize("family", ["deberta-v2", "bert", "xlm-roberta"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_a_streamlined_text_encoder_gives_what_it_gave(
    checkpoint: Callable[..., str], family: str, precision: str, tolerance: float
) -> None:
    fast, plain = (network(checkpoint(family)) for _ in range(2))
    streamline(fast, precision)
    token_ids = torch.tensor([[2, 10, 11, 12, 3], [2, 20, 21, 22, 3]])
    torch.testing.assert_close(states(fast, token_ids), states(plain, token_ids), atol=tolerance, rtol=0)


@given(st.integers(1, 7), st.integers(0, 7), st.integers(0, 90), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_convolution_is_one_product(stride: int, more: int, samples: int, bias: bool) -> None:
    kernel = stride + min(more, stride)
    convolution = nn.Conv1d(3, 5, kernel, stride, bias=bias).requires_grad_(False)
    inputs = torch.randn(2, 3, kernel + samples)
    found = ProductConvolution(convolution)(inputs)
    torch.testing.assert_close(found, convolution(inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("bias", [True, False])
def test_packed_weights_give_what_the_layer_gives_with_its_activation(bias: bool) -> None:
    linear = nn.Linear(48, 32, bias=bias).requires_grad_(False)
    inputs = torch.randn(2, 7, 48)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(linear)(inputs), linear(inputs), atol=1e-5, rtol=0)
        expected = nn.functional.gelu(linear(inputs))
        torch.testing.assert_close(PackedLinear(linear, "gelu")(inputs), expected, atol=1e-5, rtol=0)


def test_packing_takes_every_layer_and_the_activation_after_it(
    checkpoint: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, plain = network(checkpoint("hubert")), network(checkpoint("hubert"))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(nn.Module, "bfloat16", lambda self: self)  # the same way, where no unit computes in 16 bits
    monkeypatch.setattr(torch, "bfloat16", torch.float32)
    streamline(fast, "bfloat16")
    assert not [module for module in fast.modules() if type(module) is nn.Linear and min(module.weight.shape) >= 16]
    assert sum(isinstance(module, PackedLinear) and module.activation == "gelu" for module in fast.modules()) == 2
    sound = 0.1 * torch.randn(1, 9000)
    torch.testing.assert_close(states(fast, sound), states(plain, sound), atol=1e-5, rtol=0)


@given(st.integers(1, 9), st.floats(1e-6, 1e3))
@settings(max_examples=20, deadline=None)
def test_a_weight_is_off_by_half_a_step_at_most_and_leaves_a_bit_unused(outputs: int, size: float) -> None:
    linear = nn.Linear(20, outputs).requires_grad_(False)
    linear.weight.mul_(size)
    quantised = QuantisedLinear(linear)
    restored = (quantised.weight * quantised.scale).T
    assert ((restored - linear.weight).abs() <= quantised.scale[:, None] * 0.501).all()
    assert quantised.weight.abs().max() <= 63


def test_weights_of_nothing_are_quantised_to_nothing() -> None:
    linear = copy.deepcopy(nn.Linear(20, 3)).requires_grad_(False)
    linear.weight.zero_()
    torch.testing.assert_close(QuantisedLinear(linear)(torch.randn(2, 20)), linear.bias.expand(2, 3))
