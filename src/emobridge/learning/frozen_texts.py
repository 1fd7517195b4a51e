"""Texts through a frozen linguistic encoder, once: the vectors are kept, and shared by folds, seeds and variants."""

import hashlib
from dataclasses import replace

import numpy as np
import torch

from emobridge.learning.cache import ArrayCache, cache_folder
from emobridge.learning.features import Examples, text_key
from emobridge.learning.minilm import MinilmEncoder
from emobridge.learning.training.loop import Progress, no_progress

BATCH_SIZE = 48


def read_texts(encoder: MinilmEncoder, examples: Examples, progress: Progress = no_progress) -> Examples:
    """Return the examples with the token vectors of every text, from the cache or from the encoder, in float16.

    Args:
        encoder: frozen; the cache's folder is named by a digest of its weights.
        examples: of the recipe.
        progress: called with texts done and texts in all.
    """
    cache = ArrayCache(cache_folder() / f"minilm-{_fingerprint(encoder)}", np.float16, encoder.dimension)
    texts = {text_key(ids): ids for ids in examples.token_ids if len(ids)}
    missing = sorted((key for key in texts if key not in cache), key=lambda key: len(texts[key]))
    encoder.eval()
    for start in range(0, len(missing), BATCH_SIZE):
        keys = missing[start : start + BATCH_SIZE]
        token_ids = torch.zeros(len(keys), max(len(texts[key]) for key in keys), dtype=torch.int64)
        mask = torch.zeros_like(token_ids)
        for row, key in enumerate(keys):
            token_ids[row, : len(texts[key])] = torch.from_numpy(texts[key])
            mask[row, : len(texts[key])] = 1
        with torch.inference_mode():
            vectors = encoder(token_ids, mask).numpy()
        for row, key in enumerate(keys):
            cache.add(key, vectors[row, : len(texts[key])])
        progress(start + len(keys), len(missing))
    return replace(examples, text_cache=cache)


def _fingerprint(encoder: MinilmEncoder) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:16]
