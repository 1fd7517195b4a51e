"""Bridges as the paper writes them, with keys and values at every step: the peer of `BridgeFusion`, and its oracle."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emobridge.training.models.alignment import Modality, common_time_line
from emobridge.training.models.attention import MultiHeadAttention
from emobridge.training.models.fusion import BridgeFusion, FusionConfig, mean_of_present


class PlainBridgeFusion(BridgeFusion):
    """`BridgeFusion` with the same weights, whose modalities are laid out on the time line before they are read."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.attentions = nn.ModuleList(MultiHeadAttention(config.width, config.heads) for _ in self.attentions)

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """Return (B, width)."""
        keys, values = [(each.vectors, each.mask) for each in modalities], [each.vectors for each in modalities]
        if self.crossed:
            places, _ = common_time_line(modalities, self.timeline)
            keys = [(place.read(each.vectors), place.real) for place, each in zip(places, modalities, strict=True)]
            others = zip(modalities[::-1], keys[::-1], keys, strict=True)
            values = [torch.where(other.present[:, None, None], theirs, own) for other, (theirs, _), (own, _) in others]
        groups = []
        for tokens, attention, pool, (key, mask), value in zip(
            self.tokens, self.attentions, self.pools, keys, values, strict=True
        ):
            gathered = attention(tokens.expand(key.shape[0], -1, -1), key, value, mask)  # (B, L, width)
            groups.append(pool(gathered, torch.ones_like(gathered[:, :, 0], dtype=torch.bool)))
        return mean_of_present(groups, modalities)
