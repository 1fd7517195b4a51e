"""Laws of judging a bundle: it says what its training said, whatever the order of labels, or says why it cannot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import emobridge
from emobridge.errors import BundleError, RecipeError
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.bundles import evaluate_bundle
from emobridge.training.evaluation.predictions import Predictions, read_metadata
from emobridge.training.experiments.export import export
from emobridge.training.experiments.recipe import parse_recipe

STORED = 0.05  # frames are stored as float16 and text goes through an int8 graph


def test_a_bundle_agrees_with_the_predictions_of_its_training(
    exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = emobridge.evaluate(exported.bundle.path, exported.recipe, None, tmp_path / "out")
    told = exported.predictions
    assert_array_equal(found.ids, told.ids)
    assert_array_equal(found.presence, told.presence)
    assert_array_equal(found.truth, told.truth)
    assert_array_equal(found.truth_dimensions, told.truth_dimensions)
    assert_allclose(found.probabilities, told.probabilities, atol=STORED)
    assert_allclose(found.predicted_dimensions, told.predicted_dimensions, atol=STORED)
    assert_array_equal(found.category_threshold, told.category_threshold)
    assert_array_equal(found.half_width, told.half_width)
    assert not list((tmp_path / "here").iterdir())
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"folds-table-toy.json", "predictions.parquet", "split.json"}
    assert read_metadata(tmp_path / "out" / "predictions.parquet")["bundle"] == exported.bundle.sha256
    assert_array_equal(Predictions.read(tmp_path / "out" / "predictions.parquet").probabilities, found.probabilities)


def test_the_order_of_labels_does_not_matter(exported: Any, toy_examples: Callable[..., Examples]) -> None:
    examples = toy_examples(weak=True, dimensions=("valence", "arousal", "dominance"))
    turned = replace(
        examples,
        categories=examples.categories[::-1],
        targets=examples.targets[:, ::-1],
        allowed=examples.allowed[:, ::-1],
        dimension_names=examples.dimension_names[::-1],
        dimensions=examples.dimensions[:, ::-1],
        rated_dimensions=examples.rated_dimensions[:, ::-1],
    )
    one, other = (evaluate_bundle(exported.bundle, each, [0, 13], "fold-1") for each in (examples, turned))
    assert_array_equal(one.probabilities, other.probabilities[:, ::-1])
    assert_array_equal(one.predicted_dimensions, other.predicted_dimensions[:, ::-1])


def test_other_labels_are_refused(exported: Any, toy_examples: Callable[..., Examples]) -> None:
    with pytest.raises(
        RecipeError, match="a bundle over valence, arousal, dominance; the recipe is over valence; eval"
    ):
        evaluate_bundle(exported.bundle, toy_examples(), [0], "fold-1")
    with pytest.raises(RecipeError, match="a bundle over angry, neutral, sad; the recipe is over angry, happy"):
        evaluate_bundle(exported.bundle, toy_examples(categories="seven"), [0], "fold-1")


def test_a_bundle_without_a_head_is_not_judged_on_it(toy_run: Any, tmp_path: Path) -> None:
    export(toy_run.folder / "categories-alone" / "fold-1", tmp_path / "bundle")
    found = emobridge.evaluate(tmp_path / "bundle", toy_run.recipe, None, tmp_path / "out")
    stored = toy_run.predictions
    mine = stored.select((stored.variants == "categories-alone") & (stored.folds == "fold-1"))
    assert_allclose(found.probabilities, mine.probabilities, atol=STORED)
    assert np.isnan(found.predicted_dimensions).all()


def test_an_utterance_that_the_bundle_cannot_take_is_named(
    toy_run: Any, toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    export(toy_run.folder / "toy" / "fold-1", tmp_path / "bundle")
    recipe = parse_recipe(toy_values(("linguistic",)))
    with pytest.raises(RecipeError, match=r"utterance '.*\.wav' of table-toy; the bundle takes acoustic input"):
        emobridge.evaluate(tmp_path / "bundle", recipe, None, tmp_path / "out")


def test_no_bundle_is_found_out_before_the_corpora_are_read(exported: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="gone"):
        emobridge.evaluate(tmp_path / "gone", exported.recipe, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
