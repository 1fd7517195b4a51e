"""From features to estimates: the fusion graph, then calibration, category sets and intervals, in numpy.

Design: one inference path. Every estimate is a batch of one at its exact length, so that a batch of files gives what a
single file gives; nothing random, so that the same input gives the same bits.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from emobridge import encoders
from emobridge.encoders.base import AcousticEncoder, LinguisticEncoder, TokenVectors
from emobridge.encoders.config import NamedEncoderConfig
from emobridge.errors import BundleError, LabelError, nearest
from emobridge.inference.bundle import FUSION_GRAPH, Bundle, ViewConfig
from emobridge.labels import sharpened, view_probabilities
from emobridge.utils.extras import load_entry
from emobridge.utils.onnx import RESTORE, Graph
from emobridge.utils.onnx_tensors import inputs_of


@dataclass(frozen=True)
class Estimate:
    """The prediction of one stretch of speech, text or both.

    Attributes:
        probabilities: (C,) float32, calibrated, summing to 1, in the order of `Runtime.categories`.
        dimensions: (K,) float32 on [0, 1], in the order of `Runtime.dimensions`.
        intervals: dimension -> (low, high) within [0, 1]: 90 % intervals, for measured dimensions alone.
        categories_90: the categories that together hold the truth nine times in ten, most probable first.
        presence: what it rests on: ``acoustic``, ``linguistic`` or ``both``.
        out_of_domain: whether the sound lies further from what the model learned from than its threshold allows; never
            where there is no sound, or the model measures no distance.
    """

    probabilities: NDArray[np.float32]
    dimensions: NDArray[np.float32]
    intervals: Mapping[str, tuple[float, float]]
    categories_90: tuple[str, ...]
    presence: str
    out_of_domain: bool = False


class Runtime:
    """A bundle ready to estimate. Graphs load when they are first needed.

    Args:
        bundle: the model.
        threads: processor threads a graph; None leaves the choice to onnxruntime.
        view: name of one of the bundle's views, a subset of the categories; None is all of them.
        precision: in which its public encoders compute: ``auto``, ``float32``, ``bfloat16`` or ``int8``; None: as it
            was trained.

    Attributes:
        categories: names in the order of `Estimate.probabilities`.
        dimensions: names in the order of `Estimate.dimensions`.
        acoustic, linguistic: the encoders; None where the model has none.

    Raises:
        LabelError: the bundle has no such view.
        BundleError: the bundle names an encoder that is not known, or a public one that is not here; or a precision is
            asked for and it names none.
        RecipeError: this machine has no units for the precision.
        MissingExtraError: it names a public encoder, and the extra [train] is not installed.
    """

    def __init__(
        self, bundle: Bundle, threads: int | None = None, view: str | None = None, precision: str | None = None
    ) -> None:
        config = bundle.config
        if precision is not None:
            _check_public(bundle, precision)
        self.bundle = bundle
        self._view, self.categories = _view(bundle, view)
        self.dimensions = tuple(dimension.name for dimension in config.dimensions)
        self.acoustic = _acoustic_encoder(bundle, threads, precision)
        self.linguistic = _linguistic_encoder(bundle, threads, precision)
        heads = {"logits": config.categories, "dimensions": config.dimensions, "distance": config.distance_threshold}
        self._fusion = Graph(bundle.path / FUSION_GRAPH, tuple(name for name, head in heads.items() if head), threads)

    def in_view(self, view: str | None) -> "Runtime":
        """Return this runtime in another view of the categories; the two share their graphs.

        Raises:
            LabelError: the bundle has no such view.
        """
        other = copy.copy(self)
        other._view, other.categories = _view(self.bundle, view)
        return other

    def estimate(
        self,
        acoustic: NDArray[np.float32] | None,
        linguistic: TokenVectors | None,
        token_positions: NDArray[np.float32] | None = None,
    ) -> Estimate:
        """Return the estimate from one modality or both.

        Args:
            acoustic: (T_a, D_a) float32, None where there is no sound.
            linguistic: the token vectors; None, or none of them, where there are no words.
            token_positions: (T_l,) in [0, 1], each token's centre within the stretch; None spreads them evenly.

        Raises:
            BundleError: the fusion graph is damaged, or gives what ``config.json`` does not announce.
        """
        if linguistic is not None and not len(linguistic.vectors):
            linguistic = None
        assert acoustic is not None or linguistic is not None, "an estimate rests on something"
        outputs = self._fusion.run(self._feeds(acoustic, linguistic, token_positions))
        presence = "linguistic" if acoustic is None else "acoustic" if linguistic is None else "both"
        logits = self._head(outputs, "logits", len(self.bundle.config.categories))
        dimensions = self._head(outputs, "dimensions", len(self.dimensions))
        probabilities = softmax(logits, self.bundle.config.temperature[presence])
        if self._view is not None:
            shares = view_probabilities(probabilities, self.bundle.config.categories, self.categories)
            weights = self._view.category_weights.get(presence)
            probabilities = sharpened(shares, self._view.temperature[presence], weights)
        far = acoustic is not None and self._is_far(outputs)
        return self.stated(probabilities, dimensions, presence, far)

    def fused(self, acoustic: NDArray[np.float32] | None, linguistic: TokenVectors | None) -> NDArray[np.float32]:
        """Return the fused vector (members x width,) float32: what the heads of the fusion network read.

        Args:
            acoustic, linguistic: as for `estimate`; at least one is not None.

        Raises:
            BundleError: the fusion graph is damaged, or its heads do not start with a layer norm.
        """
        outputs = self._fused.run(self._feeds(acoustic, linguistic, None))
        return np.concatenate([vector[0] for vector in outputs.values()])

    @cached_property
    def _fused(self) -> Graph:
        """The fusion graph up to its heads, each of which starts with a layer norm of the fused vector.

        The first norm of a member's head reads the vector of all modalities that are there. Those after it, of models
        with ``discount_neutral_words``, read the vector of one modality alone.
        """
        path, found = self._fusion.path, dict[str, str]()
        for vector, scale, *_ in inputs_of(path.read_bytes(), "LayerNormalization"):
            member, is_head, _ = scale.partition("_head.0.")
            if is_head:
                found.setdefault(member.rpartition(".")[0], vector)
        if not found:
            raise BundleError(f"graph '{path}' has no fused vector", "its heads start with a layer norm", RESTORE)
        return Graph(path, tuple(found.values()), self._fusion.threads, inner=True)

    def stated(
        self,
        probabilities: NDArray[np.float32],
        dimensions: NDArray[np.float32],
        presence: str,
        out_of_domain: bool = False,
    ) -> Estimate:
        """Return the estimate of these calibrated values, with its category set and intervals; see `Estimate`."""
        conformal = self.bundle.config.conformal[presence]
        threshold = conformal.category_threshold if self._view is None else self._view.category_threshold[presence]
        return Estimate(
            probabilities,
            dimensions,
            intervals(dimensions, self.dimensions, conformal.half_width),
            category_set(probabilities, self.categories, threshold),
            presence,
            out_of_domain,
        )

    def _is_far(self, outputs: Mapping[str, NDArray[Any]]) -> bool:
        threshold = self.bundle.config.distance_threshold
        return threshold is not None and float(outputs["distance"][0]) > threshold

    def _feeds(
        self,
        acoustic: NDArray[np.float32] | None,
        linguistic: TokenVectors | None,
        positions: NDArray[np.float32] | None,
    ) -> dict[str, NDArray[Any]]:
        """Return the graph's inputs, a batch of one; an absent modality is one masked zero frame."""
        feeds: dict[str, NDArray[Any]] = {"presence": np.array([[acoustic is not None, linguistic is not None]])}
        tokens = None if linguistic is None else linguistic.vectors
        for name, vectors, encoder in (("acoustic", acoustic, self.acoustic), ("linguistic", tokens, self.linguistic)):
            width = 1 if encoder is None else encoder.dimension
            feeds[name] = np.zeros((1, 1, width), dtype=np.float32) if vectors is None else vectors[None]
            feeds[f"{name}_mask"] = np.full(feeds[name].shape[:2], vectors is not None)
        count = feeds["linguistic"].shape[1]
        even = (np.arange(count, dtype=np.float32) + 0.5) / count
        feeds["token_positions"] = (even if positions is None else positions)[None].astype(np.float32)
        return feeds

    def _head(self, outputs: Mapping[str, NDArray[Any]], name: str, size: int) -> NDArray[np.float32]:
        """Return the head's values (size,); a head that the model lacks gives none."""
        values = outputs.get(name, np.zeros((1, 0), dtype=np.float32))
        if values.shape != (1, size):
            given = f"graph '{self._fusion.path}' gives '{name}' of shape {values.shape}"
            raise BundleError(given, f"config.json announces (1, {size})", RESTORE)
        return cast("NDArray[np.float32]", values[0])


def _view(bundle: Bundle, name: str | None) -> tuple[ViewConfig | None, tuple[str, ...]]:
    """Return the view of this name and its categories; None and all of them for None."""
    views = bundle.config.views
    if name is None:
        return None, bundle.config.categories
    if name not in views:
        valid = f"the model has the views {', '.join(views) or 'none'}"
        raise LabelError(f"view '{name}'", valid, nearest(name, views) or "leave it out for all categories")
    return views[name], views[name].categories


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return probabilities (C,) of ``logits`` (C,) divided by ``temperature``; without any logit, none."""
    if not len(logits):
        return logits
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max())
    probabilities: NDArray[np.float32] = (exponentials / exponentials.sum()).astype(np.float32)
    return probabilities


def category_set(probabilities: NDArray[np.float32], categories: tuple[str, ...], threshold: float) -> tuple[str, ...]:
    """Return the smallest set of categories, by falling probability, whose sum reaches ``threshold``; never empty."""
    order = np.argsort(-probabilities, kind="stable")
    reached = np.cumsum(probabilities[order], dtype=np.float64)
    count = int(np.searchsorted(reached, threshold)) + 1
    return tuple(categories[index] for index in order[:count])


def intervals(
    values: NDArray[np.float32], names: tuple[str, ...], half_width: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Return name -> value ± half width, clipped to [0, 1]; a dimension without a half width has no interval."""
    return {
        name: (max(0.0, value - half_width[name]), min(1.0, value + half_width[name]))
        for name, value in zip(names, values.tolist(), strict=True)
        if name in half_width
    }


def _acoustic_encoder(bundle: Bundle, threads: int | None, precision: str | None) -> AcousticEncoder | None:
    config = bundle.config.encoders.acoustic
    if config is None:
        return None
    if isinstance(config, NamedEncoderConfig):
        return cast(AcousticEncoder, _registered(encoders.NAMED, config.name, "train")(config, precision))
    kind = _registered(encoders.ACOUSTIC, config.name)
    encoder = kind(bundle.path / config.graph, config.settings, config.dimension, config.fingerprint, threads)
    return cast(AcousticEncoder, encoder)


def _linguistic_encoder(bundle: Bundle, threads: int | None, precision: str | None) -> LinguisticEncoder | None:
    config = bundle.config.encoders.linguistic
    if config is None:
        return None
    if isinstance(config, NamedEncoderConfig):
        return cast(LinguisticEncoder, _registered(encoders.NAMED, config.name, "train")(config, precision))
    kind = _registered(encoders.LINGUISTIC, config.name)
    graph, tokenizer = bundle.path / config.graph, bundle.path / config.tokenizer
    return cast(LinguisticEncoder, kind(graph, tokenizer, config.dimension, config.fingerprint, threads))


def _check_public(bundle: Bundle, precision: str) -> None:
    both = bundle.config.encoders
    if not any(isinstance(one, NamedEncoderConfig) for one in (both.acoustic, both.linguistic)):
        given = f"precision '{precision}' for the model '{bundle.config.name}'"
        raise BundleError(given, "a model with its own encoders has theirs, in its graphs", "leave it out")


def _registered(registry: Mapping[str, str], name: str, extra: str | None = None) -> Any:
    if name not in registry:
        given, valid = f"the bundle names the encoder '{name}'", f"known: {', '.join(registry)}"
        raise BundleError(given, valid, nearest(name, registry) or "install the emobridge that wrote it")
    return load_entry(registry, name, extra)
