"""Predictions of a simulated system: speakers differ in how well they are recognised."""

from collections.abc import Callable

import numpy as np
import pytest

from emobridge.training.evaluation.predictions import Predictions

CATEGORIES = ("angry", "happy", "sad")
DIMENSIONS = ("valence", "arousal")


def simulate(
    speakers: int = 8,
    per_speaker: int = 20,
    skill: float = 1.0,
    seed: int = 0,
    variant: str = "base",
    corpus: str = "toy",
    training_seed: int = 0,
) -> Predictions:
    """``seed`` draws the utterances; ``skill`` and ``training_seed`` change what is said of them and nothing else."""
    world = np.random.default_rng(seed)
    noise = np.random.default_rng([seed, training_seed])
    rows, width = speakers * per_speaker, len(CATEGORIES)
    speaker = np.repeat(np.arange(speakers), per_speaker)
    truth = np.eye(width, dtype=np.float32)[world.integers(0, width, rows)]
    ease = world.normal(size=speakers)[speaker][:, None]
    logits = noise.normal(size=(rows, width)) + (skill + ease) * truth
    values = world.uniform(size=(rows, len(DIMENSIONS)))
    return Predictions(
        categories=CATEGORIES,
        dimensions=DIMENSIONS,
        ids=np.array([f"{row:04d}.flac" for row in range(rows)]),
        corpora=np.full(rows, corpus),
        speakers=np.array([f"s{one}" for one in speaker]),
        genders=np.array([("female", "male")[one % 2] for one in speaker]),
        folds=np.array([str(one % 4) for one in speaker]),
        variants=np.full(rows, variant),
        seeds=np.full(rows, training_seed),
        presence=np.full(rows, "acoustic"),
        labels=np.array([CATEGORIES[index] for index in truth.argmax(axis=1)]),
        truth=truth,
        allowed=np.ones((rows, width), dtype=np.bool_),
        probabilities=(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32),
        truth_dimensions=values.astype(np.float32),
        predicted_dimensions=(0.6 * values + 0.2 + 0.1 * noise.normal(size=values.shape)).astype(np.float32),
        category_threshold=np.full(rows, 0.8, np.float32),
        half_width=np.full((rows, len(DIMENSIONS)), [0.2, 0.1], np.float32),
    )


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    return simulate
