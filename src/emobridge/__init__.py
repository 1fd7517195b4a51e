"""Emotion categories and valence, arousal and dominance, predicted from speech and its transcript.

Importing this imports next to nothing, neither numpy nor onnxruntime nor torch; each comes when it is first needed.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emobridge.utils.deprecation import renamed_keywords as _renamed_keywords
from emobridge.utils.extras import load_extra as _load_extra
from emobridge.utils.extras import register as _register
from emobridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from emobridge.diarization import Turn
    from emobridge.errors import EmobridgeError
    from emobridge.inference.embeddings import Embeddings
    from emobridge.inference.predictor import Predictor
    from emobridge.inference.streaming import Stream
    from emobridge.results import Result, Segment, Summary, TurningPoint, Word
    from emobridge.transcripts import Span, Transcript

__all__ = [
    "Embeddings",
    "EmobridgeError",
    "Predictor",
    "Result",
    "Segment",
    "Span",
    "Stream",
    "Summary",
    "Transcript",
    "Turn",
    "TurningPoint",
    "Word",
    "__version__",
    "crossvalidate",
    "evaluate",
    "export",
    "load",
    "read_corpus",
    "sample",
    "train",
]

_MODULES = {
    "Embeddings": "emobridge.inference.embeddings",
    "EmobridgeError": "emobridge.errors",
    "Predictor": "emobridge.inference.predictor",
    "Result": "emobridge.results",
    "Segment": "emobridge.results",
    "Span": "emobridge.transcripts",
    "Stream": "emobridge.inference.streaming",
    "Summary": "emobridge.results",
    "Transcript": "emobridge.transcripts",
    "Turn": "emobridge.diarization",
    "TurningPoint": "emobridge.results",
    "Word": "emobridge.results",
}

# These need the extra [train].
_TRAINING = {
    "read_corpus": "emobridge.training.corpora",
    "train": "emobridge.training.experiments.train_fold",
    "crossvalidate": "emobridge.training.experiments.crossvalidation",
    "evaluate": "emobridge.training.experiments.evaluate",
    "export": "emobridge.training.experiments.export",
}


def _write(results: "Sequence[Result]", path: Path) -> None:
    from emobridge.writers import write

    write(results, path)


def _plot(result: "Result", path: str | Path | None) -> "Figure":
    from emobridge.visualization.figure import plot

    return plot(result, path)


# What a `Result` can do with the help of what stands above it.
_register("write", _write)
_register("plot", _plot)


@_renamed_keywords(view="categories")
def load(
    model: str | Path | None = None,
    categories: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
) -> "Predictor":
    """Return a model that is ready to predict.

    Args:
        model: a model directory; None is the model that comes with emobridge.
        categories: name of one of the model's sets of categories, such as ``four``; None is all of them.
        threads: processor threads; None is one a core.
        precision: of a model that names public encoders, in which these compute: ``auto``, ``float32``, ``bfloat16`` or
            ``int8``; None: as it was trained.

    Raises:
        BundleError: the directory holds no model, or a damaged one.
        LabelError: the model has no such set.
    """
    from emobridge.inference.bundle import load_bundle
    from emobridge.inference.predictor import Predictor

    return Predictor(load_bundle(model), categories, threads, precision)


def sample() -> Path:
    """Return the packaged recording of real speakers; its transcript lies beside it, with the extension ``.txt``."""
    return Path(__file__).with_name("sample") / "two_speakers.flac"


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    if name in _TRAINING:
        return getattr(_load_extra(_TRAINING[name], "train"), name)
    raise AttributeError(f"module 'emobridge' has no attribute '{name}'")
