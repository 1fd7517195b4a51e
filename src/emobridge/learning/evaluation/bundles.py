"""A bundle judged as its users meet it: through the graphs of the runtime, one whole utterance at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emobridge.audio import load_audio
from emobridge.bundle import Bundle
from emobridge.errors import RecipeError
from emobridge.learning.evaluation.predictions import Predictions
from emobridge.learning.features import Examples
from emobridge.learning.training.loop import Progress, no_progress
from emobridge.runtime import Estimate, Runtime


def evaluate_bundle(
    bundle: Bundle, examples: Examples, rows: Sequence[int], fold: str, progress: Progress = no_progress
) -> Predictions:
    """Return what a bundle says of examples.

    Args:
        bundle: categories and dimensions must be those of the examples.
        examples: a recipe's.
        rows: which of them.
        fold: the fold's name, stored with the predictions.
        progress: called with utterances done and in all.

    Raises:
        RecipeError: the bundle and the recipe have different categories or dimensions.
    """
    runtime = Runtime(bundle)
    names = (bundle.config.categories, tuple(one.name for one in bundle.config.dimensions))
    if names != (examples.categories, examples.dimension_names):
        raise RecipeError(
            f"a bundle over {', '.join(names[0] + names[1])}",
            f"the recipe is over {', '.join(examples.categories + examples.dimension_names)}",
            "evaluate it with a recipe of the same label set",
        )
    estimates = []
    for done, row in enumerate(rows):
        estimates.append(_estimate(runtime, examples, row))
        progress(done + 1, len(rows))
    utterances = [examples.utterances[row] for row in rows]
    chosen = np.array(rows, np.int64)
    return Predictions(
        categories=examples.categories,
        dimensions=examples.dimension_names,
        ids=_words([utterance.id for utterance in utterances]),
        corpora=_words([utterance.corpus for utterance in utterances]),
        speakers=_words([utterance.speaker or "" for utterance in utterances]),
        folds=_words([fold] * len(rows)),
        variants=_words([bundle.config.name] * len(rows)),
        seeds=np.zeros(len(rows), np.int64),
        presence=_words([one.presence for one in estimates]),
        labels=_words([utterance.label or "" for utterance in utterances]),
        truth=examples.targets[chosen],
        allowed=examples.allowed[chosen],
        probabilities=np.array([one.probabilities for one in estimates], np.float32),
        truth_dimensions=examples.rated_dimensions[chosen],
        predicted_dimensions=np.array([one.dimensions for one in estimates], np.float32),
    )


def _estimate(runtime: Runtime, examples: Examples, row: int) -> Estimate:
    heard, read = examples.presence[row]
    utterance = examples.utterances[row]
    acoustic = linguistic = None
    if heard and runtime.acoustic is not None and utterance.audio is not None:
        samples = load_audio(utterance.audio, sample_rate_hz=runtime.acoustic.sample_rate_hz)
        acoustic = runtime.acoustic.encode(samples)
    if read and runtime.linguistic is not None and utterance.text:
        linguistic = runtime.linguistic.encode(utterance.text)
    return runtime.estimate(acoustic, linguistic)


def _words(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_)
