"""Memory of training the published recipe on a corpus as large as IEMOCAP, from a cache of generated vectors.

    python -m benchmarks.speed.training_memory CACHE [--steps N] [--utterances N]

Generates, in the folder CACHE (2.7 GB, kept for the next time), the vectors of 5,531 utterances of 0.6 to 34 s, 4.5 s
on average, with 50 acoustic vectors of 1,024 numbers a second and 3.5 tokens of 1,024 numbers a second; trains some
steps, of which the first holds the longest utterance, and prints the peak of resident memory: of all, and of what is
not a page of a mapped file, which the system takes back whenever others need it.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.training.corpora.base import Utterance
from emobridge.training.data.examples import Examples, text_key
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.training.experiments.train_fold import system_config
from emobridge.training.fit.trainer import Trainer, TrainingSetup
from emobridge.training.models.emotion_model import EmotionSystem
from emobridge.utils.cache import ArrayCache

UTTERANCES = 5531
WIDTH = 1024
VECTORS_HZ, TOKENS_HZ = 50, 3.5
SHORTEST_S, MEAN_S, LONGEST_S = 0.6, 4.5, 34.0
CATEGORIES, DIMENSIONS = ("angry", "happy", "neutral", "sad"), ("valence", "arousal")


@dataclass(frozen=True)
class GeneratedFrontEnd:
    """Stands where the speech encoder is; nothing is left to encode."""

    dimension: int
    name: str = "generated"
    sample_rate_hz: int = 16_000
    batch_s: float = 0.0
    cache_name: str = "acoustic"

    def vector_count(self, duration_s: float) -> int:
        """Refuse: all vectors are generated."""
        raise AssertionError("all vectors are in the cache")

    def encode_batch(self, sounds: object) -> list[NDArray[np.float32]]:
        """Refuse: all vectors are generated."""
        raise AssertionError("all vectors are in the cache")


def durations_s(count: int) -> NDArray[np.float64]:
    """Return lengths (count,) like those of IEMOCAP, the longest first."""
    drawn = np.random.default_rng(1).lognormal(np.log(3.6), 0.68, count).clip(SHORTEST_S, LONGEST_S)
    drawn[0] = LONGEST_S
    return drawn


def fill(cache: ArrayCache, key: str, rows: int, width: int) -> None:
    """Put ``rows`` random vectors under a key, unless they are there."""
    if key not in cache:
        random = np.random.default_rng(len(cache))
        cache.add(key, random.standard_normal((rows, width), np.float32).astype(np.float16))


def generate(folder: Path, count: int, width: int, vectors_hz: float) -> Examples:
    """Return ``count`` generated examples whose vectors are in a cache below ``folder``."""
    random = np.random.default_rng(2)
    heard = ArrayCache(folder / "acoustic", np.float16, width)
    read = ArrayCache(folder / "linguistic", np.float16, width)
    lengths_s = durations_s(count)
    token_ids = []
    for number, length_s in enumerate(lengths_s):
        fill(heard, str(number), max(1, round(length_s * vectors_hz)), width)
        token_ids.append(np.append(number, np.zeros(1 + max(1, round(length_s * TOKENS_HZ)), np.int64)))
        fill(read, text_key(token_ids[-1]), len(token_ids[-1]), width)
    targets = np.eye(len(CATEGORIES), dtype=np.float32)[random.integers(0, len(CATEGORIES), count)]
    dimensions = random.random((count, len(DIMENSIONS)), np.float32)
    return Examples(
        utterances=tuple(Utterance(str(number), "generated", str(number % 8)) for number in range(count)),
        corpus_names=("generated",),
        categories=CATEGORIES,
        dimension_names=DIMENSIONS,
        corpora=np.zeros(count, np.int64),
        targets=targets,
        allowed=np.ones_like(targets, bool),
        dimensions=dimensions,
        rated_dimensions=dimensions,
        token_ids=tuple(token_ids),
        frame_keys=tuple(map(str, range(count))),
        frame_counts=np.array([len(heard[str(number)]) for number in range(count)]),
        front_end=GeneratedFrontEnd(width),
        cache=heard,
        text_cache=read,
    )


def resident_mb() -> tuple[float, float]:
    """Return the resident memory of this process in MB: all of it, and what is no page of a file."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split(":")[0]: float(line.split()[1]) for line in lines if line.endswith("kB")}
    return kilobytes["VmHWM"] / 1e3, kilobytes["RssAnon"] / 1e3


def new_trainer(recipe: Recipe, examples: Examples, folder: Path) -> Trainer:
    """Return a training of the recipe on all examples."""
    width = examples.front_end.dimension
    shapes = {"acoustic": VectorShape(width), "linguistic": VectorShape(width)}
    system = EmotionSystem(system_config(recipe, CATEGORIES, DIMENSIONS, shapes))
    setup = TrainingSetup(examples, np.arange(len(examples)), (1.0,), recipe.seed, "generated", folder)
    trainer = Trainer(system, setup, recipe.training, recipe.loss, recipe.masking)
    trainer.resume()
    return trainer


def step_with_longest(trainer: Trainer) -> int:
    """Return the number of the first step whose batch holds the longest utterance."""
    (stream,) = trainer.streams
    for number in range(len(trainer.setup.examples)):
        if 0 in stream.chosen(number):
            return number
    raise AssertionError("the longest utterance is drawn sooner or later")


def main() -> None:
    """Train, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--recipe", default="ispas2023")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    given = parser.parse_args()
    examples = generate(given.cache, given.utterances, WIDTH, VECTORS_HZ)
    lengths_s = examples.frame_counts / VECTORS_HZ
    print(
        f"{len(examples)} utterances of {lengths_s.min():.1f} to {lengths_s.max():.1f} s, mean {lengths_s.mean():.2f}"
    )
    print("before training: {:.0f} MB at most, {:.0f} MB without files".format(*resident_mb()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        trainer = new_trainer(read_recipe(given.recipe, given.overrides), examples, Path(folder))
        longest = step_with_longest(trainer)
        for step in range(longest, longest + given.steps):
            start_s = time.perf_counter()
            trainer.step(step)
            took_s = time.perf_counter() - start_s
            print(
                f"step {step}: {took_s:.1f} s, peak {resident_mb()[0]:.0f} MB, now {resident_mb()[1]:.0f} MB",
                flush=True,
            )
        trainer.save(longest + given.steps)
        touched = sum(float(examples.frames(row)[0, 0]) for row in range(len(examples)))
        assert np.isfinite(touched), "every utterance was read"
    print(f"peak of resident memory: {resident_mb()[0] / 1e3:.2f} GB")


if __name__ == "__main__":
    main()
