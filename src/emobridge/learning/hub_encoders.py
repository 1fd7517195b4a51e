"""Frozen public encoders: what those of sound and those of text share, from a recipe's section to a bundle's name.

They serve both sides: training caches what they give (`front_ends`, `frozen_texts`), and a bundle that names one
predicts with it.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import pydantic
import torch
from pydantic import Field
from torch import Tensor, nn

from emobridge.bundle import NamedEncoderConfig
from emobridge.errors import BundleError, RecipeError
from emobridge.learning.hub_checkpoints import (
    Checkpoint,
    VectorShape,
    best_device,
    computes_in_half,
    fingerprint,
    load_weights,
)

Config = TypeVar("Config")


@dataclass(frozen=True)
class HubConfig:
    """A public encoder.

    Attributes:
        encoder: its name on the Hugging Face hub (it must have been fetched), or a folder.
        revision: a branch, tag or commit of the hub; empty for the one that is on this machine.
        layers: ``last``, or several that are summed with learned weights: ``all``, or numbers from 0, what the first
            layer is given. Each layer takes its own place in the cache.
        precision: ``auto`` computes in 16 bits where the machine has units for it and else in 32, and takes vectors of
            either from the cache; ``float32`` or ``bfloat16`` insists.
    """

    encoder: Annotated[str, Field(min_length=1)]
    revision: str = ""
    layers: Literal["last", "all"] | tuple[int, ...] = "last"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


class HubEncoder:
    """What encoders of both modalities share: a checkpoint, whose weights are loaded when they are first needed."""

    kind = ""  # name in the registry of encoders that bundles name
    part = ""  # of the network that is used

    def __init__(self, config: HubConfig, checkpoint: Checkpoint) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.name = config.encoder
        self.layers = checkpoint.chosen_layers(config.layers)
        self.shape = VectorShape(checkpoint.width, len(self.layers))
        self.dimension = self.shape.dimension * self.shape.layers
        self.device = best_device()
        self.half = config.precision != "float32" and computes_in_half(self.device)
        if config.precision == "bfloat16" and not self.half:
            given = f"precision 'bfloat16' for encoder '{self.name}' on this {self.device.type}"
            raise RecipeError(given, "it has no units for bfloat16, and emulating them is slow", "use 'auto'")
        self._network: nn.Module | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that its vectors depend on; under ``auto`` the precision is not of it."""
        settings = asdict(self.config) | {"layers": self.layers}
        del settings["encoder"], settings["revision"]  # the checkpoint's digest tells what these stand for
        return fingerprint(self.checkpoint, settings)

    @property
    def cache_name(self) -> str:
        """Name of the cache's folder."""
        return f"{self.checkpoint.family}-{self.fingerprint[:16]}"

    def named(self, languages: Sequence[str]) -> NamedEncoderConfig:
        """Return what a bundle needs to name this encoder, which learned ``languages``; a folder by its whole path."""
        settings = asdict(self.config) | {"layers": list(self.layers)}
        if Path(self.name).is_dir():
            settings["encoder"] = str(self.checkpoint.folder)
        return NamedEncoderConfig(
            self.kind, settings, self.dimension, self.shape.layers, self.fingerprint, tuple(languages)
        )

    def release(self) -> None:
        """Give the memory of the weights back; they are loaded again when they are needed."""
        self._network = None

    def states(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the chosen layers (B, T, dimension) side by side, in 32 bits, on the processor."""
        if self._network is None:
            self._network = load_weights(self.checkpoint, self.part).to(self.device)
        moved = {name: value.to(self.device) for name, value in inputs.items()}
        halved = torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)
        with torch.inference_mode(), halved, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # WavLM hands torch two kinds of mask, of which one is out of fashion
            output = self._network(**moved, output_hidden_states=self.layers != (self.checkpoint.depth,))
        # Some families normalise the last layer after they list it with the others.
        last = self.checkpoint.depth
        states = [output.last_hidden_state if layer == last else output.hidden_states[layer] for layer in self.layers]
        return torch.cat([state.float().cpu() for state in states], dim=2)


def settings_of(kind: type[Config], named: NamedEncoderConfig) -> Config:
    """Return the recipe's section that a bundle's encoder was made of.

    Raises:
        BundleError: it holds what this emobridge does not know.
    """
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(named.settings))
    except pydantic.ValidationError as error:
        given = f"the bundle names an encoder with the settings {dict(named.settings)}: {error.errors()[0]['msg']}"
        raise BundleError(
            given, "settings as this emobridge knows them", "install the emobridge that wrote it"
        ) from error


def check_same(encoder: HubEncoder, named: NamedEncoderConfig) -> None:
    """Refuse an encoder that is not the one that a bundle names.

    Raises:
        BundleError: its files or settings are others.
    """
    if encoder.fingerprint != named.fingerprint:
        raise BundleError(
            f"encoder '{encoder.name}' in '{encoder.checkpoint.folder}' has the fingerprint {encoder.fingerprint}",
            f"the model was trained with {named.fingerprint}",
            "put the checkpoint of the training in its place",
        )
