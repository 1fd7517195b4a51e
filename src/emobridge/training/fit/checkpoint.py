"""The state of a training as one safetensors file, replaced atomically; no pickle."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from emobridge.errors import BundleError
from emobridge.utils.files import replacing


def save_checkpoint(
    path: Path, step: int, digest: str, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Write everything that the next step needs; a kill leaves the file before it or the new one, never a half."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    copies = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    with replacing(path) as partial:
        save_file(copies, partial, metadata={"step": str(step), "digest": digest})


def load_checkpoint(
    path: Path, digest: str, model: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer | None
) -> int:
    """Restore a training and return the number of steps that it had done; 0 where there is no checkpoint.

    Raises:
        BundleError: the file is damaged or belongs to another recipe, seed, fold or corpus.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"checkpoint {path}: {error}", "a file that training wrote", "delete it to start over"
        ) from error
    if metadata.get("digest") != digest:
        raise BundleError(
            f"checkpoint {path} belongs to another training, of digest {metadata.get('digest')}",
            f"this recipe, seed, fold and data have {digest}",
            "choose another --out, or delete it",
        )
    model.load_state_dict(_under("model.", tensors), strict=True)
    average.update(_under("average.", tensors))
    if optimizer is not None:
        _restore_optimizer(optimizer, _under("optimizer.", tensors))
    return int(metadata["step"])


def load_average(path: Path, part: str = "") -> dict[str, Tensor]:
    """Return the averaged weights of a training: what is judged and exported.

    Args:
        path: the checkpoint.
        part: only those under this prefix, such as ``linguistic.``, by their names within the part.

    Raises:
        BundleError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            prefix = f"average.{part}"
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118 - not a mapping
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise BundleError(f"checkpoint {path}: {error}", "a file that training wrote", "train again") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
