"""The encoders of a model on disk: graphs that it holds, or public checkpoints that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emobridge.features.functionals import FunctionalsSettings


@dataclass(frozen=True)
class AcousticConfig:
    """The acoustic encoder: its name in the registry, its graph, the width of a vector, its front end."""

    name: str
    graph: str
    dimension: int
    fingerprint: str
    settings: FunctionalsSettings


@dataclass(frozen=True)
class LinguisticConfig:
    """The linguistic encoder: its name in the registry, its graph, its tokenizer, the width of a vector."""

    name: str
    graph: str
    tokenizer: str
    dimension: int
    fingerprint: str


@dataclass(frozen=True)
class NamedEncoderConfig:
    """A public encoder that the model names and does not hold; it needs the extra [train] and must be on the machine.

    Attributes:
        name: in the registry.
        settings: which one it is, and what is made of its vectors.
        dimension: width of a vector, all layers side by side.
        layers: how many layers that is.
        fingerprint: digest of its files and settings; another one is refused.
        languages: codes of those that the model learned.
    """

    name: str
    settings: Mapping[str, Any]
    dimension: int
    layers: int
    fingerprint: str
    languages: tuple[str, ...]


@dataclass(frozen=True)
class EncoderConfigs:
    """The encoders; a model of sound alone, or of text alone, lacks the other."""

    acoustic: AcousticConfig | NamedEncoderConfig | None = None
    linguistic: LinguisticConfig | NamedEncoderConfig | None = None
