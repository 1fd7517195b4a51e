"""DeBERTa's attention without its waste: the projections of relative positions depend on the weights alone.

transformers projects all 512 relative positions anew in every layer and call, which at 18 tokens is four fifths of the
arithmetic. Here they are projected once. `RememberedPositions` does nothing else, and gives the same bits;
`SlicedPositions` also multiplies with the positions alone that a text of this length has, and reads no mask.
"""

from typing import Any

import torch
from torch import Tensor, nn

from emobridge.encoders.hub.acceleration.layers import attend, by_head
from emobridge.utils.extras import load_extra


class RememberedPositions(nn.Module):
    """`DisentangledSelfAttention` of DeBERTaV2 and V3, for frozen weights.

    Args:
        attention: that of transformers.
        positions: (2 x span, D) the embeddings of relative positions, as every layer gets them.
    """

    position_keys: Tensor  # (H, 2 x span, D / H), where content attends to positions
    position_queries: Tensor  # the same, where positions attend to content
    scale: Tensor

    def __init__(self, attention: Any, positions: Tensor) -> None:
        super().__init__()
        self.query, self.key, self.value = attention.query_proj, attention.key_proj, attention.value_proj
        self.heads = int(attention.num_attention_heads)
        self.span = int(attention.pos_ebd_size)
        self.kinds = tuple(kind for kind in ("c2p", "p2c") if kind in attention.pos_att_type)
        width = self.query.out_features // self.heads
        self.register_buffer("scale", torch.sqrt(torch.tensor(width, dtype=torch.float) * (1 + len(self.kinds))), False)
        self.share = 1 / float(self.scale)  # of each product in a score; keeps its bits when buffers lose theirs
        shared = attention.share_att_key
        keys = self.key if shared else getattr(attention, "pos_key_proj", None)
        queries = self.query if shared else getattr(attention, "pos_query_proj", None)
        rows = positions[None, : 2 * self.span]
        with torch.no_grad():
            for name, projection in (("position_keys", keys), ("position_queries", queries)):
                self.register_buffer(name, None if projection is None else self._parted(projection(rows)), False)

    def _parted(self, vectors: Tensor) -> Tensor:
        """Return (B x H, T, D / H) for ``vectors`` (B, T, D)."""
        return by_head(vectors, self.heads).contiguous().flatten(0, 1)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor,
        output_attentions: bool = False,
        query_states: Tensor | None = None,
        relative_pos: Tensor | None = None,
        rel_embeddings: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Return (B, T, D) for ``hidden_states`` (B, T, D), and no map of attention; arguments as transformers'."""
        assert relative_pos is not None, "the encoder computes it"
        assert query_states is None, "the encoder has one hidden state"
        query, key, value = (self._parted(one(hidden_states)) for one in (self.query, self.key, self.value))
        scores = torch.bmm(query, key.transpose(-1, -2) / self.scale.to(query.dtype))
        scores = scores + self._position_scores(query, key, relative_pos)
        scores = scores.reshape(-1, self.heads, *scores.shape[1:])
        scores = scores.masked_fill(~attention_mask.bool(), torch.finfo(scores.dtype).min)
        attended = torch.bmm(nn.functional.softmax(scores, dim=-1).flatten(0, 1), value)
        return attended.reshape(-1, self.heads, *attended.shape[1:]).transpose(1, 2).flatten(2), None

    def _position_scores(self, query: Tensor, key: Tensor, relative_pos: Tensor) -> Tensor:
        """Return (B x H, T, T); the order of every operation is transformers', so that the bits are."""
        size = (len(query), query.shape[1], query.shape[1])
        copies = len(query) // self.heads
        score = query.new_zeros(())
        if "c2p" in self.kinds:
            places = torch.clamp(relative_pos + self.span, 0, 2 * self.span - 1).expand(size)
            found = torch.bmm(query, _repeated(self.position_keys, copies).transpose(-1, -2)).gather(-1, places)
            score = found / self.scale.to(found.dtype)
        if "p2c" in self.kinds:
            places = torch.clamp(-relative_pos + self.span, 0, 2 * self.span - 1).expand(size)
            found = torch.bmm(key, _repeated(self.position_queries, copies).transpose(-1, -2)).gather(-1, places)
            score = score + found.transpose(-1, -2) / self.scale.to(found.dtype)
        return score


def _repeated(rows: Tensor, copies: int) -> Tensor:
    return rows if copies == 1 else rows.repeat(copies, 1, 1)


class SlicedPositions(RememberedPositions):
    """As `RememberedPositions`, to rounding, for texts of one length: T tokens have 2 T - 1 relative positions."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor,
        output_attentions: bool = False,
        query_states: Tensor | None = None,
        relative_pos: Tensor | None = None,
        rel_embeddings: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Return what `RememberedPositions.forward` does where nothing is masked."""
        assert relative_pos is not None, "the encoder computes it"
        query, key, value = (one(hidden_states) for one in (self.query, self.key, self.value))
        bias = self._position_scores(query, key, relative_pos) * self.share
        return attend(query, key, value, bias, self.heads, self.share), None

    def _position_scores(self, query: Tensor, key: Tensor, relative_pos: Tensor) -> Tensor:
        """Return (B, H, T, T) for ``query`` and ``key`` (B, T, D), not scaled."""
        buckets = relative_pos[0]  # (T, T) of the distance from key to query
        length = buckets.shape[0]
        rows = torch.cat([buckets[0].flip(0)[:-1], buckets[:, 0]]) + self.span  # of the distances 1 - T to T - 1
        rows = rows.clamp(0, 2 * self.span - 1)
        steps = torch.arange(length, device=buckets.device)
        places = steps[:, None] - steps + length - 1  # (T, T) of queries and keys, into ``rows``
        score: Tensor | None = None
        for kind, side, positions in (("c2p", query, self.position_keys), ("p2c", key, self.position_queries)):
            if kind not in self.kinds:
                continue
            parted = by_head(side, self.heads)
            products = parted @ positions.index_select(1, rows).transpose(1, 2).to(side.dtype)
            index = (places if kind == "c2p" else places.T).expand(products.shape[:2] + places.shape)
            found = products.gather(-1, index)
            found = found if kind == "c2p" else found.transpose(-1, -2)
            score = found if score is None else score + found
        assert score is not None, "relative attention has at least one kind"
        return score


def replace_attention(network: nn.Module, kind: type[RememberedPositions]) -> None:
    """Put ``kind`` in the place of every attention of a DeBERTaV2 or V3, in place; other networks stay as they are."""
    library = load_extra("transformers", "train")
    encoder: Any = getattr(network, "encoder", None)
    if not isinstance(network, library.DebertaV2Model) or not encoder.relative_attention:
        return
    with torch.no_grad():
        positions = encoder.get_rel_embedding()
    for layer in encoder.layer:
        layer.attention.self = kind(layer.attention.self, positions)
    encoder.get_rel_embedding = lambda: None
