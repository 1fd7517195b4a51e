"""Laws of heeding words: neutral ones leave the voice's answer as it is, feeling ones count.

In networks: tests/equivalence.
"""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.models.gating import DOUBT, heeded

CATEGORIES = ("angry", "neutral", "sad")
NEUTRAL = CATEGORIES.index("neutral")
logits = st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3).map(lambda row: torch.tensor([row]))


def says(neutral: float) -> Tensor:
    """Logits of words that are neutral with this log-odds, the rest shared by two feelings."""
    row = torch.zeros(1, 3)
    row[0, NEUTRAL] = neutral + torch.tensor(2.0).log()
    return row


@given(logits, logits)
def test_words_count_from_nothing_to_all_as_they_speak_of_feelings(heard: Tensor, both: Tensor) -> None:
    torch.testing.assert_close(heeded(heard, says(20.0), both, CATEGORIES), heard)
    torch.testing.assert_close(heeded(heard, says(-20.0), both, CATEGORIES), both)
    torch.testing.assert_close(heeded(heard, says(-DOUBT), both, CATEGORIES), (heard + both) / 2)


@given(logits, logits, st.floats(-8, 8), st.floats(0.1, 5))
def test_the_more_neutral_the_words_the_nearer_to_the_voice(
    heard: Tensor, both: Tensor, neutral: float, more: float
) -> None:
    far, near = (
        (heeded(heard, says(odds), both, CATEGORIES) - heard).abs().sum() for odds in (neutral, neutral + more)
    )
    assert near <= far + 1e-5


@given(logits, logits, logits, st.floats(-9, 9, width=32))
def test_only_differences_of_logits_count(heard: Tensor, read: Tensor, both: Tensor, shift: float) -> None:
    expected = heeded(heard, read, both, CATEGORIES)
    torch.testing.assert_close(heeded(heard, read + shift, both, CATEGORIES), expected, atol=1e-4, rtol=1e-4)
    moved = heeded(heard + shift, read, both + shift, CATEGORIES)
    torch.testing.assert_close(moved, expected + shift, atol=1e-4, rtol=1e-4)


def test_said_or_left_out_it_is_one_recipe(toy_recipe: Callable[..., Recipe]) -> None:
    shape = {"width": 16, "refinement_layers": 0}
    off, on = (toy_recipe(model=shape | {"discount_neutral_words": given}).digest for given in (False, True))
    assert off == toy_recipe().digest != on
    with pytest.raises(RecipeError, match=r"model\.discount_neutral_words"):
        toy_recipe(model=shape | {"discount_neutral_words": "somewhat"})
