"""The training loop. Every step seeds its own randomness, so that a resumed training equals one never stopped."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from emobridge.encoders.hub.acceleration.precision import TrainingPrecision, halved, training_precision
from emobridge.errors import RecipeError
from emobridge.training.data.batches import BatchStream, StreamConfig
from emobridge.training.data.examples import Examples
from emobridge.training.data.text_pairing import MATCHING
from emobridge.training.fit.checkpoint import load_checkpoint, save_checkpoint
from emobridge.training.fit.distributed import processes
from emobridge.training.fit.losses import MultiTaskLoss
from emobridge.training.fit.weak_supervision import WeakConfig, WeakTeaching
from emobridge.training.models.acoustic_encoder import CompactEncoder
from emobridge.training.models.emotion_model import EmotionSystem, measure_functionals
from emobridge.training.models.modality_dropout import ModalityMasking
from emobridge.utils.files import replacing

MEASURED_BATCHES = 32  # batches of each stream of sound from which mean and deviation of functionals are measured
CHECKPOINT = "checkpoint.safetensors"
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class LossConfig:
    """Task weights.

    Attributes:
        category_weight: weight of the cross-entropy (paper: 0.34).
        dimension_weight: weight of 1 - CCC of each dimension (paper: 0.33).
        learned: learn the weights from each task's uncertainty [Kendall 2018] instead.
        label_smoothing: share of the target spread over the corpus's categories.
        weak: how speech learns dimensions that nobody rated.
    """

    category_weight: NonNegativeFloat = 0.34
    dimension_weight: NonNegativeFloat = 0.33
    learned: bool = False
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    weak: WeakConfig = field(default_factory=WeakConfig)


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast.

    Attributes:
        steps: number of updates of the weights.
        learning_rate: peak learning rate of everything but the linguistic encoder.
        linguistic_learning_rate: peak learning rate of the linguistic encoder.
        warmup: share of the steps over which the rate rises; then it falls as a cosine to zero.
        weight_decay: weight decay of the weight matrices (AdamW).
        gradient_norm: largest norm of the gradients; larger ones are scaled down to it.
        average_decay: decay of the running average of the weights; the average is the model.
        checkpoint_steps: number of steps from one checkpoint to the next.
        streams: what the batches are; one ``natural`` stream by default.
        perturbed_copies: of each training clip: noise, rooms, codecs and the like (`perturbations.perturb`), made once
            and kept in the cache (about 30 kB and 15 ms for each copy of a clip of 2.5 s).
        precision: of the matrix products, forward and backward: ``float32``, ``bfloat16`` (autocast; weights, losses
            and the optimizer stay in 32 bits) or ``auto``, the faster of both, measured once on a machine; left out:
            ``float32``.
        batches_a_step: a step follows the mean gradient of so many batches, which several processes may share
            (`Processes`); left out: 1.
    """

    steps: PositiveInt = 1000
    learning_rate: PositiveFloat = 1e-3
    linguistic_learning_rate: PositiveFloat = 8e-5
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    weight_decay: NonNegativeFloat = 0.02
    gradient_norm: PositiveFloat = 1.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    checkpoint_steps: PositiveInt = 100
    streams: Annotated[tuple[StreamConfig, ...], Field(min_length=1)] = (StreamConfig(),)
    perturbed_copies: NonNegativeInt = 0
    precision: TrainingPrecision | None = None
    batches_a_step: PositiveInt | None = None


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that one training needs beside the network.

    Attributes:
        examples: of all corpora of the recipe.
        train: indices of the training part.
        corpus_weights: one a corpus.
        seed: of everything random.
        digest: of all that decides the outcome; a checkpoint of another digest is refused.
        folder: where ``checkpoint.safetensors`` and ``steps.jsonl`` go.
    """

    examples: Examples
    train: NDArray[np.int64]
    corpus_weights: tuple[float, ...]
    seed: int
    digest: str
    folder: Path


def train(
    system: EmotionSystem,
    setup: TrainingSetup,
    config: TrainingConfig,
    loss_config: LossConfig,
    masking: ModalityMasking,
    progress: Progress = no_progress,
) -> EmotionSystem:
    """Train ``system`` in place, resuming from the folder's checkpoint, and return it with averaged weights.

    It is trained on a GPU where there is one, and comes back to the processor.

    Raises:
        RecipeError: the loss became infinite or NaN (the rate is too high), or a stream has nothing to draw from.
        BundleError: the folder's checkpoint is damaged or belongs to another training.
    """
    setup.folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(system, setup, config, loss_config, masking)
    start = trainer.resume()
    first = trainer.processes.first
    log = StepLog(setup.folder / "steps.jsonl", start) if first else None
    for step in range(start, config.steps):
        losses = trainer.step(step)
        if log is not None:
            log.write(step, losses)
        if first and ((step + 1) % config.checkpoint_steps == 0 or step + 1 == config.steps):
            trainer.save(step + 1)
        progress(step + 1, config.steps)
    system.load_state_dict(trainer.average, strict=True)
    return system.to("cpu").eval()


class Trainer:
    """The state of one training and what one step does to it."""

    def __init__(
        self,
        system: EmotionSystem,
        setup: TrainingSetup,
        config: TrainingConfig,
        loss_config: LossConfig,
        masking: ModalityMasking,
    ) -> None:
        names = system.config.fusion.dimensions
        self.system = system
        self.setup = setup
        self.config = config
        self.masking = masking
        self.processes = processes()
        self.device = self.processes.device
        self.precision = training_precision(config.precision or "float32", self.device)
        self.batches_a_step = config.batches_a_step or 1
        self.share = self.processes.share(self.batches_a_step)
        self.loss = MultiTaskLoss(
            names,
            category_weight=loss_config.category_weight,
            dimension_weights=dict.fromkeys(names, loss_config.dimension_weight),
            learned=loss_config.learned,
            label_smoothing=loss_config.label_smoothing,
        )
        self.corpora = torch.from_numpy(setup.examples.corpora).to(self.device)
        self.weak = WeakTeaching(loss_config.weak, setup.examples, setup.train, self.device)
        self.trained = nn.ModuleDict({"system": system, "loss": self.loss}).to(self.device)
        self.optimizer = make_optimizer(self.trained, config)
        self.average: dict[str, Tensor] = {}
        self.streams = [
            BatchStream(
                setup.examples,
                setup.train,
                stream,
                setup.corpus_weights,
                setup.seed + number,
                config.perturbed_copies,
            )
            for number, stream in enumerate(config.streams)
        ]
        self.schedule = stream_schedule(config)

    def resume(self) -> int:
        """Load the checkpoint if there is one, else prepare the first step; return the steps done."""
        path = self.setup.folder / CHECKPOINT
        done = load_checkpoint(path, self.setup.digest, self.trained, self.average, self.optimizer)
        self.average = {name: value.to(self.device) for name, value in self.average.items()}
        self.processes.wait()  # before the first writes another one
        if done == 0:
            # Vectors of public encoders are not measured, and so many batches of them would fill the memory.
            measured = isinstance(self.system.acoustic, CompactEncoder)
            first_sounds = [
                batch
                for stream in self.streams
                if measured and stream.config.kind != "linguistic"
                for batch in map(stream.batch, range(MEASURED_BATCHES))
            ]
            if first_sounds:
                measure_functionals(self.system, first_sounds)
            self.average = {name: value.clone() for name, value in self.system.state_dict().items()}
        for parameter in self.optimizer.state:
            # As if never stopped: a weight that was ever touched keeps moving in steps that do not touch it.
            parameter.grad = torch.zeros_like(parameter)
        return done

    def save(self, steps_done: int) -> None:
        """Write the checkpoint."""
        path = self.setup.folder / CHECKPOINT
        save_checkpoint(path, steps_done, self.setup.digest, self.trained, self.average, self.optimizer)

    def step(self, step: int) -> dict[str, float]:
        """Do step number ``step`` and return its losses: ``total`` and one a task (NaN where no item is labelled)."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_rate"] * rate_factor(step, self.config)
        # A stream that does not touch a weight must still decay its moments.
        self.optimizer.zero_grad(set_to_none=False)
        told = []
        for place in self.share:
            total, parts = self._losses(step, place)
            torch.autograd.backward(total / len(self.share))
            told.append({"total": float(total.detach()), **{name: float(value) for name, value in parts.items()}})
        parameters = [parameter for parameter in self.trained.parameters() if parameter.requires_grad]
        self.processes.average(parameter.grad for parameter in parameters if parameter.grad is not None)
        nn.utils.clip_grad_norm_(parameters, self.config.gradient_norm)
        self.optimizer.step()
        self._update_average(step)
        return _mean_losses(self.processes.gathered(told))

    def _losses(self, step: int, place: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one batch of a step, a scalar, and its parts.

        Raises:
            RecipeError: it is infinite or NaN.
        """
        seed = self.setup.seed * 1_000_003 + step * self.batches_a_step + place
        torch.manual_seed(seed)  # dropout
        generator = torch.Generator().manual_seed(seed)  # modality masking
        number, batch_number = self.schedule[step]
        batch = self.streams[number].batch(batch_number * self.batches_a_step + place).to(self.device)
        hidden = self.masking.hide(batch.presence, step / self.config.steps, generator)
        # Words that do not belong to the sound are not judged without it: the labels are true of both together.
        presence = torch.where((batch.pairing == MATCHING)[:, None], hidden, batch.presence)
        self.trained.train()
        with halved(self.precision, self.device.type):
            outputs = self.system(batch, presence)
        weight = torch.ones(len(presence), device=self.device)
        total, parts = self.loss(
            outputs,
            # A task of weight zero has no head: its labels are left out with it.
            batch.targets[:, : outputs[0].shape[1]],
            batch.allowed[:, : outputs[0].shape[1]],
            weight,
            self.weak.targets(batch, outputs[1]),
            self.corpora[batch.rows],
        )
        with halved(self.precision, self.device.type):
            taught, taught_parts = self.weak.losses(self.system, batch, presence, outputs[1])
        total, parts = total + taught, parts | taught_parts
        if not torch.isfinite(total):
            raise RecipeError(
                f"the loss is {float(total.detach())} at step {step}", "a finite loss", "lower training.learning_rate"
            )
        return total, parts

    def _update_average(self, step: int) -> None:
        """Move the running average; early on it follows closely, so that the random start is soon forgotten."""
        decay = min(self.config.average_decay, (1 + step) / (10 + step))
        for name, parameter in self.system.named_parameters():
            if parameter.requires_grad:
                self.average[name].lerp_(parameter.detach(), 1.0 - decay)


def _mean_losses(told: list[dict[str, float]]) -> dict[str, float]:
    """Return each loss as its mean over the batches of a step that define it, NaN where none does."""
    found = {}
    for name in dict.fromkeys(name for losses in told for name in losses):
        defined = [losses[name] for losses in told if not math.isnan(losses.get(name, math.nan))]
        found[name] = sum(defined) / len(defined) if defined else math.nan
    return found


def stream_schedule(config: TrainingConfig) -> list[tuple[int, int]]:
    """Return (stream, which of its steps it is) for every step, the streams interleaved evenly by their shares."""
    shares = np.array([stream.share for stream in config.streams])
    shares = shares / shares.sum()
    taken = np.zeros(len(shares), int)
    schedule = []
    for step in range(config.steps):
        behind = shares * (step + 1) - taken
        number = int(behind.argmax())
        schedule.append((number, int(taken[number])))
        taken[number] += 1
    return schedule


def rate_factor(step: int, config: TrainingConfig) -> float:
    """Return the share of the peak learning rate at a step: a linear rise, then a cosine to zero."""
    rising = max(1, round(config.warmup * config.steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1, config.steps - rising)))


def make_optimizer(trained: nn.ModuleDict, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW with a rate of its own for the linguistic encoder and no decay on vectors."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = config.linguistic_learning_rate if name.startswith("system.linguistic.") else config.learning_rate
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "peak_rate": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        fused=True,
    )


class StepLog:
    """One JSON line a step; on resuming, lines of steps that will be done again are dropped."""

    def __init__(self, path: Path, start: int) -> None:
        kept = []
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines[:start] if line.endswith("}")]
        with replacing(path) as partial:
            partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._path = path

    def write(self, step: int, losses: Mapping[str, float]) -> None:
        """Append the losses of a step; a missing one is null."""
        rounded = {name: None if math.isnan(value) else round(value, 6) for name, value in losses.items()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **rounded}) + "\n")
