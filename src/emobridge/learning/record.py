"""What a finished training tells export and the model card, as plain values."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.labels import MODALITIES
from emobridge.learning.evaluation.estimates import Calibration
from emobridge.learning.features import Examples
from emobridge.learning.preparation import Parts, Prepared
from emobridge.learning.recipe import Recipe
from emobridge.version import __version__


def run_record(
    recipe: Recipe, prepared: Prepared, parts: Parts, calibration: dict[str, Calibration], digest: str
) -> dict[str, Any]:
    """Return what export and the model card need to know of a training."""
    examples = prepared.examples
    return {
        "emobridge": __version__,
        "digest": digest,
        "recipe": recipe.to_dict(),
        "fold": parts.name,
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
            }
            for number, corpus in enumerate(prepared.corpora)
        ],
    }


def _public_encoders(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Return, for each modality with a public encoder, what a bundle needs to name it."""
    languages = sorted({corpus.language for corpus in prepared.corpora})
    return {modality: asdict(encoder.named(languages)) for modality, encoder in prepared.public.items()}


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
