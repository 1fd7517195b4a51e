"""Laws of preparation: folds keep speakers apart, are stored and used again; test texts are never trained on."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.errors import CorpusError, OutputError, RecipeError
from emobridge.training.experiments.prepare import Prepared, calibration_pairs, prepare, unread
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.splits.folds import read_folds

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


def test_a_corpus_with_fewer_folds_is_tested_once_and_trained_on_beside_all(tmp_path: Path) -> None:
    split = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    authors = write_texts(tmp_path / "authors.csv", SENTENCES[:40], split=split)
    dealt = write_texts(tmp_path / "dealt.csv", [text[::-1] for text in SENTENCES[:40]])
    prepared = prepare(text_recipe(authors, dealt), None, tmp_path / "run")
    parts = [prepared.fold(number) for number in (1, 2, 3)]
    tested = np.concatenate([fold.test for fold in parts])
    assert sorted(tested) == [*range(30, 40), *range(40, 80)]
    for fold in parts:
        assert set(range(20)) <= set(fold.train)
        assert set(range(20, 30)) <= set(fold.validation)


def test_a_corpus_left_out_is_tested_whole_and_the_others_train_whole(
    write_toy_table: Callable[..., Path], toy_values: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    split = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    texts = write_texts(tmp_path / "said.csv", SENTENCES[:40], label=["sad"] * 40, split=split)
    values = toy_values(("acoustic", "linguistic"))
    tables = [write_toy_table(tmp_path / name).rename(tmp_path / name / f"{name}.csv") for name in ("one", "two")]
    heard = [{"name": f"table:{table}", "modalities": ["acoustic"]} for table in tables]
    values["data"] = {"categories": "four", "corpora": [*heard, {"name": texts, "modalities": ["linguistic"]}]}
    prepared = prepare(parse_recipe(values), None, tmp_path / "run")
    first = prepared.fold(1)
    assert [parts.name for parts in prepared.left_out] == ["without-table-one", "without-table-two"]
    for number, mine in ((1, set(range(36))), (2, set(range(36, 72)))):
        fold = prepared.left_out_fold(number)
        spoken = set(range(72)) - mine
        assert set(fold.test) == mine
        assert set(fold.validation) == set(first.validation) - mine
        assert set(fold.train) == spoken - set(first.validation) | set(range(72, 92))
    with pytest.raises(RecipeError, match=r"there are 1 to 2: without-table-one, without-table-two"):
        prepared.left_out_fold(3)


def test_of_texts_alone_each_corpus_is_left_out_and_near_duplicates_stay_unlearned(tmp_path: Path) -> None:
    doubled = [*SENTENCES[:30], *(text.upper() for text in SENTENCES[:6])]
    ours = write_texts(tmp_path / "ours.csv", [f"we say {text}" for text in doubled], speaker=list("abc") * 12)
    theirs = write_texts(tmp_path / "theirs.csv", SENTENCES[30:], speaker=[*"abcde"] * 4)
    prepared = prepare(text_recipe(ours, theirs), None, tmp_path / "run")
    assert [parts.name for parts in prepared.left_out] == ["without-table-ours", "without-table-theirs"]
    fold = prepared.left_out_fold(2)
    excluded = {entry.id for entry in read_folds(tmp_path / "run" / "folds-table-ours.json").excluded}
    learned = {prepared.examples.utterances[row].id for row in (*fold.train, *fold.validation)}
    assert learned == {utterance.id for utterance in prepared.corpora[0].utterances} - excluded
    assert sorted(fold.test) == list(range(36, 56))


def test_one_corpus_cannot_be_left_out(toy_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    prepared = prepare(toy_recipe(), None, tmp_path)
    assert prepared.left_out == ()
    with pytest.raises(RecipeError, match=r"leaving a corpus out of table-toy; two corpora with sound are needed"):
        prepared.left_out_fold(1)


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


def test_a_text_that_was_trained_on_word_for_word_measures_no_confidence(tmp_path: Path) -> None:
    said = [*SENTENCES[:20], "Oh, my God!", *SENTENCES[20:29], "oh my god", *SENTENCES[30:39]]
    table = write_texts(
        tmp_path / "said.csv",
        said,
        label=["sad", "angry"] * 20,
        split=["train"] * 25 + ["validation"] * 10 + ["test"] * 5,
    )
    recipe = parse_recipe(
        {"name": "read", "data": {"corpora": [{"name": table, "modalities": ["linguistic"]}]}, "linguistic": {}}
    )
    prepared = prepare(recipe, None, tmp_path / "run")
    parts = prepared.fold(1)
    met = [row for row in parts.validation if prepared.examples.utterances[row].text == "oh my god"]
    assert len(met) == 1
    assert unread(prepared.examples, parts).tolist() == [row for row in parts.validation if row not in met]


def test_sentences_that_actors_share_are_held_out_all_the_same(
    toy_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    prepared = prepare(toy_recipe(("acoustic", "linguistic")), None, tmp_path)
    parts = prepared.fold(1)
    texts = [{prepared.examples.utterances[row].text for row in part} for part in (parts.train, parts.validation)]
    assert texts[0] & texts[1]
    np.testing.assert_array_equal(unread(prepared.examples, parts), parts.validation)


@pytest.fixture
def prepare_two(write_toy_table: Callable[..., Path], tmp_path: Path) -> Callable[..., Prepared]:
    """A function (labels of the sentences in turn, change=row -> row of the clips) -> clips and written sentences."""
    split = {"anna": "train", "ben": "train", "cleo": "validation", "dan": "validation", "eva": "test", "finn": "test"}

    def make(labels: tuple[str, ...], change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row) -> Prepared:
        table = write_toy_table(tmp_path, lambda row: change({**row, "text": "", "split": split[row["speaker"]]}))
        said = [labels[number % len(labels)] for number in range(40)]
        splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
        sentences = write_texts(tmp_path / "said.csv", SENTENCES[:40], label=said, split=splits)
        corpora = [{"name": f"table:{table}"}, {"name": sentences, "modalities": ["linguistic"]}]
        data = {"corpora": corpora, "categories": "four"}
        recipe = parse_recipe({"name": "two", "data": data, "acoustic": {}, "linguistic": {}})
        return prepare(recipe, None, tmp_path / "run")

    return make


def pairs_of(prepared: Prepared) -> list[tuple[str | None, str | None]]:
    """Return the labels of clip and sentence for each calibration pair of fold 1 that has both."""
    validation = prepared.fold(1).validation
    first, second = (calibration_pairs(prepared.examples, validation) for _ in range(2))
    assert (first.acoustic, first.linguistic) == (second.acoustic, second.linguistic)
    both = np.flatnonzero(first.presence == "both")
    heard, read = ([side[row] for row in both] for side in (first.acoustic, first.linguistic))
    assert set(heard) | set(read) <= set(validation.tolist())
    assert len(set(heard)) == len(heard)
    for presence, side in (("acoustic", first.acoustic), ("linguistic", first.linguistic)):
        alone = {side[row] for row in np.flatnonzero(first.presence == presence)}
        column = prepared.examples.presence[validation, int(presence == "linguistic")]
        assert alone == set(validation[column].tolist())
    label = [utterance.label for utterance in prepared.examples.utterances]
    return [(label[one], label[other]) for one, other in zip(heard, read, strict=True)]


def test_without_pairs_clips_meet_words_of_their_category_and_neutral_ones(
    prepare_two: Callable[..., Prepared],
) -> None:
    found = pairs_of(prepare_two(("angry", "sad", "neutral")))
    assert len(found) == 12
    assert all(heard == read for heard, read in found[::2])
    assert all(read == "neutral" for _, read in found[1::2])
    assert {heard for heard, _ in found[1::2]} == {"angry", "sad", "neutral"}


def test_a_clip_without_a_fitting_sentence_is_calibrated_alone(prepare_two: Callable[..., Prepared]) -> None:
    found = pairs_of(prepare_two(("angry", "sad")))  # nothing emotionless, nothing for neutral clips
    assert found
    assert all(heard == read != "neutral" for heard, read in found)


def test_a_clip_without_a_category_is_calibrated_alone(prepare_two: Callable[..., Prepared]) -> None:
    prepared = prepare_two(
        ("angry", "sad", "neutral"), lambda row: {**row, "label": "" if row["label"] == "sad" else row["label"]}
    )
    found = pairs_of(prepared)
    assert len(found) == 8
    assert {heard for heard, _ in found} == {"angry", "neutral"}
