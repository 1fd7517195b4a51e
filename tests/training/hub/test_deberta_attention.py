"""Laws of DeBERTa's positions: projected once, the same bits; sliced, the same to rounding."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel, BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from emobridge.encoders.hub.acceleration.deberta_attention import (
    RememberedPositions,
    SlicedPositions,
    replace_attention,
)

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}


def deberta(**changes: object) -> DebertaV2Model:
    values = {"vocab_size": 80, "type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
    places = {"share_att_key": True, "max_position_embeddings": 128, "position_buckets": 16}
    torch.manual_seed(0)
    config = DebertaV2Config(**SIZES, **{**values, **places, "norm_rel_ebd": "layer_norm", **changes})  # type: ignore[arg-type]
    return DebertaV2Model(config).eval().requires_grad_(False)


KINDS = {
    "v3": {},
    "own projections": {"share_att_key": False},
    "content to position alone": {"pos_att_type": ["c2p"]},
    "position to content alone": {"pos_att_type": ["p2c"]},
    "no buckets": {"position_buckets": -1, "max_relative_positions": 40},
    "convolution": {"conv_kernel_size": 3, "conv_act": "gelu"},
}
MODELS = {name: deberta(**changes) for name, changes in KINDS.items()}


def changed(name: str, kind: type[RememberedPositions]) -> nn.Module:
    network = copy.deepcopy(MODELS[name])
    replace_attention(network, kind)
    return network


def states(network: nn.Module, token_ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(input_ids=token_ids, attention_mask=mask).last_hidden_state
    return found


@pytest.mark.parametrize("name", KINDS)
@given(st.integers(1, 100), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_remembered_positions_give_the_same_bits_with_padding_and_without(
    name: str, length: int, size: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    token_ids = torch.randint(0, 80, (size, length), generator=generator)
    mask = torch.ones_like(token_ids)
    mask[-1, max(1, length // 2) :] = 0
    network = changed(name, RememberedPositions)
    for given_mask in (None, mask):
        assert torch.equal(states(network, token_ids, given_mask), states(MODELS[name], token_ids, given_mask))


@pytest.mark.parametrize("name", KINDS)
@given(st.integers(1, 100), st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_sliced_positions_are_the_same_to_rounding(name: str, length: int, size: int) -> None:
    token_ids = torch.randint(0, 80, (size, length), generator=torch.Generator().manual_seed(length))
    found, expected = states(changed(name, SlicedPositions), token_ids), states(MODELS[name], token_ids)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_positions_are_projected_once_for_the_weights_and_not_at_every_call() -> None:
    rows: list[int] = []
    counts = []
    for network in (copy.deepcopy(MODELS["v3"]), changed("v3", RememberedPositions)):
        attention = network.encoder.layer[0].attention.self  # type: ignore[union-attr, index]
        projection = getattr(attention, "key_proj", None) or attention.key
        projection.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[1]))
        rows.clear()
        states(network, torch.ones(1, 5, dtype=torch.int64))
        counts.append(sorted(rows))
    assert counts == [[5, 32], [5]]


def test_other_networks_stay_as_they_are(checkpoint: Callable[..., str]) -> None:
    bert = BertModel(BertConfig(vocab_size=80, **SIZES)).eval()
    plain = deberta(relative_attention=False, pos_att_type=[])
    for network in (bert, plain, AutoModel.from_pretrained(checkpoint("hubert"))):
        before = [type(module) for module in network.modules()]
        replace_attention(network, SlicedPositions)
        assert [type(module) for module in network.modules()] == before
