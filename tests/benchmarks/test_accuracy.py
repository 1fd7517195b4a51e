"""The benchmark's page, plot and README section say what accuracy.json says, and that is what the predictions say."""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import peers, results, tables, tasks
from benchmarks.accuracy import systems as accuracy
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.recipe import Recipe, parse_recipe

WORDS = {"angry": "hate", "happy": "love", "neutral": "see"}


def write_texts(path: Path) -> Path:
    parts = ("train", "train", "validation", "test")
    lines = ["text,label,speaker,valence,split"]
    for number in range(40):
        for place, (label, word) in enumerate(WORDS.items()):
            spoken = word if number % 5 else "hate"
            lines.append(f"number {number} i {spoken} it,{label},s{number},{0.4 * place},{parts[number % 4]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    table = write_texts(tmp_path_factory.mktemp("corpus") / "texts.csv")
    return parse_recipe(
        {
            "name": "oracle",
            "data": {
                "corpora": [{"name": f"table:{table}", "modalities": ["linguistic"]}],
                "categories": "seven",
                "dimensions": ["valence"],
            },
            "linguistic": {},
        }
    )


def said_rightly(task: tasks.Task, variant: str, share: float) -> Predictions:
    """Return predictions that hold the truth for ``share`` of the utterances, and an even guess else."""
    predictions = peers.majority(task).predictions
    right = (np.arange(len(predictions)) < share * len(predictions))[:, None]
    return dataclasses.replace(
        predictions,
        variants=np.full(len(predictions), variant),
        probabilities=np.where(right, predictions.truth, predictions.probabilities).astype(np.float32),
        predicted_dimensions=np.where(right, predictions.truth_dimensions, 0.5).astype(np.float32),
    )


@pytest.fixture(scope="module")
def measured(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is measured of a recipe that is always right, and of an ablation that is right half of the time."""
    name, folder = recipe.data.corpora[0].name, tmp_path_factory.mktemp("run")

    def crossvalidate(*arguments: Any, **named: Any) -> Predictions:
        task = tasks.within(name, "seven", None, folder)
        return Predictions.concatenate([said_rightly(task, "oracle", 1.0), said_rightly(task, "half", 0.5)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOBRIDGE_CACHE", os.fspath(folder / "cache"))
        patch.setattr(accuracy, "crossvalidate", crossvalidate)
        found = accuracy.measure([name], [recipe], None, folder, speech=(), resamples=50)
    return json.loads(json.dumps(found))


def figures(measured: dict[str, Any], labels: str, system: str) -> dict[str, Any]:
    (entry,) = (entry for entry in measured["entries"] if entry["labels"] == labels)
    return entry["systems"][system]


def test_a_recipe_stands_beside_the_peers_of_its_own_label_set(measured: dict[str, Any]) -> None:
    assert [entry["labels"] for entry in measured["entries"]] == ["seven", "own"]
    assert list(measured["entries"][1]["systems"]) == [peers.MAJORITY, "TF-IDF + SVM"]
    assert list(measured["entries"][0]["systems"]) == [peers.MAJORITY, "TF-IDF + SVM", "oracle", "half"]


def test_a_majority_guess_has_the_recall_of_chance_and_an_oracle_has_all(measured: dict[str, Any]) -> None:
    for labels in ("own", "seven"):
        assert figures(measured, labels, peers.MAJORITY)["unweighted_average_recall"]["value"] == pytest.approx(1 / 3)
    oracle = figures(measured, "seven", "oracle")
    assert oracle["unweighted_average_recall"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert oracle["concordance_cc_valence"]["value"] == pytest.approx(1.0)


def test_a_difference_is_that_of_the_two_figures(measured: dict[str, Any]) -> None:
    (oracle,) = measured["entries"][0]["differences"].values()
    assert list(oracle) == [peers.MAJORITY, "TF-IDF + SVM", "half"]
    for reference, metrics in oracle.items():
        for name, difference in metrics.items():
            ours, theirs = (figures(measured, "seven", system)[name]["value"] for system in ("oracle", reference))
            if ours is not None and theirs is not None:
                assert difference["value"] == pytest.approx(ours - theirs, abs=2e-6)
    assert oracle["half"]["unweighted_average_recall"]["share_not_positive"] == 0


def test_the_summary_shows_the_label_set_of_the_recipe(measured: dict[str, Any]) -> None:
    found = results.rows(measured, results.WITHIN)
    assert [(row.metric, row.entry["labels"], row.recipe) for row in found] == [
        ("weighted_f1", "seven", "oracle"),
        ("concordance_cc_valence", "seven", "oracle"),
    ]
    without = measured | {"recipes": {}, "entries": measured["entries"][1:]}
    assert [row.recipe for row in results.rows(without, results.WITHIN)] == [None, None]


def test_means_are_by_labels_and_by_raters_where_they_voted() -> None:
    def uar(corpus: str, truth: str, linear: float, recipe: float) -> results.Row:
        systems = {peers.LINEAR["acoustic"]: linear, "toy": recipe}
        figures = {
            name: {"unweighted_average_recall": {"value": value, "low": None, "high": None}}
            for name, value in systems.items()
        }
        entry = {"corpus": corpus, "truth": truth, "modality": "acoustic", "systems": figures}
        return results.Row(entry, "unweighted_average_recall", "toy")

    intended, voted = uar("one", results.LABEL, 0.1, 0.2), uar("one", results.VOTES, 0.5, 0.4)
    other = uar("two", results.LABEL, 0.3, 0.8)
    by_labels = "Mean UAR of one, two, by the authors' labels: linear model 0.200, recipe 0.500."
    by_raters = (
        "Mean UAR of one, two, by the majority of the raters on one, by the authors' labels elsewhere: "
        "linear model 0.400, recipe 0.600."
    )
    assert tables.mean_sentences([intended, other]) == by_labels
    assert tables.mean_sentences([intended, voted, other]) == f"{by_labels} {by_raters}"
    assert tables.mean_sentences([voted, other]) == by_raters.replace("one, two,", "two, one,")
    assert tables.mean_sentences([intended]) == tables.mean_sentences([intended, voted]) == ""


def cells_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def tables_in(page: str) -> list[list[list[str]]]:
    return [cells_of(found) for found in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE)]


def test_every_table_is_well_formed(measured: dict[str, Any]) -> None:
    found = tables_in(tables.page(measured))
    assert len(found) == 4  # a summary, two label sets, and the recipe against what it is compared with
    for header, rule, *rows in found:
        assert all(re.fullmatch("-+", cell) for cell in rule)
        assert rows
        assert {len(header)} == {len(row) for row in (rule, *rows)}


def test_the_page_and_the_readme_show_the_stored_figures(measured: dict[str, Any]) -> None:
    metrics = figures(measured, "seven", "TF-IDF + SVM")
    corpus = measured["entries"][0]["corpus"]
    shown = {(results.WITHIN, corpus, metric, results.LABEL): metric for metric in metrics}
    section = tables.readme_section(measured, shown)
    for table, recipe in ((tables_in(tables.page(measured))[0], tables.RECIPE), (cells_of(section), "emobridge")):
        header, _, *rows = table
        rows = [row for row in rows if row[header.index("measure")] in ("weighted F1", "CCC valence")]
        for row, metric in zip(rows, ("weighted_f1", "concordance_cc_valence"), strict=True):
            stored = metrics[metric]
            shown = re.findall(r"[\d.]+", row[header.index(tables.PEER)])
            assert [float(number) for number in shown] == [
                pytest.approx(stored[key], abs=5e-4) for key in ("value", "low", "high")
            ]
            assert row[header.index(recipe)].startswith("1.000")


def test_what_was_published_is_found_equal_until_somebody_edits_it(
    measured: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [report], is not installed")
    readme, out = tmp_path / "README.md", tmp_path / "out"
    readme.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n", encoding="utf-8")
    accuracy.publish(measured, out, readme)
    assert "old" in readme.read_text(encoding="utf-8")  # only the committed folder feeds the README
    monkeypatch.setattr(accuracy, "COMMITTED", out)
    assert accuracy.outdated(out, readme) == ["README.md"]
    accuracy.publish(measured, out, readme)
    assert readme.read_text(encoding="utf-8").startswith(f"before\n{tables.BEGIN}\n| task")
    assert readme.read_text(encoding="utf-8").endswith(f"{tables.END}\nafter\n")
    assert accuracy.outdated(out, readme) == []
    page = out / "accuracy.md"
    page.write_text(page.read_text(encoding="utf-8").replace("1.000", "0.999", 1), encoding="utf-8")
    assert accuracy.outdated(out, readme) == ["accuracy.md"]


def test_the_same_results_give_the_same_plot(measured: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [report], is not installed")
    plots = [tmp_path / name for name in ("one.svg", "other.svg")]
    for plot in plots:
        accuracy.draw(measured, plot)
    assert plots[0].read_bytes() == plots[1].read_bytes()


def test_an_unknown_corpus_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["--only", "ravdes"]) == 1
    message = capsys.readouterr().err
    assert "'ravdes'" in message
    assert "did you mean 'ravdess'?" in message
    assert message.count("\n") == 1


def test_the_committed_pages_say_what_the_committed_figures_say() -> None:
    assert accuracy.outdated(accuracy.COMMITTED) == []


def test_committed_figures_lie_in_their_intervals() -> None:
    stored = json.loads((accuracy.COMMITTED / "accuracy.json").read_text(encoding="utf-8"))
    assert {entry["corpus"] for entry in stored["entries"]} == set(tasks.CORPORA)
    for entry in stored["entries"]:
        for metrics in entry["systems"].values():
            for metric in results.headlines(entry):
                figure = metrics.get(metric, {"value": None})
                if figure["value"] is not None:
                    assert figure["low"] <= figure["value"] <= figure["high"]
