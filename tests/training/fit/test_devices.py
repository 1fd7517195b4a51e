"""Nothing here has a GPU. That a training keeps to one device is shown with one that holds no numbers (``meta``):
where a step makes a tensor without saying where, it lands there, and meets those of the step in an error."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from emobridge.training.data.batches import StreamConfig
from emobridge.training.data.examples import Examples
from emobridge.training.fit import trainer as trainer_module
from emobridge.training.fit.distributed import Processes
from emobridge.training.fit.trainer import LossConfig, Trainer, TrainingConfig, TrainingSetup, train
from emobridge.training.fit.weak_supervision import WeakConfig
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.fusion import Fusion
from emobridge.training.models.modality_dropout import ModalityMasking

STEPS = 9
ELSEWHERE = torch.device("meta")
CONFIG = TrainingConfig(
    steps=STEPS,
    streams=(
        StreamConfig("acoustic", 4, mixup=0.3),
        StreamConfig("linguistic", 4),
        StreamConfig("paired", 6, matching=1, contradicting=1, irrelevant=1),
    ),
)
WEAK = WeakConfig(tolerance=0.1, category_order=0.5, intensity_order=0.5, text_teacher=0.5)
HIDES = ModalityMasking(start=0.9, per="batch")


@pytest.fixture
def new_trainer(
    toy_examples: Callable[..., Examples], toy_system: Callable[..., EmotionSystem], tmp_path: Path
) -> Callable[..., Trainer]:
    """A function (learned, **fields of `FusionConfig`) -> a trainer of everything that a recipe can ask for."""

    def make(learned: bool = True, **fields: object) -> Trainer:
        examples = toy_examples(dimensions=("valence", "arousal"))
        setup = TrainingSetup(examples, np.arange(24), (1.0,), 1, "digest", tmp_path)
        system = toy_system(examples, **fields)
        return Trainer(system, setup, CONFIG, LossConfig(learned=learned, weak=WEAK), HIDES)

    return make


@pytest.mark.parametrize("fusion", get_args(Fusion))
@pytest.mark.parametrize("pooling", ["mean", "statistics"])
def test_a_step_makes_its_tensors_where_the_weights_are(
    new_trainer: Callable[..., Trainer], fusion: str, pooling: str
) -> None:
    trainer = new_trainer(fusion=fusion, pooling=pooling, refinement_layers=1)
    trainer.resume()
    for stream in trainer.streams:  # batches are made on the processor, and then moved
        made = [stream.batch(number) for number in range(STEPS)]
        stream.batch = made.__getitem__
    with ELSEWHERE:
        assert torch.zeros(1).device == ELSEWHERE
        losses = [trainer.step(step) for step in range(STEPS)]
    assert all(np.isfinite(one["total"]) for one in losses)
    assert any("text_teacher" in one for one in losses)


def test_all_that_a_step_works_on_is_put_on_the_device(
    new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Processes()
    there.device = ELSEWHERE
    monkeypatch.setattr(trainer_module, "processes", lambda: there)
    trainer = new_trainer()
    rankings = [tensor for _, *pair in trainer.weak.rankings.values() for tensor in pair]
    assert len(rankings) == 4
    tensors = [*trainer.trained.parameters(), *trainer.trained.buffers(), trainer.corpora, *rankings]
    assert {tensor.device for tensor in tensors} == {ELSEWHERE}
    batch = trainer.streams[0].batch(0).to(ELSEWHERE)
    assert {value.device for value in vars(batch).values() if value is not None} == {ELSEWHERE}


def test_what_was_trained_comes_back_to_the_processor(
    new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[torch.device] = []
    real = EmotionSystem.to

    def to(system: EmotionSystem, device: torch.device) -> EmotionSystem:
        moved.append(torch.device(device))
        return real(system, device)

    monkeypatch.setattr(EmotionSystem, "to", to)
    trainer = new_trainer()
    trained = train(trainer.system, trainer.setup, CONFIG, LossConfig(weak=WEAK), HIDES)
    assert moved[-1] == torch.device("cpu") == next(trained.parameters()).device
