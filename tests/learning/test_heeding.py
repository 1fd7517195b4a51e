"""Laws of heeding words: neutral ones leave the voice's answer as it is, feeling ones count, in training all do."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.learning.heeding import DOUBT, heeded
from emobridge.learning.model import FusionConfig, FusionModel
from emobridge.learning.recipe import Recipe

CATEGORIES = ("angry", "neutral", "sad")
NEUTRAL = CATEGORIES.index("neutral")
CONFIG = FusionConfig.sized(
    16,
    categories=CATEGORIES,
    dimensions=("valence", "arousal"),
    acoustic_dimension=6,
    linguistic_dimension=5,
)
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


def model_of(discount: bool) -> FusionModel:
    torch.manual_seed(0)
    return FusionModel(replace(CONFIG, dropout=0.0, discount_neutral_words=discount)).eval()


def judge(model: FusionModel, presence: list[tuple[bool, bool]]) -> tuple[Tensor, Tensor]:
    """What a model says of as many random items, whose padding is not a number."""
    count, generator = len(presence), torch.Generator().manual_seed(1)
    frames, tokens = torch.randn(count, 7, 6, generator=generator), torch.randn(count, 4, 5, generator=generator)
    heard = torch.arange(7) < 7 - torch.arange(count)[:, None]
    frames[~heard] = torch.nan
    read = torch.ones(count, 4, dtype=torch.bool)
    positions = ((torch.arange(4) + 0.5) / 4).expand(count, -1)
    with torch.no_grad():
        judged: tuple[Tensor, Tensor] = model(frames, heard, tokens, read, positions, torch.tensor(presence))
    return judged


PRESENCE = [(True, True), (True, False), (False, True), (False, False), (True, True)]


def test_a_model_weighs_words_beside_sound_alone() -> None:
    discounting, plain = model_of(True), model_of(False)
    found, dimensions = judge(discounting, PRESENCE)
    full, same = judge(plain, PRESENCE)
    heard, _ = judge(plain, [(heard, False) for heard, _ in PRESENCE])
    read, _ = judge(plain, [(False, read) for _, read in PRESENCE])
    torch.testing.assert_close(dimensions, same)
    torch.testing.assert_close(found[1:4], full[1:4])
    expected = heeded(heard, read, full, CATEGORIES)
    torch.testing.assert_close(found[[0, 4]], expected[[0, 4]])
    assert (found - full)[[0, 4]].abs().max() > 1e-3


def test_in_training_words_count_in_full() -> None:
    for one, other in zip(
        judge(model_of(True).train(), PRESENCE), judge(model_of(False).train(), PRESENCE), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_model_of_dimensions_alone_has_nothing_to_weigh() -> None:
    torch.manual_seed(0)
    model = FusionModel(replace(CONFIG, categories=(), discount_neutral_words=True)).eval()
    categories, dimensions = judge(model, PRESENCE)
    assert categories.shape == (len(PRESENCE), 0)
    assert dimensions.isfinite().all()


def test_said_or_left_out_it_is_one_recipe(toy_recipe: Callable[..., Recipe]) -> None:
    shape = {"width": 16, "refinement_layers": 0}
    off, on = (toy_recipe(model=shape | {"discount_neutral_words": given}).digest for given in (False, True))
    assert off == toy_recipe().digest != on
    with pytest.raises(RecipeError, match=r"model\.discount_neutral_words"):
        toy_recipe(model=shape | {"discount_neutral_words": "somewhat"})
