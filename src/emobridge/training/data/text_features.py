"""Texts through a frozen linguistic encoder, once: the vectors are kept, and shared by folds, seeds and variants."""

from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from emobridge.training.data.examples import Examples, text_key
from emobridge.training.data.front_ends import LARGEST_HALF, announcement
from emobridge.utils.cache import ArrayCache, cache_folder
from emobridge.utils.progress import ProgressCallback, no_report

BATCH_SIZE = 48


class FrozenReader(Protocol):
    """What reads texts without learning: `minilm` with frozen weights, or a public encoder."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def dimension(self) -> int:
        """Size of a token's vector."""
        ...

    @property
    def cache_name(self) -> str:
        """Name of the cache's folder: another one for whatever gives other vectors."""
        ...

    def read(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, dimension) for ``token_ids`` (B, T) with the special tokens; mask (B, T), 1 = real."""
        ...


def read_texts(encoder: FrozenReader, examples: Examples, report: ProgressCallback = no_report) -> Examples:
    """Return the examples with the token vectors of every text, from the cache or from the encoder, in float16.

    Args:
        encoder: frozen.
        examples: of the recipe.
        report: called before anything is written, with how much that will be, and then with the texts done.

    Raises:
        OutputError: the disk has no room for the vectors.
    """
    cache = ArrayCache(cache_folder() / encoder.cache_name, np.float16, encoder.dimension)
    texts = {text_key(ids): ids for ids in examples.token_ids if len(ids)}
    # The longest come first: what takes too much memory fails at once and not at the end.
    missing = sorted((key for key in texts if key not in cache), key=lambda key: (-len(texts[key]), key))
    if missing:
        size = cache.make_room(sum(len(texts[key]) for key in missing))
        what = announcement(len(missing), "texts", encoder.name, size)
        report(what, 0, len(missing))
    for start in range(0, len(missing), BATCH_SIZE):
        keys = missing[start : start + BATCH_SIZE]
        token_ids = torch.zeros(len(keys), len(texts[keys[0]]), dtype=torch.int64)
        mask = torch.zeros_like(token_ids)
        for row, key in enumerate(keys):
            token_ids[row, : len(texts[key])] = torch.from_numpy(texts[key])
            mask[row, : len(texts[key])] = 1
        vectors = encoder.read(token_ids, mask).clamp(-LARGEST_HALF, LARGEST_HALF).numpy()
        for row, key in enumerate(keys):
            cache.add(key, vectors[row, : len(texts[key])])
        report(what, start + len(keys), len(missing))
    return replace(examples, text_cache=cache)
