"""For whom a system works: the figures of a group are those of its rows, and a planted gap is found."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import score
from emobridge.training.evaluation.subgroups import by_gender, by_speaker, gender_gaps

Maker = Callable[..., Predictions]


def test_the_figures_of_a_speaker_and_of_a_gender_are_the_scores_of_their_rows(make_predictions: Maker) -> None:
    made = make_predictions()
    speakers, genders = by_speaker(made), by_gender(made, 10)
    assert [group.name for group in speakers] == [f"s{number}" for number in range(8)]
    assert [(group.name, group.utterances, group.speakers) for group in genders] == [("female", 80, 4), ("male", 80, 4)]
    for group, rows in (
        *((one, made.speakers == one.name) for one in speakers),
        (genders[0], made.genders == "female"),
    ):
        expected = score(made.select(rows), 0).metrics
        assert {"unweighted_average_recall", "weighted_average_recall", "concordance_cc_arousal"} <= set(group.metrics)
        for name, figure in group.metrics.items():
            assert figure.value == expected[name].pooled.value


def test_a_gap_is_the_difference_of_the_two_figures_with_an_interval_over_speakers(make_predictions: Maker) -> None:
    made = make_predictions(speakers=20)
    female, male = (group.metrics for group in by_gender(made, 5))
    (gap,) = gender_gaps(made, 200)
    assert (gap.first, gap.second) == ("female", "male")
    for name, one in gap.metrics.items():
        assert one.value == pytest.approx(female[name].value - male[name].value)
        assert one.low < one.value < one.high


def test_a_planted_gap_lies_outside_chance_and_none_inside(make_predictions: Maker) -> None:
    made = make_predictions(speakers=40, per_speaker=40)
    (none,) = gender_gaps(made, 200)
    assert none.metrics["concordance_cc_valence"].low < 0 < none.metrics["concordance_cc_valence"].high
    male = made.genders == "male"
    guess = made.predicted_dimensions.copy()
    guess[male] = np.random.default_rng(1).permutation(guess[male])
    (gap,) = gender_gaps(dataclasses.replace(made, predicted_dimensions=guess), 200)
    assert gap.metrics["concordance_cc_valence"].low > 0.3


def test_corpora_that_do_not_know_gender_or_speaker_have_no_such_groups(make_predictions: Maker) -> None:
    blank = make_predictions()
    blank = dataclasses.replace(blank, genders=np.full(len(blank), ""), speakers=np.full(len(blank), ""))
    assert by_speaker(blank) == by_gender(blank, 5) == gender_gaps(blank, 5) == ()
    known = Predictions.concatenate([blank, make_predictions(corpus="known")])
    assert {group.corpus for group in (*by_speaker(known), *by_gender(known, 5))} == {"known"}
