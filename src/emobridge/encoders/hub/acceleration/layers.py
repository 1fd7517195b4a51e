"""Layers of frozen networks as a processor likes them: convolutions as products, linears in 16 or 8 bits, attention.

Each computes what the layer does whose place it takes. In an exported graph, attention and a linear in 8 bits are one
node each, of onnxruntime's own.
"""

from typing import Any

import torch
from torch import Tensor, nn

WEIGHT_LEVELS = 63  # 7 of the 8 bits: processors without VNNI add two products in 16 bits, which 8 could overflow


class QuantisedLinear(nn.Module):
    """A linear layer whose weights have 8 bits, a scale for each output; its inputs get 8 unsigned bits as they come.

    The range of the inputs is that of the whole tensor, so that what is beside a text in a batch has an influence.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / WEIGHT_LEVELS
        self.bias = linear.bias
        self.register_buffer("scale", scale)
        self.register_buffer("weight", torch.round(weight / scale[:, None]).to(torch.int8).T.contiguous())
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int8))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (..., out) for ``inputs`` (..., in)."""
        operands = (inputs, self.weight, self.scale, self.zero, self.bias)
        outputs: Tensor = _Quantised.apply(*operands)  # type: ignore[no-untyped-call]
        return outputs


class _Quantised(torch.autograd.Function):
    """The node of `QuantisedLinear`; in torch, the inputs keep their bits."""

    @staticmethod
    def forward(_: Any, inputs: Tensor, weight: Tensor, scale: Tensor, zero: Tensor, bias: Tensor | None) -> Tensor:
        return nn.functional.linear(inputs, (weight * scale).T, bias)

    @staticmethod
    def symbolic(graph: Any, inputs: Any, weight: Any, scale: Any, zero: Any, bias: Any) -> Any:
        operands = [inputs, weight, scale, zero, *([] if bias is None else [bias])]
        sizes = [*(inputs.type().sizes() or [None] * 3)[:-1], weight.type().sizes()[1]]
        return graph.op("com.microsoft::DynamicQuantizeMatMul", *operands).setType(inputs.type().with_sizes(sizes))


class PackedLinear(nn.Module):
    """A linear layer whose weights lie as oneDNN's kernels read them, with its activation inside.

    Args:
        linear: the layer; its type is kept.
        activation: ``none`` or ``gelu``, as oneDNN calls them.
    """

    def __init__(self, linear: nn.Linear, activation: str = "none") -> None:
        super().__init__()
        self.bias = linear.bias
        self.activation = activation
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (..., out) for ``inputs`` (..., in)."""
        outputs: Tensor = torch.ops.mkldnn._linear_pointwise(
            inputs, self.weight, self.bias, self.activation, [], "none"
        )
        return outputs


class _Attention(torch.autograd.Function):
    """The node of `attend`."""

    @staticmethod
    def forward(
        _: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, heads: int, scale: float
    ) -> Tensor:
        queries, keys, values = (by_head(one, heads) for one in (query, key, value))
        attended = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias, scale=scale)
        return attended.transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(graph: Any, query: Any, key: Any, value: Any, bias: Any, heads: int, scale: float) -> Any:
        absent = graph.op("prim::Constant")
        absent.setType(torch._C.OptionalType.ofTensor())
        extra = [] if bias is None else [absent, absent, bias]  # neither a bias of the inputs nor a mask
        attended = graph.op(
            "com.microsoft::MultiHeadAttention", query, key, value, *extra, num_heads_i=heads, scale_f=scale
        )
        return attended.setType(query.type())


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, heads: int, scale: float) -> Tensor:
    """Return softmax attention over ``heads``, (B, T, D) as each of its inputs; ``bias`` (B, H, T, T) is added."""
    attended: Tensor = _Attention.apply(query, key, value, bias, heads, scale)  # type: ignore[no-untyped-call]
    return attended


def by_head(vectors: Tensor, heads: int) -> Tensor:
    """Return (B, H, T, D / H) for ``vectors`` (B, T, D)."""
    return vectors.reshape(*vectors.shape[:2], heads, vectors.shape[2] // heads).transpose(1, 2)


class ProductConvolution(nn.Module):
    """A convolution without padding as one matrix product, over frames side by side in memory.

    Args:
        convolution: whose kernel is at most twice its stride.
    """

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        (self.kernel,), (self.stride,) = convolution.kernel_size, convolution.stride
        weight = convolution.weight.detach().permute(0, 2, 1).flatten(1).contiguous()  # (out, kernel x in)
        self.linear = nn.Linear(weight.shape[1], weight.shape[0], bias=convolution.bias is not None)
        self.linear.weight = nn.Parameter(weight, requires_grad=False)
        if convolution.bias is not None:
            self.linear.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
        self.dtype = weight.dtype  # of what it gives

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (B, out, T') for ``inputs`` (B, in, T), both with the channels of a step side by side in memory."""
        steps = inputs.transpose(1, 2)
        batch, length, width = steps.shape
        count = (length - self.kernel) // self.stride + 1
        overlap = self.kernel - self.stride
        windows = steps[:, : count * self.stride].reshape(batch, count, self.stride * width)
        if overlap > 0:
            after = steps[:, self.stride : (count + 1) * self.stride]
            if overlap == 1:
                after = after[:, :: self.stride]
            else:
                missing = count * self.stride - after.shape[1]
                after = nn.functional.pad(after, (0, 0, 0, missing)).reshape(batch, count, self.stride * width)
            windows = torch.cat([windows, after[:, :, : overlap * width]], dim=2)
        outputs: Tensor = self.linear(windows)
        return outputs.to(self.dtype).transpose(1, 2)
