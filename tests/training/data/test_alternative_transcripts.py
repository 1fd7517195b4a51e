"""Laws of other transcripts: only the words change, the training stays, and each has its own rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus
from emobridge.training.data.alternative_transcripts import NOTHING, with_transcripts
from emobridge.training.experiments import train_fold
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.recipe import parse_recipe


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_of_one_utterance_are_joined_and_what_is_not_there_was_not_recognised(
    toy_table: Path, tmp_path: Path
) -> None:
    corpora = [read_corpus(f"table:{toy_table}")]
    table = write(
        tmp_path / "heard.csv", "file,text", "clips/anna-sad-0.wav,so", "clips/anna-sad-0.wav,sad", "anna-sad-1.wav,"
    )
    for heard, nothing in ((True, None), (False, NOTHING)):
        (found,) = with_transcripts(corpora, table, heard)
        texts = {utterance.id: utterance.text for utterance in found.utterances}
        assert texts["anna-sad-0.wav"] == "so sad"
        assert texts["anna-sad-1.wav"] == texts["ben-sad-0.wav"] == nothing


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("file,words", "a.wav,so"), "a column 'text', and one of 'id' and 'file'"),
        (("id,text", "elsewhere.wav,so"), "names none of the utterances"),
    ],
)
def test_a_table_that_says_nothing_of_the_corpus_is_refused(
    toy_table: Path, tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CorpusError, match=words):
        with_transcripts([read_corpus(f"table:{toy_table}")], write(tmp_path / "t.csv", *lines), heard=True)


def test_a_trained_fold_is_judged_on_other_transcripts_without_training_again(
    toy_values: Callable[..., dict[str, Any]], toy_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = toy_values(("acoustic", "linguistic"), linguistic={"trainable_layers": 0})
    values["training"]["steps"] = 2
    gold = crossvalidate(parse_recipe(values), None, tmp_path / "run", [1])
    corpus = read_corpus(f"table:{toy_table}")
    rows = [f"{utterance.id},{utterance.text}" for utterance in corpus.utterances]
    same, other = (write(tmp_path / f"{name}.csv", "id,text", *rows) for name in ("same", "other"))
    write(other, "id,text", *[f"{utterance.id},an angry dog" for utterance in corpus.utterances])
    values["transcripts"] = {"same": str(same), "other": str(other)}
    assert parse_recipe(values).digest == parse_recipe({**values, "transcripts": {}}).digest
    monkeypatch.setattr(train_fold, "train_system", lambda *_: pytest.fail("trained again"))
    found = crossvalidate(parse_recipe(values), None, tmp_path / "run", [1])
    parts = {name: found.select(found.variants == name) for name in ("toy", "toy@same", "toy@other")}
    assert len(found) == 3 * len(gold)
    for name, part in parts.items():
        assert part.ids.tolist() == gold.ids.tolist()
        assert np.array_equal(part.truth, gold.truth)
        alike = np.allclose(part.probabilities, gold.probabilities, atol=1e-6)
        assert alike == (name != "toy@other")
    write(same, "id,text", *[f"{utterance.id},an angry dog" for utterance in corpus.utterances])
    again = crossvalidate(parse_recipe(values), None, tmp_path / "run", [1])
    changed = again.select(again.variants == "toy@same")
    assert np.allclose(changed.probabilities, parts["toy@other"].probabilities)
