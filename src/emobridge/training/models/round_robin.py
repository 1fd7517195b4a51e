"""Several networks that learn side by side and answer together, each from items of its own.

In training the items of a batch take turns: item i is judged by member i modulo their number, and none sees what
another learned from it. So they err differently, and their mean errs less.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def in_turn(members: int, judge: Callable[..., Tensor], *given: Tensor | None) -> Tensor:
    """Return (B, ...), each item as its member judged it.

    Args:
        members: how many there are.
        judge: takes a member's number and the items of ``given`` whose turn it is, and returns as many.
        given: (B, ...) each, at least one of them and B at least 1; None is handed on as None.
    """
    count = next(len(one) for one in given if one is not None)
    turns = range(min(members, count))
    judged = torch.cat(
        [judge(number, *(None if one is None else one[number::members] for one in given)) for number in turns]
    )
    by_member = (torch.arange(count, device=judged.device) % members).argsort(stable=True)
    return judged[by_member.argsort()]
