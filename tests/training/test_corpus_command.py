"""Laws of `emobridge corpus`: what is there, what is published, what cannot be used, and every leak of any split."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., tuple[int, str, str]]


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


def test_what_a_split_shares_by_design_is_told(
    run: Command, tmp_path: Path, write_toy_table: Callable[..., Path]
) -> None:
    parts = {"0": "test", "1": "train"}

    def as_text(row: dict[str, Any]) -> dict[str, Any]:
        split = "validation" if row["speaker"] == "ben" else parts[row["file"].removesuffix(".wav")[-1]]
        return {**row, "file": "", "text": "oh my god", "split": split}

    table = write_toy_table(tmp_path, as_text)
    status, output, _ = run("corpus", f"table:{table}", "--leaks")
    assert status == 0
    assert "authors: no leak" in output  # of texts, the authors' split may share speakers
    assert "by design, speaker: 5 in both train and test (anna, cleo, " in output


def test_published_counts_stand_beside_what_was_found(run: Command, iemocap: Path) -> None:
    status, output, _ = run("corpus", "iemocap", iemocap)
    assert status == 0
    published = [line.split() for line in output.splitlines() if line.strip().startswith("published")]
    assert published[0] == ["published", "utterances", "10039,", "found", "40", "(differs)"]
    assert ["published", "four,", "happy", "1636,", "found", "12", "(differs)"] in published
    assert ["published", "four,", "Ses05M", "651,", "found", "3", "(differs)"] in published


def test_every_problem_file_is_named(run: Command, iemocap: Path, tmp_path: Path) -> None:
    release = Path(shutil.copytree(iemocap, tmp_path / "release"))
    torn = sorted(release.glob("Session*/sentences/wav/*/*.wav"))[:30:10]
    for path in torn:
        path.write_bytes(path.read_bytes()[:2000])
    status, output, _ = run("corpus", "iemocap", release)
    assert status == 0
    left_out = [line for line in output.splitlines() if line.startswith("  left out")]
    assert len(left_out) == len(torn) == 3
    assert all(str(path) in line for path, line in zip(torn, left_out, strict=True))


def test_a_part_of_a_corpus_is_counted_and_split_by_any_protocol(run: Command, iemocap: Path) -> None:
    command = ("corpus", "iemocap", iemocap, "--only", "situation=improvised", "--protocol")
    status, output, _ = run(*command, "session")
    assert status == 0
    assert "iemocap: 20 utterances" in output
    assert "40 utterances that the corpus has" in output
    assert "guards     against speaker, dialogue, partner, recording, selection" in output
    assert [line.strip() for line in output.splitlines() if "session_" in line] == [
        f"session_{place}: no leak" for place in range(1, 6)
    ]
    status, output, _ = run(*command, "speaker-next-session")
    assert "Ses03M: 2 leaks" in output
    assert "dialogue: 1 in both train and test (Ses03F_impro01)" in output


def test_a_split_that_selects_on_test_is_found_in_any_file(run: Command, iemocap: Path, tmp_path: Path) -> None:
    speakers = {"speakers": ["Ses05F", "Ses05M"]}
    folds = [{"name": "last_session", "test": speakers, "validation": speakers}]
    content = {"corpus": "iemocap", "version": 1, "rule": "As in many papers.", "folds": folds, "excluded": []}
    (tmp_path / "mine.json").write_text(json.dumps(content), encoding="utf-8")
    status, output, _ = run("corpus", "iemocap", iemocap, "--protocol", tmp_path / "mine.json")
    assert status == 0
    assert "last_session: 3 leaks" in output
    assert "selection: 8 in both validation and test (Ses05F_impro01_F000, " in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("corpus", "table:gone.csv"), "'gone.csv' cannot be read"),
        (("corpus", "ravdes", "."), "did you mean 'ravdess'?"),
        (("corpus", "iemocap", "RELEASE/Session2"), "is one session of IEMOCAP"),
        (("corpus", "iemocap", "RELEASE", "--only", "label=angry"), "did you mean 'ang'?"),
        (("corpus", "iemocap", "RELEASE", "--protocol", "sesion"), "did you mean 'session'?"),
        (("corpus", "iemocap", "RELEASE", "--protocol", "gone.json"), "fold file 'gone.json'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_1(
    run: Command, iemocap: Path, arguments: tuple[str, ...], words: str
) -> None:
    status, _, errors = run(*(argument.replace("RELEASE", str(iemocap)) for argument in arguments))
    assert status == 1
    (line,) = errors.splitlines()
    assert words in line
