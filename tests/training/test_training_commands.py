"""Laws of the learning commands: they do what the library does, resume, and end a user's mistake in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments import train_fold

RECIPE = """
name = "mine"
[data]
dimensions = ["valence"]
[[data.corpora]]
name = "table:{table}"
[acoustic]
width = 16
[model]
width = 16
refinement_layers = 0
[training]
steps = 4
checkpoint_steps = 2
[[training.streams]]
batch_size = 8
[evaluation]
folds = 3
resamples = 20
"""
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recipe(tmp_path: Path, toy_table: Path) -> Path:
    (tmp_path / "mine.toml").write_text(RECIPE.format(table=toy_table), encoding="utf-8")
    return tmp_path / "mine.toml"


def test_from_recipe_to_predictions_on_the_command_line(
    run: Command, recipe: Path, toy_table: Path, tmp_path: Path
) -> None:
    status, output, _ = run("train", recipe, "--out", tmp_path / "run", "--threads", 1)
    assert status == 0
    written = json.loads(output.splitlines()[-1])
    files = {"page": "report.html", "report": "report.md", "scores": "scores.json", "utterances": "utterances.csv"}
    assert written == {name: f"{tmp_path}/run/{file}" for name, file in files.items()}
    assert (tmp_path / "run" / "report.md").read_text(encoding="utf-8") in output
    status, output, _ = run("export", tmp_path / "run", "--out", tmp_path / "model")
    assert status == 0
    assert "mine 0." in output
    status, output, _ = run("evaluate", tmp_path / "model", recipe, "--out", tmp_path / "judged")
    assert status == 0
    names = {path.name for path in (tmp_path / "judged").iterdir()}
    assert names == {"folds-table-toy.json", "predictions.parquet", "split.json", *files.values()}
    trained, judged = (Predictions.read(tmp_path / name / "predictions.parquet") for name in ("run", "judged"))
    assert trained.ids.tolist() == judged.ids.tolist()
    sound = toy_table.parent / "anna-sad-0.wav"
    status, output, _ = run("predict", sound, "--model", tmp_path / "model", "--format", "json", "--threads", 1)
    assert status == 0
    assert json.loads(output)["model"]["name"] == "mine"


def test_the_result_of_corpora_left_out_has_a_folder_of_its_own(
    run: Command, recipe: Path, toy_table: Path, tmp_path: Path
) -> None:
    other = toy_table.with_name("other.csv")
    other.write_text(toy_table.read_text(encoding="utf-8"), encoding="utf-8")
    corpora = f"data.corpora=[{{name='table:{toy_table}'}}, {{name='table:{other}'}}]"
    short = ("--set", corpora, "--set", "training.steps=1", "--fold", 1)
    status, output, _ = run("crossvalidate", recipe, "--out", tmp_path / "run", "--leave-corpus-out", *short)
    assert status == 0
    page = tmp_path / "run" / "corpora-left-out" / "report.html"
    assert json.loads(output.splitlines()[-1])["page"] == str(page)
    assert page.exists()
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir()) == ["corpora-left-out", "mine"]


IEMOCAP = """
name = "iemocap"
[data]
categories = "four"
votes = false
dimensions = ["valence", "arousal"]
[[data.corpora]]
name = "iemocap"
only = ["label=ang,hap,exc,sad,neu"]
protocol = "{protocol}"
[acoustic]
width = 16
[model]
width = 16
refinement_layers = 0
[training]
steps = 1
[[training.streams]]
batch_size = 8
[evaluation]
resamples = 20
"""


def test_a_leaking_split_is_refused_or_allowed_and_reported_first(run: Command, iemocap: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(IEMOCAP.format(protocol="speaker-next-session"), encoding="utf-8")
    command = ("train", recipe, "--data", iemocap, "--threads", 1, "--out")
    status, output, errors = run(*command, tmp_path / "run")
    assert (status, output) == (1, "")
    told = next(line for line in errors.splitlines() if line.startswith("emobridge: "))
    assert "Ses01F of iemocap leaks: dialogue: 2 in both train and test (Ses01F_impro01, Ses01F_script01_1);" in told
    assert (
        told.count("--allow-leak")
        == told.count("--allow-leak dialogue: then the report says so on its first line")
        == 1
    )
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    status, output, _ = run(*command, tmp_path / "run", "--allow-leak", "dialogue")
    assert status == 0
    first, *rest = (tmp_path / "run" / "report.md").read_text(encoding="utf-8").splitlines()
    assert first.startswith("**This split leaks, and training was told to go on (--allow-leak dialogue).** iemocap: ")
    assert rest[:2] == ["", "# iemocap"]
    assert output.startswith(first)


def test_what_the_paper_s_protocol_shares_by_design_is_told_and_no_leak(
    run: Command, iemocap: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(IEMOCAP.format(protocol="speaker-partner"), encoding="utf-8")
    assert run("train", recipe, "--data", iemocap, "--out", tmp_path / "run", "--threads", 1)[0] == 0
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert report.startswith("# iemocap\n")
    split = report.partition("Split of iemocap\n")[2].partition("\n## ")[0]
    assert "30 of 40 utterances, only label=ang,hap,exc,sad,neu; folds: 10. Each speaker is" in split
    assert "- shared by design, partner: 2 in both validation and test (Ses01F_impro01, Ses01F_script01_1)" in split
    assert "- shared by design, script: " in split
    assert "leak" not in split.partition("## Split")[2]


def test_an_interrupted_crossvalidation_goes_on_with_the_same_command(
    run: Command, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("crossvalidate", recipe, "--fold", 1, "--fold", 2, "--set", "training.steps=3")
    assert run(*command, "--out", tmp_path / "whole")[0] == 0
    train, calls = train_fold.train_system, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(train_fold, "train_system", interrupted)
    assert run(*command, "--out", tmp_path / "part")[0] == 130
    assert run(*command, "--out", tmp_path / "part")[0] == 0
    assert len(calls) == 3  # the finished fold is not trained again
    for name in ("scores.json", "utterances.csv"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    whole, part = ((tmp_path / name / "report.md").read_text(encoding="utf-8") for name in ("whole", "part"))
    assert part.partition("## Time and memory")[0] == whole.partition("## Time and memory")[0]


def test_two_systems_are_compared_and_a_run_is_reported_again(run: Command, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    grid = tmp_path / "grid.toml"
    grid.write_text('name = "g"\n[questions.q]\ntitle = "Longer?"\n[questions.q.variants.long]\n"training.steps" = 6\n')
    status, output, _ = run("crossvalidate", recipe, "--out", out, "--grid", grid, "--seeds", "1, 2", "--fold", 1)
    assert status == 0
    assert "## Longer?" in output
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    status, output, errors = run("report", out)
    assert (status, output.strip(), errors) == (0, f"{out}/report.html", "")
    assert (out / "report.html").read_bytes().count(b"<h2>") == page.count(b"<h2>")
    assert run("report", out, "--out", tmp_path / "copy.html")[0] == 0
    assert (tmp_path / "copy.html").read_bytes() == (out / "report.html").read_bytes()
    status, output, _ = run("compare", f"{out}:long", out, "--resamples", 20)
    assert status == 0
    assert output.startswith("12 utterances; a speaker is one observation")
    assert [line.split("|")[2].strip() for line in output.splitlines() if line.startswith("| long ")] == [
        "UAR", "weighted F1", "CCC valence", "WAR"
    ]  # fmt: skip
    assert run("compare", out / "predictions.parquet", f"{out}:toy", "--resamples", 2)[0] == 1
    other = tmp_path / "other"
    assert run("train", recipe, "--out", other, "--fold", 2)[0] == 0
    status, _, errors = run("compare", out, other, "--resamples", 2)
    assert status == 1
    assert "share 0 utterances of 12 and 12" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "ravdes", "--out", "OUT"), "there is no recipe 'ravdes'"),
        (("train", "RECIPE", "--out", "OUT", "--set", "training.stps=4"), "did you mean 'steps'?"),
        (("train", "RECIPE", "--out", "OUT", "--set", "training.steps=many"), "'training.steps' is 'many'"),
        (("train", "RECIPE", "--out", "OUT", "--fold", 9), "fold 9; this recipe has folds 1 to 3"),
        (("train", "RECIPE", "--out", "RECIPE"), "mine.toml' cannot be made"),
        (("crossvalidate", "RECIPE", "--out", "OUT", "--set", "evaluation.folds=9"), "9 parts; table-toy has 6"),
        (("crossvalidate", "RECIPE", "--out", "OUT", "--set", "data.dimensions=['joy']"), "data.dimensions 'joy'"),
        (("crossvalidate", "RECIPE", "--out", "OUT", "--seeds", "1;2"), "--seeds '1;2'"),
        (("crossvalidate", "RECIPE", "--out", "OUT", "--grid", "ablation"), "did you mean 'ablations'?"),
        (("compare", "gone", "gone:variant"), "'gone' does not exist"),
        (("report", "."), "predictions.parquet' does not exist"),
        (("crossvalidate", "RECIPE", "--out", "OUT", "--leave-corpus-out"), "two corpora with sound are needed"),
        (("evaluate", "gone", "RECIPE", "--out", "OUT"), "model 'gone'"),
        (("export", "gone", "--out", "OUT"), "run.json' cannot be read"),
        (("train", "RECIPE", "--out", "OUT", "--allow-leak", "speakr"), "leak 'speakr'; valid: speaker, dialogue"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_1(
    run: Command, recipe: Path, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    places = {"RECIPE": recipe, "OUT": tmp_path / "out"}
    status, output, errors = run(*(places.get(str(argument), argument) for argument in arguments))
    assert (status, output) == (1, "")
    lines = [line for line in errors.splitlines() if line.startswith("emobridge: ")]
    assert errors.splitlines()[-1:] == lines
    assert words in lines[0]
