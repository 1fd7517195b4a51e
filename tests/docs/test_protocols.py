"""docs/protocols.md names every protocol and every leak, and its recipe and fold file are read as it says."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.experiments.recipe import parse_recipe
from emobridge.training.splits.folds import GUARDS, LEAKS, read_folds, resolve
from emobridge.training.splits.protocols import PROTOCOLS, SCRIPT_DISJOINT, make_folds

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_page_has_a_row_for_each_protocol(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("name", LEAKS)
def test_page_has_a_row_for_each_leak(name: str) -> None:
    assert f"| `{name}` |" in PAGE


def test_recipe_on_the_page_is_valid_and_its_protocol_a_rule() -> None:
    (entry,) = parse_recipe(tomllib.loads(block("toml"))).data.corpora
    assert entry.protocol == f"session{SCRIPT_DISJOINT}"
    assert entry.only == ("label=ang,hap,exc,sad,neu", "situation=improvised")


def speaker(session: int, role: str) -> Utterance:
    name = f"Ses{session:02d}{role}"
    return Utterance(name, "iemocap", name, text=name, dialogue=name[:5], attributes={"session": str(session)})


@pytest.fixture
def ten_speakers() -> Corpus:
    utterances = tuple(speaker(session, role) for session in range(1, 6) for role in "FM")
    return Corpus("iemocap", utterances, (), {}, "en", "", "", "")


def test_fold_file_on_the_page_is_read_and_promises_what_the_page_says(tmp_path: Path, ten_speakers: Corpus) -> None:
    (tmp_path / "mine.json").write_text(block("json"), encoding="utf-8")
    fold_file = read_folds(tmp_path / "mine.json")
    assert fold_file.guards == GUARDS
    (fold,) = resolve(fold_file, ten_speakers)
    assert [len(part) for part in fold.parts.values()] == [6, 2, 2]
    content = json.loads(block("json"))
    del content["guards"]
    (tmp_path / "mine.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_folds(tmp_path / "mine.json") == fold_file


@pytest.mark.parametrize(
    ("protocol", "counts"),
    [("speaker-partner", (8, 1, 1)), ("speaker-next-session", (8, 1, 1)), ("session", (6, 2, 2))],
)
def test_of_ten_speakers_in_five_sessions_as_many_train_as_the_page_says(
    protocol: str, counts: tuple[int, ...], ten_speakers: Corpus
) -> None:
    genders = {"F": "female", "M": "male"}
    utterances = tuple(
        Utterance(**{**vars(one), "attributes": {**one.attributes, "gender": genders[one.id[-1]]}})
        for one in ten_speakers.utterances
    )
    corpus = Corpus(**{**vars(ten_speakers), "utterances": utterances})
    folds = resolve(make_folds(corpus, 5, protocol), corpus)
    assert len(folds) == (5 if protocol == "session" else 10)
    assert {tuple(len(part) for part in fold.parts.values()) for fold in folds} == {counts}
