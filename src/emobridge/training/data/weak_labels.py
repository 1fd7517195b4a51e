"""Weak labels: valence, arousal and dominance guessed for acted speech that nobody rated on these dimensions.

Each category has a prototype, the mean rating of its word by Russell and Mehrabian (1977, "Evidence for a three-factor
theory of emotions", Journal of Research in Personality 11, 273-294; pleasure, arousal, dominance on [-1, 1]). A clip's
label is its categories' prototypes, mixed by the raters' votes where there are votes, moved from the neutral point by
its intensity where that is known. These are guesses about what a word means, not about what a voice sounds like: every
model that learned from them says ``weak`` in its card, and no metric is ever computed against them.
"""

from collections.abc import Mapping

from emobridge.labels import DIMENSIONS, Scale, label_map
from emobridge.training.corpora.base import Utterance

PROTOTYPES: Mapping[str, tuple[float, float, float]] = {
    "angry": (-0.51, 0.59, 0.25),
    "happy": (0.81, 0.51, 0.46),
    "neutral": (0.0, 0.0, 0.0),
    "sad": (-0.63, -0.27, -0.33),
    "fearful": (-0.64, 0.60, -0.43),
    "disgusted": (-0.60, 0.35, 0.11),
    "surprised": (0.40, 0.67, -0.13),
    "bored": (-0.65, -0.62, -0.33),
    "calm": (0.68, -0.46, 0.06),
}
_NAMES: Mapping[str, str | None] = label_map("common", "nine").forward
_LEVELS: Mapping[str, float] = {"low": 0.5, "normal": 0.75, "medium": 0.75, "high": 1.0, "strong": 1.0}
UNKNOWN_INTENSITY = 0.75  # how far from the neutral point a clip of unknown intensity stands


def intensity(utterance: Utterance, scales: Mapping[str, Scale]) -> float:
    """Return how strongly the emotion is expressed, on (0, 1]: as rated, else as acted, else a guess."""
    rated = utterance.dimensions.get("intensity")
    if rated is not None:
        return 0.5 + 0.5 * scales["intensity"].to_unit(rated)
    return acted_intensity(utterance) or UNKNOWN_INTENSITY


def acted_intensity(utterance: Utterance) -> float | None:
    """Return how strongly the emotion was asked to be acted, on (0, 1]; None where the corpus does not say."""
    return _LEVELS.get(utterance.attributes.get("intensity", ""))


def common_category(label: str) -> str:
    """Return the name that `PROTOTYPES` has for a corpus's label; a label that it does not know stays as it is."""
    return _NAMES.get(label) or label


def weak_dimensions(utterance: Utterance, scales: Mapping[str, Scale]) -> dict[str, float]:
    """Return valence, arousal and dominance on [0, 1]; empty where no label has a prototype.

    Args:
        utterance: its label, votes and intensity are looked at.
        scales: of its corpus's dimensions, for the rated intensity.
    """
    votes = dict(utterance.votes) or ({utterance.label: 1.0} if utterance.label else {})
    known = [
        (prototype, count)
        for label, count in votes.items()
        if count > 0 and (prototype := PROTOTYPES.get(common_category(label)))
    ]
    total = sum(count for _, count in known)
    if total == 0:
        return {}
    strength = intensity(utterance, scales)
    means = (sum(prototype[axis] * count for prototype, count in known) / total for axis in range(3))
    return {name: 0.5 + 0.5 * strength * mean for name, mean in zip(DIMENSIONS, means, strict=True)}
