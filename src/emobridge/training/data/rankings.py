"""Orders of clips on a dimension that hold without any rating: angry is more aroused than sad, shouted than subdued.

Two rankings. Between categories, `LADDERS` names which stand above which; categories of one rung, or of none, are not
compared. Within a category, stronger expression moves a dimension away from neutral in the direction of `DIRECTIONS`;
where the literature is of two minds (the arousal of sadness) nothing is said. Clips are compared within a corpus alone,
since corpora differ in more than their feelings. A ranking is a guess about clips, as `weak_labels` are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emobridge.training.corpora.base import Utterance
from emobridge.training.data.weak_labels import acted_intensity, common_category

LADDERS: Mapping[str, tuple[tuple[str, ...], ...]] = {  # from the lowest rung up
    "valence": (("angry", "sad", "fearful", "disgusted"), ("neutral",), ("surprised", "calm"), ("happy",)),
    "arousal": (("sad", "bored", "calm"), ("neutral",), ("angry", "happy", "fearful", "surprised")),
    "dominance": (("fearful", "sad"), ("neutral",), ("angry",)),
}
DIRECTIONS: Mapping[str, Mapping[str, float]] = {  # where stronger expression moves a category
    "valence": {"happy": 1.0, "angry": -1.0, "sad": -1.0, "fearful": -1.0, "disgusted": -1.0},
    "arousal": {"angry": 1.0, "happy": 1.0, "fearful": 1.0, "surprised": 1.0, "disgusted": 1.0},
    "dominance": {"angry": 1.0, "fearful": -1.0, "sad": -1.0},
}
LEAST_STEP = 0.25  # clips closer than this are not compared: a quarter of the clips in strength, or the same rung


@dataclass(frozen=True)
class Ranking:
    """Places of N utterances on K dimensions.

    Attributes:
        places: (N, K) float32; the higher, the more of the dimension; NaN = not compared with any.
        groups: (N,) int64; only utterances of one group are compared.
    """

    places: NDArray[np.float32]
    groups: NDArray[np.int64]


def heard_category(utterance: Utterance) -> str | None:
    """Return the category of most votes, else of the label, by its common name; None where tied or unlabelled."""
    votes = {label: count for label, count in utterance.votes.items() if count > 0}
    best = [label for label, count in votes.items() if count == max(votes.values())]
    if len(best) > 1:
        return None
    label = best[0] if best else utterance.label
    return None if label is None else common_category(label)


def rank_by_category(utterances: Sequence[Utterance], dimensions: Sequence[str]) -> Ranking:
    """Return the places of utterances on the `LADDERS` of ``dimensions``, rungs counted from 0; groups are corpora."""
    places = np.full((len(utterances), len(dimensions)), np.nan, np.float32)
    categories = [heard_category(utterance) for utterance in utterances]
    for column, name in enumerate(dimensions):
        rungs = {category: rung for rung, names in enumerate(LADDERS.get(name, ())) for category in names}
        places[:, column] = [rungs.get(category or "", np.nan) for category in categories]
    return Ranking(places, _numbered([utterance.corpus for utterance in utterances]))


def rank_by_intensity(
    utterances: Sequence[Utterance], dimensions: Sequence[str], known: NDArray[np.int64] | None = None
) -> Ranking:
    """Return the places of utterances by how strongly each expresses its category; groups are corpus and category.

    A place is the share of the group's utterances that are weaker, on [0, 1], with the sign of `DIRECTIONS`. Strength
    is as rated where the corpus has ratings, else as acted.

    Args:
        utterances: of any corpora.
        dimensions: names; one that `DIRECTIONS` lacks has no places.
        known: indices of those against which the shares are counted; None: all.
    """
    categories = [heard_category(utterance) for utterance in utterances]
    groups = _numbered(
        [f"{utterance.corpus}\t{category}" for utterance, category in zip(utterances, categories, strict=True)]
    )
    strengths = _strengths(utterances)
    shares = np.full(len(utterances), np.nan)
    reference = np.arange(len(utterances)) if known is None else known
    for group in np.unique(groups):
        mine = groups == group
        against = np.sort(strengths[reference[mine[reference]]])
        shares[mine] = shares_below(strengths[mine], against[np.isfinite(against)])
    signs = [[DIRECTIONS.get(name, {}).get(category or "", np.nan) for name in dimensions] for category in categories]
    signed = shares[:, None] * np.array(signs, np.float64).reshape(len(utterances), len(dimensions))
    return Ranking(signed.astype(np.float32), groups)


def _strengths(utterances: Sequence[Utterance]) -> NDArray[np.float64]:
    """Return (N,) each utterance's intensity, in the unit of its corpus; NaN where it is not known."""
    rating = {utterance.corpus for utterance in utterances if "intensity" in utterance.dimensions}
    strengths = [
        utterance.dimensions.get("intensity") if utterance.corpus in rating else acted_intensity(utterance)
        for utterance in utterances
    ]
    return np.array([np.nan if strength is None else strength for strength in strengths], np.float64)


def shares_below(values: NDArray[np.float64], against: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value (N,) the share of sorted ``against`` (M,) below it, equal ones by half; NaN for NaN."""
    if not len(against):
        return np.full(len(values), np.nan)
    below = np.searchsorted(against, values, "left") + np.searchsorted(against, values, "right")
    return np.where(np.isnan(values), np.nan, below / (2 * len(against)))


def _numbered(words: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(words, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
