"""A corpus in which it is known what can be learned from what: valence stands in the words, arousal is in the voice.

A category is a corner of the valence-arousal plane, so that it takes both. Few utterances have a category and all have
ratings, so that dimensions can help categories. Speakers have voices of their own.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

SPEAKERS, EACH = 12, 30
LABELLED = 0.3  # share of the utterances that have a category
CORNERS = {(False, False): "sad", (False, True): "angry", (True, False): "neutral", (True, True): "happy"}
SAID = (
    ("terrible", "awful", "horrible", "miserable"),
    ("bad", "annoying", "unpleasant", "poor"),
    ("good", "nice", "pleasant", "fine"),
    ("wonderful", "fantastic", "excellent", "delightful"),
)
THINGS = ("dinner", "weather", "journey", "meeting", "letter", "garden")


def voice(arousal: float, base_hz: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return 0.6 s at 16 kHz of a voice that rises and hurries with arousal."""
    time_s = np.arange(9600) / 16_000
    pitch_hz = base_hz * (1 + 0.8 * arousal) * (1 + 0.03 * np.sin(2 * np.pi * 3 * time_s + generator.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16_000
    sound = sum(generator.uniform(0.6, 1) * np.sin(harmonic * phase) / harmonic for harmonic in range(1, 7))
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * ((2 + 5 * arousal) * time_s + generator.uniform()))
    return (0.1 * sound * syllables + 0.003 * generator.standard_normal(len(time_s))).astype(np.float32)


@pytest.fixture(scope="session")
def write_planted() -> Callable[..., Path]:
    """A function (folder, planted=True) -> CSV table; where nothing is planted, labels and ratings are shuffled."""

    def write(folder: Path, planted: bool = True) -> Path:
        generator = np.random.default_rng(20)
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[dict[str, Any]] = []
        for speaker in range(SPEAKERS):
            base_hz = generator.uniform(100, 200)
            for number in range(EACH):
                valence, arousal = generator.uniform(size=2)
                file = f"{speaker:02d}-{number:02d}.wav"
                soundfile.write(folder / file, voice(arousal, base_hz, generator), 16_000)
                text = f"the {generator.choice(THINGS)} was {generator.choice(SAID[min(3, int(4 * valence))])}"
                label = CORNERS[valence > 0.5, arousal > 0.5] if generator.uniform() < LABELLED else ""
                rows.append({
                    "file": file, "text": text, "speaker": f"s{speaker:02d}", "label": label, "valence": f"{valence:.3f}",
                    "arousal": f"{arousal:.3f}", "gender": ("female", "male")[speaker % 2],
                })  # fmt: skip
        if not planted:
            order = generator.permutation(len(rows))
            told = [{name: row[name] for name in ("label", "valence", "arousal")} for row in rows]
            rows = [{**row, **told[place]} for row, place in zip(rows, order, strict=True)]
        with (folder / "planted.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder / "planted.csv"

    return write
