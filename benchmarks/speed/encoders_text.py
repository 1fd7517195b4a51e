"""A DeBERTaV3 of the large size for encoders.py: random weights, and what it costs."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import DebertaV2Config, DebertaV2Model

from emobridge.encoders.hub.checkpoints import open_checkpoint
from emobridge.encoders.hub.text import HubLinguisticConfig, HubLinguisticEncoder

TOKENS = 18
LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 128_100,
    "type_vocab_size": 0,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 256,
    "position_biased_input": False,
}


def write_text(folder: Path, layers: int) -> DebertaV2Model:
    """Save a DeBERTaV3 and return it as transformers loads it."""
    torch.manual_seed(0)
    DebertaV2Model(DebertaV2Config(num_hidden_layers=layers, **LARGE)).save_pretrained(folder)
    return DebertaV2Model.from_pretrained(folder).eval()


def open_text(folder: Path, precision: Any) -> HubLinguisticEncoder:
    """Return the encoder as emobridge runs it; token numbers are drawn, so that its tokenizer knows no word."""
    checkpoint = open_checkpoint(str(folder), "", ("deberta-v2",), ())
    config = HubLinguisticConfig(str(folder), precision=precision)
    return HubLinguisticEncoder(config, checkpoint, Tokenizer(models.WordLevel({"": 0}, "")))


def token_ids(seed: int) -> torch.Tensor:
    """Return a text (1, `TOKENS`) of random words."""
    return torch.randint(4, LARGE["vocab_size"], (1, TOKENS), generator=torch.Generator().manual_seed(seed))


def text_operations(config: Any) -> float:
    """Return the 10^9 operations of the matrix products that a text of `TOKENS` takes; no position is projected."""
    size, inner = config.hidden_size, config.intermediate_size
    layer = 4 * size * size + 2 * size * inner + (2 * TOKENS + 2 * (2 * TOKENS - 1)) * size
    return 2 * TOKENS * layer * config.num_hidden_layers / 1e9
