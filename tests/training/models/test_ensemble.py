"""Laws of members side by side: they take turns in training, answer as the mean of all, and learn from their own items.

Of the graphs they are exported to: the last test.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch import Tensor, nn

from emobridge.audio.load import load_audio
from emobridge.encoders.base import TokenVectors
from emobridge.errors import RecipeError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.inference.runtime import Runtime
from emobridge.training.data.batches import Batch, collate
from emobridge.training.data.examples import Examples
from emobridge.training.experiments.export import export, load_system
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.experiments.train_fold import train
from emobridge.training.models.acoustic_encoder import CompactConfig, CompactEncoder
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.ensemble import FusionEnsemble
from emobridge.training.models.fusion import FusionModel
from emobridge.training.models.round_robin import in_turn
from emobridge.utils.files import read_json

MEMBERS = 3


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    return toy_examples()


@pytest.fixture
def system(examples: Examples, toy_system: Callable[..., EmotionSystem]) -> EmotionSystem:
    """Three members without dropout, so that training differs in whose turn it is alone."""
    built = toy_system(examples, members=MEMBERS, dropout=0.0)
    for module in built.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return built


def batch_of(examples: Examples, count: int) -> Batch:
    rows = [*range(count)]
    return collate(examples, rows, [None if row % 4 == 3 else row for row in rows])


@given(st.integers(1, 9), st.integers(1, 5))
def test_items_take_turns_and_keep_their_order(count: int, members: int) -> None:
    items = torch.arange(10.0, 10.0 + count)
    judged = in_turn(members, lambda number, mine, none: 100.0 * number + mine if none is None else mine, items, None)
    assert judged.tolist() == [100.0 * (row % members) + 10.0 + row for row in range(count)]


@pytest.mark.parametrize("fusion", ["concat", "bridge_crossed"])
def test_all_answer_as_the_mean_of_each_alone(
    examples: Examples, toy_system: Callable[..., EmotionSystem], fusion: str
) -> None:
    system = toy_system(examples, members=MEMBERS, fusion=fusion).eval()
    batch = batch_of(examples, 7)
    assert isinstance(system.acoustic, CompactEncoder)
    assert isinstance(system.fusion, FusionEnsemble)
    with torch.inference_mode():
        found = system(batch, batch.presence)
        each = [_alone(system, number)(batch, batch.presence) for number in range(MEMBERS)]
    for output, parts in zip(found, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(output, torch.stack(parts).mean(dim=0))
        assert (torch.stack(parts).std(dim=0) > 0).all()


def _alone(system: EmotionSystem, number: int) -> EmotionSystem:
    """Return one member of a system as a system of its own."""
    config = replace(system.config, fusion=replace(system.config.fusion, members=1))
    alone = EmotionSystem(replace(config, linguistic=None))
    alone.linguistic = system.linguistic
    assert isinstance(system.fusion, FusionEnsemble)
    assert isinstance(alone.fusion, FusionModel)
    alone.fusion.load_state_dict(system.fusion.members[number].state_dict())
    own = {}
    assert isinstance(system.acoustic, CompactEncoder)
    assert isinstance(alone.acoustic, CompactEncoder)
    for name, value in system.acoustic.state_dict().items():
        own[name] = value.chunk(MEMBERS)[number] if name.startswith("project.") else value
    alone.acoustic.load_state_dict(own)
    return alone.eval()


def test_in_training_an_item_is_judged_by_the_member_whose_turn_it_is(
    examples: Examples, system: EmotionSystem
) -> None:
    batch = batch_of(examples, 8)
    with torch.no_grad():
        each = [_alone(system, number)(batch, batch.presence) for number in range(MEMBERS)]
        found = system.train()(batch, batch.presence)
    for row in range(8):
        for output, expected in zip(found, each[row % MEMBERS], strict=True):
            torch.testing.assert_close(output[row], expected[row])


def test_a_member_learns_from_its_own_items_alone(examples: Examples, system: EmotionSystem) -> None:
    batch = batch_of(examples, 8)
    logits, _ = system.train()(batch, batch.presence)
    logits[1::MEMBERS].square().sum().backward()
    assert isinstance(system.fusion, FusionEnsemble)
    assert isinstance(system.acoustic, CompactEncoder)
    layers = system.acoustic.project.weight.grad
    assert layers is not None
    learned = [bool(part.any()) for part in layers.chunk(MEMBERS)]
    assert learned == [False, True, False]
    for number, member in enumerate(system.fusion.members):
        assert any(one.grad is not None and bool(one.grad.any()) for one in member.parameters()) == learned[number]


def test_fewer_items_than_members_are_judged_too(examples: Examples, system: EmotionSystem) -> None:
    batch = batch_of(examples, 2)
    logits, dimensions = system.train()(batch, batch.presence)
    assert len(logits) == len(dimensions) == 2
    assert logits.isfinite().all()


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_each_has_a_layer_of_its_own_that_padding_does_not_reach(count: int, length: int, seed: int) -> None:
    torch.manual_seed(seed)
    encoder = CompactEncoder(CompactConfig(width=8), MEMBERS).eval()
    frames = torch.randn(count, length + 2, FunctionalsSettings().width)
    mask = (torch.arange(length + 2) < length).expand(count, -1)
    frames = frames.masked_fill(~mask[:, :, None], torch.nan)
    vectors, kept = encoder(frames, mask)
    assert vectors.shape == (count, MEMBERS, length + 2, 8)
    assert torch.equal(kept, mask)
    for number, (weight, bias) in enumerate(_layers(encoder)):
        sums = frames[:, :length].clamp(-4, 4) @ weight.T + bias
        expected = nn.functional.silu(nn.functional.layer_norm(sums, (8,)))
        torch.testing.assert_close(vectors[:, number, :length], expected, atol=1e-5, rtol=0)
    assert not vectors[:, :, length:].any()


def _layers(encoder: CompactEncoder) -> list[tuple[Tensor, Tensor]]:
    parts = (one.chunk(MEMBERS) for one in (encoder.project.weight, encoder.project.bias))
    return list(zip(*parts, strict=True))


def test_how_many_is_a_whole_number(toy_recipe: Callable[..., Recipe]) -> None:
    for given_count in (0, 1.5):
        with pytest.raises(RecipeError, match=r"model\.members"):
            toy_recipe(model={"width": 16, "members": given_count})
    digests = [toy_recipe(model={"width": 16, "refinement_layers": 0, "members": count}).digest for count in (1, 2)]
    assert digests[0] == toy_recipe().digest != digests[1]


def test_a_bundle_says_what_the_members_say(
    toy_values: Callable[..., dict[str, Any]], toy_table: Path, tmp_path: Path
) -> None:
    values = toy_values(("acoustic", "linguistic"))
    values["model"] |= {"members": MEMBERS, "discount_neutral_words": True}
    values["training"] |= {"steps": 3, "checkpoint_steps": 3}
    recipe = parse_recipe(values)
    train(recipe, None, tmp_path / "run")
    runtime = Runtime(export(tmp_path / "run", tmp_path / "bundle"), threads=1)
    system = load_system(tmp_path / "run", read_json(tmp_path / "run" / "run.json"), recipe)
    assert runtime.acoustic is not None
    assert isinstance(system.acoustic, CompactEncoder)
    samples = load_audio(toy_table.parent / "anna-sad-0.wav")
    frames = torch.from_numpy(FunctionalsSettings().frames(samples))[None]
    vectors = runtime.acoustic.encode(samples)
    words = np.random.default_rng(0).standard_normal((4, 384)).astype(np.float32)
    heard, read = torch.ones(frames.shape[:2], dtype=torch.bool), torch.ones(1, 4, dtype=torch.bool)
    with torch.inference_mode():
        own, _ = system.acoustic(frames, heard)
        assert_allclose(vectors, own[0].transpose(0, 1).flatten(1), atol=1e-3)
        positions = (torch.arange(4) + 0.5)[None] / 4
        given = (own, heard, torch.from_numpy(words)[None], read, positions, torch.ones(1, 2, dtype=torch.bool))
        logits, dimensions = (output[0] for output in system.fusion(*given))
    found = runtime.estimate(vectors, TokenVectors(words, ((0, 1),) * 4))
    scaled = (logits / runtime.bundle.config.temperature["both"]).softmax(dim=0)
    assert_allclose(found.probabilities, scaled, atol=1e-3)
    assert_allclose(found.dimensions, dimensions, atol=1e-3)
