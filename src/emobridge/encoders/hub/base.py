"""Frozen public encoders: what those of sound and those of text share, from a recipe's section to a bundle's name.

They serve both sides: training caches what they give (`front_ends`, `frozen_texts`), and a bundle that names one
predicts with it.
"""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import pydantic
import torch
from pydantic import Field
from torch import Tensor, nn

from emobridge.encoders.config import NamedEncoderConfig
from emobridge.encoders.hub.acceleration.deberta_attention import RememberedPositions, replace_attention
from emobridge.encoders.hub.acceleration.onnx_graphs import KeptGraph
from emobridge.encoders.hub.acceleration.optimize import streamline
from emobridge.encoders.hub.acceleration.precision import Precision, check_precision, chosen_precision
from emobridge.encoders.hub.checkpoints import (
    Checkpoint,
    VectorShape,
    best_device,
    fingerprint,
    load_weights,
)
from emobridge.errors import BundleError

Config = TypeVar("Config")


@dataclass(frozen=True)
class HubConfig:
    """A public encoder.

    Attributes:
        encoder: its name on the Hugging Face hub (it must have been fetched), or a folder.
        revision: a branch, tag or commit of the hub; empty for the one that is on this machine.
        layers: ``last``, or several that are summed with learned weights: ``all``, or numbers from 0, what the first
            layer is given. Each layer takes its own place in the cache.
        precision: ``auto`` computes in 16 bits where the machine has units for it and is faster with it, else in 32,
            and takes vectors of either from the cache; ``float32``, ``bfloat16`` or ``int8`` insists.
    """

    encoder: Annotated[str, Field(min_length=1)]
    revision: str = ""
    layers: Literal["last", "all"] | tuple[int, ...] = "last"
    precision: Precision = "auto"


class ChosenLayers(nn.Module):
    """A frozen network that gives the layers that are wanted, side by side.

    Args:
        network: of transformers.
        takes: name of its input.
        layers: numbers, of ``depth`` and 0, what the first layer is given.
    """

    def __init__(self, network: nn.Module, takes: str, layers: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.network = network
        self._takes = takes
        self._layers = layers
        self._depth = depth

    def forward(self, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, layers x D) in 32 bits; ``mask`` (B, N) is 1 where ``value`` is real, None where all is."""
        inputs = {self._takes: value} if mask is None else {self._takes: value, "attention_mask": mask}
        output = self.network(**inputs, output_hidden_states=self._layers != (self._depth,))
        # Some families normalise the last layer after they list it with the others.
        last = output.last_hidden_state
        states = [last if layer == self._depth else output.hidden_states[layer] for layer in self._layers]
        return torch.cat([state.float() for state in states], dim=2)


class HubEncoder:
    """What encoders of both modalities share: a checkpoint, whose weights are loaded when they are first needed.

    A GPU takes batches with padding and masks. A processor takes what has one length: in 8 bits, and sound in 32, it
    goes one by one through a graph that is kept on disk; else through the network, made fast for a processor.
    """

    kind = ""  # name in the registry of encoders that bundles name
    part = ""  # of the network that is used
    takes = ""  # name of the network's input
    graphs: tuple[str, ...] = ("int8",)  # precisions in which a processor runs a graph

    def __init__(self, config: HubConfig, checkpoint: Checkpoint) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.name = config.encoder
        self.layers = checkpoint.chosen_layers(config.layers)
        self.shape = VectorShape(checkpoint.width, len(self.layers))
        self.dimension = self.shape.dimension * self.shape.layers
        self.device = best_device()
        check_precision(config.precision, self.device, self.name)
        self._asked: Precision = config.precision
        self._chosen: str | None = None
        self._network: ChosenLayers | None = None
        self._graph: KeptGraph | None = None

    @property
    def precision(self) -> str:
        """In what it computes: ``float32``, ``bfloat16`` or ``int8``."""
        if self._chosen is None:
            self._chosen = chosen_precision(self._asked, self.device)
        return self._chosen

    def compute_in(self, precision: Precision) -> None:
        """Compute in another precision from now on, whatever the recipe says; the fingerprint stays the recipe's.

        Raises:
            RecipeError: this machine has no units for it.
        """
        check_precision(precision, self.device, self.name)
        self._asked, self._chosen = precision, None
        self.release()

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
        self._network = self._graph = None

    def example(self) -> Tensor:
        """Return an input of a batch of one, of any length."""
        raise NotImplementedError

    def states(self, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the chosen layers (B, T, dimension) side by side, in 32 bits, on the processor.

        Args:
            value: (B, ...) what the network takes.
            mask: (B, N), 1 where it is real; None where nothing is padded, as it always is on a processor.
        """
        precision = self.precision
        if self.device.type == "cpu" and precision in self.graphs:
            if self._graph is None:
                depends = f"{self.checkpoint.digest} {self.part} {self.layers} {precision}"
                self._graph = KeptGraph(depends, partial(self._loaded, precision), self.example())
            return torch.cat([torch.from_numpy(self._graph.run(row[None].numpy())) for row in value])
        if self._network is None:
            self._network = self._loaded(precision).to(self.device)
        halved = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16")
        on_gpu = halved if self.device.type != "cpu" else nullcontext()
        with torch.inference_mode(), on_gpu, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # WavLM hands torch two kinds of mask, of which one is out of fashion
            states: Tensor = self._network(value.to(self.device), None if mask is None else mask.to(self.device))
        return states.cpu()

    def _loaded(self, precision: str) -> ChosenLayers:
        """Return the network as this device runs or exports it."""
        network = load_weights(self.checkpoint, self.part)
        if self.device.type == "cpu":
            if precision in {*self.graphs, "bfloat16"}:
                streamline(network, precision)
            else:
                replace_attention(network, RememberedPositions)
        return ChosenLayers(network, self.takes, self.layers, self.checkpoint.depth)


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
