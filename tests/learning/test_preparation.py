"""Laws of preparation: folds keep speakers apart, are stored and used again; test texts are never trained on."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.errors import CorpusError, OutputError, RecipeError
from emobridge.learning.preparation import Prepared, calibration_pairs, prepare
from emobridge.learning.recipe import Recipe, parse_recipe

SUBJECTS = ("baker", "pilot", "nurse", "judge", "miner", "actor", "clerk", "guide", "tutor", "chef")
ENDINGS = [
    "lost the keys again",
    "won a medal today",
    "missed the last train",
    "found an old letter",
    "broke both cups",
]
SENTENCES = [f"our {subject} has {ending} near the {subject} school" for subject in SUBJECTS for ending in ENDINGS]


def write_texts(path: Path, texts: list[str], **columns: list[str]) -> str:
    """Write a table of rated texts and return its name as a corpus."""
    columns = {"text": texts, "valence": [str(number / len(texts)) for number in range(len(texts))], **columns}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return f"table:{path}"


def text_recipe(*names: str, folds: int = 3) -> Recipe:
    corpora = [{"name": name, "modalities": ["linguistic"]} for name in names]
    data = {"dimensions": ["valence"], "corpora": corpora}
    return parse_recipe({"name": "texts", "data": data, "linguistic": {}, "evaluation": {"folds": folds}})


def speakers(prepared: Prepared, rows: Any) -> set[str | None]:
    return {prepared.examples.utterances[row].speaker for row in rows}


def test_folds_of_a_table_keep_speakers_apart_and_test_everybody_once(
    toy_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    prepared = prepare(toy_recipe(), None, tmp_path)
    parts = [prepared.fold(number) for number in (1, 2, 3)]
    for fold in parts:
        sides = [speakers(prepared, rows) for rows in (fold.train, fold.validation, fold.test)]
        assert [len(side) for side in sides] == [2, 2, 2]
        assert len(set.union(*sides)) == 6
    tested = np.concatenate([fold.test for fold in parts])
    assert sorted(tested) == list(range(len(prepared.examples)))


def test_folds_are_stored_in_the_run_and_used_from_there(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    first = prepare(toy_recipe(), None, tmp_path)
    path = tmp_path / "folds-table-toy.json"
    stored = path.read_text()
    swapped = stored.replace("anna", "?").replace("finn", "anna").replace("?", "finn")
    path.write_text(swapped)
    second = prepare(toy_recipe(), None, tmp_path)
    assert path.read_text() == swapped != stored
    names = {"anna": "finn", "finn": "anna"}
    for number in (1, 2, 3):
        before, after = speakers(first, first.fold(number).test), speakers(second, second.fold(number).test)
        assert after == {names.get(str(name), name) for name in before}


def test_a_fold_that_is_not_there_is_refused(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    prepared = prepare(toy_recipe(), None, tmp_path)
    for number in (0, 4):
        with pytest.raises(RecipeError, match=f"fold {number}; this recipe has folds 1 to 3"):
            prepared.fold(number)


def test_texts_of_another_corpus_test_part_are_not_learned_from(tmp_path: Path) -> None:
    splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    ours = write_texts(tmp_path / "ours.csv", SENTENCES[:40], split=splits)
    moved = SENTENCES[30:35] + SENTENCES[40:50] + [text.upper() + "!" for text in SENTENCES[35:40]]
    theirs = write_texts(tmp_path / "theirs.csv", moved, split=["train"] * 12 + ["validation"] * 6 + ["test"] * 2)
    prepared = prepare(text_recipe(ours, theirs), None, tmp_path / "run")
    fold = prepared.fold(1)
    texts = {
        part: {prepared.examples.utterances[row].text.lower().rstrip("!") for row in getattr(fold, part)}
        for part in ("train", "validation", "test")
    }
    assert texts["test"] >= set(SENTENCES[30:40])
    assert not (texts["train"] | texts["validation"]) & texts["test"]
    assert texts["train"] >= set(SENTENCES[:20]) | set(SENTENCES[40:47])


def test_a_split_of_the_authors_is_one_fold_beside_corpora_without(tmp_path: Path) -> None:
    split = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    authors = write_texts(tmp_path / "authors.csv", SENTENCES[:40], split=split)
    prepared = prepare(text_recipe(authors, folds=5), None, tmp_path / "run")
    assert len(prepared.folds) == 1
    assert [len(part) for part in (prepared.fold(1).train, prepared.fold(1).validation, prepared.fold(1).test)] == [
        20,
        10,
        10,
    ]


def test_a_corpus_counts_once(toy_values: Callable[..., dict[str, Any]], toy_table: Path, tmp_path: Path) -> None:
    values = toy_values()
    values["data"]["corpora"] *= 2
    with pytest.raises(RecipeError, match=r"data\.corpora names table-toy twice"):
        prepare(parse_recipe(values), None, tmp_path)


def test_utterances_without_any_used_input_are_in_no_part(
    write_toy_table: Callable[..., Path], toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    silent = {"anna-sad-0.wav", "ben-sad-0.wav"}
    table = write_toy_table(
        tmp_path, lambda row: {**row, "id": row["file"], "file": "" if row["file"] in silent else row["file"]}
    )
    values = toy_values()
    values["data"]["corpora"][0]["name"] = f"table:{table}"
    prepared = prepare(parse_recipe(values), None, tmp_path / "run")
    assert len(prepared.examples) == 36
    for number in (1, 2, 3):
        fold = prepared.fold(number)
        ids = {
            prepared.examples.utterances[row].id for part in (fold.train, fold.validation, fold.test) for row in part
        }
        assert len(ids) == 34
        assert not ids & silent


def test_a_part_without_any_used_input_is_refused(tmp_path: Path) -> None:
    split = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    name = write_texts(tmp_path / "mute.csv", SENTENCES[:40], split=split)
    values = text_recipe(name).to_dict()
    values["data"]["corpora"][0]["modalities"] = ["acoustic"]
    del values["linguistic"]
    prepared = prepare(parse_recipe({**values, "acoustic": {}}), None, tmp_path / "run")
    with pytest.raises(RecipeError, match=r"the train part of fold-1 has no utterance with the sound or text"):
        prepared.fold(1)


def test_a_run_that_cannot_be_a_folder_is_refused_before_any_work(
    toy_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"'.*file' cannot be made"):
        prepare(toy_recipe(), None, tmp_path / "file")


def test_a_missing_table_is_named(toy_values: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    values = toy_values()
    values["data"]["corpora"][0]["name"] = "table:gone.csv"
    with pytest.raises(CorpusError, match=r"'gone\.csv' cannot be read"):
        prepare(parse_recipe(values), None, tmp_path)


def test_what_is_heard_and_read_is_calibrated_under_every_presence(
    toy_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    prepared = prepare(toy_recipe(("acoustic", "linguistic")), None, tmp_path)
    validation = prepared.fold(1).validation
    pairs = calibration_pairs(prepared.examples, validation)
    for presence in ("acoustic", "linguistic", "both"):
        assert sorted(pairs.labelled_by[pairs.presence == presence]) == sorted(validation)


def test_clips_are_paired_with_sentences_of_their_category_where_nothing_has_both(
    write_toy_table: Callable[..., Path], tmp_path: Path
) -> None:
    split = {"anna": "train", "ben": "train", "cleo": "validation", "dan": "validation", "eva": "test", "finn": "test"}
    table = write_toy_table(tmp_path, lambda row: {**row, "text": "", "split": split[row["speaker"]]})
    labels = [("angry", "sad", "neutral")[number % 3] for number in range(40)]
    sentences = write_texts(
        tmp_path / "said.csv", SENTENCES[:40], label=labels, split=["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    )
    corpora = [{"name": f"table:{table}"}, {"name": sentences, "modalities": ["linguistic"]}]
    recipe = parse_recipe({"name": "two", "data": {"corpora": corpora}, "acoustic": {}, "linguistic": {}})
    prepared = prepare(recipe, None, tmp_path / "run")
    validation = prepared.fold(1).validation
    first, second = (calibration_pairs(prepared.examples, validation) for _ in range(2))
    assert (first.acoustic, first.linguistic) == (second.acoustic, second.linguistic)
    both = np.flatnonzero(first.presence == "both")
    assert len(both) == 12
    for row in both:
        heard, read = first.acoustic[row], first.linguistic[row]
        assert heard in validation
        assert read in validation
        assert prepared.examples.utterances[heard].label == prepared.examples.utterances[read].label
