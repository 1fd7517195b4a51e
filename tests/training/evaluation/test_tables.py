"""Tables say what the scores say, in Markdown that a parser reads back."""

import doctest
import math
from dataclasses import replace

import numpy as np

from emobridge.training.evaluation import tables
from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.scores import Score, Scores, Spread
from emobridge.training.evaluation.significance import PairedTest
from emobridge.training.evaluation.subgroups import Gap, Group


def make_scores(metrics: dict[str, float], speakers: int = 9) -> Scores:
    return Scores(
        categories=("angry", "sad", "calm"),
        dimensions=("valence",),
        utterances=40,
        speakers=speakers,
        metrics={
            name: Score(
                Interval(value, value - 0.1, value + 0.1),
                Spread({"one": value - 0.05, "two": value + 0.05}, value, 0.0707),
                Spread({"0": value}, value, math.nan),
            )
            for name, value in metrics.items()
        },
        confusion=np.array([[3, 1, 0], [2, 2, 4], [0, 0, 0]]),
        corpora={},
    )


BOTH = make_scores({"concordance_cc_valence": 0.4, "unweighted_average_recall": 0.7, "recall_angry": 0.75})
ONE = make_scores({"unweighted_average_recall": 0.6}, speakers=0)


def cells(table: str) -> list[list[str]]:
    """Parse a Markdown table; the rule under the head is checked and dropped."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert set("".join(rows.pop(1))) == {"-"}
    assert len({len(row) for row in rows}) == 1
    return rows


def test_examples_in_the_docstrings_run() -> None:
    outcome = doctest.testmod(tables)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_every_line_of_a_table_is_equally_long_whatever_its_cells_hold() -> None:
    table = tables.markdown_table(["variant", "x"], [["a|b\nc", "1"], ["a much longer name", "0.25"]])
    assert len({len(line) for line in table.splitlines()}) == 1
    assert r"a\|b c" in table


def test_scores_stand_side_by_side_and_a_figure_that_a_variant_lacks_is_a_dash() -> None:
    rows = cells(tables.score_table({"both": BOTH, "one": ONE}))
    assert rows == [
        ["variant", "utterances", "speakers", "UAR", "CCC valence"],
        ["both", "40", "9", "0.700 [0.600, 0.800]", "0.400 [0.300, 0.500]"],
        ["one", "40", "–", "0.600 [0.500, 0.700]", "–"],
    ]
    chosen = cells(tables.score_table({"x": BOTH}, of="corpus", metrics=["recall_angry"]))
    assert chosen[0] == ["corpus", "utterances", "speakers", "recall angry"]


def test_confidence_has_its_own_table_and_none_where_nothing_was_promised() -> None:
    names = ["interval_coverage_valence", "mean_set_size", "set_coverage", "macro_f1", "expected_calibration_error"]
    rows = cells(tables.confidence_table({"x": make_scores(dict.fromkeys(names, 0.9))}, of="corpus"))
    assert rows[0][3:] == ["ECE ↓", "90 % sets hold", "set size ↓", "90 % intervals hold valence"]
    assert rows[1][3:] == ["0.900 [0.800, 1.000]"] * 4
    assert tables.confidence_table({"x": BOTH}) == ""


def test_a_figure_without_interval_is_printed_alone() -> None:
    alone = Score(Interval(0.5, math.nan, math.nan), Spread({"a": 0.5}, 0.5, math.nan), Spread({}, math.nan, math.nan))
    scores = Scores(("x",), (), 3, 1, {"macro_f1": alone}, np.zeros((1, 1), dtype=np.int64), {})
    assert cells(tables.score_table({"v": scores}))[1] == ["v", "3", "1", "0.500"]
    assert cells(tables.fold_cells(scores).markdown())[2] == ["mean ± sd", "0.500 ± –"]


def test_folds_end_in_their_mean_and_the_pooled_figure() -> None:
    assert cells(tables.fold_cells(BOTH, ["unweighted_average_recall"]).markdown()) == [
        ["fold", "UAR"],
        ["one", "0.650"],
        ["two", "0.750"],
        ["mean ± sd", "0.700 ± 0.071"],
        ["pooled", "0.700 [0.600, 0.800]"],
    ]


def test_confusions_are_counts_with_shares_of_the_true_category() -> None:
    assert cells(tables.confusion_cells(BOTH).markdown()) == [
        ["true \\ predicted", "angry", "sad", "calm", "all"],
        ["angry", "3 (75 %)", "1 (25 %)", "0 (0 %)", "4"],
        ["sad", "2 (25 %)", "2 (25 %)", "4 (50 %)", "8"],
    ]


def test_comparisons_show_signed_differences_and_the_corrected_value() -> None:
    nan = math.nan
    sure = PairedTest("a", "unweighted_average_recall", "bootstrap", 9, 0.7, 0.6, 0.02, 0.18, 0.0004, 0.0008)
    unsure = replace(sure, p=0.04, p_holm=0.08)
    exact = PairedTest("a", "weighted_average_recall", "mcnemar", 9, 0.5, 0.6, nan, nan, 0.01, 0.02)
    assert cells(tables.comparison_cells({"both": [sure, exact], "few": [unsure]}, "one").markdown()) == [
        ["system", "metric", "value", "one", "difference [95 %]", "p", "p, Holm", "differs"],
        ["both", "UAR", "0.700", "0.600", "+0.100 [+0.020, +0.180]", "< 0.001", "< 0.001", "higher"],
        ["both", "WAR", "0.500", "0.600", "-0.100", "0.010", "0.020", "lower"],
        ["few", "UAR", "0.700", "0.600", "+0.100 [+0.020, +0.180]", "0.040", "0.080", "–"],
    ]
    several = tables.comparison_cells({"both": [sure, replace(exact, corpus="b")]}, "one")
    assert [row[1] for row in several.rows] == ["a", "b"]


def test_published_figures_stand_below_ours_and_what_they_do_not_state_is_a_dash() -> None:
    published = [("Somebody", {"unweighted_average_recall": 0.7571}), ("Another", {"concordance_cc_valence": 0.4})]
    assert cells(tables.published_cells(BOTH, "both", published).markdown()) == [
        ["system", "UAR", "CCC valence"],
        ["both, measured here", "0.700 [0.600, 0.800]", "0.400 [0.300, 0.500]"],
        ["Somebody", "0.757", "–"],
        ["Another", "–", "0.400"],
    ]


def test_groups_and_gaps_have_a_row_each() -> None:
    metrics = {"weighted_average_recall": Interval(0.5, 0.4, 0.6)}
    groups = [Group("a", "female", 10, 2, metrics, "female"), Group("a", "male", 12, 3, {}, "male")]
    assert cells(tables.group_cells(groups, "gender").markdown())[1:] == [
        ["a", "female", "10", "2", "0.500 [0.400, 0.600]"],
        ["a", "male", "12", "3", "–"],
    ]
    gap = Gap("a", "female", "male", {"weighted_average_recall": Interval(-0.1, -0.2, 0.01)})
    assert cells(tables.gap_cells([gap]).markdown())[1] == ["a", "female minus male", "-0.100 [-0.200, +0.010]"]
