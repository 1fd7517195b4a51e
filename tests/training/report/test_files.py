"""Laws of the report: one file for programs, one for people, the same figures in both, whatever is missing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.labels import CATEGORIES
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import score
from emobridge.training.report.files import write_report


@pytest.fixture(scope="module")
def both(toy_run: Any) -> Predictions:
    """Of a recipe and a variant, on two folds."""
    found: Predictions = toy_run.predictions
    return found


@pytest.fixture(scope="module")
def one(both: Predictions) -> Predictions:
    return both.select(both.variants == "toy")


def test_both_files_hold_the_figures_of_the_predictions(one: Predictions, tmp_path: Path) -> None:
    page = write_report(one, "toy", tmp_path, 20)
    assert {path.name for path in tmp_path.iterdir()} == {"report.md", "report.html", "scores.json", "utterances.csv"}
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == page
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    expected = score(one, 20)
    assert scores == {"toy": json.loads(json.dumps(expected.to_dict()))}
    assert f"{expected.metrics['unweighted_average_recall'].pooled.value:.3f}" in page
    for heading in ("# toy", "## toy: confidence", "## toy: folds", "## toy: confusion"):
        assert heading in page.splitlines()


def test_variants_are_compared_with_the_reference(both: Predictions, tmp_path: Path) -> None:
    page = write_report(both, "toy", tmp_path, 20)
    assert "## Against toy, on the same items" in page
    assert list(json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))) == ["toy", "categories-alone"]


def test_predictions_without_any_label_make_a_page_too(one: Predictions, tmp_path: Path) -> None:
    blank = replace(
        one,
        truth=np.zeros_like(one.truth),
        truth_dimensions=np.full_like(one.truth_dimensions, np.nan),
    )
    page = write_report(blank, "toy", tmp_path, 20)
    assert "confusion" not in page
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["toy"]["metrics"] == {}


def test_predictions_over_the_seven_categories_are_judged_on_four_too(one: Predictions, tmp_path: Path) -> None:
    wide = {name: np.zeros((len(one), 7), getattr(one, name).dtype) for name in ("truth", "allowed", "probabilities")}
    for name, columns in wide.items():
        columns[:, [CATEGORIES.index(category) for category in one.categories]] = getattr(one, name)
    page = write_report(replace(one, categories=CATEGORIES, **wide), "toy", tmp_path, 0)
    assert "## toy: angry, happy, neutral and sad alone" in page
    assert "neutral and sad alone" not in write_report(one, "toy", tmp_path, 0)


def test_the_same_predictions_give_the_same_report(one: Predictions, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report(one, "toy", tmp_path / name, 20)
    for file in ("report.md", "scores.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
