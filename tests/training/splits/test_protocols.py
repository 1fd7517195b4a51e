"""Laws of protocols: speakers never stand on two sides, partners where the rule says, and every rule is repeatable."""

import dataclasses
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
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.splits.folds import (
    FoldFile,
    FoldParts,
    Part,
    read_folds,
    resolve,
    text_hash,
)
from emobridge.training.splits.protocols import make_folds
from toy_corpora import audit_of, corpus_of, spoken

data = pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: no corpora here")
# nEMO's 4,481 recordings take about a minute.
with_data = [
    pytest.param(name, marks=[pytest.mark.data, data, *([pytest.mark.slow] if name == "nemo" else [])])
    for name in ("crema_d", "ravdess", "emodb", "nemo", "emobank", "fb_valence_arousal", "meld", "emorynlp")
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


@pytest.mark.parametrize(
    "name", [each for each in with_data if each.values not in [("fb_valence_arousal",), ("crema_d",)]]
)
def test_the_rule_makes_the_checked_in_file(name: str) -> None:
    fold_file = read_folds(name)
    assert make_folds(read_corpus(name), len(fold_file.folds)) == fold_file


@pytest.mark.data
@data
def test_the_one_fold_of_facebook_posts_is_the_first_of_five() -> None:
    stored, made = read_folds("fb_valence_arousal"), make_folds(read_corpus("fb_valence_arousal"), 5)
    assert stored.folds == made.folds[:1]
    assert stored.excluded == made.excluded
    assert stored.version == made.version
    assert "one fold" in stored.rule
    assert all(f"remainder {remainder}" in stored.rule for remainder in (0, 1))
    assert stored.rule.partition(" Texts that nearly")[2] == made.rule.partition(" Texts that nearly")[2] != ""


@pytest.mark.data
@data
def test_the_folds_of_crema_d_start_with_the_packaged_recording_s_part() -> None:
    stored, made = read_folds("crema_d"), make_folds(read_corpus("crema_d"), 6)
    parts = [(fold.test, fold.validation) for fold in made.folds]
    assert [(fold.test, fold.validation) for fold in stored.folds] == [parts[5], *parts[:5]]
    assert [fold.name for fold in stored.folds] == [fold.name for fold in made.folds]
    assert {"1029", "1048"} <= {*stored.folds[0].test.speakers}
    assert stored.rule.startswith(made.rule)
    assert "sixth part comes first" in stored.rule


@settings(max_examples=40, deadline=None)
@given(
    owners=st.lists(st.integers(0, 9), min_size=6, max_size=60),
    dialogues=st.lists(st.one_of(st.none(), st.none(), st.integers(0, 40)), min_size=60, max_size=60),
    count=st.integers(3, 4),
    order=st.randoms(use_true_random=False),
)
def test_speakers_are_dealt_whole_with_their_partners_whatever_the_order(
    owners: list[int],
    dialogues: list[int | None],
    count: int,
    order: Random,
    tmp_path_factory: pytest.TempPathFactory,
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
    assert audit_of(fold_file, corpus, tmp_path_factory.mktemp("cache")).kinds == ()


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
    (leak,) = audit_of(apart, corpus, tmp_path / "cache").leaks("fold_1")
    assert str(leak) == "recording: 1 in both train and test ('4' and '1')"


def test_near_equal_texts_leave_training_and_validation_but_never_the_test_part(tmp_path: Path) -> None:
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
    assert audit_of(fold_file, corpus, tmp_path).folds == {"authors": ()}
    leaky = audit_of(dataclasses.replace(fold_file, excluded=()), corpus, tmp_path)
    assert [(one.kind, one.first, one.second, one.count) for one in leaky.leaks("authors")] == [
        ("text", "train", "test", 1),
        ("text", "validation", "test", 1),
        ("text", "train", "validation", 1),
    ]


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


def test_in_an_authors_split_twins_never_leave_the_test_part(recorded: WriteRecordings, tmp_path: Path) -> None:
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
    assert audit_of(fold_file, corpus, tmp_path / "cache").kinds == ()


def test_an_authors_split_of_speech_that_shares_speakers_or_dialogues_leaks(
    recorded: WriteRecordings, tmp_path: Path
) -> None:
    corpus = recorded(
        {"a": ("train", 1, "ann"), "b": ("train", 2, "bea"), "c": ("validation", 3, "cem"), "d": ("test", 4, "bea")}
    )
    (leak,) = audit_of(make_folds(corpus, 5), corpus, tmp_path / "cache").leaks("authors")
    assert str(leak) == "speaker: 1 in both train and test (bea)"
    utterances = [dataclasses.replace(u, speaker=None, dialogue=(u.split or "")[:1]) for u in corpus.utterances]
    apart = corpus_of(*utterances)
    (leak,) = audit_of(make_folds(apart, 5), apart, tmp_path / "cache").leaks("authors")
    assert str(leak) == "dialogue: 1 in both train and test (t)"
    unsplit = [dataclasses.replace(u, split=None, speaker=u.id) for u in corpus.utterances]
    assert len(make_folds(corpus_of(*unsplit), 4).folds) == 4
    assert len(make_folds(corpus, 3, "speakers").folds) == 3


def test_texts_without_speakers_are_dealt_by_their_hash(tmp_path: Path) -> None:
    texts = [f"{sentence} {place}" for place in range(10) for sentence in SENTENCES]
    corpus = corpus_of(*(Utterance(f"p{place:02d}", "toy", text=text) for place, text in enumerate(texts)))
    fold_file = make_folds(corpus, 3)
    folds = resolve(fold_file, corpus)
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(texts)))
    for fold in folds:
        assert len({text_hash(corpus.utterances[index].text or "", 3) for index in fold.test}) == 1
    assert audit_of(fold_file, corpus, tmp_path).kinds == ()


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
