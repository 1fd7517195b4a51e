"""A call of two speakers with everything that a picture shows, and hours of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from emobridge.results import Result, Segment, Summary, TurningPoint

BOTH = ("acoustic", "linguistic")
ANGRY = Segment(
    0.5, 2.0, "Ann", "I never got it.", "angry", {"angry": 0.71, "sad": 0.2, "neutral": 0.09},
    {"valence": 0.21, "arousal": 0.8, "dominance": 0.66}, {"valence": (0.1, 0.35), "arousal": (0.7, 0.9)},
    ("angry", "sad"), BOTH,
)  # fmt: skip
CALM = Segment(
    1.5, 3.25, "Ben", "We will send it.", "neutral", {"angry": 0.05, "sad": 0.15, "neutral": 0.8},
    {"valence": 0.6, "arousal": 0.3, "dominance": 0.5}, {"valence": (0.5, 0.7)}, ("neutral", "sad"), BOTH,
    ("clipped", "low_confidence"),
)  # fmt: skip
NOISE = Segment(3.25, 4.0, "Ann", flags=("noise",), abstain="noise")
STRANGE = replace(ANGRY, start_s=4.0, end_s=6.0, flags=("out_of_domain",), abstain="out_of_domain", text="Mm.")
MEAN = {"valence": 0.21, "arousal": 0.8, "dominance": 0.66}
SPREAD = {"valence": 0.01, "arousal": 0.02, "dominance": 0.03}
TURN = TurningPoint(1.5, "valence", 0.61, 0.22, "We will send it.")


@pytest.fixture
def call() -> Result:
    """Six seconds of two speakers who overlap, noise, and speech that is out of domain; its file is not there."""
    shares = {"angry": 0.5, "sad": 0.2, "neutral": 0.3}
    return Result(
        "calls/absent.wav", 6.0, {"name": "toy", "version": "0.0.1", "sha256": "ab" * 32},
        (ANGRY, CALM, NOISE, STRANGE),
        {
            "Ann": Summary(1.5, "angry", ANGRY.probabilities, MEAN, SPREAD, (TURN,)),
            "Ben": Summary(1.75, "neutral", CALM.probabilities, MEAN, SPREAD),
        },
        Summary(3.25, "angry", shares, MEAN, SPREAD), ("the left channel is silent",),
    )  # fmt: skip


@pytest.fixture
def long_call(call: Result) -> Callable[[float], Result]:
    """A function (seconds) -> the call again and again, a segment every four seconds."""

    def make(seconds: float) -> Result:
        starts = range(0, int(seconds) - 4, 4)
        segments = tuple(
            replace((ANGRY, CALM)[index % 2], start_s=float(start), end_s=start + 3.5)
            for index, start in enumerate(starts)
        )
        return replace(call, duration_s=float(seconds), segments=segments)

    return make
