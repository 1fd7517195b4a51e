import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.errors import CorpusError
from emobridge.learning.corpora import CORPORA, read_corpus
from emobridge.learning.corpora.base import Corpus, Utterance
from emobridge.learning.folds import (
    Excluded,
    FoldFile,
    FoldParts,
    Part,
    make_folds,
    read_folds,
    resolve,
    split_leaks,
    text_hash,
    write_folds,
)

data = pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: no corpora here")
SPEAKERS_A_PART = {"ravdess": (8, 3), "emodb": (10, 1), "nemo": (9, 1), "crema_d": (3, 26)}
# nEMO's 4,481 recordings take about a minute.
with_data = [
    pytest.param(name, marks=[pytest.mark.data, data, *([pytest.mark.slow] if name == "nemo" else [])])
    for name in CORPORA
]


def corpus_of(*utterances: Utterance) -> Corpus:
    ordered = tuple(sorted(utterances, key=lambda utterance: utterance.id))
    return Corpus("toy", ordered, (), {}, "en", "", "", "")


def spoken(count: int, speakers: int) -> list[Utterance]:
    genders = ("female", "male")
    return [
        Utterance(
            f"u{i:03d}",
            "toy",
            f"s{i % speakers}",
            text=f"utterance {i}",
            attributes={"gender": genders[i % speakers % 2]},
        )
        for i in range(count)
    ]


SENTENCES = ["the first of many long sentences", "another one that nobody has heard", "well this is the third of them",
             "and so it goes on and on", "a fifth has to be said too", "the last one before the bell"]  # fmt: skip


def split_corpus(texts: dict[str, list[str]]) -> Corpus:
    return corpus_of(
        *(
            Utterance(f"{part}_{place}", "toy", text=text, split=part)
            for part, part_texts in texts.items()
            for place, text in enumerate(part_texts)
        )
    )


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
    assert [len(fold.test.speakers) for fold in folds] == [speakers_a_part] * count
    tested = [speaker for fold in folds for speaker in fold.test.speakers]
    assert len(set(tested)) == len(tested)
    for fold, following in zip(folds, [*folds[1:], folds[0]], strict=True):
        assert fold.validation == following.test
        assert set(fold.test.speakers).isdisjoint(fold.validation.speakers)


@pytest.mark.parametrize("name", ["emobank", "meld", "emorynlp"])
def test_the_authors_split_is_one_fold(name: str) -> None:
    assert read_folds(name).folds == (FoldParts("authors", Part(split="test"), Part(split="validation")),)


def test_facebook_posts_are_dealt_by_hash_and_a_fifth_is_tested() -> None:
    (fold,) = read_folds("fb_valence_arousal").folds
    assert (fold.test.text_hash, fold.validation.text_hash) == ((5, 0), (5, 1))


@pytest.mark.parametrize("name", [each for each in with_data if each.values != ("fb_valence_arousal",)])
def test_the_rule_makes_the_checked_in_file(name: str) -> None:
    fold_file = read_folds(name)
    assert make_folds(read_corpus(name), len(fold_file.folds)) == fold_file


@pytest.mark.data
@data
def test_the_one_fold_of_facebook_posts_is_the_first_of_five_by_the_rule_and_its_rule_says_so() -> None:
    stored, made = read_folds("fb_valence_arousal"), make_folds(read_corpus("fb_valence_arousal"), 5)
    assert stored.folds == made.folds[:1]
    assert stored.excluded == made.excluded
    assert stored.version == made.version
    assert "one fold" in stored.rule
    assert all(f"remainder {remainder}" in stored.rule for remainder in (0, 1))
    assert stored.rule.partition(" Texts that nearly")[2] == made.rule.partition(" Texts that nearly")[2] != ""


@pytest.mark.data
@data
@pytest.mark.parametrize("name", CORPORA)
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


@pytest.mark.data
@data
@pytest.mark.parametrize("name", ["emodb", "fb_valence_arousal", "meld"])
def test_the_checked_in_folds_leak_nothing_but_the_speakers_of_a_series(name: str) -> None:
    corpus = read_corpus(name)
    leaks = split_leaks(resolve(read_folds(name), corpus)[0], corpus)
    assert {leak.partition(":")[0] for leak in leaks} == ({"speaker"} if name == "meld" else set())


def test_the_hash_of_a_text_is_sha256_of_its_normalised_form() -> None:
    digest = hashlib.sha256(b"hello world").digest()
    assert text_hash("Hello, WORLD!", 5) == int.from_bytes(digest, "big") % 5


names = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=5)
parts = st.one_of(
    st.builds(Part, speakers=st.lists(names, unique=True, min_size=1, max_size=3).map(tuple)),
    st.builds(Part, split=st.sampled_from(["train", "validation", "test"])),
    st.builds(Part, text_hash=st.tuples(st.integers(1, 9), st.integers(0, 8))),
)
fold_files = st.builds(
    FoldFile,
    corpus=names,
    version=st.just(1),
    rule=names,
    folds=st.lists(st.builds(FoldParts, name=names, test=parts, validation=parts), max_size=3).map(tuple),
    excluded=st.lists(st.builds(Excluded, id=names, reason=names), max_size=3).map(tuple),
)


@settings(max_examples=30, deadline=None)
@given(fold_file=fold_files)
def test_what_is_written_is_read_back(fold_file: FoldFile, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("folds")
    write_folds(fold_file, folder / "toy.json")
    assert read_folds(folder / "toy.json") == fold_file
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


@settings(max_examples=40, deadline=None)
@given(
    owners=st.lists(st.integers(0, 9), min_size=6, max_size=60),
    dialogues=st.lists(st.one_of(st.none(), st.none(), st.integers(0, 40)), min_size=60, max_size=60),
    count=st.integers(3, 4),
    order=st.randoms(use_true_random=False),
)
def test_speakers_are_dealt_whole_with_their_partners_whatever_the_order(
    owners: list[int], dialogues: list[int | None], count: int, order: Random
) -> None:
    utterances = [
        Utterance(f"u{i}", "toy", f"s{owner}", text="x", dialogue=None if dialogues[i] is None else f"d{dialogues[i]}")
        for i, owner in enumerate(owners)
    ]
    corpus = corpus_of(*utterances)
    try:
        fold_file = make_folds(corpus, count)
    except CorpusError:  # Too few groups of speakers; the words are tested below.
        reject()
    order.shuffle(utterances)
    assert make_folds(dataclasses.replace(corpus, utterances=tuple(utterances)), count) == fold_file
    folds = resolve(fold_file, corpus)
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(utterances)))
    for fold in folds:
        assert sorted((*fold.train, *fold.validation, *fold.test)) == list(range(len(utterances)))
        assert split_leaks(fold, corpus) == ()


def test_genders_are_balanced_over_the_parts() -> None:
    corpus = corpus_of(*spoken(120, 12))
    genders = {utterance.speaker: utterance.attributes["gender"] for utterance in corpus.utterances}
    for fold in make_folds(corpus, 3).folds:
        assert sorted(genders[speaker] for speaker in fold.test.speakers) == ["female"] * 2 + ["male"] * 2


def test_speakers_who_share_a_recording_stay_together(
    tmp_path: Path, speech_like: Callable[..., NDArray[np.float32]]
) -> None:
    utterances = []
    for place in range(6):
        path = tmp_path / f"{place}.wav"
        soundfile.write(path, speech_like(1.2, seed=1 if place == 4 else place), 16_000)
        utterances.append(Utterance(str(place), "toy", f"s{place}", audio=path))
    corpus = corpus_of(*utterances)
    folds = make_folds(corpus, 4).folds
    assert [fold.test.speakers for fold in folds if "s1" in fold.test.speakers] == [("s1", "s4")]
    apart = FoldFile("toy", 1, "", (FoldParts("fold_1", Part(speakers=("s1",)), Part(speakers=("s2",))),))
    (fold,) = resolve(apart, corpus)
    assert split_leaks(fold, corpus) == ("recording: '1' (test) and '4' (train) are near-duplicates",)


def test_near_equal_texts_leave_training_and_validation_but_never_the_test_part() -> None:
    first, second, third, *others = SENTENCES
    corpus = split_corpus(
        {
            "train": [first.upper(), second, others[0], "Yeah."],
            "validation": [second + "!", third, "Yeah."],
            "test": [first, third + "...", others[1], "Yeah."],
        }
    )
    fold_file = make_folds(corpus, 1)
    assert make_folds(corpus, 5) == fold_file
    assert {entry.id: entry.reason.split()[-1] for entry in fold_file.excluded} == {
        "train_0": "test_0",
        "train_1": "validation_0",
        "validation_1": "test_1",
    }
    (fold,) = resolve(fold_file, corpus)
    assert [corpus.utterances[index].id for index in fold.test] == ["test_0", "test_1", "test_2", "test_3"]
    assert [corpus.utterances[index].id for index in fold.train] == ["train_2", "train_3"]
    assert split_leaks(fold, corpus) == ()
    (leaky,) = resolve(dataclasses.replace(fold_file, excluded=()), corpus)
    assert len(split_leaks(leaky, corpus)) == 3


WriteRecordings = Callable[[dict[str, tuple[str, int, str | None]]], Corpus]


@pytest.fixture
def recorded(tmp_path: Path, speech_like: Callable[..., NDArray[np.float32]]) -> WriteRecordings:
    """A function ({id: (split, seed of the recording, speaker)}) -> corpus of speech."""

    def write(recordings: dict[str, tuple[str, int, str | None]]) -> Corpus:
        utterances = []
        for name, (split, seed, speaker) in recordings.items():
            path = tmp_path / f"{name}.wav"
            soundfile.write(path, speech_like(1.2, seed=seed) / (1 + len(utterances) % 2), 16_000)
            utterances.append(Utterance(name, "toy", speaker, audio=path, text="the same words for all", split=split))
        return corpus_of(*utterances)

    return write


def test_in_an_authors_split_of_speech_twins_leave_training_and_validation_but_never_the_test_part(
    recorded: WriteRecordings,
) -> None:
    corpus = recorded(
        {
            "a": ("train", 1, "ann"),
            "b": ("train", 2, "ann"),
            "c": ("train", 3, "bea"),
            "d": ("validation", 2, "cem"),
            "e": ("validation", 4, None),
            "f": ("validation", 5, "cem"),
            "g": ("test", 1, "dan"),
            "h": ("test", 4, "dan"),
        }
    )
    fold_file = make_folds(corpus, 5)
    assert {entry.id: entry.reason for entry in fold_file.excluded} == {
        "a": "its recording nearly equals that of g",
        "b": "its recording nearly equals that of d",
        "e": "its recording nearly equals that of h",
    }
    assert "recording" in fold_file.rule
    (fold,) = resolve(fold_file, corpus)
    assert [[corpus.utterances[index].id for index in part] for part in fold.parts.values()] == [
        ["c"],
        ["d", "f"],
        ["g", "h"],
    ]
    assert split_leaks(fold, corpus) == ()


def test_an_authors_split_of_speech_that_shares_speakers_or_dialogues_is_refused(recorded: WriteRecordings) -> None:
    corpus = recorded(
        {"a": ("train", 1, "ann"), "b": ("train", 2, "bea"), "c": ("validation", 3, "cem"), "d": ("test", 4, "bea")}
    )
    with pytest.raises(CorpusError, match=r"speaker: 1 in both train and test \(bea\);.*drop it .*column 'split'"):
        make_folds(corpus, 5)
    utterances = [dataclasses.replace(u, speaker=None, dialogue=(u.split or "")[:1]) for u in corpus.utterances]
    with pytest.raises(CorpusError, match=r"leaks: dialogue: 1 in both train and test \(t\);"):
        make_folds(corpus_of(*utterances), 5)
    unsplit = [dataclasses.replace(u, split=None, speaker=u.id) for u in corpus.utterances]
    assert len(make_folds(corpus_of(*unsplit), 4).folds) == 4


def test_texts_without_speakers_are_dealt_by_their_hash() -> None:
    texts = [f"{sentence} {place}" for place in range(10) for sentence in SENTENCES]
    corpus = corpus_of(*(Utterance(f"p{place:02d}", "toy", text=text) for place, text in enumerate(texts)))
    folds = resolve(make_folds(corpus, 3), corpus)
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(texts)))
    for fold in folds:
        assert len({text_hash(corpus.utterances[index].text or "", 3) for index in fold.test}) == 1
        assert split_leaks(fold, corpus) == ()


def test_a_shared_speaker_and_a_shared_dialogue_are_told_once_for_each_two_parts() -> None:
    parts_of = {"a": "train", "b": "test", "c": "validation"}
    corpus = corpus_of(
        *(Utterance(name, "toy", "Joey", text=name, split=part, dialogue="d1") for name, part in parts_of.items())
    )
    (fold,) = resolve(FoldFile("toy", 1, "", (FoldParts("f", Part(split="test"), Part(split="validation")),)), corpus)
    assert split_leaks(fold, corpus) == (
        "speaker: 1 in both train and validation (Joey)",
        "speaker: 1 in both train and test (Joey)",
        "speaker: 1 in both validation and test (Joey)",
        "dialogue: 1 in both train and validation (d1)",
        "dialogue: 1 in both train and test (d1)",
        "dialogue: 1 in both validation and test (d1)",
    )


@pytest.mark.parametrize(
    ("test", "validation", "words"),
    [
        (
            Part(speakers=("s9",)),
            Part(speakers=("s1",)),
            "names speaker 's9', whom toy does not have; it has s0, s1, s2",
        ),
        (Part(speakers=("s1",)), Part(speakers=("s1",)), "'u001' in validation and in test"),
        (Part(speakers=("s1", "s2")), Part(speakers=("s0",)), "has an empty train part"),
        (Part(split="test"), Part(speakers=("s0",)), "has an empty test part"),
    ],
)
def test_folds_that_do_not_fit_the_corpus_are_refused(test: Part, validation: Part, words: str) -> None:
    fold_file = FoldFile("toy", 1, "", (FoldParts("fold_1", test, validation),))
    with pytest.raises(CorpusError, match=words):
        resolve(fold_file, corpus_of(*spoken(9, 3)))


def test_folds_by_speaker_refuse_a_dialogue_on_both_sides() -> None:
    corpus = corpus_of(*(dataclasses.replace(utterance, dialogue="d") for utterance in spoken(9, 3)))
    fold_file = FoldFile("toy", 1, "", (FoldParts("fold_1", Part(speakers=("s1",)), Part(speakers=("s2",))),))
    with pytest.raises(CorpusError, match="leaks: dialogue: 1 in both train and validation"):
        resolve(fold_file, corpus)


def test_folds_of_another_corpus_are_refused() -> None:
    with pytest.raises(CorpusError, match="folds of corpus meld; the corpus is toy"):
        resolve(read_folds("meld"), corpus_of(*spoken(9, 3)))


@pytest.mark.parametrize(
    ("corpus", "count", "words"),
    [
        (corpus_of(*spoken(9, 3)), 4, "has 3 speakers .*ask for 3 parts or fewer"),
        (corpus_of(*spoken(9, 2)), 5, "has 2 speakers .*3 parts need 3 such groups"),
        (corpus_of(*spoken(9, 3)), 2, "2 parts; valid: 3 or more"),
        (corpus_of(Utterance("a", "toy", audio=Path("a.wav"))), 3, "recordings without a speaker"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(corpus: Corpus, count: int, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        make_folds(corpus, count)


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
