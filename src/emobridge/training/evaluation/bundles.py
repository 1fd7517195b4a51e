"""A bundle judged as its users meet it: through the graphs of the runtime, one whole utterance at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emobridge.audio.load import load_audio
from emobridge.errors import RecipeError
from emobridge.inference.bundle import Bundle
from emobridge.inference.runtime import Estimate, Runtime
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.inference import predictions_of
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.fit.trainer import Progress, no_progress


def evaluate_bundle(
    bundle: Bundle, examples: Examples, rows: Sequence[int], fold: str, progress: Progress = no_progress
) -> Predictions:
    """Return what a bundle says of examples.

    Args:
        bundle: over the categories and dimensions of the examples, in any order; or without one of the two, which is
            then not judged.
        examples: a recipe's.
        rows: which of them; each has an input.
        fold: the fold's name, stored with the predictions.
        progress: called with utterances done and in all.

    Raises:
        RecipeError: the bundle and the recipe have different categories or dimensions, or an utterance has no input
            that the bundle takes.
    """
    runtime = Runtime(bundle)
    _check_labels(runtime, examples)
    estimates = []
    for done, row in enumerate(rows):
        estimates.append(_estimate(runtime, examples, row))
        progress(done + 1, len(rows))
    even = 1.0 / max(1, len(examples.categories))
    return predictions_of(
        examples,
        np.array(rows, np.int64),
        presence=np.array([one.presence for one in estimates], dtype=np.str_),
        probabilities=_columns([one.probabilities for one in estimates], runtime.categories, examples.categories, even),
        dimensions=_columns(
            [one.dimensions for one in estimates], runtime.dimensions, examples.dimension_names, np.nan
        ),
        promises=[
            (promised.category_threshold, promised.half_width)
            for promised in (bundle.config.conformal[one.presence] for one in estimates)
        ],
        judged=bool(runtime.categories),
        fold=fold,
        variant=bundle.config.name,
        seed=0,
    )


def _check_labels(runtime: Runtime, examples: Examples) -> None:
    for ours, theirs in ((runtime.categories, examples.categories), (runtime.dimensions, examples.dimension_names)):
        if ours and set(ours) != set(theirs):
            raise RecipeError(
                f"a bundle over {', '.join(ours)}",
                f"the recipe is over {', '.join(theirs) or 'none'}",
                "evaluate it with a recipe of the same label set",
            )


def _columns(
    rows: list[NDArray[np.float32]], ours: tuple[str, ...], wanted: tuple[str, ...], missing: float
) -> NDArray[np.float32]:
    """Return (N, wanted) of N rows over ``ours``, by name; ``missing`` throughout where the bundle has no such head."""
    if not ours:
        return np.full((len(rows), len(wanted)), missing, np.float32)
    return np.array(rows, np.float32)[:, [ours.index(name) for name in wanted]]


def _estimate(runtime: Runtime, examples: Examples, row: int) -> Estimate:
    heard, read = examples.presence[row]
    utterance = examples.utterances[row]
    acoustic = linguistic = None
    if heard and runtime.acoustic is not None and utterance.audio is not None:
        samples = load_audio(utterance.audio, sample_rate_hz=runtime.acoustic.sample_rate_hz)
        acoustic = runtime.acoustic.encode(samples)
    if read and runtime.linguistic is not None and utterance.text:
        linguistic = runtime.linguistic.encode(utterance.text)
    if acoustic is None and linguistic is None:
        raise RecipeError(
            f"utterance '{utterance.id}' of {utterance.corpus}",
            f"the bundle takes {' and '.join(runtime.bundle.config.presences[:2])} input, and it has none",
            "evaluate the bundle with a recipe that uses its modalities",
        )
    return runtime.estimate(acoustic, linguistic)
