"""What random modality masking hides, how often, and what it never hides."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from emobridge.errors import RecipeError
from emobridge.training.models.modality_dropout import ModalityMasking

BOTH = torch.ones(4_000, 2, dtype=torch.bool)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.floats(0, 1), st.floats(0, 1))
def test_probability_falls_from_start_to_zero(one: float, other: float) -> None:
    masking = ModalityMasking()
    earlier, later = sorted((one, other))
    assert masking.probability(0.0) == pytest.approx(0.8)
    assert masking.probability(1.0) == 0.0
    assert masking.probability(earlier) >= masking.probability(later)


@given(st.floats(0, 1))
def test_probability_is_a_cosine_above_the_floor_and_zero_below(progress: float) -> None:
    cosine = 0.8 * (1 + math.cos(math.pi * progress)) / 2
    assert ModalityMasking().probability(progress) == pytest.approx(cosine if cosine >= 0.1 else 0.0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8), st.integers(0, 100))
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_no_item_loses_its_only_modality_and_none_gains_one(
    per: str, flags: list[tuple[bool, bool]], seed: int
) -> None:
    presence = torch.tensor(flags)
    kept = ModalityMasking(start=1.0, per=per).hide(presence, 0.0, seeded(seed))
    assert torch.equal(kept.any(dim=1), presence.any(dim=1))
    assert (presence | ~kept).all()
    single = ~presence.all(dim=1)
    assert torch.equal(kept[single], presence[single])


def test_shares_of_hidden_items_follow_the_schedule() -> None:
    hidden = ~ModalityMasking(per="sample").hide(BOTH, 0.0, seeded())
    acoustic, linguistic = hidden.float().mean(dim=0).tolist()
    assert acoustic == pytest.approx(0.8 * 0.4, abs=0.03)
    assert linguistic == pytest.approx(0.8 * 0.6, abs=0.03)


def test_a_batch_hides_the_same_modality_in_all_items() -> None:
    masking = ModalityMasking(per="batch")
    outcomes = [masking.hide(BOTH[:5], 0.0, seeded(seed)) for seed in range(400)]
    assert all((outcome == outcome[0]).all() for outcome in outcomes)
    hidden = ~torch.stack([outcome[0] for outcome in outcomes])
    assert hidden[:, 1].float().mean().item() == pytest.approx(0.48, abs=0.08)


def test_the_same_seed_hides_the_same() -> None:
    def outcome(presence: Tensor) -> Tensor:
        return ModalityMasking(per="sample").hide(presence, 0.3, seeded(7))

    assert torch.equal(outcome(BOTH), outcome(BOTH.clone()))


def test_late_in_training_nothing_is_hidden() -> None:
    assert ModalityMasking().hide(BOTH, 0.9, seeded()).all()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"start": 1.5}, "start is 1.5"),
        ({"floor": -0.1}, "floor is -0.1"),
        ({"linguistic_share": 2.0}, "linguistic_share is 2.0"),
        ({"per": "epoch"}, "per is 'epoch'; valid: batch, sample"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(values: dict[str, float | str], named: str) -> None:
    with pytest.raises(RecipeError) as caught:
        ModalityMasking(**values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
