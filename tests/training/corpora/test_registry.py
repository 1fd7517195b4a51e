import os
from pathlib import Path

import pytest

from emobridge.errors import CorpusError
from emobridge.labels import LabelMap, label_map
from emobridge.training.corpora import CORPORA, OWN_DATA, read_corpus
from emobridge.training.corpora.check import check_corpus
from emobridge.utils.extras import load_entry

data = pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: no corpora here")
RELEASES = ("iemocap", "msp_podcast")  # licensed: they are nowhere but in their own release
UTTERANCES = {
    "crema_d": 7435,
    "ravdess": 1440,
    "emodb": 535,
    "nemo": 4481,
    "emobank": 10_062,
    "fb_valence_arousal": 2894,
    "meld": 13_708,
    "emorynlp": 9489,
}


@pytest.mark.parametrize("name", [*CORPORA, *OWN_DATA])
def test_every_name_leads_to_a_reader(name: str) -> None:
    assert callable(load_entry({**CORPORA, **OWN_DATA}, name))


def test_an_unknown_name_is_answered_with_the_valid_ones_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'ravdes'.*crema_d.*table:PATH.*did you mean 'ravdess'") as caught:
        read_corpus("ravdes", tmp_path)
    assert "\n" not in str(caught.value)


def test_without_a_folder_the_error_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOBRIDGE_DATA", raising=False)
    words = r"meld; valid: the folder of meld.*emobridge corpus meld FOLDER; --data FOLDER elsewhere.*EMOBRIDGE_DATA"
    with pytest.raises(CorpusError, match=words):
        read_corpus("meld")


def test_the_environment_variable_stands_for_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOBRIDGE_DATA", str(tmp_path))
    with pytest.raises(CorpusError, match="does not hold the corpus meld"):
        read_corpus("meld")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere' is not a folder"):
        read_corpus("meld", tmp_path / "nowhere")


def test_a_folder_may_be_given_as_text(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "anger.wav").write_bytes(b"any sound")
    row = "file,speaker,emotion,transcript,duration_s\nanger.wav,EB0,anger,nie,1.0\n"
    (tmp_path / "manifests" / "nemo.csv").write_text(row, encoding="utf-8")
    assert read_corpus("nemo", str(tmp_path)) == read_corpus("nemo", tmp_path)


@pytest.mark.parametrize(
    ("name", "column"), [("meld", "utterance_id"), ("emorynlp", "utterance_id"), ("emobank", "id")]
)
def test_a_collection_whose_text_has_no_ids_is_refused(name: str, column: str, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / f"{name}.csv").write_text("text,emotion,split,speaker,dialogue_id\nhi,joy,dev,Joey,d1\n")
    with pytest.raises(CorpusError, match=f"has no column '{column}'"):
        read_corpus(name, tmp_path)


@pytest.mark.parametrize("name", RELEASES)
def test_a_folder_without_a_release_is_answered_with_its_layout(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"does not hold the corpus {name}; expected \S+.*https://"):
        read_corpus(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in CORPORA if name not in RELEASES])
def test_a_folder_without_the_corpus_is_answered_with_both_layouts(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"manifests/{name}.csv.*collection.*, or \S+.*https://"):
        read_corpus(name, tmp_path)


@pytest.mark.data
@data
@pytest.mark.parametrize("name", UTTERANCES)
def test_the_real_corpora_are_read_whole_and_their_labels_translate(name: str) -> None:
    corpus = read_corpus(name)
    assert len(corpus.utterances) == UTTERANCES[name]
    assert [utterance.id for utterance in corpus.utterances] == sorted({u.id for u in corpus.utterances})
    seven: LabelMap = label_map(name, "seven")
    assert all(label in seven.forward for label in corpus.labels)
    assert all(label in corpus.labels for u in corpus.utterances for label in (*u.votes, *filter(None, [u.label])))
    report = check_corpus(corpus)
    assert report.utterances == UTTERANCES[name]
    assert sum(report.labels.values()) + report.missing.get("label", 0) == report.utterances
