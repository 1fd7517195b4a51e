"""The network: an acoustic and a linguistic sequence in, category logits and dimensions out.

Reads top to bottom: configuration, one modality refined, pooling, kinds of fusion, the model.
Design choices:
- Missing is normal: the content of padding and of hidden modalities is replaced before the first layer, so that it has
  no influence on outputs or gradients, whatever it holds.
- Padding law: an item alone gives what it gives inside a padded batch. Real data come first in every sequence.
- No control flow depends on data, so that the whole model exports to one ONNX graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor, nn

from emobridge.errors import RecipeError, nearest
from emobridge.labels import NEUTRAL
from emobridge.training.models.alignment import Modality, Place, TimeLine, common_time_line
from emobridge.training.models.attention import BridgeAttention, MultiHeadAttention, SelfAttentionLayer, attention_mask
from emobridge.training.models.gating import heeded

Fusion = Literal["bridge_crossed", "bridge", "cross", "concat", "recurrent"]
Pooling = Literal["mean", "attention", "statistics"]

MODALITIES = ("acoustic", "linguistic")  # their order everywhere: inputs, presence flags, groups


@dataclass(frozen=True)
class FusionConfig:
    """Shape of the network.

    Attributes:
        categories: names of the emotion categories, in the order of the logits; empty: no category head.
        dimensions: names of the dimensions, in the order of the outputs; empty: no dimension head.
        acoustic_dimension: width of an acoustic vector; None: the model has no acoustic modality.
        linguistic_dimension: width of a token vector; None: the model has no linguistic modality.
        fusion: ``bridge_crossed`` (the paper), ``bridge``, ``cross``, ``concat`` or ``recurrent``.
        width: size of every inner vector.
        heads: attention heads; divides ``width``.
        bridge_tokens: learnable bridge tokens in each group (paper: 30).
        refinement_layers: self-attention layers of each modality before the fusion.
        feed_forward: inner size of a feed-forward layer, as a multiple of ``width``.
        dropout: probability, 0 to below 1.
        pooling: how bridge tokens or frames become one vector: ``mean`` (the paper), ``attention`` (learned weights) or
            ``statistics`` (weighted mean and standard deviation under learned weights).
        timeline: ``common`` (both modalities read at the same moments) or ``padded`` (frame j beside token j).
        acoustic_layers, linguistic_layers: layers that an encoder gives; above 1 they are summed with learned weights.
        members: networks of this shape side by side, whose answers are averaged (`ensemble`).
        discount_neutral_words: beside sound, words move the categories as far as they speak of feelings (`heeding`); in
            training they count in full.
    """

    categories: tuple[str, ...]
    dimensions: tuple[str, ...]
    acoustic_dimension: int | None
    linguistic_dimension: int | None
    fusion: Fusion = "bridge_crossed"
    width: int = 256
    heads: int = 4
    bridge_tokens: int = 30
    refinement_layers: int = 1
    feed_forward: int = 4
    dropout: float = 0.1
    pooling: Pooling = "mean"
    timeline: TimeLine = "common"
    acoustic_layers: int = 1
    linguistic_layers: int = 1
    members: int = 1
    discount_neutral_words: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("fusion", Fusion), ("pooling", Pooling), ("timeline", TimeLine)):
            given, valid = getattr(self, name), get_args(kind)
            _require(given in valid, f"{name} is '{given}'", f"valid: {', '.join(valid)}", nearest(str(given), valid))
        whole = ("width", "heads", "bridge_tokens", "feed_forward", "acoustic_layers", "linguistic_layers", "members")
        for name in whole:
            _require_whole(name, getattr(self, name), lowest=1)
        _require_whole("refinement_layers", self.refinement_layers, lowest=0)
        for name in ("acoustic_dimension", "linguistic_dimension"):
            if getattr(self, name) is not None:
                _require_whole(name, getattr(self, name), lowest=1)
        both = (self.acoustic_dimension, self.linguistic_dimension)
        _require(both != (None, None), f"the dimensions of both encoders are {both}", "one at least", "give its width")
        multiples = f"valid: multiples of {self.heads}, the number of heads"
        _require(self.width % self.heads == 0, f"width is {self.width}", multiples, "change width or heads")
        _require(0.0 <= self.dropout < 1.0, f"dropout is {self.dropout}", "valid: 0 to below 1", "take 0.1 to 0.3")
        predicted = f"categories are {list(self.categories)}, dimensions are {list(self.dimensions)}"
        if self.discount_neutral_words and self.categories:
            holds = NEUTRAL in self.categories
            needed = f"'{NEUTRAL}' among the categories"
            _require(holds, f"{predicted}, with discount_neutral_words", needed, "leave it out, or add it")
        holds = len(self.categories) > 1 or (not self.categories and len(self.dimensions) > 0)
        _require(holds, predicted, "two or more categories, some dimension, or both", "name what is to be predicted")

    @property
    def modalities(self) -> int:
        """How many modalities the model has: 1 or 2."""
        return (self.acoustic_dimension is not None) + (self.linguistic_dimension is not None)

    @classmethod
    def sized(cls, width: int, **values: Any) -> Self:
        """Return the configuration of ``width``, with heads, bridge tokens and feed-forward derived unless given."""
        heads = next((count for count in (max(4, width // 64), 4, 2) if width % count == 0), 1)
        tokens, multiple = min(30, max(4, width // 16)), 4 if width > 256 else 2
        return cls(**{"width": width, "heads": heads, "bridge_tokens": tokens, "feed_forward": multiple, **values})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that ``to_dict`` wrote.

        Raises:
            RecipeError: an unknown or missing key, or a value out of range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            _require(name in known, f"unknown key '{name}'", f"valid: {', '.join(known)}", nearest(name, known))
        for name in known[:4]:
            _require(name in values, f"key '{name}' is missing", f"needed: {', '.join(known[:4])}", "add it")
        tuples = {name: tuple(values[name]) for name in ("categories", "dimensions")}
        return cls(**{**values, **tuples})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for ``config.json``."""
        return {**asdict(self), "categories": list(self.categories), "dimensions": list(self.dimensions)}


def _require(holds: bool, given: str, valid: str, remedy: str) -> None:
    if not holds:
        raise RecipeError(given, valid, remedy or "take one of these")


def _require_whole(name: str, given: object, lowest: int) -> None:
    holds = isinstance(given, int) and not isinstance(given, bool) and given >= lowest
    _require(holds, f"{name} is {given!r}", f"valid: a whole number from {lowest}", f"set {name} to {lowest} or more")


class Refinement(nn.Module):
    """One modality: encoder vectors to the model's width, then self-attention over its own sequence."""

    def __init__(self, dimension: int, layers: int, config: FusionConfig) -> None:
        super().__init__()
        self.layer_scores = nn.Parameter(torch.zeros(layers)) if layers > 1 else None
        self.norm_in = nn.LayerNorm(dimension)
        self.project = nn.Linear(dimension, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            SelfAttentionLayer(config.width, config.heads, config.feed_forward, config.dropout)
            for _ in range(config.refinement_layers)
        )
        self.norm_out = nn.LayerNorm(config.width)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, width) for ``vectors`` (B, T, D), or (B, layers, T, D), and ``mask`` (B, T)."""
        if self.layer_scores is not None:
            vectors = torch.where(mask[:, None, :, None], vectors, 0.0)
            vectors = (self.layer_scores.softmax(dim=0)[:, None, None] * vectors).sum(dim=1)
        # Selected rather than multiplied away: padding may hold anything, NaN too.
        refined = self.dropout(self.project(self.norm_in(torch.where(mask[:, :, None], vectors, 0.0))))
        for layer in self.layers:
            refined = layer(refined, mask)
        return self.norm_out(refined)  # type: ignore[no-any-return]


class Pool(nn.Module):
    """A sequence to one vector."""

    def __init__(self, width: int, pooling: Pooling) -> None:
        super().__init__()
        self.score = None if pooling == "mean" else nn.Linear(width, 1)
        self.project = nn.Linear(2 * width, width) if pooling == "statistics" else None

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return (B, D) for ``vectors`` (B, T, D); of an item without any real vector the result is finite only."""
        scores = torch.zeros_like(vectors[:, :, 0]) if self.score is None else self.score(vectors)[:, :, 0].float()
        weights = (scores + attention_mask(mask)[:, 0, 0]).softmax(dim=1)[:, :, None]
        mean = (weights * vectors).sum(dim=1)
        if self.project is None:
            return mean
        variance = (weights * (vectors - mean[:, None]).square()).sum(dim=1)
        deviation = (variance + 1e-5).sqrt()  # its gradient has no limit at zero
        return self.project(torch.cat((mean, deviation), dim=1))  # type: ignore[no-any-return]


class Head(nn.Sequential):
    """The fused vector to ``outputs`` numbers."""

    def __init__(self, config: FusionConfig, outputs: int) -> None:
        width = config.width
        hidden = (nn.LayerNorm(width), nn.Dropout(config.dropout), nn.Linear(width, width), nn.GELU())
        super().__init__(*hidden, nn.Linear(width, outputs))


def _each(config: FusionConfig, build: Callable[[], nn.Module]) -> nn.ModuleList:
    return nn.ModuleList(build() for _ in range(config.modalities))


def mean_of_present(vectors: Sequence[Tensor], modalities: Sequence[Modality]) -> Tensor:
    """Return the mean (B, D) of those ``vectors``, one (B, D) a modality, whose modality is present."""
    present = torch.stack([modality.present for modality in modalities])[:, :, None]
    kept = torch.where(present, torch.stack(list(vectors)), 0.0)
    return kept.sum(dim=0) / present.sum(dim=0).clamp(min=1)


class BridgeFusion(nn.Module):
    """A group of learnable tokens for each modality asks one sequence for keys and one for values [Ispas 2023].

    Crossed (the paper): keys from the group's own modality, values from the other at the same moments.
    Plain: keys and values from its own modality.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.crossed = config.fusion == "bridge_crossed"
        self.timeline = config.timeline
        self.tokens = nn.ParameterList(
            nn.Parameter(torch.randn(config.bridge_tokens, config.width)) for _ in range(config.modalities)
        )
        averaged = config.pooling == "mean"
        self.attentions = _each(config, lambda: BridgeAttention(config.width, config.heads, averaged))
        self.pools = _each(config, lambda: Pool(config.width, config.pooling))

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """Return (B, width)."""
        if self.crossed:
            others, (places, _) = modalities[::-1], common_time_line(modalities, self.timeline)
        else:
            others, places = modalities, [common_time_line([each], "padded")[0][0] for each in modalities]
        groups = []
        for number, (own, other, tokens, attention, pool) in enumerate(
            zip(modalities, others, self.tokens, self.attentions, self.pools, strict=True)
        ):
            read = partial(self._read, own, other, places[number], places[-1 - number])
            gathered = attention(tokens, own.vectors, places[number].counts, read)  # (B, L or 1, width)
            groups.append(pool(gathered, torch.ones_like(gathered[:, :, 0], dtype=torch.bool)))
        return mean_of_present(groups, modalities)

    @staticmethod
    def _read(own: Modality, other: Modality, place: Place, across: Place, weights: Tensor) -> Tensor:
        """Return means (B, W, width) of the values, for weights (B, W, T) of the keys, which are ``own`` vectors."""
        borrowed = weights @ own.vectors
        if other is own:
            return borrowed
        crossed = weights @ place.beside(across) @ other.vectors
        return torch.where(other.present[:, None, None], crossed, borrowed)  # alone, it borrows its own values


class CrossFusion(nn.Module):
    """Symmetric cross-attention: each modality asks the other, adds what it learns, and is pooled."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.attentions = _each(config, lambda: MultiHeadAttention(config.width, config.heads))
        self.pools = _each(config, lambda: Pool(config.width, config.pooling))

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """Return (B, width)."""
        pooled = []
        pairs = zip(modalities, reversed(modalities), strict=True)
        for attention, pool, (own, other) in zip(self.attentions, self.pools, pairs, strict=True):
            learned = attention(own.vectors, other.vectors, other.vectors, other.mask)
            vectors = own.vectors + torch.where(other.present[:, None, None], learned, 0.0)
            pooled.append(pool(vectors, own.mask))
        return mean_of_present(pooled, modalities)


class ConcatFusion(nn.Module):
    """Each modality pooled, side by side, one linear layer; an absent modality is a zero vector."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.pools = _each(config, lambda: Pool(config.width, config.pooling))
        self.project = nn.Linear(config.modalities * config.width, config.width)

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """Return (B, width)."""
        pooled = [
            torch.where(each.present[:, None], pool(each.vectors, each.mask), 0.0)
            for pool, each in zip(self.pools, modalities, strict=True)
        ]
        return self.project(torch.cat(pooled, dim=1))  # type: ignore[no-any-return]


class RecurrentFusion(nn.Module):
    """Both modalities side by side on the common time line through a recurrent network; its last state [Guder 2024]."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.timeline = config.timeline
        self.recurrent = nn.GRU(config.modalities * config.width, config.width, batch_first=True)

    def forward(self, modalities: Sequence[Modality]) -> Tensor:
        """Return (B, width)."""
        places, total = common_time_line(modalities, self.timeline)
        aligned = [place.read(each.vectors) for place, each in zip(places, modalities, strict=True)]
        states, _ = self.recurrent(torch.cat(aligned, dim=2))
        last = (total - 1)[:, None, None].expand(-1, 1, states.shape[2])
        return states.gather(1, last)[:, 0]  # type: ignore[no-any-return]


FUSIONS: dict[Fusion, Callable[[FusionConfig], nn.Module]] = {
    "bridge_crossed": BridgeFusion,
    "bridge": BridgeFusion,
    "cross": CrossFusion,
    "concat": ConcatFusion,
    "recurrent": RecurrentFusion,
}


class FusionModel(nn.Module):
    """Acoustic and linguistic sequences of one utterance each to its category logits and dimensions."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        dimensions = (config.acoustic_dimension, config.linguistic_dimension)
        layers_of_each = (config.acoustic_layers, config.linguistic_layers)
        self.refinements = nn.ModuleDict(
            {
                name: Refinement(dimension, layers, config)
                for name, dimension, layers in zip(MODALITIES, dimensions, layers_of_each, strict=True)
                if dimension is not None
            }
        )
        self.fusion = FUSIONS[config.fusion](config)
        self.nothing = nn.Parameter(torch.zeros(config.width))
        self.category_head = Head(config, len(config.categories)) if config.categories else None
        self.dimension_head = Head(config, len(config.dimensions)) if config.dimensions else None

    def forward(
        self,
        acoustic: Tensor | None,
        acoustic_mask: Tensor | None,
        linguistic: Tensor | None,
        linguistic_mask: Tensor | None,
        token_positions: Tensor | None,
        presence: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and dimensions (B, K) in [0, 1].

        Args:
            acoustic: (B, T_a, D_a), or (B, layers, T_a, D_a) when the encoder gives several layers.
            acoustic_mask: (B, T_a), True = real; real frames come first.
            linguistic: (B, T_l, D_l), or (B, layers, T_l, D_l).
            linguistic_mask: (B, T_l), True = real; real tokens come first.
            token_positions: (B, T_l) in [0, 1], relative position in the utterance of each token's centre.
            presence: (B, 2), acoustic and linguistic; a modality that is absent has no influence.

        The arguments of a modality that the configuration leaves out are None.
        """
        given = ((acoustic, acoustic_mask, None), (linguistic, linguistic_mask, token_positions))
        modalities = []
        for index, (vectors, mask, positions) in enumerate(given):
            if vectors is not None and mask is not None:
                kept = mask & presence[:, index, None]
                refined = self.refinements[MODALITIES[index]](vectors, kept)
                modalities.append(Modality(refined, kept, kept.any(dim=1), positions))
        assert len(modalities) == len(self.refinements), "each modality of the configuration needs its inputs"
        logits, dimensions = self._judge(modalities)
        if self.config.discount_neutral_words and self.config.categories and len(modalities) == 2 and not self.training:
            sound, words = modalities
            heard, read = (self._judge(pair)[0] for pair in ((sound, words.hidden()), (sound.hidden(), words)))
            weighed = heeded(heard, read, logits, self.config.categories)
            logits = torch.where((sound.present & words.present)[:, None], weighed, logits)
        return logits, dimensions

    def _judge(self, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and dimensions (B, K) of refined modalities."""
        anything = torch.stack([modality.present for modality in modalities]).any(dim=0)
        fused = torch.where(anything[:, None], self.fusion(modalities), self.nothing)
        logits = fused[:, :0] if self.category_head is None else self.category_head(fused)
        dimensions = fused[:, :0] if self.dimension_head is None else self.dimension_head(fused)
        return logits.float(), dimensions.float().sigmoid()
