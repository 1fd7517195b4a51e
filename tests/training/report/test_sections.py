"""Laws of a report's contents: what is shown was measured, what does not apply is not there."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import score
from emobridge.training.evaluation.significance import holm
from emobridge.training.evaluation.tables import number
from emobridge.training.experiments.grid import Asked
from emobridge.training.report.run_facts import Facts, read_facts
from emobridge.training.report.sections import Report, build, sections
from emobridge.training.report.utterance_list import DIGEST_LETTERS, counted, digests, write_utterances
from emobridge.training.splits.leakage import Audit, Shared, SplitRecord

PUBLISHED = [
    {"source": "Somebody (2020)", "figures": {"unweighted_average_recall": 0.7571, "concordance_cc_valence": 0.7}}
]
AUDIT = Audit(
    corpus="toy", utterances=24, of=36, only=("label=sad",), rule="By speakers.", guards=("speaker",), excluded=2,
    folds={"fold-1": (Shared("speaker", "train", "test", 1, ("anna",)), Shared("script", "train", "test", 2, ("x",)))},
)  # fmt: skip
FACTS = Facts(
    recipe={"name": "toy", "description": "A toy.", "published": PUBLISHED, "acoustic": {}, "model": {"width": 16}},
    digest="ab" * 32,
    corpora=[{"corpus": "toy", "utterances": 24, "speakers": 6, "licence": "CC0", "citation": "Nobody (2019)"}],
    folds=["fold-1", "fold-2"],
    seeds=[1],
    grid="ablations",
    questions=[Asked("tasks", "Two tasks?", {"toy": "toy", "one task": "categories-alone"})],
    left_out={"tokens": "there are none"},
    split=SplitRecord((AUDIT,), ("speaker",)),
    versions={"emobridge": "9.9"},
    costs={
        "toy/fold-1": {"seconds": 3.0, "resumed": False, "peak_memory_mb": 700, "threads": 1},
        "toy/fold-2": {"seconds": 4.0, "resumed": True, "peak_memory_mb": 800, "threads": 1},
    },
)


@pytest.fixture(scope="module")
def report(toy_run: Any) -> Report:
    return build(toy_run.predictions, "toy", FACTS, 20)


def rows(report: Report, title: str) -> list[list[str]]:
    (found,) = [part for part in sections(report) if part.title == title]
    assert found.table is not None
    return [list(row) for row in found.table.rows]


def test_figures_are_the_scores_and_stand_beside_the_published_ones(report: Report, toy_run: Any) -> None:
    found: Predictions = toy_run.predictions
    scores = score(found.select(found.variants == "toy"), 20)
    assert report.scores["toy"].to_dict() == scores.to_dict()
    ours, theirs = rows(report, "Beside published figures")
    assert theirs == ["Somebody (2020)", "0.757", "0.700"]
    assert ours[0] == "toy, measured here"
    assert ours[1].startswith(number(scores.metrics["unweighted_average_recall"].pooled.value))


def test_what_was_run_is_told(report: Report) -> None:
    told = dict(map(tuple, rows(report, "What was run")))
    assert told["recipe"] == "toy: A toy."
    assert told["folds"] == "fold-1, fold-2"
    assert told["not asked: tokens"] == "there are none"
    assert rows(report, "Time and memory") == [["toy", "2", "7", "800", "1", "1"]]
    (split,) = [part for part in sections(report) if part.title == "Split of toy"]
    assert split.note == "24 of 36 utterances, only label=sad; folds: 1; 2 excluded from training. By speakers."
    assert [line.split(",")[0] for line in split.lines] == ["guards against speaker", "leak", "shared by design"]
    assert report.leak.startswith("**This split leaks")
    assert report.title == "toy: ablations"


def test_each_question_has_one_plot_and_one_table_with_its_systems(report: Report) -> None:
    (question,) = [part for part in sections(report) if part.title == "Two tasks?"]
    assert len(question.drawings) == 1
    assert [row[0] for row in rows(report, "Two tasks?")] == ["toy", "one task"]


def test_all_tests_of_a_report_are_corrected_together(make: Callable[[str, int], Predictions]) -> None:
    together = Predictions.concatenate([make(name, place) for place, name in enumerate(("base", "one", "other"))])
    report = build(together, "base", Facts(), 20)
    tests = [test for found in report.tests.values() for test in found]
    assert len(tests) == 10
    assert [test.p_holm for test in tests] == pytest.approx(holm(np.array([test.p for test in tests])).tolist())


@pytest.fixture
def make(toy_run: Any) -> Callable[[str, int], Predictions]:
    """A function (variant, seed) -> the toy's predictions with other answers."""
    found: Predictions = toy_run.predictions
    base = found.select(found.variants == "toy")

    def other(variant: str, seed: int) -> Predictions:
        generator = np.random.default_rng(seed)
        probabilities = generator.dirichlet(np.ones(3), len(base)).astype(np.float32)
        values = generator.uniform(size=base.predicted_dimensions.shape).astype(np.float32)
        names = np.full(len(base), variant)
        return replace(base, variants=names, probabilities=probabilities, predicted_dimensions=values)

    return other


def test_transcripts_stand_in_columns_beside_each_other(make: Callable[[str, int], Predictions]) -> None:
    names = ("base", "base@whisper", "other", "other@whisper")
    together = Predictions.concatenate([make(name, place) for place, name in enumerate(names)])
    report = build(together, "base", Facts(), 0)
    (found,) = [part for part in sections(report) if part.title == "Transcripts"]
    assert found.table is not None
    assert list(found.table.header) == ["system", "metric", "the corpus's", "whisper"]
    first = found.table.rows[0]
    assert list(first[:2]) == ["base", "UAR"]
    expected = [report.scores[name].metrics["unweighted_average_recall"].pooled.value for name in names[:2]]
    assert list(first[2:]) == [number(value) for value in expected]
    assert [row[0] for row in rows(report, "Figures")] == ["base", "other"]


def test_the_list_of_utterances_is_that_behind_the_figures(report: Report, tmp_path: Path) -> None:
    predictions = report.parts["toy"]
    predictions.truth[0] = 0
    predictions.truth_dimensions[1, 0] = np.nan
    figures = counted(predictions)
    assert {name: int(mask.sum()) for name, mask in figures.items()} == {"categories": 23, "valence": 23, "arousal": 24}
    write_utterances(report.parts, tmp_path / "list.csv")
    head, *lines = [line.split(",") for line in (tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == sum(map(len, report.parts.values()))
    mine = [dict(zip(head, line, strict=True)) for line in lines[: len(predictions)]]
    assert [line["utterance"] for line in mine] == predictions.ids.tolist()
    assert [line["counts_in_categories"] for line in mine].count("1") == 23
    right = [line["true"] == line["predicted"] for line in mine if line["counts_in_categories"] == "1"]
    assert np.mean(right) == score(predictions, 0).metrics["weighted_average_recall"].pooled.value
    found = digests(predictions)
    assert found["valence"][0] == 23
    assert len(found["valence"][1]) == DIGEST_LETTERS
    shuffled = predictions.select(np.ones(len(predictions), bool))
    assert digests(shuffled) == found
    assert found["valence"][1] != found["arousal"][1]


def test_a_run_of_trainings_alone_tells_what_their_records_know(exported: Any, toy_run: Any) -> None:
    facts = read_facts(exported.run)
    assert facts.recipe["name"] == "toy"
    assert list(facts.costs) == ["toy"]
    whole = read_facts(toy_run.folder)
    assert sorted(whole.costs) == [f"{name}/fold-{fold}" for name in ("categories-alone", "toy") for fold in (1, 2)]
    assert (whole.folds, whole.seeds, whole.grid) == (["fold-1", "fold-2"], [1], "")
    assert whole.corpora[0]["speakers"] == 6
    assert whole.versions["torch"]
    assert read_facts(toy_run.folder / "toy" / "fold-1").folds == ["fold-1"]
    assert read_facts(exported.bundle.path) == Facts()
