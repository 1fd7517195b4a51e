"""Scores are the metrics of the stored predictions, and nothing that is missing or not allowed counts."""

import dataclasses
import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from emobridge.errors import CorpusError
from emobridge.labels import CATEGORIES
from emobridge.training.evaluation.metrics import concordance_cc, unweighted_average_recall
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import Scores, compare, score, score_four

Maker = Callable[..., Predictions]


def value(scores: Scores, metric: str) -> float:
    return scores.metrics[metric].pooled.value


def test_pooled_and_per_fold_figures_are_the_metrics_of_those_rows(make_predictions: Maker) -> None:
    made = make_predictions()
    scores = score(made, resamples=100)
    guess = made.probabilities.argmax(axis=1)
    uar = scores.metrics["unweighted_average_recall"]
    assert uar.pooled.value == unweighted_average_recall(made.truth_indices, guess)
    assert uar.pooled.low < uar.pooled.value < uar.pooled.high
    for fold in "0123":
        rows = made.folds == fold
        assert uar.folds.values[fold] == unweighted_average_recall(made.truth_indices[rows], guess[rows])
    values = list(uar.folds.values.values())
    assert (uar.folds.mean, uar.folds.deviation) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    expected = concordance_cc(made.truth_dimensions[:, 1], made.predicted_dimensions[:, 1])
    assert value(scores, "concordance_cc_arousal") == expected
    assert (scores.utterances, scores.speakers) == (160, 8)
    assert scores.confusion.sum() == 160


def test_a_category_that_is_not_allowed_is_never_the_answer(make_predictions: Maker) -> None:
    made = make_predictions()
    made.allowed[:, 0] = made.truth[:, 0] > 0
    made.probabilities[:] = [0.8, 0.15, 0.05]
    confusion = score(made, resamples=2).confusion
    assert confusion[1:, 0].sum() == 0
    assert confusion[0, 0] == confusion[0].sum()


def test_confidence_is_judged_on_the_renormalised_allowed_categories(make_predictions: Maker) -> None:
    made = make_predictions()
    made.allowed[:, 0] = False
    made.truth[:] = np.eye(3)[1 + made.truth.argmax(axis=1) % 2]
    kept = made.probabilities * made.allowed
    again = dataclasses.replace(made, probabilities=kept / kept.sum(axis=1, keepdims=True))
    for metric in ("expected_calibration_error", "debiased_calibration_error", "brier_score"):
        assert value(score(made, 0), metric) == pytest.approx(value(score(again, 0), metric), abs=1e-6)
    made.probabilities[:] = [0.4, 0.45, 0.15]
    expected = abs(np.mean(made.truth[:, 1]) - 0.75)
    assert value(score(made, 0), "expected_calibration_error") == pytest.approx(expected, abs=1e-6)


def test_coverage_is_the_share_of_truths_in_what_was_promised(make_predictions: Maker) -> None:
    made = make_predictions()
    made.probabilities[:] = [0.5, 0.3, 0.2]
    made.category_threshold[:80], made.category_threshold[80:] = 0.4, 0.6
    scores = score(made, resamples=50)
    right = np.concatenate([made.truth[:80, 0], made.truth[80:, :2].sum(axis=1)])
    assert value(scores, "set_coverage") == pytest.approx(right.mean())
    assert value(scores, "mean_set_size") == 1.5
    covered = np.abs(made.truth_dimensions - made.predicted_dimensions) <= made.half_width
    assert value(scores, "interval_coverage_valence") == pytest.approx(covered[:, 0].mean())
    interval = scores.metrics["set_coverage"].pooled
    assert interval.low < interval.value < interval.high


def test_what_was_not_promised_has_no_coverage(make_predictions: Maker) -> None:
    made = make_predictions()
    made.category_threshold[:80] = made.half_width[:, 1] = np.nan
    scores, rest = score(made, 0), score(make_predictions().select(np.arange(160) >= 80), 0)
    assert value(scores, "set_coverage") == value(rest, "set_coverage")
    assert "interval_coverage_valence" in scores.metrics
    assert "interval_coverage_arousal" not in scores.metrics
    made.category_threshold[:] = np.nan
    assert not {"set_coverage", "mean_set_size"} & score(made, 0).metrics.keys()


def test_the_four_class_view_of_each_corpus_is_the_score_of_its_rows(make_predictions: Maker) -> None:
    parts = []
    for name in ("one", "other"):
        made = make_predictions(corpus=name)
        wide = {
            field: np.pad(getattr(made, field), ((0, 0), (0, 4))) for field in ("truth", "probabilities", "allowed")
        }
        wide["truth"] = np.roll(wide["truth"], 2, axis=1)  # neutral, sad and, without a place, fearful
        parts.append(dataclasses.replace(made, categories=CATEGORIES, **wide))
    found = score_four(Predictions.concatenate(parts), resamples=0)
    assert list(found) == ["one", "other"]
    assert found["one"].utterances == int(parts[0].truth[:, :4].sum())
    assert found["one"].to_dict() == score(parts[0].in_view("four"), resamples=0).to_dict()
    assert score_four(make_predictions()) == {}


def test_unlabelled_rows_change_no_figure(make_predictions: Maker) -> None:
    made = make_predictions()
    missing = np.arange(len(made)) % 5 == 0
    made.truth[missing] = 0
    made.truth_dimensions[missing] = np.nan
    scores, without = score(made, resamples=2), score(made.select(~missing), resamples=2)
    for name in scores.metrics:
        assert value(scores, name) == pytest.approx(value(without, name)), name
    assert (scores.confusion == without.confusion).all()


def test_seeds_are_pooled_and_listed_and_drawn_with_their_speaker(make_predictions: Maker) -> None:
    parts = [make_predictions(training_seed=seed) for seed in range(3)]
    scores = score(Predictions.concatenate(parts), resamples=300)
    single = [value(score(part, resamples=0), "unweighted_average_recall") for part in parts]
    uar = scores.metrics["unweighted_average_recall"]
    assert dict(uar.seeds.values) == pytest.approx({str(seed): one for seed, one in enumerate(single)})
    assert scores.utterances == 160
    alone = score(parts[0], resamples=300).metrics["unweighted_average_recall"].pooled
    # Three seeds on the same speakers are no three times as many speakers.
    assert uar.pooled.high - uar.pooled.low > 0.75 * (alone.high - alone.low)


def test_each_corpus_is_scored_by_itself_where_there_are_several(make_predictions: Maker) -> None:
    one, other = make_predictions(corpus="one"), make_predictions(corpus="other", seed=1)
    scores = score(Predictions.concatenate([one, other]), resamples=50)
    assert list(scores.corpora) == ["one", "other"]
    assert scores.corpora["one"].to_dict() == score(one, resamples=50).to_dict()
    assert scores.speakers == 16
    assert not score(one, resamples=2).corpora


def test_votes_are_judged_against_their_majority_and_ties_are_dropped(make_predictions: Maker) -> None:
    made = make_predictions()
    made.truth[:] = np.where(made.truth > 0, np.float32(0.6), np.float32(0.2))
    made.truth[:10] = [0.5, 0.5, 0.0]
    scores = score(made, resamples=2)
    assert scores.confusion.sum() == len(made) - 10
    guess = made.probabilities.argmax(axis=1)
    hard = score(make_predictions(), resamples=2)
    assert value(scores, "weighted_average_recall") == (guess == made.truth_indices)[10:].mean()
    assert value(scores, "cross_entropy_soft") > value(hard, "cross_entropy_soft")


@pytest.mark.parametrize("missing", ["categories", "dimensions"])
def test_a_variant_without_categories_or_dimensions_has_no_such_figures(make_predictions: Maker, missing: str) -> None:
    made = make_predictions()
    fields = {
        "categories": ("truth", "allowed", "probabilities"),
        "dimensions": ("truth_dimensions", "predicted_dimensions", "half_width"),
    }[missing]
    made = dataclasses.replace(made, **{missing: ()}, **{name: getattr(made, name)[:, :0] for name in fields})
    scores = score(made, resamples=2)
    assert ("unweighted_average_recall" in scores.metrics) == (missing == "dimensions")
    assert ("concordance_cc_valence" in scores.metrics) == (missing == "categories")


def test_scores_as_a_dictionary_are_strict_json_with_none_for_nan(make_predictions: Maker) -> None:
    made = make_predictions(speakers=1)
    plain = score(made, resamples=10).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    uar = plain["metrics"]["unweighted_average_recall"]
    assert uar["pooled"]["low"] is None
    assert uar["folds"] == {"values": {"0": uar["pooled"]["value"]}, "mean": uar["pooled"]["value"], "deviation": None}
    assert np.array(plain["confusion"]).sum() == len(made)


def test_the_same_seed_gives_the_same_scores(make_predictions: Maker) -> None:
    made = make_predictions()
    assert score(made, 50, seed=3).to_dict() == score(made, 50, seed=3).to_dict()
    assert score(made, 50, seed=3).to_dict() != score(made, 50, seed=4).to_dict()


def test_a_better_variant_is_found_better_and_itself_is_not(make_predictions: Maker) -> None:
    base, better = make_predictions(), make_predictions(skill=2.5, variant="better")
    found = compare(better, base, resamples=200)["unweighted_average_recall"]
    assert 0 < found.low < found.value < found.high
    assert found.share_not_positive == 0
    backward = compare(base, better, resamples=200)["unweighted_average_recall"]
    assert backward.value == pytest.approx(-found.value)
    assert [backward.low, backward.high] == pytest.approx([-found.high, -found.low])


def test_variants_in_another_order_or_with_more_seeds_compare_by_utterance(make_predictions: Maker) -> None:
    base = make_predictions()
    even = np.arange(len(base)) % 2 == 0
    again = dataclasses.replace(base, seeds=base.seeds + 1)
    reordered = Predictions.concatenate([base.select(even), base.select(~even)])
    found = dict(compare(reordered, base, resamples=20))
    more = compare(Predictions.concatenate([reordered, again]), base, resamples=20)
    # The debiased error takes items for independent, which the same ones of two seeds are not.
    found |= {f"{name} of two seeds": one for name, one in more.items() if name != "debiased_calibration_error"}
    assert all(abs(one.low) < 1e-9 and abs(one.high) < 1e-9 for one in found.values() if not math.isnan(one.low))


def test_what_cannot_be_scored_or_compared_is_refused_with_a_remedy(make_predictions: Maker) -> None:
    base, other = make_predictions(), make_predictions(variant="other")
    with pytest.raises(CorpusError, match=r"variants base, other; valid: the rows of one variant; select one"):
        score(Predictions.concatenate([base, other]))
    with pytest.raises(CorpusError, match="without a row"):
        score(base.select(np.zeros(len(base), dtype=bool)))
    with pytest.raises(CorpusError, match=r"share 157 utterances of 1.*'0000.flac' of toy is in one.*same folds"):
        compare(other.select(np.arange(len(other)) >= 3), base)
    with pytest.raises(CorpusError, match=r"'other' and 'base' share 0 categories of 3 and 3; .*--categories four"):
        compare(dataclasses.replace(other, categories=("a", "b", "c")), base)
