"""Frozen public text encoders: DeBERTa, RoBERTa, BERT and the like, in any language.

What is longer than the encoder reads is left out. Texts of a batch are masked, so that one alone gives what it gives
beside longer ones.
"""

import logging
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from tokenizers import Tokenizer
from torch import Tensor

from emobridge.encoders.base import TokenVectors
from emobridge.encoders.config import NamedEncoderConfig
from emobridge.encoders.hub.acceleration.precision import Precision
from emobridge.encoders.hub.base import HubConfig, HubEncoder, check_same, settings_of
from emobridge.encoders.hub.checkpoints import Checkpoint, open_checkpoint
from emobridge.errors import BundleError
from emobridge.utils.extras import load_extra

# Whether the first position is not 0 but the one after the padding token's number.
FAMILIES = {
    **dict.fromkeys(("albert", "bert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert"), False),
    **dict.fromkeys(("camembert", "mpnet", "roberta", "xlm-roberta"), True),
}
TOKENIZER_FILES = ("*.model", "vocab*", "merges.txt", "tokenizer*.json", "special_tokens_map.json", "added_tokens.json")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HubLinguisticConfig(HubConfig):
    """A public text encoder.

    Attributes:
        maximum_tokens: with the special token at each end; the rest of a text is left out.
    """

    maximum_tokens: Annotated[int, Field(ge=3)] = 512


class HubLinguisticEncoder(HubEncoder):
    """Text in, one vector a token out. Make one with `open_linguistic`.

    Args:
        config: the recipe's.
        checkpoint: of one of `FAMILIES`.
        tokenizer: of the checkpoint; truncation is set here, and padding switched off.
        languages: codes of those that it is to read.

    Attributes:
        maximum_tokens: that it reads of one text, with the special token at each end.
    """

    kind = "hub text"
    takes = "input_ids"

    def __init__(
        self, config: HubLinguisticConfig, checkpoint: Checkpoint, tokenizer: Tokenizer, languages: tuple[str, ...] = ()
    ) -> None:
        super().__init__(config, checkpoint)
        self.maximum_tokens = min(config.maximum_tokens, _positions(checkpoint))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.maximum_tokens)
        self.tokenizer = tokenizer
        self.languages = languages

    def read(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, dimension) for ``token_ids`` (B, T) with the special tokens; mask (B, T), 1 = real.

        Raises:
            BundleError: the weights cannot be read, or are not all there.
        """
        if self.device.type != "cpu":
            return self.states(token_ids, mask)
        lengths = mask.sum(dim=1)
        vectors = torch.zeros(*mask.shape, self.dimension)
        for length in sorted(set(lengths.tolist())):  # without padding, each as if alone
            rows = lengths == length
            vectors[rows, :length] = self.states(token_ids[rows, :length])
        return vectors

    def example(self) -> Tensor:
        """Return the token numbers of a short text."""
        return torch.ones(1, 8, dtype=torch.int64)

    def encode(self, text: str) -> TokenVectors:
        """Return the token vectors of ``text``, without the special tokens; what is too long is cut and flagged.

        A text without any token gives none, shape (0, dimension), and loads no weights.

        Raises:
            BundleError: the weights cannot be read, or are not all there.
        """
        encoding = self.tokenizer.encode(text)
        if len(encoding.ids) <= 2:
            return TokenVectors(np.zeros((0, self.dimension), np.float32), ())
        token_ids = torch.tensor([encoding.ids])
        vectors = self.read(token_ids, torch.ones_like(token_ids))[0, 1:-1].numpy()
        spans = tuple(_without_space(text, start, end) for start, end in encoding.offsets[1:-1])
        truncated = bool(encoding.overflowing)
        if truncated:
            logger.warning("a text of %d characters is longer than %s reads and was cut", len(text), self.name)
        return TokenVectors(vectors, spans, truncated)


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without the space before its word, which belongs to the word's first token."""
    while start < end - 1 and text[start].isspace():
        start += 1
    return start, end


def open_linguistic(config: HubLinguisticConfig, languages: tuple[str, ...] = ()) -> HubLinguisticEncoder:
    """Return a public text encoder for ``languages``; its weights are loaded when they are first needed.

    Raises:
        BundleError: the checkpoint is not here, incomplete, or of another architecture, or its tokenizer cannot tell
            where in a text its tokens are.
        RecipeError: it has no such layers.
    """
    checkpoint = open_checkpoint(config.encoder, config.revision, tuple(FAMILIES), TOKENIZER_FILES)
    try:
        slow_or_fast = load_extra("transformers", "train").AutoTokenizer.from_pretrained(checkpoint.folder)
    except Exception as error:  # what reads a vocabulary raises whatever it likes
        given = f"the tokenizer of encoder '{config.encoder}' cannot be read: {' '.join(str(error).split())}"
        raise BundleError(given, "its files lie beside the weights", "fetch it again") from error
    tokenizer = getattr(slow_or_fast, "backend_tokenizer", None)
    if not isinstance(tokenizer, Tokenizer) or tokenizer.encode("").special_tokens_mask != [1, 1]:
        raise BundleError(
            f"the tokenizer of encoder '{config.encoder}' is a {type(slow_or_fast).__name__}",
            "one is needed that tells where in the text a token is and puts one special token at each end",
            "choose another checkpoint",
        )
    return HubLinguisticEncoder(config, checkpoint, tokenizer, languages)


def _positions(checkpoint: Checkpoint) -> int:
    """Return how many tokens the encoder has positions for."""
    settings = checkpoint.settings
    first = int(settings.pad_token_id) + 1 if FAMILIES[checkpoint.family] else 0
    return int(settings.max_position_embeddings) - first


def named_linguistic(named: NamedEncoderConfig, precision: Precision | None = None) -> HubLinguisticEncoder:
    """Return the text encoder that a bundle names; otherwise as `named_acoustic`."""
    encoder = open_linguistic(settings_of(HubLinguisticConfig, named), tuple(named.languages))
    check_same(encoder, named)
    if precision is not None:
        encoder.compute_in(precision)
    return encoder
