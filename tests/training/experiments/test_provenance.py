"""Laws of the record: what taught a dimension is told for each modality, and weak is never left unsaid."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from emobridge.training.corpora.base import Corpus
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.inference import Calibration
from emobridge.training.experiments.prepare import Parts, Prepared
from emobridge.training.experiments.provenance import cost_since, run_record
from emobridge.training.experiments.recipe import Recipe


@pytest.mark.parametrize(
    ("rated_rows", "taught", "used_for"),
    [
        (slice(None), "rated", "categories and rated dimensions"),
        (slice(0, 0), "weak", "categories and weak dimensions"),
        (slice(0, 9), "rated and weak", "categories and rated dimensions and weak dimensions"),
    ],
)
def test_weak_labels_are_told_even_beside_ratings(
    toy_examples: Callable[..., Examples],
    toy_recipe: Callable[..., Recipe],
    rated_rows: slice,
    taught: str,
    used_for: str,
) -> None:
    examples = toy_examples(("acoustic",), weak=True)
    rated = np.full_like(examples.rated_dimensions, np.nan)
    rated[rated_rows] = examples.rated_dimensions[rated_rows]
    changed = replace(examples, rated_dimensions=rated)
    rows = np.arange(36)
    parts = Parts("fold-1", rows[:18], rows[18:27], rows[27:])
    corpus = Corpus("table-toy", examples.utterances, examples.categories, {}, "en", "CC0", "", "")
    record = run_record(
        toy_recipe(), Prepared((corpus,), changed, (parts,)), parts, {"acoustic": Calibration(1, 1, {}, 9)}, "0", {}
    )
    assert record["supervision"] == {"valence": {"acoustic": taught}}
    assert record["corpora"][0]["used_for"] == f"{used_for} from speech"
    assert (record["corpora"][0]["utterances"], record["corpora"][0]["speakers"]) == (18, 3)


@pytest.mark.parametrize(("platform", "peak"), [("linux", 1_000_000), ("darwin", 1_024_000_000)])
def test_peak_memory_is_told_in_megabytes_whatever_the_system_counts_in(
    platform: str, peak: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=peak))
    assert cost_since(0.0, resumed=False)["peak_memory_mb"] == 1024
