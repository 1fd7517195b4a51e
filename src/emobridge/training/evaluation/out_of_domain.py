"""How far sound lies from what a model learned from, by what its acoustic encoder gives, pooled over time.

Design: any encoder will do, since only its vectors are looked at. The distance is one more output of the fusion graph;
fitted after training, it changes nothing of the model and follows from its checkpoint alone.
"""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from emobridge.errors import BundleError
from emobridge.training.data.examples import Examples
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.training.models.ensemble import FusionEnsemble
from emobridge.training.models.fusion import FusionModel
from emobridge.utils.extras import load_extra
from emobridge.utils.files import replacing

DOMAIN = "domain.safetensors"
SEED = 11
CLIPS = 1000  # of the training part, and at most as many of the validation part
DIRECTIONS = 64  # in which training sound varies most; the rest is too small to be measured well
QUANTILE = 0.99  # of the validation part's distances lie within the threshold


class Domain(nn.Module):
    """The mean and spread of training sound, and the distance of other sound from it.

    Args:
        dimension: width of an acoustic vector.
    """

    mean: Tensor
    whitening: Tensor
    threshold: Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2 * dimension))
        self.register_buffer("whitening", torch.eye(2 * dimension)[:, :DIRECTIONS].clone())
        self.register_buffer("threshold", torch.tensor(math.inf))

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Return the Mahalanobis distance (B,) within `DIRECTIONS`, divided by their root; 0 where nothing is heard.

        Args:
            vectors: (B, T, D), or (B, layers, T, D), whose layers, or members, are averaged.
            mask: (B, T), True = real.
        """
        whitened = (pool(vectors, mask) - self.mean) @ self.whitening
        distance = whitened.square().mean(dim=1).sqrt()
        return torch.where(mask.any(dim=1), distance, 0.0)


class FusionWithDistance(nn.Module):
    """A fusion model whose third output is the distance of what it hears from what it learned from."""

    def __init__(self, fusion: FusionModel | FusionEnsemble, domain: Domain) -> None:
        super().__init__()
        self.fusion = fusion
        self.domain = domain

    def forward(
        self,
        acoustic: Tensor,
        acoustic_mask: Tensor,
        linguistic: Tensor | None,
        linguistic_mask: Tensor | None,
        token_positions: Tensor | None,
        presence: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (B, C), dimensions (B, K) and distances (B,); see `FusionModel.forward`."""
        given = (acoustic, acoustic_mask, linguistic, linguistic_mask, token_positions, presence)
        logits, dimensions = self.fusion(*given)
        return logits, dimensions, self.domain(acoustic, acoustic_mask & presence[:, :1])


def pool(vectors: Tensor, mask: Tensor) -> Tensor:
    """Return (B, 2 D), mean and standard deviation over the real frames of ``vectors`` (B, T, D) or (B, layers, T, D).

    Of an item without any real frame the result is finite only.
    """
    if vectors.dim() == 4:
        vectors = torch.where(mask[:, None, :, None], vectors, 0.0).mean(dim=1)
    real = mask[:, :, None]
    count = real.sum(dim=1).clamp(min=1)
    mean = torch.where(real, vectors, 0.0).sum(dim=1) / count
    variance = torch.where(real, (vectors - mean[:, None]).square(), 0.0).sum(dim=1) / count
    return torch.cat((mean, variance.sqrt()), dim=1)


def fit_domain(
    system: EmotionSystem,
    examples: Examples,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    copies: int = 0,
) -> Domain | None:
    """Return the domain of a trained system; None where one of the two parts has less than two clips.

    Args:
        system: with an acoustic encoder.
        examples: of the recipe.
        train: indices of the training part: mean and covariance (Ledoit and Wolf 2004).
        validation: indices of speakers that were not trained on: the threshold.
        copies: how many perturbed copies there are of every clip; a clip is heard as it is or as one of them, evenly.
    """
    assert system.acoustic is not None, "a domain is of sound"
    generator = np.random.default_rng(SEED)
    pooled = []
    for part in (train, validation):
        heard = part[examples.presence[part, 0]]
        if len(heard) < 2:
            return None
        chosen = generator.choice(heard, min(CLIPS, len(heard)), replace=False)
        pooled.append(_pooled(system, examples, chosen, generator.integers(0, copies + 1, len(chosen))))
    fitted = load_extra("sklearn.covariance", "train").LedoitWolf().fit(pooled[0].double().numpy())
    domain = Domain(pooled[0].shape[1] // 2)
    domain.mean.copy_(torch.from_numpy(fitted.location_))
    variances, directions = np.linalg.eigh(fitted.covariance_)  # rising
    widest = slice(-domain.whitening.shape[1], None)
    domain.whitening.copy_(torch.from_numpy(directions[:, widest] / np.sqrt(variances[widest])))
    distances = ((pooled[1] - domain.mean) @ domain.whitening).square().mean(dim=1).sqrt()
    domain.threshold.copy_(distances.quantile(QUANTILE))
    return domain


@torch.inference_mode()
def _pooled(system: EmotionSystem, examples: Examples, chosen: NDArray[np.int64], copies: NDArray[np.int64]) -> Tensor:
    """Return (N, 2 D)."""
    assert system.acoustic is not None
    system.eval()
    rows = []
    for index, copy in zip(chosen, copies, strict=True):
        frames = torch.from_numpy(examples.frames(int(index), int(copy)))[None]
        rows.append(pool(*system.acoustic(frames, torch.ones(frames.shape[:2], dtype=torch.bool))))
    return torch.cat(rows)


def save_domain(domain: Domain, path: Path) -> None:
    """Write the domain beside a training's calibration, whole or not at all."""
    with replacing(path) as partial:
        save_file({name: value.clone().contiguous() for name, value in domain.state_dict().items()}, partial)


def load_domain(path: Path) -> Domain:
    """Return the domain that `save_domain` wrote.

    Raises:
        BundleError: the file is missing or damaged.
    """
    try:
        tensors = load_file(path)
        domain = Domain(len(tensors["mean"]) // 2)
        domain.load_state_dict(tensors, strict=True)
    except (SafetensorError, OSError, KeyError, RuntimeError) as error:
        given = f"domain {path}: {' '.join(str(error).split())}"
        raise BundleError(given, "a file that training wrote", "delete it and train again, which fits it") from error
    return domain
