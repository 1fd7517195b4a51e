"""Laws of the one command: from a release and two public encoders to a report and a bundle that predicts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge.errors import CorpusError, RecipeError
from emobridge.training.data.batches import Batch, BatchStream
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import parse_recipe, read_recipe
from emobridge.training.experiments.train_fold import train

Command = Callable[..., tuple[int, str, str]]
SMALL = ("model.width=16", "model.heads=2", "training.steps=3", "evaluation.resamples=10")
GRID = """
name = "small"
[questions.tasks]
title = "Do categories and dimensions help each other?"
needs = ["categories", "dimensions"]
[questions.tasks.variants.categories-alone]
"loss.dimension_weight" = 0.0
"""


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "cache"))


def options(values: tuple[str, ...]) -> list[str]:
    return [text for value in values for text in ("--set", value)]


@pytest.mark.usefixtures("own_cache")
def test_one_command_leads_from_a_release_to_a_report_and_a_bundle_that_predicts(
    run: Command, iemocap: Path, checkpoint: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    out, bundle = tmp_path / "run", tmp_path / "bundle"
    encoders = (f"acoustic.encoder={checkpoint('hubert')}", f"linguistic.encoder={checkpoint('deberta-v2')}")
    command = ("crossvalidate", "ispas2023", "--data", iemocap, "--out", out, "--grid", tmp_path / "grid.toml")
    command = (*command, "--fold", 1, "--fold", 2, "--export", bundle, *options((*SMALL, *encoders)))
    status, output, errors = run(*command)
    assert status == 0, errors
    predictions = Predictions.read(out / "predictions.parquet")
    assert set(predictions.variants) == {"ispas2023", "categories-alone"}
    assert set(predictions.speakers) == {"Ses01F", "Ses01M"}
    page = (out / "report.html").read_text(encoding="utf-8")
    for told in ("only label=ang,hap,exc,sad,neu", "Those whom the speaker talks to validate", "shared by design",
                 "Ispas et al. 2023", "Do categories and dimensions help each other?"):  # fmt: skip
        assert told in page, told
    assert f"{bundle}: ispas2023 " in output
    sound = next(iemocap.glob("Session1/sentences/wav/*/*.wav"))
    (tmp_path / "said.txt").write_text("so angry by the door", encoding="utf-8")
    arguments = ("--model", bundle, "--format", "json", "--transcript", tmp_path / "said.txt")
    status, output, errors = run("predict", sound, *arguments)
    assert status == 0, errors
    segment = json.loads(output)["segments"][0]
    assert segment["modalities"] == ["acoustic", "linguistic"]
    assert sum(segment["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)
    assert set(segment["probabilities"]) == {"angry", "happy", "neutral", "sad"}
    assert all(0 <= segment["dimensions"][name] <= 1 for name in ("valence", "arousal"))


def test_all_that_is_missing_is_told_at_once_before_any_work(run: Command, tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    missing = options(("acoustic.encoder=no/speech", "linguistic.encoder=no/text", "linguistic.revision=v2"))
    status, output, errors = run(
        "crossvalidate", "ispas2023", "--data", tmp_path / "corpora", "--out", tmp_path / "run", *missing
    )
    assert (status, output) == (1, "")
    told = errors.splitlines()[-1]
    assert told.startswith("emobridge: recipe 'ispas2023' needs 3 things that are not here")
    assert f"'{tmp_path}/corpora' does not hold the corpus iemocap" in told
    assert "https://sail.usc.edu/iemocap/" in told
    assert "hf download no/speech" in told
    assert "hf download no/text --revision v2" in told


def test_one_missing_thing_is_the_error_itself(tmp_path: Path, checkpoint: Callable[..., str]) -> None:
    encoders = [f"acoustic.encoder={checkpoint('hubert')}", f"linguistic.encoder={checkpoint('deberta-v2')}"]
    with pytest.raises(CorpusError, match="does not hold the corpus iemocap"):
        crossvalidate(read_recipe("ispas2023", encoders), tmp_path, tmp_path / "run")


def test_a_folder_that_is_no_bundle_is_refused_before_any_work(run: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    status, _, errors = run("crossvalidate", "ispas2023", "--out", tmp_path / "run", "--export", tmp_path)
    assert status == 1
    assert "is not empty and holds no bundle" in errors.splitlines()[-1]


@pytest.mark.usefixtures("own_cache")
def test_the_recurrent_baseline_learns_three_dimensions_alone(
    iemocap: Path, checkpoint: Callable[..., str], tmp_path: Path
) -> None:
    encoders = (f"acoustic.encoder={checkpoint('hubert')}", f"linguistic.encoder={checkpoint('deberta-v2')}")
    recipe = read_recipe("guder2024", [*SMALL, *encoders])
    found = crossvalidate(recipe, iemocap, tmp_path / "run", [1])
    assert (found.categories, found.dimensions) == ((), ("valence", "arousal", "dominance"))
    assert len(found.ids) == 4  # unlabelled turns are rated too


def test_variants_with_encoders_of_their_own_need_them_at_once(
    toy_values: Callable[..., dict[str, Any]], checkpoint: Callable[..., str], tmp_path: Path
) -> None:
    values = toy_values(("acoustic", "linguistic"))
    values["acoustic"] = {"encoder": checkpoint("hubert")}
    values["linguistic"] = {"encoder": "no/text"}
    values["variants"] = {"other": {"acoustic.encoder": "no/speech"}}
    with pytest.raises(RecipeError, match=r"needs 2 things that are not here; .*no/text.*no/speech"):
        crossvalidate(parse_recipe(values), None, tmp_path / "run")


@pytest.mark.usefixtures("own_cache")
def test_vectors_of_public_encoders_are_batched_for_training_alone(
    iemocap: Path, checkpoint: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = (f"acoustic.encoder={checkpoint('hubert')}", f"linguistic.encoder={checkpoint('deberta-v2')}")
    draw, drawn = BatchStream.batch, []

    def counted(stream: BatchStream, number: int) -> Batch:
        drawn.append(number)
        return draw(stream, number)

    monkeypatch.setattr(BatchStream, "batch", counted)
    train(read_recipe("ispas2023", [*SMALL, *encoders]), iemocap, tmp_path / "run")
    assert drawn == [0, 1, 2]  # as many as steps: a few dozen long recordings more would fill the memory
