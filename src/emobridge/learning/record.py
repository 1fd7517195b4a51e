"""What a finished training tells export and the model card, as plain values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def _supervision(examples: Examples) -> dict[str, dict[str, str]]:
    """Return, for each dimension and modality, whether it was learned from ratings or from weak labels."""
    found: dict[str, dict[str, str]] = {}
    for column, name in enumerate(examples.dimension_names):
        labelled = ~np.isnan(examples.dimensions[:, column])
        rated = ~np.isnan(examples.rated_dimensions[:, column])
        found[name] = {
            modality: "rated" if (rated & present).any() else "weak"
            for modality, present in zip(("acoustic", "linguistic"), examples.presence.T, strict=True)
            if (labelled & present).any()
        }
    return found


def _speakers(examples: Examples, rows: NDArray[np.int64]) -> int | None:
    names = {examples.utterances[row].speaker for row in rows} - {None}
    return len(names) or None


def _used_for(examples: Examples, number: int) -> str:
    mine = examples.corpora == number
    uses = ["categories"] if examples.targets[mine].any() else []
    if (~np.isnan(examples.rated_dimensions[mine])).any():
        uses.append("rated dimensions")
    elif (~np.isnan(examples.dimensions[mine])).any():
        uses.append("weak dimensions")
    modalities = [
        name for name, there in zip(("speech", "text"), examples.presence[mine].any(axis=0), strict=True) if there
    ]
    return f"{' and '.join(uses)} from {' and '.join(modalities)}"
