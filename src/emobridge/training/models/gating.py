"""How far words are heeded beside a voice: what reads as neutral is said in every mood, and tells little of this one.

Sound judged in training is nearly always judged right, so a network hardly learns there to pass over a neutral
sentence; on voices that it never heard, such a sentence then pulls unsure answers towards neutral. So its answer to
both counts as far as the words alone speak of feelings, and its answer to the voice alone for the rest.
"""

import torch
from torch import Tensor

from emobridge.labels import NEUTRAL

# Chosen on validation speakers and sentences (docs/log.md).
SHARPNESS = 2.0
DOUBT = 0.5  # log-odds of feelings against none at which words are half heeded


def heeded(heard: Tensor, read: Tensor, both: Tensor, categories: tuple[str, ...]) -> Tensor:
    """Return logits (B, C) between those of the voice alone and those of voice and words.

    Args:
        heard, read, both: (B, C), logits of the voice alone, of the words alone and of both together.
        categories: names of the C logits, `NEUTRAL` among them.
    """
    neutral = categories.index(NEUTRAL)
    feelings = torch.cat((read[:, :neutral], read[:, neutral + 1 :]), dim=1).logsumexp(dim=1)
    share = (SHARPNESS * (feelings - read[:, neutral] - DOUBT)).sigmoid()[:, None]
    return heard + share * (both - heard)
