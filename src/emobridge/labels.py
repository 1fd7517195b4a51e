"""Emotion categories, dimensions, their scales, and the named maps that translate a corpus's own labels.

Raw labels are never overwritten: a corpus keeps what its authors wrote, and a map, with a name and a version, gives
the category of each label and which are lost. A category is a distribution over the target's names: one-hot for one
label, fractions for votes, all zero where the map loses the label (then no loss or metric counts it).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emobridge.errors import LabelError, nearest

NEUTRAL = "neutral"
CATEGORIES = ("angry", "happy", "neutral", "sad", "fearful", "disgusted", "surprised")
FOUR_CATEGORIES = ("angry", "happy", "neutral", "sad")
# Five and six are what dialogue corpora such as IEMOCAP are evaluated on; in six, excitement is not happiness.
CATEGORY_SETS = {
    "nine": (*CATEGORIES, "calm", "bored"),
    "seven": CATEGORIES,
    "six": (*FOUR_CATEGORIES, "frustrated", "excited"),
    "five": (*FOUR_CATEGORIES, "frustrated"),
    "four": FOUR_CATEGORIES,
}
DIMENSIONS = ("valence", "arousal", "dominance")
MODALITIES = ("acoustic", "linguistic")
PRESENCES = ("acoustic", "linguistic", "both")
LEAST = np.finfo(np.float32).tiny  # probability: its logarithm is finite


@dataclass(frozen=True)
class Scale:
    """A corpus's range of a continuous label, for example 1..5; inside emobridge every dimension is on [0, 1]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise LabelError(f"scale {self.low}..{self.high}", "the lower end must be below the upper end")

    def to_unit(self, value: float) -> float:
        """Map ``value`` from [low, high] to [0, 1]; NaN stays NaN."""
        return (value - self.low) / (self.high - self.low)

    def from_unit(self, value: float) -> float:
        """Map ``value`` from [0, 1] back to [low, high]."""
        return self.low + value * (self.high - self.low)


@dataclass(frozen=True)
class LabelMap:
    """A named, versioned translation between a corpus's labels and a target set, in both directions.

    Attributes:
        forward: raw label -> target category, or None where the map loses it.
        target: the categories of the target set, in order.
        backward: target category -> the raw label that stands for it; a category that the corpus lacks is absent.
    """

    name: str
    version: int
    forward: Mapping[str, str | None]
    target: tuple[str, ...]
    backward: Mapping[str, str]

    @property
    def lost(self) -> tuple[str, ...]:
        """Raw labels that have no place in the target set."""
        return tuple(raw for raw, category in self.forward.items() if category is None)

    @property
    def merged(self) -> dict[str, tuple[str, ...]]:
        """Target categories that stand for more than one raw label, with those labels."""
        groups = {name: tuple(raw for raw, to in self.forward.items() if to == name) for name in self.target}
        return {name: group for name, group in groups.items() if len(group) > 1}

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """(C,) True for each target category that some raw label reaches."""
        reached = set(self.forward.values())
        return np.array([name in reached for name in self.target])

    def translate(self, raw: str) -> str | None:
        """Return the target category of a raw label, None where the map loses it.

        Raises:
            LabelError: the map does not know the label.
        """
        if raw not in self.forward:
            valid = f"map {self.name} v{self.version} knows {', '.join(self.forward)}"
            raise LabelError(f"label '{raw}'", valid, nearest(raw, self.forward))
        return self.forward[raw]

    def translate_back(self, category: str) -> str | None:
        """Return the raw label that stands for a target category, None where the corpus has none."""
        if category not in self.target:
            valid = f"map {self.name} v{self.version} gives {', '.join(self.target)}"
            raise LabelError(f"category '{category}'", valid, nearest(category, self.target))
        return self.backward.get(category)

    def distribution(self, votes: Mapping[str, float]) -> NDArray[np.float32]:
        """Return votes per raw label as a distribution (C,) over the target; all zero where nothing is left.

        The share of lost labels is dropped and the rest renormalised.
        """
        result = np.zeros(len(self.target), dtype=np.float32)
        for raw, count in votes.items():
            category = self.translate(raw)
            if category is not None:
                result[self.target.index(category)] += count
        total = result.sum()
        return result / total if total > 0 else result


def _label_map(name: str, version: int, target: tuple[str, ...], forward: Mapping[str, str | None]) -> LabelMap:
    backward: dict[str, str] = {}
    for raw, category in forward.items():
        if category is not None:
            backward.setdefault(category, raw)
    return LabelMap(name, version, forward, target, backward)


# Version 1. A label comes first in its line's category when it is the one to translate back to.
_TO_NINE: dict[str, dict[str, str | None]] = {
    "crema_d": {
        "angry": "angry", "happy": "happy", "neutral": "neutral", "sad": "sad", "fear": "fearful",
        "disgust": "disgusted",
    },
    "ravdess": {
        "angry": "angry", "happy": "happy", "neutral": "neutral", "sad": "sad", "fearful": "fearful",
        "disgust": "disgusted", "surprised": "surprised", "calm": "calm",
    },
    "emodb": {
        "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad", "fear": "fearful",
        "disgust": "disgusted", "boredom": "bored",
    },
    "nemo": {
        "anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad", "fear": "fearful",
        "surprised": "surprised",
    },
    "meld": {
        "anger": "angry", "joy": "happy", "neutral": "neutral", "sadness": "sad", "fear": "fearful",
        "disgust": "disgusted", "surprise": "surprised",
    },
    "emorynlp": {
        "mad": "angry", "joyful": "happy", "neutral": "neutral", "sad": "sad", "scared": "fearful",
        "peaceful": None, "powerful": None,
    },
    "iemocap": {
        "ang": "angry", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad", "fea": "fearful",
        "dis": "disgusted", "sur": "surprised", "fru": None, "oth": None,
    },
    "msp_podcast": {
        "A": "angry", "H": "happy", "N": "neutral", "S": "sad", "F": "fearful", "D": "disgusted", "U": "surprised",
        "C": None, "O": None,
    },
    # What people call these nine in tables of their own.
    "common": {
        "angry": "angry", "anger": "angry", "ang": "angry", "mad": "angry", "frustrated": None, "frustration": None,
        "happy": "happy", "happiness": "happy", "hap": "happy", "joy": "happy", "joyful": "happy", "excited": "happy",
        "excitement": "happy", "neutral": "neutral", "neu": "neutral", "sad": "sad", "sadness": "sad",
        "fearful": "fearful", "fear": "fearful", "afraid": "fearful", "scared": "fearful",
        "disgusted": "disgusted", "disgust": "disgusted", "surprised": "surprised", "surprise": "surprised",
        "calm": "calm", "boredom": "bored", "bored": "bored", "contempt": None, "other": None,
    },
}  # fmt: skip
# Labels that mean another category where the set has a place for it.
_FINER = {"frustrated": ("fru", "frustrated", "frustration"), "excited": ("exc", "excited", "excitement")}


def label_map(source: str, target: str, labels: tuple[str, ...] = ()) -> LabelMap:
    """Return the map from ``source`` (a corpus name, or ``common``) to ``target`` (``own`` or one of `CATEGORY_SETS`).

    Args:
        source: a corpus with a map of its own; any other corpus uses ``common``.
        target: ``own`` keeps the corpus's labels; ``nine``, ``seven``, ``six``, ``five`` and ``four`` (the
            IEMOCAP-style view) are common sets, which lose the labels that they have no place for.
        labels: the corpus's raw labels, needed for ``own`` alone.

    Raises:
        LabelError: there is no such target.
    """
    if target == "own":
        return _label_map(f"{source}-own", 1, labels, {label: label for label in labels})
    key = source if source in _TO_NINE else "common"
    if target in CATEGORY_SETS:
        names = CATEGORY_SETS[target]
        finer = {raw: category for category, raws in _FINER.items() if category in names for raw in raws}
        known = {raw: finer.get(raw, category) for raw, category in _TO_NINE[key].items()}
        forward = {raw: category if category in names else None for raw, category in known.items()}
        return _label_map(f"{key}-{target}", 1, names, forward)
    valid = ("own", *CATEGORY_SETS)
    raise LabelError(f"label map target '{target}'", f"valid: {', '.join(valid)}", nearest(target, valid))


def views_of(categories: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the category sets that are views of a model's categories, by name: parts that no other category maps into.

    Of six categories four are no view: to call excitement happy, two probabilities would have to be added up.
    """
    found = {}
    for name, view in CATEGORY_SETS.items():
        known = label_map("common", name).forward
        if set(view) < set(categories) and not any(known.get(other) for other in set(categories) - set(view)):
            found[name] = view
    return found


def view_probabilities(
    probabilities: NDArray[np.float32], categories: tuple[str, ...], view: tuple[str, ...]
) -> NDArray[np.float32]:
    """Return (..., C) probabilities over ``categories`` as probabilities over the subset ``view``, renormalised.

    Raises:
        LabelError: the view holds a category that the model does not have.
    """
    for name in view:
        if name not in categories:
            raise LabelError(f"category '{name}'", f"the model has {', '.join(categories)}", nearest(name, categories))
    kept = probabilities[..., [categories.index(name) for name in view]]
    result: NDArray[np.float32] = kept / np.maximum(kept.sum(axis=-1, keepdims=True), 1e-12)
    return result


def sharpened(
    probabilities: NDArray[np.float32], temperature: float, weights: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Return (..., C) probabilities raised to 1 / ``temperature``, times ``weights`` (C,), and renormalised.

    `LEAST` is the least of them before; without weights their order stays as it is.
    """
    kept = np.maximum(probabilities, LEAST).astype(np.float64)
    raised = (kept / kept.max(axis=-1, keepdims=True)) ** (1 / temperature)
    if weights is not None:
        raised = raised * np.asarray(weights, np.float64)
    result: NDArray[np.float32] = (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)
    return result
