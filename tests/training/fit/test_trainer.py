"""Laws of training: the same seed gives the same, resuming equals never stopping, and what cannot go on says so."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from emobridge.encoders.hub.acceleration import precision
from emobridge.errors import BundleError, RecipeError
from emobridge.training.data.batches import Batch, StreamConfig, collate
from emobridge.training.data.examples import Examples
from emobridge.training.data.text_pairing import MATCHING
from emobridge.training.fit.trainer import (
    CHECKPOINT,
    LossConfig,
    TrainingConfig,
    TrainingSetup,
    make_optimizer,
    rate_factor,
    stream_schedule,
    train,
)
from emobridge.training.fit.weak_supervision import WeakConfig
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.modality_dropout import ModalityMasking

STEPS = 7
BOTH = ("acoustic", "linguistic")
STREAMS = (
    StreamConfig("acoustic", 4, 0.5, mixup=0.3),
    StreamConfig("linguistic", 5, 0.3),
    StreamConfig("natural", 3, 0.2),
)
CONFIG = TrainingConfig(steps=STEPS, checkpoint_steps=3, streams=STREAMS)
PAIRED = StreamConfig("paired", 6, matching=1, contradicting=1, irrelevant=1)
LOSS = LossConfig()
WEAK = WeakConfig(tolerance=0.1, category_order=0.5, intensity_order=0.5, text_teacher=0.5)
BY_SAMPLE = ModalityMasking(start=0.9, per="sample")


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


@dataclass(frozen=True)
class Toy:
    """A training that is ready to run in a folder, always the same."""

    examples: Examples
    build: Callable[..., EmotionSystem]
    modalities: tuple[str, ...] = BOTH
    config: TrainingConfig = CONFIG
    loss: LossConfig = LOSS
    masking: ModalityMasking = BY_SAMPLE
    seed: int = 1

    def run(self, folder: Path, killed_at: int | None = None, digest: str = "digest") -> EmotionSystem:
        rows = np.arange(24)
        setup = TrainingSetup(self.examples, rows, (1.0,), self.seed, digest, folder)

        def progress(done: int, total: int) -> None:
            assert total == self.config.steps
            if done == killed_at:
                raise Killed

        system = self.build(self.examples, self.modalities)
        return train(system, setup, self.config, self.loss, self.masking, progress)


@pytest.fixture(scope="module")
def toy(toy_examples: Callable[..., Examples], toy_system: Callable[..., EmotionSystem]) -> Toy:
    return Toy(toy_examples(dimensions=("valence", "arousal")), toy_system)


def weights(system: nn.Module) -> dict[str, Tensor]:
    return dict(system.state_dict())


def equal(one: EmotionSystem, other: EmotionSystem) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def test_the_same_seed_gives_the_same_weights_and_log(toy: Toy, tmp_path: Path) -> None:
    first, second, other = toy.run(tmp_path / "a"), toy.run(tmp_path / "b"), replace(toy, seed=2).run(tmp_path / "c")
    assert equal(first, second)
    assert not equal(first, other)
    assert log_of(tmp_path / "a") == log_of(tmp_path / "b") != log_of(tmp_path / "c")
    assert [line["step"] for line in log_of(tmp_path / "a")] == list(range(STEPS))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": LossConfig(learned=True), "masking": ModalityMasking(start=0.9, per="batch")},
        {"modalities": ("acoustic",), "config": replace(CONFIG, streams=(StreamConfig("acoustic", 4),))},
        {"loss": LossConfig(weak=WEAK), "config": replace(CONFIG, streams=(StreamConfig("acoustic", 4), PAIRED))},
    ],
    ids=["masking by sample", "learned weights, masking by batch", "sound alone", "weak teaching, all pairings"],
)
def test_resuming_equals_never_stopping(toy: Toy, tmp_path: Path, changes: dict[str, Any]) -> None:
    changed = replace(toy, **changes)
    whole = changed.run(tmp_path / "whole")
    for killed_at in (2, 4, STEPS):  # before, after and between checkpoints, and at the end
        folder = tmp_path / str(killed_at)
        with pytest.raises(Killed):
            changed.run(folder, killed_at)
        assert equal(changed.run(folder), whole)
        assert (folder / "steps.jsonl").read_text() == (tmp_path / "whole" / "steps.jsonl").read_text()


def test_resuming_twice_and_after_a_torn_log_equals_never_stopping(toy: Toy, tmp_path: Path) -> None:
    whole = toy.run(tmp_path / "whole")
    for killed_at in (4, 5):
        with pytest.raises(Killed):
            toy.run(tmp_path / "part", killed_at)
        with (tmp_path / "part" / "steps.jsonl").open("a") as file:
            file.write('{"step": 5, "tot')
    assert equal(toy.run(tmp_path / "part"), whole)
    assert log_of(tmp_path / "part") == log_of(tmp_path / "whole")


def test_only_pairs_that_belong_together_are_ever_hidden(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    forward = EmotionSystem.forward

    def watch(system: EmotionSystem, batch: Batch, presence: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        seen.append((batch.pairing, batch.presence, presence))
        return forward(system, batch, presence, *rest)

    monkeypatch.setattr(EmotionSystem, "forward", watch)
    masking = ModalityMasking(start=1.0, floor=0.0, per="sample")
    replace(toy, config=replace(CONFIG, streams=(PAIRED,)), masking=masking).run(tmp_path)
    pairing, given_, shown = (torch.cat(each) for each in zip(*seen, strict=True))
    assert torch.equal(given_[pairing != MATCHING], shown[pairing != MATCHING])
    assert (given_[pairing == MATCHING] & ~shown[pairing == MATCHING]).any()


def test_what_is_finished_is_not_trained_again(toy: Toy, tmp_path: Path) -> None:
    whole = toy.run(tmp_path)
    assert equal(toy.run(tmp_path, killed_at=1), whole)


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(toy: Toy, tmp_path: Path) -> None:
    toy.run(tmp_path)
    with pytest.raises(BundleError, match="another training, of digest digest"):
        toy.run(tmp_path, digest="other")
    (tmp_path / CHECKPOINT).write_bytes(b"damage")
    with pytest.raises(BundleError, match="delete it to start over"):
        toy.run(tmp_path)


def test_a_small_system_learns_eight_utterances_by_heart(toy: Toy, tmp_path: Path) -> None:
    rows = np.arange(0, 16, 2)
    streams = (StreamConfig("acoustic", 8),)
    config = TrainingConfig(steps=60, learning_rate=5e-3, average_decay=0.8, streams=streams)
    setup = TrainingSetup(toy.examples, rows, (1.0,), 1, "digest", tmp_path)
    system = toy.build(toy.examples, ("acoustic",), dropout=0.0)
    train(system, setup, config, LossConfig(1.0, 0.0, label_smoothing=0.0), ModalityMasking(0.0))
    with torch.inference_mode():
        batch = collate(toy.examples, rows.tolist(), [None] * 8)
        logits, _ = system(batch, batch.presence)
    assert torch.equal(logits.argmax(dim=1), batch.targets.argmax(dim=1))


def test_a_loss_that_is_not_finite_is_a_recipe_error(toy: Toy, tmp_path: Path) -> None:
    wild = replace(CONFIG, learning_rate=1e30, steps=20)
    with pytest.raises(RecipeError, match=r"the loss is (nan|inf) at step \d+; a finite loss; lower training.learning"):
        replace(toy, config=wild).run(tmp_path)


def test_frozen_weights_stay_and_everything_else_moves(toy: Toy, tmp_path: Path) -> None:
    before, after = weights(toy.build(toy.examples)), weights(toy.run(tmp_path))
    frozen = ("linguistic.bert.embeddings.", "linguistic.bert.encoder.layer.0.")
    # Over the one vector of a clip attention has nothing to choose; matrices still move, by their decay.
    without_choice = ("fusion.fusion.attentions.0.query.bias", "fusion.fusion.attentions.0.key.bias")
    for name, value in after.items():
        assert torch.isfinite(value).all()
        moved = not torch.equal(value, before[name])
        assert moved != name.startswith(frozen) or name in ("fusion.nothing", *without_choice), name


def test_every_trained_weight_has_one_group_and_vectors_do_not_decay(toy: Toy) -> None:
    trained = nn.ModuleDict({"system": toy.build(toy.examples)})
    groups = make_optimizer(trained, CONFIG).param_groups
    found = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(found) == sorted(id(weight) for weight in trained.parameters() if weight.requires_grad)
    linguistic = {id(weight) for weight in trained["system"].linguistic.parameters()}
    for group in groups:
        for weight in group["params"]:
            assert group["weight_decay"] == (CONFIG.weight_decay if weight.ndim > 1 else 0)
            slow = id(weight) in linguistic
            assert group["peak_rate"] == (CONFIG.linguistic_learning_rate if slow else CONFIG.learning_rate)


@given(st.integers(1, 300), st.floats(0, 1))
def test_the_rate_rises_in_a_line_and_falls_as_a_cosine(steps: int, warmup: float) -> None:
    config = TrainingConfig(steps=steps, warmup=warmup)
    factors = [rate_factor(step, config) for step in range(steps)]
    rising = max(1, round(warmup * steps))
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[:rising] == pytest.approx([(step + 1) / rising for step in range(rising)])
    falling = factors[rising - 1 :]
    assert falling == sorted(falling, reverse=True)
    middle = rising + (steps - rising) / 2
    if steps > rising and middle.is_integer():
        assert factors[int(middle)] == pytest.approx(0.5)


@given(st.lists(st.floats(0.05, 3), min_size=1, max_size=4), st.integers(1, 120))
def test_streams_get_their_shares_to_within_a_step_at_any_time(shares: list[float], steps: int) -> None:
    streams = tuple(StreamConfig("natural", 2, share) for share in shares)
    schedule = stream_schedule(TrainingConfig(steps=steps, streams=streams))
    longer = stream_schedule(TrainingConfig(steps=steps + 9, streams=streams))
    assert longer[:steps] == schedule
    taken = [0] * len(shares)
    for step, (stream, number) in enumerate(schedule, start=1):
        assert number == taken[stream]
        taken[stream] += 1
        for count, share in zip(taken, shares, strict=True):
            assert abs(count - step * share / sum(shares)) < max(1.0, len(shares) - 1)


def test_the_log_holds_null_where_a_task_had_no_label(toy: Toy, tmp_path: Path) -> None:
    unrated = replace(toy.examples, dimensions=np.full_like(toy.examples.dimensions, math.nan))
    replace(toy, examples=unrated).run(tmp_path)
    for line in log_of(tmp_path):
        assert line["valence"] is None
        assert line["total"] > 0
    assert list(itertools.chain.from_iterable(log_of(tmp_path)))[:3] == ["step", "total", "category"]


def test_in_bfloat16_products_are_halved_and_weights_and_outcome_stay_close(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_in_half", lambda device: True)
    whole = toy.run(tmp_path / "whole")
    halved = replace(toy, config=replace(CONFIG, precision="bfloat16"))
    other = halved.run(tmp_path / "halved")
    assert all(value.dtype == torch.float32 for value in weights(other).values() if value.is_floating_point())
    assert not equal(whole, other)
    losses = [[line["total"] for line in log_of(tmp_path / name)] for name in ("whole", "halved")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.05)
    with pytest.raises(Killed):
        halved.run(tmp_path / "again", killed_at=4)
    assert equal(halved.run(tmp_path / "again"), other)
