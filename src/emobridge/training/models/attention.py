"""Attention blocks of the network, which export to ONNX."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

MASKED_SCORE = -3e4  # finite, so that a row without any key gives no NaN; within the range of float16


def attention_mask(mask: Tensor) -> Tensor:
    """Return what is added to attention scores, (B, 1, 1, T): 0 where ``mask`` (B, T) is True, else MASKED_SCORE."""
    return torch.where(mask, 0.0, MASKED_SCORE)[:, None, None, :]


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with separate queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Return (B, Q, D) for ``query`` (B, Q, D), ``key`` and ``value`` (B, T, D) and the keys' ``mask`` (B, T)."""
        queries, keys, values = (
            self._split(self.query(query)),
            self._split(self.key(key)),
            self._split(self.value(value)),
        )
        # Fused: a table of scores (B, heads, Q, T) of half-minute recordings would take gigabytes.
        mixed = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=attention_mask(mask).to(queries.dtype)
        )
        return self.out(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, vectors: Tensor) -> Tensor:
        return vectors.reshape(*vectors.shape[:2], self.heads, -1).transpose(1, 2)  # (B, heads, T, D / heads)


class BridgeAttention(nn.Module):
    """`MultiHeadAttention` of queries that are the same for every item, which computes no keys and no values.

    Exact algebra: a score is linear in what is attended to, so each query and the keys' map fold into one vector; and
    the values' map comes after the weighted mean of what it would have mapped. Where the mean over the queries is all
    that is wanted, it is taken of their weights.

    Args:
        width, heads: as for `MultiHeadAttention`, of which it has the weights.
        averaged: whether one vector is given, the mean over the queries.
    """

    def __init__(self, width: int, heads: int, averaged: bool) -> None:
        super().__init__()
        self.heads = heads
        self.averaged = averaged
        self.scale = (width // heads) ** -0.5
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, counts: Tensor, read: Callable[[Tensor], Tensor]) -> Tensor:
        """Return (B, Q, D), Q = 1 if averaged.

        Args:
            query: (Q, D).
            key: (B, T, D).
            counts: (B, T), how many times each key stands there; 0 = not at all.
            read: from weights (B, heads x Q, T) of the keys to the weighted means (B, heads x Q, D) of the values.
        """
        batch, length, width = key.shape
        asked = self.scale * self.query(query).reshape(-1, self.heads, width // self.heads).transpose(0, 1)
        weight, bias = (each.reshape(self.heads, width // self.heads, -1) for each in (self.key.weight, self.key.bias))
        folded, constant = (asked @ weight).flatten(0, 1), (asked @ bias).flatten()  # (heads x Q, D) and (heads x Q)
        scores = functional.linear(key, folded, constant).transpose(1, 2)
        repeated = torch.where(counts > 0, counts.clamp(min=1.0).log(), MASKED_SCORE)
        weights = (scores + repeated[:, None]).softmax(dim=2)
        if self.averaged:
            weights = weights.reshape(batch, self.heads, -1, length).mean(dim=2)
        means = read(weights).reshape(batch, self.heads, -1, width).transpose(0, 1)  # (heads, B, Q, D)
        maps = self.value.weight.reshape(self.heads, -1, width).transpose(1, 2)  # (heads, D, D / heads)
        mixed = (means.flatten(1, 2) @ maps).reshape(self.heads, batch, -1, width // self.heads)
        return self.out(mixed.permute(1, 2, 0, 3).flatten(2) + self.value.bias)  # type: ignore[no-any-return]


class FeedForward(nn.Sequential):
    """Normalise, widen by ``multiple``, narrow again."""

    def __init__(self, width: int, multiple: int) -> None:
        inner = multiple * width
        super().__init__(nn.LayerNorm(width), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class SelfAttentionLayer(nn.Module):
    """Transformer encoder layer, normalised before each part."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.feed_forward = FeedForward(width, feed_forward)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, D) for ``vectors`` (B, T, D) and ``mask`` (B, T)."""
        normed = self.norm(vectors)
        vectors = vectors + self.dropout(self.attention(normed, normed, normed, mask))
        return vectors + self.dropout(self.feed_forward(vectors))  # type: ignore[no-any-return]
