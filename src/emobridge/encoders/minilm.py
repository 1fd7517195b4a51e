"""The linguistic encoder: token vectors of a fine-tuned all-MiniLM-L6-v2, its tokens made by the tokenizers library."""

import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emobridge.encoders.base import TokenVectors
from emobridge.errors import BundleError
from emobridge.utils.onnx import RESTORE, Graph

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAXIMUM_TOKENS = 128  # what the graph was trained on, [CLS] and [SEP] included
# Of a longer text the rest is not even cut into tokens, which takes a kilobyte for each; no token has over 100.
MAXIMUM_CHARACTERS = 20_000

logger = logging.getLogger(__name__)


class MiniLmOnnxEncoder:
    """Text in, one vector a token out.

    Args:
        graph_path: the graph: ``input_ids`` and ``attention_mask`` (B, T) to ``vectors`` (B, T, dimension).
        tokenizer_path: the ``tokenizer.json``.
        dimension: width of a vector.
        fingerprint: digest of the graph and the tokenizer.
        threads: processor threads; None leaves the choice to onnxruntime.
    """

    name = "minilm"
    languages = ("en",)

    def __init__(
        self, graph_path: Path, tokenizer_path: Path, dimension: int, fingerprint: str, threads: int | None = None
    ) -> None:
        self.tokenizer_path = tokenizer_path
        self.dimension = dimension
        self.fingerprint = fingerprint
        self._graph = Graph(graph_path, ("vectors",), threads)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(self.tokenizer_path))
        except Exception as error:  # the library raises nothing narrower
            raise BundleError(f"tokenizer '{self.tokenizer_path}' cannot be read: {error}", remedy=RESTORE) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAXIMUM_TOKENS)
        return tokenizer

    def encode(self, text: str) -> TokenVectors:
        """Return the token vectors of ``text``, [CLS] and [SEP] dropped; at most 126, the rest is left out and flagged.

        A text without any token gives none, shape (0, dimension), and loads no graph.

        Raises:
            BundleError: the tokenizer or the graph is damaged, or the graph gives vectors of another width.
        """
        encoding = self._tokenizer.encode(text[:MAXIMUM_CHARACTERS])
        real = np.array(encoding.special_tokens_mask) == 0
        if not real.any():
            return TokenVectors(np.zeros((0, self.dimension), dtype=np.float32), ())
        truncated = bool(encoding.overflowing) or len(text) > MAXIMUM_CHARACTERS
        if truncated:
            logger.warning("a text of %d characters exceeds %d tokens and was cut", len(text), MAXIMUM_TOKENS)
        token_ids = np.array([encoding.ids], dtype=np.int64)
        outputs = self._graph.run({"input_ids": token_ids, "attention_mask": np.ones_like(token_ids)})
        vectors = outputs["vectors"][0]
        if vectors.shape != (len(real), self.dimension):
            given = f"graph '{self._graph.path}' gives vectors of shape {vectors.shape} for {len(real)} tokens"
            raise BundleError(given, f"config.json says width {self.dimension}", RESTORE)
        spans = tuple(span for span, kept in zip(encoding.offsets, real, strict=True) if kept)
        return TokenVectors(vectors[real], spans, truncated)
