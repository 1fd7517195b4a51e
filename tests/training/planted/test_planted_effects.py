"""What was planted in a corpus is found, by the paired tests, and where nothing was planted nothing is found."""

from collections.abc import Callable
from typing import Any

import pytest

from emobridge.training.evaluation.significance import PairedTest
from emobridge.training.report.run_facts import read_facts
from emobridge.training.report.sections import Report, build

pytestmark = pytest.mark.slow
RESAMPLES = 200
UAR, VALENCE, AROUSAL = "unweighted_average_recall", "concordance_cc_valence", "concordance_cc_arousal"


def judged(run: Any) -> Report:
    return build(run.predictions, "both", read_facts(run.folder), RESAMPLES)


def paired_test_of(report: Report, system: str, metric: str) -> PairedTest:
    (found,) = [test for test in report.tests[system] if test.metric == metric]
    return found


@pytest.fixture(scope="module")
def planted(run_planted: Callable[[bool], Any]) -> Report:
    return judged(run_planted(True))


@pytest.fixture(scope="module")
def nothing(run_planted: Callable[[bool], Any]) -> Report:
    return judged(run_planted(False))


def value(report: Report, system: str, metric: str) -> float:
    return report.scores[system].metrics[metric].pooled.value


def test_each_modality_holds_what_was_planted_in_it_and_nothing_else(planted: Report) -> None:
    assert value(planted, "speech", AROUSAL) > 0.6
    assert abs(value(planted, "speech", VALENCE)) < 0.2
    assert value(planted, "text", VALENCE) > 0.6
    assert abs(value(planted, "text", AROUSAL)) < 0.2


@pytest.mark.parametrize(("system", "lacks"), [("speech", VALENCE), ("text", AROUSAL)])
def test_both_modalities_beat_each_and_the_paired_test_says_so(planted: Report, system: str, lacks: str) -> None:
    for metric in (UAR, lacks, "weighted_f1", "weighted_average_recall"):
        test = paired_test_of(planted, system, metric)
        assert test.reference > test.value + 0.2
        assert test.significant
        assert test.p_holm < 0.01
    # One modality tells two corners from the other two, and no more.
    assert value(planted, system, UAR) < 0.6 < value(planted, "both", UAR)


def test_dimensions_help_categories_and_the_paired_test_says_so(planted: Report) -> None:
    test = paired_test_of(planted, "categories", UAR)
    assert test.reference > test.value + 0.05
    assert test.significant


def test_where_nothing_was_planted_all_is_chance_and_no_test_finds_anything(nothing: Report) -> None:
    found = [test for tests in nothing.tests.values() for test in tests]
    assert len(found) == 5 + 5 + 3
    assert not [test for test in found if test.significant]
    for system in nothing.scores:
        assert value(nothing, system, UAR) == pytest.approx(0.25, abs=0.1)
        for metric in (VALENCE, AROUSAL):
            assert system == "categories" or abs(value(nothing, system, metric)) < 0.3
