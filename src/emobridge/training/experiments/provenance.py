"""What decides a training, and what a finished one tells export, the model card and the report."""

import hashlib
import importlib.metadata
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emobridge.encoders.hub.acceleration.precision import training_precision
from emobridge.encoders.hub.checkpoints import best_device
from emobridge.labels import MODALITIES
from emobridge.training.data.augmentation import VERSION as PERTURBATIONS_VERSION
from emobridge.training.data.batches import LONGEST_BLOCK
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.inference import Calibration
from emobridge.training.experiments.prepare import Parts, Prepared
from emobridge.training.experiments.recipe import Recipe
from emobridge.utils.files import make_folder, write_json
from emobridge.version import __version__

EXPERIMENT = "experiment.json"
CORPORA_LEFT_OUT = "corpora-left-out"  # folder, in a run's, of the result of folds that leave a corpus out
_PACKAGES = ("numpy", "torch", "transformers", "scikit-learn", "scipy")


def run_record(
    recipe: Recipe,
    prepared: Prepared,
    parts: Parts,
    calibration: dict[str, Calibration],
    digest: str,
    cost: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what export, the model card and the report need to know of a training."""
    examples = prepared.examples
    return {
        "emobridge": __version__,
        "digest": digest,
        "recipe": recipe.to_dict(),
        "fold": parts.name,
        "cost": dict(cost),
        "precision": training_precision(recipe.training.precision or "float32", best_device()),
        "categories": list(examples.categories),
        "dimensions": list(examples.dimension_names),
        "supervision": _supervision(examples),
        "sample_rate_hz": examples.front_end.sample_rate_hz,
        "encoders": _public_encoders(prepared),
        "calibration": {name: one.to_dict() for name, one in calibration.items()},
        "corpora": [
            {
                "corpus": corpus.name,
                "licence": corpus.licence,
                "citation": corpus.citation,
                "source": corpus.source,
                "utterances": int((examples.corpora[parts.train] == number).sum()),
                "speakers": _speakers(examples, parts.train[examples.corpora[parts.train] == number]),
                "used_for": _used_for(examples, number),
                "speech": corpus.speech,
                "language": corpus.language,
            }
            for number, corpus in enumerate(prepared.corpora)
        ],
    }


def training_digest(recipe: Recipe, prepared: Prepared, parts: Parts, started: str | None) -> str:
    """Return a digest of all that decides a training: recipe, utterances, labels, split and what it starts from.

    Args:
        recipe, prepared, parts: what is trained.
        started: the digest of the training that the linguistic encoder starts from; None: of the released weights.
    """
    examples = prepared.examples
    whole = hashlib.sha256(recipe.digest.encode())
    for encoder in prepared.public.values():
        whole.update(f"{encoder.fingerprint} in blocks of {LONGEST_BLOCK}".encode())
    if recipe.acoustic is None or any(stream.kind == "linguistic" for stream in recipe.training.streams):
        whole.update(f"texts in blocks of {LONGEST_BLOCK}".encode())
    if started is not None:
        whole.update(started.encode())
    whole.update("\n".join(f"{utterance.corpus}/{utterance.id}" for utterance in examples.utterances).encode())
    for array in (examples.targets, examples.allowed, examples.dimensions, parts.train, parts.validation, parts.test):
        whole.update(np.ascontiguousarray(array).tobytes())
    whole.update("\n".join(key or "" for key in examples.frame_keys).encode())
    for row in np.flatnonzero(examples.presence[:, 1]):
        whole.update(np.append(row, examples.token_ids[row]).tobytes())
    if recipe.training.perturbed_copies:
        whole.update(f"perturbations {PERTURBATIONS_VERSION}".encode())
    return whole.hexdigest()


def _public_encoders(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Return, for each modality with a public encoder, what a bundle needs to name it."""
    languages = sorted({corpus.language for corpus in prepared.corpora})
    return {modality: asdict(encoder.named(languages)) for modality, encoder in prepared.public.items()}


def write_experiment(
    out: Path,
    recipe: Recipe,
    prepared: Prepared,
    folds: Sequence[str],
    seeds: Sequence[int],
    grid: Mapping[str, Any] | None,
) -> None:
    """Write what was run, on what and how, for the report: `EXPERIMENT` in the folder of a crossvalidation.

    Args:
        out: the folder.
        recipe, prepared: its own, not a variant's.
        folds, seeds: that were run.
        grid: what `Plan` says of the grid, as plain values; None without one.
    """
    corpora = [
        {
            "corpus": corpus.name,
            "language": corpus.language,
            "licence": corpus.licence,
            "citation": corpus.citation,
            "source": corpus.source,
            "utterances": len(corpus.utterances),
            "speakers": len({utterance.speaker for utterance in corpus.utterances} - {None}) or None,
        }
        for corpus in prepared.corpora
    ]
    record = {
        "recipe": recipe.to_dict(),
        "digest": recipe.digest,
        "folds": list(folds),
        "seeds": list(seeds),
        "grid": None if grid is None else dict(grid),
        "corpora": corpora,
        "versions": versions(),
    }
    write_json(make_folder(out) / EXPERIMENT, record)


def result_folder(out: Path, leave_corpus_out: bool) -> Path:
    """Return where the result of a crossvalidation goes, so that ``out`` can hold those of both kinds of folds."""
    return out / CORPORA_LEFT_OUT if leave_corpus_out else out


def versions() -> dict[str, str]:
    """Return what computed the result: Python, emobridge, the packages that decide figures, and the machine."""
    found = {"emobridge": __version__, "python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    return found | {"machine": f"{platform.system()} {platform.machine()}"}


def cost_since(start_s: float, resumed: bool) -> dict[str, Any]:
    """Return what a training took, and on what: wall-clock seconds since ``start_s``, peak of resident memory.

    Args:
        start_s: `time.perf_counter` when it began.
        resumed: whether it went on from a checkpoint, so that the seconds are those of its last part.
    """
    return {
        "seconds": round(time.perf_counter() - start_s, 1),
        "resumed": resumed,
        "peak_memory_mb": _peak_memory_mb(),
        "threads": torch.get_num_threads(),
        "device": best_device().type,
    }


def _peak_memory_mb() -> int | None:
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak * (1e-6 if sys.platform == "darwin" else 1.024e-3))  # bytes there, KiB elsewhere


def _supervision(examples: Examples) -> dict[str, dict[str, str]]:
    """Return, for each dimension and modality, what taught it: ``rated``, ``weak`` or ``rated and weak``."""
    found: dict[str, dict[str, str]] = {}
    for column, name in enumerate(examples.dimension_names):
        labelled = ~np.isnan(examples.dimensions[:, column])
        rated = ~np.isnan(examples.rated_dimensions[:, column])
        found[name] = {
            modality: " and ".join(
                word for word, learned in (("rated", rated), ("weak", labelled & ~rated)) if (learned & present).any()
            )
            for modality, present in zip(MODALITIES, examples.presence.T, strict=True)
            if (labelled & present).any()
        }
    return found


def _speakers(examples: Examples, rows: NDArray[np.int64]) -> int | None:
    names = {examples.utterances[row].speaker for row in rows} - {None}
    return len(names) or None


def _used_for(examples: Examples, number: int) -> str:
    mine = examples.corpora == number
    rated, learned = ~np.isnan(examples.rated_dimensions[mine]), ~np.isnan(examples.dimensions[mine])
    kinds = {"categories": examples.targets[mine], "rated dimensions": rated, "weak dimensions": learned & ~rated}
    uses = [name for name, there in kinds.items() if there.any()]
    modalities = [
        name for name, there in zip(("speech", "text"), examples.presence[mine].any(axis=0), strict=True) if there
    ]
    return f"{' and '.join(uses) or 'nothing'} from {' and '.join(modalities)}"
