"""What is written is read, by us and by others; what is wrong is said in one line."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from emobridge.errors import CorpusError, LabelError, OutputError
from emobridge.labels import CATEGORIES, FOUR_CATEGORIES
from emobridge.training.evaluation.predictions import Predictions, read_metadata

Maker = Callable[..., Predictions]


def assert_equal(one: Predictions, other: Predictions) -> None:
    for field in dataclasses.fields(Predictions):
        first, second = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(first, second, err_msg=field.name)
        if isinstance(first, np.ndarray):
            assert first.dtype.kind == second.dtype.kind, field.name


@pytest.fixture
def predictions(make_predictions: Maker) -> Predictions:
    """With everything that can be missing missing somewhere."""
    made = make_predictions(speakers=3, per_speaker=4)
    made.truth[0], made.labels[0], made.speakers[1] = 0, "", ""
    made.truth[2], made.allowed[3] = [0.5, 0.5, 0], [True, False, True]
    made.truth_dimensions[4, 1] = made.predicted_dimensions[5, 0] = np.nan
    made.category_threshold[6] = made.half_width[7, 1] = np.nan
    return made


def test_what_is_written_is_read_bit_for_bit(predictions: Predictions, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    predictions.write(path, {"recipe": "abc", "torch": "2.6"})
    assert_equal(Predictions.read(path), predictions)
    assert read_metadata(path) == {"recipe": "abc", "torch": "2.6"}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("missing", ["categories", "dimensions", "rows"])
def test_predictions_without_categories_dimensions_or_rows_are_read_too(
    predictions: Predictions, tmp_path: Path, missing: str
) -> None:
    if missing == "categories":
        empty = {name: getattr(predictions, name)[:, :0] for name in ("truth", "allowed", "probabilities")}
        predictions = dataclasses.replace(predictions, categories=(), **empty)
    elif missing == "dimensions":
        fields = ("truth_dimensions", "predicted_dimensions", "half_width")
        empty = {name: getattr(predictions, name)[:, :0] for name in fields}
        predictions = dataclasses.replace(predictions, dimensions=(), **empty)
    else:
        predictions = predictions.select(np.zeros(len(predictions), dtype=bool))
    predictions.write(tmp_path / "p.parquet", {})
    assert_equal(Predictions.read(tmp_path / "p.parquet"), predictions)


def test_any_parquet_reader_finds_the_columns_with_null_for_what_is_missing(
    predictions: Predictions, tmp_path: Path
) -> None:
    predictions.write(tmp_path / "p.parquet", {})
    rows = pyarrow.parquet.read_table(tmp_path / "p.parquet").to_pylist()
    assert rows[0]["label"] is None
    assert rows[1]["speaker"] is None
    assert [row["truth_category"] for row in rows] == [
        None if index < 0 else index for index in predictions.truth_indices.tolist()
    ]
    assert rows[0]["truth_category"] is rows[2]["truth_category"] is None
    assert rows[4]["truth_arousal"] is rows[5]["predicted_valence"] is None
    assert rows[6]["category_threshold"] is rows[7]["half_width_arousal"] is None
    assert rows[3]["allowed"] == [True, False, True]
    assert {"corpus", "utterance", "fold", "variant", "seed", "presence", "probabilities"} <= rows[0].keys()


def test_selected_parts_concatenate_to_the_whole(predictions: Predictions) -> None:
    mask = np.arange(len(predictions)) < 5
    assert len(predictions.select(mask)) == 5
    assert_equal(Predictions.concatenate([predictions.select(mask), predictions.select(~mask)]), predictions)


def test_parts_with_other_categories_do_not_concatenate(predictions: Predictions) -> None:
    other = dataclasses.replace(predictions, categories=("angry", "happy", "calm"))
    with pytest.raises(CorpusError, match=r"calm.*sad.*same label set"):
        Predictions.concatenate([predictions, other])


def over(predictions: Predictions, categories: tuple[str, ...], labels: list[str], **lists: list[Any]) -> Predictions:
    """The first rows of ``predictions`` over other categories; what ``lists`` leave out is even, or allows all."""
    rows, even = len(labels), [[1 / len(categories)] * len(categories)] * len(labels)
    kept = predictions.select(np.arange(len(predictions)) < rows)
    return dataclasses.replace(
        kept,
        categories=categories,
        labels=np.array(labels),
        truth=np.array(lists.get("truth", even), np.float32),
        probabilities=np.array(lists.get("probabilities", even), np.float32),
        allowed=np.array(lists.get("allowed", np.ones((rows, len(categories)))), np.bool_),
    )


def test_a_view_keeps_what_it_has_a_place_for_and_renormalises(make_predictions: Maker) -> None:
    eye = np.eye(7, dtype=np.float32)
    truth = [eye[0], eye[4], 0.6 * eye[1] + 0.4 * eye[5], 0.5 * eye[0] + 0.5 * eye[1], 0 * eye[0]]
    said = [[0.1, 0.2, 0.05, 0.15, 0.2, 0.2, 0.1]] * 5
    allowed = [[True] * 2 + [False] * 2 + [True] * 3] * 5
    seven = over(make_predictions(), CATEGORIES, ["x"] * 5, truth=truth, probabilities=said, allowed=allowed)
    four = seven.in_view("four")
    assert four.categories == FOUR_CATEGORIES
    assert four.ids.tolist() == seven.ids[[0, 2]].tolist()
    np.testing.assert_allclose(four.truth, [[1, 0, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_allclose(four.probabilities, [[0.2, 0.4, 0.1, 0.3]] * 2, rtol=1e-5)
    np.testing.assert_array_equal(four.allowed, [[True, True, False, False]] * 2)
    assert_equal(four.in_view("four"), four)
    assert not len(dataclasses.replace(seven, truth=0 * seven.truth).in_view("four"))


def test_a_view_of_a_corpus_own_categories_goes_through_its_map(make_predictions: Maker) -> None:
    own = ("anger", "boredom", "joy", "happiness")
    made = over(make_predictions(corpus="table-mine"), own, ["joy", "boredom"], truth=[[0, 0, 1, 0], [0, 1, 0, 0]])
    four = made.in_view("four")
    np.testing.assert_allclose(four.probabilities, [[1 / 3, 2 / 3, 0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(four.truth, [[0, 1, 0, 0]])
    with pytest.raises(LabelError, match="label map target 'eight'"):
        made.in_view("eight")
    with pytest.raises(LabelError, match="label 'zest'"):
        over(make_predictions(), ("anger", "zest"), ["anger"]).in_view("four")


def test_by_label_the_intention_counts_and_not_the_votes(make_predictions: Maker) -> None:
    votes = np.full((4, 7), 1 / 7)
    votes[3] = 0
    made = over(make_predictions(corpus="crema_d"), CATEGORIES, ["fear", "sad", "", "happy"], truth=votes.tolist())
    truth = made.by_label().truth
    assert truth.sum(axis=1).tolist() == [1, 1, 0, 0]
    assert [CATEGORIES[index] for index in truth[:2].argmax(axis=1)] == ["fearful", "sad"]
    own = over(make_predictions(corpus="crema_d"), ("sad", "fear"), ["fear", "sad"])
    np.testing.assert_array_equal(own.by_label().truth, [[0, 1], [1, 0]])


def test_a_row_that_occurs_twice_is_refused(predictions: Predictions, tmp_path: Path) -> None:
    doubled = Predictions.concatenate([predictions, predictions])
    with pytest.raises(CorpusError, match=r"'0000.flac' of toy occurs twice in variant base, fold 0, seed 0.*once"):
        doubled.write(tmp_path / "p.parquet", {})
    assert not list(tmp_path.iterdir())


def write_header(path: Path, header: dict[str, object] | None) -> None:
    table = pyarrow.table({"corpus": ["x"]})
    if header is not None:
        table = table.replace_schema_metadata({b"emobridge": json.dumps(header)})
    pyarrow.parquet.write_table(table, path)


def test_a_wrong_file_is_named_in_one_line_with_a_remedy(predictions: Predictions, tmp_path: Path) -> None:
    damaged, text, foreign, future, partial = (tmp_path / f"{name}.parquet" for name in "abcde")
    predictions.write(damaged, {})
    damaged.write_bytes(damaged.read_bytes()[:-200])
    text.write_text("not parquet")
    write_header(foreign, None)
    write_header(future, {"format_version": 99})
    header = {"format_version": 1, "categories": ["angry"], "dimensions": [], "metadata": {}}
    write_header(partial, header)
    faults = {
        tmp_path / "nowhere.parquet": "does not exist",
        tmp_path: "is a folder",
        damaged: "is damaged or no Parquet file",
        text: "is damaged or no Parquet file",
        foreign: "without emobridge's header",
        future: "format version 99",
        partial: "lacks the columns utterance",
    }
    for path, fault in faults.items():
        with pytest.raises(CorpusError) as caught:
            Predictions.read(path)
        message = str(caught.value)
        assert str(path) in message
        assert fault in message
        assert "valid:" in message
        assert "crossvalidate" in message
        assert "\n" not in message


def test_rows_over_other_categories_than_the_header_says_are_refused(predictions: Predictions, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    predictions.write(path, {})
    table = pyarrow.parquet.read_table(path)
    header = json.loads(table.schema.metadata[b"emobridge"])
    header["categories"] = ["angry", "happy"]
    pyarrow.parquet.write_table(table.replace_schema_metadata({b"emobridge": json.dumps(header)}), path)
    with pytest.raises(CorpusError, match="not over its 2 categories"):
        Predictions.read(path)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_part(predictions: Predictions, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        predictions.write(tmp_path / "nowhere" / "p.parquet", {})
    (tmp_path / "p.parquet").mkdir()
    with pytest.raises(OutputError, match=r"p\.parquet"):
        predictions.write(tmp_path / "p.parquet", {})
    with pytest.raises(OutputError, match=r"valid: .*; give another path"):
        predictions.write(Path(__file__) / "p.parquet", {})
    assert [file.name for file in tmp_path.iterdir()] == ["p.parquet"]
