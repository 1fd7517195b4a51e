"""Laws of fold files: they hold for any copy of a corpus, are read back as written, and refuse what does not fit."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.training.corpora import CORPORA, read_corpus
from emobridge.training.splits.folds import (
    GUARDS,
    LEAKS,
    Excluded,
    FoldFile,
    FoldParts,
    Part,
    read_folds,
    resolve,
    text_hash,
    write_folds,
)
from toy_corpora import corpus_of, spoken

data = pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: no corpora here")
SPEAKERS_A_PART = {"ravdess": (8, 3), "emodb": (10, 1), "nemo": (9, 1), "crema_d": (6, 15)}
HERE = ("crema_d", "ravdess", "emodb", "nemo", "emobank", "fb_valence_arousal", "meld", "emorynlp")


@pytest.mark.parametrize("name", CORPORA)
def test_every_checked_in_file_is_its_corpus_s_with_unique_folds_and_a_rule(name: str) -> None:
    fold_file = read_folds(name)
    assert fold_file.corpus == name
    assert len({fold.name for fold in fold_file.folds}) == len(fold_file.folds) >= 1
    assert len({entry.id for entry in fold_file.excluded}) == len(fold_file.excluded)
    assert all(entry.reason for entry in fold_file.excluded)
    assert fold_file.rule.endswith(".")


@pytest.mark.parametrize("name", SPEAKERS_A_PART)
def test_every_speaker_is_tested_once_and_never_validated_on_in_the_same_fold(name: str) -> None:
    folds = read_folds(name).folds
    count, speakers_a_part = SPEAKERS_A_PART[name]
    sizes = [len(fold.test.speakers) for fold in folds]
    assert len(sizes) == count
    assert {*sizes} <= {speakers_a_part, speakers_a_part + 1}  # one more where they do not divide
    tested = [speaker for fold in folds for speaker in fold.test.speakers]
    assert len(set(tested)) == len(tested)
    for fold, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert fold.validation == following.test
        assert set(fold.test.speakers).isdisjoint(fold.validation.speakers)


@pytest.mark.parametrize("name", ["emobank", "meld", "emorynlp", "msp_podcast"])
def test_the_authors_split_is_one_fold(name: str) -> None:
    assert read_folds(name).folds == (FoldParts("authors", Part(split="test"), Part(split="validation")),)


def test_facebook_posts_are_dealt_by_hash_and_a_fifth_is_tested() -> None:
    (fold,) = read_folds("fb_valence_arousal").folds
    assert (fold.test.text_hash, fold.validation.text_hash) == ((5, 0), (5, 1))


@pytest.mark.data
@data
@pytest.mark.parametrize("name", HERE)
def test_the_checked_in_folds_part_the_real_corpora(name: str) -> None:
    corpus, fold_file = read_corpus(name), read_folds(name)
    excluded = {entry.id for entry in fold_file.excluded}
    folds = resolve(fold_file, corpus)
    for fold in folds:
        used = sorted((*fold.train, *fold.validation, *fold.test))
        assert len(set(used)) == len(used)
        left_out = {u.id for u in corpus.utterances} - {corpus.utterances[index].id for index in used}
        assert left_out <= excluded
        assert not {corpus.utterances[index].id for index in (*fold.train, *fold.validation)} & excluded
    if name not in ("emobank", "meld", "emorynlp", "fb_valence_arousal"):
        assert sorted(index for fold in folds for index in fold.test) == list(range(len(corpus.utterances)))


def test_the_hash_of_a_text_is_sha256_of_its_normalised_form() -> None:
    digest = hashlib.sha256(b"hello world").digest()
    assert text_hash("Hello, WORLD!", 5) == int.from_bytes(digest, "big") % 5


names = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=5)
parts = st.one_of(
    st.builds(Part, speakers=st.lists(names, unique=True, min_size=1, max_size=3).map(tuple)),
    st.builds(Part, split=st.sampled_from(["train", "validation", "test"])),
    st.builds(Part, text_hash=st.tuples(st.integers(1, 9), st.integers(0, 8))),
    st.builds(Part, utterances=st.lists(names, unique=True, min_size=1, max_size=3).map(tuple)),
)
excluded = st.lists(st.builds(Excluded, id=names, reason=names), max_size=3).map(tuple)
fold_files = st.builds(
    FoldFile,
    corpus=names,
    version=st.just(1),
    rule=names,
    folds=st.lists(st.builds(FoldParts, name=names, test=parts, validation=parts, excluded=excluded), max_size=3).map(
        tuple
    ),
    excluded=excluded,
    guards=st.lists(st.sampled_from(sorted(LEAKS)), unique=True).map(tuple),
)


@settings(max_examples=30, deadline=None)
@given(fold_file=fold_files)
def test_what_is_written_is_read_back(fold_file: FoldFile, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("folds")
    write_folds(fold_file, folder / "toy.json")
    assert read_folds(folder / "toy.json") == fold_file
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


@pytest.mark.parametrize(
    ("test", "validation", "words"),
    [
        (
            Part(speakers=("s9",)),
            Part(speakers=("s1",)),
            "names speaker 's9', which toy does not have; it has s0, s1, s2; did you mean 's",
        ),
        (
            Part(utterances=("u01",)),
            Part(speakers=("s1",)),
            "names utterance 'u01', which toy does not have; it has u000",
        ),
        (Part(speakers=("s1", "s2")), Part(speakers=("s0",)), "has an empty train part"),
        (Part(split="test"), Part(speakers=("s0",)), "has an empty test part"),
    ],
)
def test_folds_that_do_not_fit_the_corpus_are_refused(test: Part, validation: Part, words: str) -> None:
    fold_file = FoldFile("toy", 1, "", (FoldParts("fold_1", test, validation),))
    with pytest.raises(CorpusError, match=words):
        resolve(fold_file, corpus_of(*spoken(9, 3)))


def test_folds_of_another_corpus_are_refused() -> None:
    with pytest.raises(CorpusError, match="folds of corpus meld; the corpus is toy"):
        resolve(read_folds("meld"), corpus_of(*spoken(9, 3)))


def test_an_unknown_fold_file_is_answered_with_the_valid_names() -> None:
    with pytest.raises(CorpusError, match=r"'ravdes'; valid: crema_d, .*did you mean 'ravdess'"):
        read_folds("ravdes")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"corpus": "toy"}',
        json.dumps({"corpus": "toy", "version": 2, "rule": "", "folds": [], "excluded": []}),
    ],
)
def test_a_damaged_fold_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(CorpusError, match=r"mine.json' cannot be read"):
        read_folds(tmp_path / "mine.json")


def test_parts_may_name_their_utterances_and_a_fold_may_exclude_some_of_its_own() -> None:
    corpus = corpus_of(*spoken(9, 3))
    first = FoldParts("a", Part(utterances=("u000", "u001")), Part(utterances=("u002",)), (Excluded("u003", "why"),))
    second = FoldParts("b", Part(speakers=("s0",)), Part(speakers=("s1",)))
    one, other = resolve(FoldFile("toy", 1, "", (first, second), (Excluded("u008", "why"),)), corpus)
    assert (one.test, one.validation, one.train) == ((0, 1), (2,), (4, 5, 6, 7))
    assert other.train == (2, 5)


def test_what_validates_and_is_tested_is_in_both_parts_and_never_in_training() -> None:
    (fold,) = resolve(
        FoldFile("toy", 1, "", (FoldParts("a", Part(speakers=("s1",)), Part(speakers=("s1", "s2"))),)),
        corpus_of(*spoken(9, 3)),
    )
    assert (fold.test, fold.validation, fold.train) == ((1, 4, 7), (1, 2, 4, 5, 7, 8), (0, 3, 6))


def test_a_file_that_names_no_guards_guards_against_what_every_speech_split_must(tmp_path: Path) -> None:
    content = {"corpus": "toy", "version": 1, "rule": "", "folds": [], "excluded": []}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    assert read_folds(tmp_path / "mine.json").guards == GUARDS
    (tmp_path / "mine.json").write_text(json.dumps({**content, "guards": ["speakers"]}))
    with pytest.raises(CorpusError, match="it guards against 'speakers', known are speaker, dialogue"):
        read_folds(tmp_path / "mine.json")
