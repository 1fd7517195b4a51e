"""Weak labels: valence, arousal and dominance guessed for acted speech that nobody rated on these dimensions.

Each category has a prototype, the mean rating of its word by Russell and Mehrabian (1977, "Evidence for a three-factor theory of
emotions", Journal of Research in Personality 11, 273-294; pleasure, arousal, dominance on [-1, 1]). A clip's label is its
categories' prototypes, mixed by the raters' votes where there are votes, moved from the neutral point by its intensity
where that is known. These are guesses about what a word means, not about what a voice sounds like: every
model that learned from them says ``weak`` in its card, and no metric is ever computed against them.
"""

from collections.abc import Mapping

from emobridge.learning.corpora.base import Utterance

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
_SYNONYMS: Mapping[str, str] = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "fear": "fearful",
    "disgust": "disgusted",
    "boredom": "bored",
}
_LEVELS: Mapping[str, float] = {"low": 0.5, "normal": 0.75, "medium": 0.75, "high": 1.0, "strong": 1.0}
UNKNOWN_INTENSITY = 0.75  # how far from the neutral point a clip of unknown intensity stands


def intensity(utterance: Utterance) -> float:
    """Return how strongly the emotion is expressed, on (0, 1]: rated (0..100) where there are ratings, else acted level."""
    rated = utterance.dimensions.get("intensity")
    if rated is not None:
        return 0.5 + 0.5 * rated / 100.0
    return _LEVELS.get(utterance.attributes.get("intensity", ""), UNKNOWN_INTENSITY)


def weak_dimensions(utterance: Utterance) -> dict[str, float]:
    """Return valence, arousal and dominance on [0, 1]; empty where no label has a prototype."""
    votes = dict(utterance.votes) or ({utterance.label: 1.0} if utterance.label else {})
    named = {_SYNONYMS.get(label, label): count for label, count in votes.items() if count > 0}
    known = {label: count for label, count in named.items() if label in PROTOTYPES}
    total = sum(known.values())
    if total == 0:
        return {}
    strength = intensity(utterance)
    means = (sum(PROTOTYPES[label][axis] * count for label, count in known.items()) / total for axis in range(3))
    return {
        name: 0.5 + 0.5 * strength * mean for name, mean in zip(("valence", "arousal", "dominance"), means, strict=True)
    }
