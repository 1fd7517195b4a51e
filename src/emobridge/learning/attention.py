"""Attention blocks of the network, which export to ONNX."""

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
