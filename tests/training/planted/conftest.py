"""A corpus in which it is known what can be learned from what: valence stands in the words, arousal is in the voice.

A category is a corner of the valence-arousal plane, so that it takes both. All utterances are rated, but few of those
that are trained on have a category, so that dimensions can help categories. Speakers have voices of their own.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.grid import Grid, Question
from emobridge.training.experiments.recipe import Recipe, parse_recipe

SPEAKERS = {"train": 10, "validation": 3, "test": 12}
EACH = 20
LABELLED = 0.1  # share of the utterances to train on that have a category
CORNERS = {(False, False): "sad", (False, True): "angry", (True, False): "neutral", (True, True): "happy"}
SAID = (
    ("terrible", "awful", "horrible", "miserable"),
    ("bad", "annoying", "unpleasant", "poor"),
    ("good", "nice", "pleasant", "fine"),
    ("wonderful", "fantastic", "excellent", "delightful"),
)
THINGS = ("dinner", "weather", "journey", "meeting", "letter", "garden")
GRID = Grid(
    "planted",
    {
        "modalities": Question(
            "Are speech and text together better than either?",
            {
                "speech": {"data.corpora.*.modalities": ["acoustic"]},
                "text": {"data.corpora.*.modalities": ["linguistic"]},
            },
        ),
        "tasks": Question("Do dimensions help categories?", {"categories": {"loss.dimension_weight": 0.0}}),
    },
)


def voice(arousal: float, base_hz: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return 0.6 s at 16 kHz of a voice that rises and hurries with arousal."""
    time_s = np.arange(9600) / 16_000
    pitch_hz = base_hz * (1 + 0.8 * arousal) * (1 + 0.03 * np.sin(2 * np.pi * 3 * time_s + generator.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16_000
    sound = sum(generator.uniform(0.6, 1) * np.sin(harmonic * phase) / harmonic for harmonic in range(1, 7))
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * ((2 + 5 * arousal) * time_s + generator.uniform()))
    return (0.1 * sound * syllables + 0.003 * generator.standard_normal(len(time_s))).astype(np.float32)


def write(folder: Path, planted: bool) -> Path:
    """Write the corpus; where nothing is planted, what is said of an utterance has nothing to do with it."""
    generator, elsewhere = np.random.default_rng(20), np.random.default_rng(21)
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    parts = [part for part, count in SPEAKERS.items() for _ in range(count)]
    for speaker, part in enumerate(parts):
        base_hz = generator.uniform(100, 200)
        for number in range(EACH):
            valence, arousal = generator.uniform(size=2)
            file = f"{speaker:02d}-{number:02d}.wav"
            soundfile.write(folder / file, voice(arousal, base_hz, generator), 16_000)
            text = f"the {generator.choice(THINGS)} was {generator.choice(SAID[min(3, int(4 * valence))])}"
            has_label = part == "test" or generator.uniform() < LABELLED
            if not planted:
                valence, arousal = elsewhere.uniform(size=2)
            rows.append({
                "file": file, "text": text, "speaker": f"s{speaker:02d}", "split": part,
                "label": CORNERS[valence > 0.5, arousal > 0.5] if has_label else "", "valence": f"{valence:.3f}",
                "arousal": f"{arousal:.3f}", "gender": ("female", "male")[speaker % 2],
            })  # fmt: skip
    with (folder / "planted.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "planted.csv"


def recipe_of(table: Path) -> Recipe:
    corpus = {"name": f"table:{table}", "modalities": ["acoustic", "linguistic"]}
    return parse_recipe({
        "name": "both",
        "data": {"dimensions": ["valence", "arousal"], "corpora": [corpus]},
        "acoustic": {"width": 32, "input_dropout": 0.3, "dropout": 0.1},
        "linguistic": {"trainable_layers": 0},
        "model": {"fusion": "concat", "width": 32, "refinement_layers": 0, "dropout": 0.1},
        "masking": {"start": 0.0},
        "training": {
            "steps": 150, "checkpoint_steps": 150, "learning_rate": 3e-3,
            "streams": [{"batch_size": 48, "balance": 0.0}],
        },
    })  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A finished grid over the corpus: do not change its folder."""

    folder: Path
    predictions: Predictions


@pytest.fixture(scope="session")
def run_planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Planted]:
    """A function (planted) -> speech, text, both, and categories alone, trained and judged."""

    def run(planted: bool) -> Planted:
        folder = tmp_path_factory.mktemp("planted")
        recipe = recipe_of(write(folder / "corpus", planted))
        return Planted(folder / "run", crossvalidate(recipe, None, folder / "run", grid=GRID))

    return run
