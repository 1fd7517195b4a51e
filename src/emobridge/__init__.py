"""Hears how people feel: emotion categories and valence, arousal and dominance, from speech and its transcript.

Importing this imports next to nothing, neither numpy nor onnxruntime nor torch; each comes when it is first needed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emobridge.utils.extras import register as _register
from emobridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from emobridge.inference.predictor import Predictor
    from emobridge.results import Result, Segment

__all__ = ["Result", "Segment", "__version__", "evaluate", "load", "read_corpus", "sample", "train"]

# The learning wing, which the extra [train] brings, stands behind these names.
_LEARNING = {
    "read_corpus": "emobridge.training.corpora",
    "train": "emobridge.training.experiments.train_fold",
    "evaluate": "emobridge.training.experiments.evaluate",
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


def load(
    model: str | Path | None = None,
    view: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
) -> "Predictor":
    """Return a model that is ready to predict.

    Args:
        model: a model directory; None is the model that comes with emobridge.
        view: name of one of the model's category views, such as ``four``; None is all its categories.
        threads: processor threads; None is one a core.
        precision: of a model that names public encoders, in which these compute: ``auto``, ``float32``, ``bfloat16`` or
            ``int8``; None: as it was trained.

    Raises:
        BundleError: the directory holds no model, or a damaged one.
        LabelError: the model has no such view.
    """
    from emobridge.inference.bundle import load_bundle
    from emobridge.inference.predictor import Predictor

    return Predictor(load_bundle(model), view, threads, precision)


def sample() -> Path:
    """Return the packaged recording of real speakers; its transcript lies beside it, with the extension ``.txt``."""
    return Path(__file__).with_name("sample") / "two_speakers.flac"


def __getattr__(name: str) -> Any:
    if name in ("Result", "Segment"):
        from emobridge import results

        return getattr(results, name)
    if name not in _LEARNING:
        raise AttributeError(f"module 'emobridge' has no attribute '{name}'")
    from emobridge.utils.extras import load_extra

    return getattr(load_extra(_LEARNING[name], "train"), name)
