"""A view's confidence is right within its categories, and never learned from a speaker that it is judged on."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emobridge.labels import sharpened
from emobridge.training.evaluation.calibration import category_sets
from emobridge.training.evaluation.metrics import (
    cross_entropy_soft,
    expected_calibration_error,
    restrict_to_allowed,
    set_coverage,
)
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.view_calibration import corpus_categories, fit_view, in_own_views, untested

Make = Callable[..., Predictions]


def overconfident(predictions: Predictions, sharpness: float) -> Predictions:
    """The same answers, said with too much (above 1) or too little confidence."""
    return dataclasses.replace(predictions, probabilities=sharpened(predictions.probabilities, 1 / sharpness))


def error(predictions: Predictions) -> float:
    within = restrict_to_allowed(predictions.probabilities, predictions.allowed)
    return expected_calibration_error(predictions.truth.astype(np.float64), within)


@pytest.fixture
def two_corpora(make_predictions: Make) -> tuple[Predictions, Predictions]:
    """Test and held-out parts of one corpus that is judged too surely and one that is judged too carefully."""
    kinds = {"sure": (3.0, 40), "careful": (0.4, 41)}
    parts: list[list[Predictions]] = [[], []]
    for corpus, (sharpness, seed) in kinds.items():
        whole = overconfident(
            make_predictions(speakers=24, per_speaker=60, seed=seed, corpus=corpus, skill=1.5), sharpness
        )
        parts[0].append(whole)
        # Each speaker is held out once, in the fold after that in which it is tested.
        folds = np.array([str((int(fold) + 1) % 4) for fold in whole.folds])
        parts[1].append(dataclasses.replace(whole, folds=folds))
    return Predictions.concatenate(parts[0]), Predictions.concatenate(parts[1])


def test_corpora_that_err_in_opposite_directions_are_both_put_right(
    two_corpora: tuple[Predictions, Predictions],
) -> None:
    tested, held_out = two_corpora
    for corpus in ("sure", "careful"):
        before = tested.select(tested.corpora == corpus)
        after = in_own_views(tested, held_out).select(tested.corpora == corpus)
        assert error(before) > 0.12
        assert error(after) < 0.06
        assert_array_equal(after.probabilities.argmax(axis=1), before.probabilities.argmax(axis=1))
        # Sets hold the truth nine times in ten within the corpus, whatever was promised before.
        sets = category_sets(after.probabilities, after.category_threshold)
        assert set_coverage(after.truth.astype(np.float64), sets) == pytest.approx(0.9, abs=0.04)


def test_words_that_a_corpus_calls_otherwise_are_called_as_it_calls_them(make_predictions: Make) -> None:
    whole = make_predictions(speakers=24, per_speaker=60, skill=1.5)
    habit = np.array([4.0, 1.0, 1.0])  # how much more often than others its annotators name a category
    spoken = overconfident(dataclasses.replace(whole, probabilities=sharpened(whole.probabilities, 1.0, 1 / habit)), 2)
    for presence, moved in (("linguistic", True), ("acoustic", False)):
        given = dataclasses.replace(spoken, presence=np.full(len(spoken), presence))
        held_out = dataclasses.replace(given, folds=np.array([str((int(fold) + 1) % 4) for fold in given.folds]))
        learned = held_out.select(held_out.presence == "linguistic")
        before = in_own_views(given, held_out)
        after = in_own_views(given, held_out, learned)
        if not moved:  # nothing was learned from words alone
            assert_array_equal(after.probabilities, before.probabilities)
            continue
        right = [(one.probabilities.argmax(axis=1) == whole.truth_indices).mean() for one in (before, after)]
        assert right[1] > right[0] + 0.05
        assert cross_entropy_soft(whole.truth, after.probabilities) < cross_entropy_soft(
            whole.truth, before.probabilities
        )
        view = fit_view(held_out, whole.categories, ["linguistic"], learned)
        logs = np.log(view.category_weights["linguistic"])
        assert_allclose(logs - logs[1], 2 * np.log(habit), atol=0.35)  # said with twice the confidence


def test_labels_of_tested_speakers_have_no_part_in_their_own_confidence(
    two_corpora: tuple[Predictions, Predictions],
) -> None:
    tested, held_out = two_corpora
    mine = tested.folds == "0"
    spoiled = np.isin(held_out.speakers, np.unique(tested.speakers[mine]))
    turned = np.where(spoiled[:, None], np.roll(held_out.truth, 1, axis=1), held_out.truth)
    other = in_own_views(tested, dataclasses.replace(held_out, truth=turned))
    assert_array_equal(other.probabilities[mine], in_own_views(tested, held_out).probabilities[mine])
    assert not np.array_equal(other.probabilities[~mine], in_own_views(tested, held_out).probabilities[~mine])


def test_what_no_speaker_was_held_out_for_stays_as_it_is(two_corpora: tuple[Predictions, Predictions]) -> None:
    tested, held_out = two_corpora
    found = in_own_views(tested, held_out.select(held_out.corpora == "sure"))
    careful = tested.corpora == "careful"
    assert_array_equal(found.probabilities[careful], tested.probabilities[careful])
    assert_array_equal(found.category_threshold[careful], tested.category_threshold[careful])


def test_only_what_the_corpus_can_hold_has_a_probability(make_predictions: Make) -> None:
    whole = make_predictions()
    kept = whole.select(whole.truth[:, 1] == 0)
    lacking = dataclasses.replace(kept, allowed=np.tile([True, False, True], (len(kept), 1)))
    assert corpus_categories(lacking) == {"toy": ("angry", "sad")}
    held_out = dataclasses.replace(lacking, folds=np.full(len(lacking), "other"))
    one = lacking.select(lacking.folds == "0")
    found = in_own_views(one, held_out)
    assert not found.probabilities[:, 1].any()
    assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_view_measured_on_too_little_promises_nothing(make_predictions: Make) -> None:
    few = make_predictions(speakers=1, per_speaker=19)
    view = fit_view(few, ("angry", "sad"), ("acoustic", "both"))
    assert view.temperature == {"acoustic": 1.0, "both": 1.0}
    assert view.category_threshold == {"acoustic": 1.0, "both": 1.0}
    assert view.category_weights == {}


def test_without_a_name_each_utterance_is_its_own_speaker(make_predictions: Make) -> None:
    whole = make_predictions()
    tested = dataclasses.replace(whole, folds=np.full(len(whole), "another")).select(np.arange(len(whole)) < 5)
    assert len(untested(whole, tested)) == len(whole) - 20
    nameless, unnamed = (dataclasses.replace(one, speakers=np.full(len(one), "")) for one in (whole, tested))
    assert len(untested(nameless, unnamed)) == len(whole) - 5


def test_a_split_with_the_same_people_in_all_parts_keeps_its_validation(make_predictions: Make) -> None:
    whole = make_predictions()
    tested = dataclasses.replace(whole, folds=np.full(len(whole), "authors"))
    validated = dataclasses.replace(tested, ids=np.char.add("validated ", whole.ids.astype(str)))
    elsewhere = dataclasses.replace(validated, folds=np.full(len(whole), "another"))
    assert len(untested(elsewhere, tested)) == 0
    assert len(untested(validated, tested)) == len(validated)
    both = Predictions.concatenate([validated, elsewhere])
    assert set(untested(both, tested).folds) == {"authors"}
