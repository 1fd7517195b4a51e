"""A network that discounts neutral words says of sound with words what `heeded` makes of its three answers."""

from collections.abc import Callable

import torch
from torch import Tensor

from emobridge.training.models.fusion import Fusion, FusionModel, Pooling
from emobridge.training.models.gating import heeded

CATEGORIES = ("angry", "neutral", "sad")
PRESENCE = [(True, True), (True, False), (False, True), (False, False), (True, True)]
BOTH, NOT_BOTH = [0, 4], [1, 2, 3]
FRAMES, TOKENS = [7, 6, 5, 4, 3], [1, 2, 3, 4, 4]


def judged(model: FusionModel, make_inputs: Callable, presence: list[tuple[bool, bool]]) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        said: tuple[Tensor, Tensor] = model(*make_inputs(FRAMES, TOKENS, presence))
    return said


def test_words_count_as_far_as_they_speak_of_feelings_beside_sound_alone(
    make_model: Callable, make_inputs: Callable, fusion: Fusion, pooling: Pooling
) -> None:
    shape = {"fusion": fusion, "pooling": pooling, "categories": CATEGORIES}
    plain = make_model(**shape)
    found, dimensions = judged(make_model(**shape, discount_neutral_words=True), make_inputs, PRESENCE)
    full, same = judged(plain, make_inputs, PRESENCE)
    heard, _ = judged(plain, make_inputs, [(heard, False) for heard, _ in PRESENCE])
    read, _ = judged(plain, make_inputs, [(False, read) for _, read in PRESENCE])
    torch.testing.assert_close(dimensions, same)
    torch.testing.assert_close(found[NOT_BOTH], full[NOT_BOTH])
    torch.testing.assert_close(found[BOTH], heeded(heard, read, full, CATEGORIES)[BOTH])
    assert (found - full)[BOTH].abs().max() > 1e-3


def test_in_training_words_count_in_full(make_model: Callable, make_inputs: Callable, fusion: Fusion) -> None:
    shape = {"fusion": fusion, "categories": CATEGORIES, "dropout": 0.0}
    models = (make_model(**shape, discount_neutral_words=discount).train() for discount in (True, False))
    for one, other in zip(*(judged(model, make_inputs, PRESENCE) for model in models), strict=True):
        torch.testing.assert_close(one, other)


def test_a_network_of_dimensions_alone_has_nothing_to_discount(make_model: Callable, make_inputs: Callable) -> None:
    said, dimensions = judged(make_model(categories=(), discount_neutral_words=True), make_inputs, PRESENCE)
    assert said.shape == (len(PRESENCE), 0)
    assert dimensions.isfinite().all()
