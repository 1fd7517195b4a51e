"""Public checkpoints on disk: found by hub name or path, fingerprinted, and loaded whole or not at all.

Design: nothing is fetched from a network here; what is missing is told with the command that fetches it. Weights that
a checkpoint lacks are never made up, and pickled weights are read by torch's restricted reader alone.
"""

import hashlib
import json
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emobridge.errors import BundleError, RecipeError
from emobridge.utils.extras import load_extra

CONFIG = "config.json"
# In the order in which transformers looks for them.
WEIGHTS = ("model.safetensors", "model-*.safetensors", "pytorch_model.bin", "pytorch_model-*.bin")
# Weights that no vector depends on: one stands for masked sound in pre-training, the others make one vector of a text.
UNUSED = ("masked_spec_embed", "pooler.")
HALF_UNITS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # of processors that compute in bfloat16


@dataclass(frozen=True)
class VectorShape:
    """What an encoder gives for each frame or token: ``layers`` vectors of size ``dimension``."""

    dimension: int
    layers: int = 1


@dataclass(frozen=True)
class Checkpoint:
    """A public encoder on disk.

    Attributes:
        name: as it was asked for.
        folder: where it lies.
        settings: its ``config.json``, as transformers reads it.
        digest: hex SHA-256 of every file that its vectors depend on.
    """

    name: str
    folder: Path
    settings: Any
    digest: str

    @property
    def family(self) -> str:
        """The architecture, in transformers' words, such as ``hubert``."""
        return str(self.settings.model_type)

    @property
    def depth(self) -> int:
        """How many layers it has above its embeddings."""
        return int(getattr(self.settings, "encoder_layers", None) or self.settings.num_hidden_layers)

    @property
    def width(self) -> int:
        """Size of a layer's vector."""
        return int(self.settings.hidden_size)

    def chosen_layers(self, layers: str | Sequence[int]) -> tuple[int, ...]:
        """Return the numbers of ``layers``: ``last``, ``all``, or numbers; 0 is what the first layer is given.

        Raises:
            RecipeError: it has no such layer.
        """
        if layers in {"last", "all"}:
            return tuple(range(self.depth + 1)) if layers == "all" else (self.depth,)
        assert not isinstance(layers, str), "the recipe knows no other word"
        if not layers or set(layers) - set(range(self.depth + 1)) or len(set(layers)) < len(layers):
            raise RecipeError(
                f"layers {list(layers)} of encoder '{self.name}'",
                f"it has 0 to {self.depth}, each of which can be named once",
                'name some of these, or "last" or "all"',
            )
        return tuple(layers)


def open_checkpoint(name: str, revision: str, families: Collection[str], beside: Sequence[str]) -> Checkpoint:
    """Return the checkpoint of a hub name or in a folder, without its weights.

    Args:
        name: of the hub, such as ``facebook/hubert-large-ll60k``, or a folder.
        revision: of the hub, a branch, tag or commit; empty for the one that is here.
        families: the architectures that will do.
        beside: patterns of the files that its vectors depend on beside configuration and weights.

    Raises:
        BundleError: it is not here, incomplete, or of another architecture.
    """
    folder, weights = find_checkpoint(name, revision)
    transformers = load_extra("transformers", "train")
    try:
        settings = transformers.AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(name, folder / CONFIG, error) from error
    if settings.model_type not in families:
        valid = f"encoders of this modality are {', '.join(sorted(families))}"
        raise BundleError(f"encoder '{name}' is a '{settings.model_type}'", valid, "choose one of these")
    others = {path for pattern in beside for path in folder.glob(pattern)}
    digest = hashlib.sha256()
    for path in (folder / CONFIG, *sorted(others), *weights):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return Checkpoint(name, folder, settings, digest.hexdigest())


def find_checkpoint(name: str, revision: str) -> tuple[Path, list[Path]]:
    """Return the folder of a checkpoint and its files of weights, without reading either.

    Raises:
        BundleError: it is not here, or incomplete.
    """
    folder = _find(name, revision)
    if not (folder / CONFIG).is_file():
        raise _incomplete(name, folder, CONFIG)
    weights = next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])
    if not weights:
        raise _incomplete(name, folder, f"weights ({', '.join(WEIGHTS)})")
    return folder, weights


def _find(name: str, revision: str) -> Path:
    if Path(name).is_dir():
        return Path(name).resolve()
    hub = load_extra("huggingface_hub", "train")
    try:
        return Path(hub.snapshot_download(name, revision=revision or None, local_files_only=True))
    except (OSError, ValueError) as error:  # what is not here, and what is no name of the hub
        fetch = f"hf download {name}" + (f" --revision {revision}" if revision else "")
        raise BundleError(
            f"encoder '{name}' is not on this machine",
            "a folder with a checkpoint, or a model of the Hugging Face hub that was fetched before",
            f"run: {fetch}",
        ) from error


def _incomplete(name: str, folder: Path, missing: str) -> BundleError:
    given = f"encoder '{name}' has no {missing} in '{folder}'"
    return BundleError(given, "a checkpoint has its configuration and weights", "fetch it again")


def _damaged(name: str, path: Path, error: Exception) -> BundleError:
    given = f"encoder '{name}': '{path}' cannot be read: {' '.join(str(error).split())}"
    return BundleError(given, "a checkpoint as transformers writes it", "fetch it again")


def load_weights(checkpoint: Checkpoint, part: str = "") -> nn.Module:
    """Return the network of a checkpoint, in 32 bits, frozen.

    Args:
        checkpoint: as it was opened.
        part: the submodule that is wanted; empty for the whole.

    Raises:
        BundleError: weights are missing, or cannot be read.
    """
    transformers = load_extra("transformers", "train")
    try:
        with _quiet(transformers):
            whole, loaded = transformers.AutoModel.from_pretrained(
                checkpoint.folder, config=checkpoint.settings, dtype=torch.float32, output_loading_info=True
            )
    except Exception as error:  # what reads weights raises whatever it likes
        raise _damaged(checkpoint.name, checkpoint.folder, error) from error
    prefix = f"{part}." if part else ""
    missing = sorted(
        name.removeprefix(prefix)
        for name in loaded["missing_keys"]
        if name.startswith(prefix) and not name.removeprefix(prefix).startswith(UNUSED)
    )
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise BundleError(
            f"encoder '{checkpoint.name}' lacks {len(missing)} weights: {shown}",
            f"a '{checkpoint.family}' has all of them; none is made up",
            "fetch it again, or choose another checkpoint",
        )
    network: nn.Module = whole.get_submodule(part).eval().requires_grad_(False)
    return network


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep transformers from telling on standard error what an error says better; as it was afterwards."""
    log = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()


def best_device() -> torch.device:
    """Return the first GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_in_half(device: torch.device) -> bool:
    """Return whether a device has units for bfloat16; a processor without them would emulate it, far more slowly."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(unit)) for unit in HALF_UNITS)


def fingerprint(checkpoint: Checkpoint, settings: dict[str, Any]) -> str:
    """Return the hex SHA-256 of a checkpoint and of what is made of its vectors."""
    whole = f"{checkpoint.digest} {json.dumps(settings, sort_keys=True)}"
    return hashlib.sha256(whole.encode()).hexdigest()
