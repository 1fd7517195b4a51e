"""Laws of the learning commands: they do what the library does, resume, and end a user's mistake in one line."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emobridge import cli
from emobridge.learning import experiment
from emobridge.learning.evaluation.predictions import Predictions

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
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """A function (*arguments) -> (exit status, standard output, standard error), run in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output, errors = capfd.readouterr()
        assert not list((tmp_path / "here").iterdir()), "a command left files in the working directory"
        assert isinstance(ended.value.code, int | None)
        return ended.value.code or 0, output, errors

    return run


@pytest.fixture
def recipe(tmp_path: Path, toy_table: Path) -> Path:
    (tmp_path / "mine.toml").write_text(RECIPE.format(table=toy_table), encoding="utf-8")
    return tmp_path / "mine.toml"


def test_a_corpus_is_counted_and_its_folds_audited(run: Command, toy_table: Path) -> None:
    status, output, errors = run("corpus", f"table:{toy_table}", "--leaks")
    assert (status, errors) == (0, "")
    assert "36 utterances" in output
    assert "angry 12, neutral 12, sad 12" in output
    assert [line.strip() for line in output.splitlines() if "leak" in line] == [
        f"fold_{number}: no leak" for number in range(1, 6)
    ]


def test_what_the_folds_exclude_is_told(run: Command, tmp_path: Path, write_toy_table: Callable[..., Path]) -> None:
    parts = {"anna": "train", "ben": "validation", "cleo": "test"}
    table = write_toy_table(tmp_path / "leaky", lambda row: {**row, "split": parts.get(row["speaker"], "train")})
    twin = table.parent / "cleo-sad-0.wav"
    shutil.copyfile(table.parent / "anna-sad-0.wav", twin)
    status, output, _ = run("corpus", f"table:{table}", "--leaks")
    assert status == 0
    assert "excluded   anna-sad-0.wav: its recording nearly equals that of cleo-sad-0.wav" in output
    assert "authors: no leak" in output


def test_leaks_are_told(run: Command, tmp_path: Path, write_toy_table: Callable[..., Path]) -> None:
    parts = {"0": "test", "1": "train"}

    def as_text(row: dict[str, Any]) -> dict[str, Any]:
        split = "validation" if row["speaker"] == "ben" else parts[row["file"].removesuffix(".wav")[-1]]
        return {**row, "file": "", "text": "oh my god", "split": split}

    table = write_toy_table(tmp_path, as_text)
    status, output, _ = run("corpus", f"table:{table}", "--leaks")
    assert status == 0
    assert "authors: 1 leaks" in output
    assert "speaker: 5 in both train and test (anna, cleo, " in output


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
    assert names == {"folds-table-toy.json", "predictions.parquet", *files.values()}
    trained, judged = (Predictions.read(tmp_path / name / "predictions.parquet") for name in ("run", "judged"))
    assert trained.ids.tolist() == judged.ids.tolist()
    sound = toy_table.parent / "anna-sad-0.wav"
    status, output, _ = run("predict", sound, "--model", tmp_path / "model", "--format", "json", "--threads", 1)
    assert status == 0
    assert json.loads(output)["model"]["name"] == "mine"


def test_an_interrupted_crossvalidation_goes_on_with_the_same_command(
    run: Command, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("crossvalidate", recipe, "--fold", 1, "--fold", 2, "--set", "training.steps=3")
    assert run(*command, "--out", tmp_path / "whole")[0] == 0
    train, calls = experiment.train_system, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(experiment, "train_system", interrupted)
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
        (("export", "gone", "--out", "OUT"), "run.json cannot be read"),
        (("corpus", "table:gone.csv"), "'gone.csv' cannot be read"),
        (("corpus", "ravdes", "."), "did you mean 'ravdess'?"),
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
