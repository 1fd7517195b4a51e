"""Laws of protocols of conversations: partners, sessions and scripts stay where a protocol says."""

import dataclasses
import hashlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.selection import select
from emobridge.training.splits.folds import (
    FoldFile,
    FoldParts,
    Part,
    read_folds,
    resolve,
    write_folds,
)
from emobridge.training.splits.protocols import PROTOCOLS, SCRIPT_DISJOINT, make_folds, stored_folds
from toy_corpora import audit_of, corpus_of, spoken


@st.composite
def conversations(draw: st.DrawFn) -> Corpus:
    """Sessions of two who talk to each other, in improvised scenes of their own words and scripted ones of all's."""
    utterances = []
    for session in range(1, draw(st.integers(3, 5)) + 1):
        for scene in draw(st.lists(st.sampled_from(["impro01", "impro02", "script01_1"]), min_size=1, unique=True)):
            dialogue = f"Ses{session:02d}F_{scene}"
            for role, gender in (("F", "female"), ("M", "male")):
                for place in range(draw(st.integers(1, 3))):
                    own = scene.startswith("impro")
                    seed = f"{dialogue if own else scene} {role} {place}"
                    words = hashlib.sha256(seed.encode()).hexdigest()
                    utterances.append(
                        Utterance(
                            f"{dialogue}_{role}{place:03d}",
                            "toy",
                            f"Ses{session:02d}{role}",
                            text=" ".join(words[start : start + 6] for start in range(0, 30, 6)),
                            audio=Path("never read"),
                            dialogue=dialogue,
                            attributes={
                                "gender": gender,
                                "session": str(session),
                                "situation": "improvised" if own else "scripted",
                            },
                        )
                    )
    return corpus_of(*utterances)


@settings(max_examples=30, deadline=None)
@given(corpus=conversations(), order=st.randoms(use_true_random=False))
@pytest.mark.parametrize("protocol", ["speaker-partner", "speaker-next-session", "session"])
def test_every_speaker_is_tested_once_and_in_one_part_of_a_fold(
    protocol: str, corpus: Corpus, order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fold_file = make_folds(corpus, 5, protocol)
    shuffled = list(corpus.utterances)
    order.shuffle(shuffled)
    assert make_folds(dataclasses.replace(corpus, utterances=tuple(shuffled)), 5, protocol) == fold_file
    tested = [corpus.utterances[index].speaker for fold in resolve(fold_file, corpus) for index in {*fold.test}]
    assert sorted(tested, key=str) == sorted((u.speaker for u in corpus.utterances), key=str)
    audit = audit_of(fold_file, corpus, tmp_path_factory.mktemp("cache"), heard=False)
    assert not any(shared.kind in ("speaker", "selection") for found in audit.folds.values() for shared in found)


@settings(max_examples=30, deadline=None)
@given(corpus=conversations())
def test_dialogue_partners_stand_where_the_protocol_says(
    corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    expected = {"speaker-partner": {"partner"}, "speaker-next-session": {"dialogue"}, "session": set()}
    for protocol, kinds in expected.items():
        fold_file = make_folds(corpus, 5, protocol)
        audit = audit_of(fold_file, corpus, cache, heard=False)
        shared = {one.kind for found in audit.folds.values() for one in found}
        assert shared - {"script"} == kinds
        # Only what trains on the partner is a leak: the paper's protocol says that the partner validates.
        assert audit.kinds == (("dialogue",) if protocol == "speaker-next-session" else ())
        for parts in fold_file.folds:
            if protocol == "speaker-partner":
                assert parts.validation.speakers == (parts.name.translate(str.maketrans("FM", "MF")),)
            elif protocol == "speaker-next-session":
                assert parts.validation.speakers[0][-1] == parts.name[-1]
                assert parts.validation.speakers[0][:5] != parts.name[:5]


@settings(max_examples=30, deadline=None)
@given(corpus=conversations())
@pytest.mark.parametrize("protocol", ["speaker-partner", "speaker-next-session", "session"])
def test_script_disjoint_folds_share_no_sentence_with_their_test_part(
    protocol: str, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain = make_folds(corpus, 5, protocol)
    try:
        disjoint = make_folds(corpus, 5, protocol + SCRIPT_DISJOINT)
    except CorpusError:  # Nothing is left to learn from; the words are tested below.
        reject()
    audit = audit_of(disjoint, corpus, tmp_path_factory.mktemp("cache"), heard=False)
    assert "script" in audit.guards
    assert "script" not in {one.kind for found in audit.folds.values() for one in found}
    for whole, fold, parts in zip(resolve(plain, corpus), resolve(disjoint, corpus), disjoint.folds, strict=True):
        assert fold.test == whole.test
        said = {corpus.utterances[index].text for index in fold.test}
        lost = {*whole.train, *whole.validation} - {*fold.train, *fold.validation}
        assert {corpus.utterances[index].id for index in lost} == {entry.id for entry in parts.excluded}
        assert {corpus.utterances[index].text for index in lost} <= said


def test_scripted_sentences_count_at_any_length_improvised_from_four_words(tmp_path: Path) -> None:
    def said(situation: str) -> Corpus:
        return corpus_of(
            *(
                dataclasses.replace(utterance, text=text, audio=Path("never read"), attributes={"situation": situation})
                for utterance, text in zip(
                    spoken(6, 3), ["Oh no!", "oh, no", "Yes.", "I am here now", "x", "I am here now!"], strict=True
                )
            )
        )

    scripted, improvised = said("scripted"), said("improvised")
    fold_file = FoldFile("toy", 1, "", (FoldParts("a", Part(speakers=("s0",)), Part(speakers=("s1",))),))
    for corpus, counts in ((scripted, [1, 1]), (improvised, [1])):
        found = audit_of(fold_file, corpus, tmp_path, heard=False).folds["a"]
        assert [one.count for one in found if one.kind == "script"] == counts


def test_the_rule_makes_the_checked_in_folds_of_iemocap_from_a_whole_release(iemocap: Path) -> None:
    assert make_folds(read_corpus("iemocap", iemocap), 5, "speaker-partner") == read_folds("iemocap")


@pytest.mark.parametrize("protocol", [None, *(name for name in PROTOCOLS if name not in ("authors", "episodes"))])
def test_improvised_turns_alone_are_split_by_every_protocol(
    iemocap: Path, protocol: str | None, tmp_path: Path
) -> None:
    corpus = select(read_corpus("iemocap", iemocap), ["situation=improvised"])
    fold_file = stored_folds(corpus, protocol) or make_folds(corpus, 5, protocol)
    audit = audit_of(fold_file, corpus, tmp_path)
    assert len(audit.folds) == (5 if protocol in ("session", "speakers") else 10)
    assert "script" not in {one.kind for found in audit.folds.values() for one in found}


def test_a_protocol_may_be_a_file(iemocap: Path, tmp_path: Path) -> None:
    corpus = read_corpus("iemocap", iemocap)
    mine = make_folds(corpus, 5, "session")
    write_folds(mine, tmp_path / "mine.json")
    assert stored_folds(corpus, str(tmp_path / "mine.json")) == mine
    assert stored_folds(corpus) == read_folds("iemocap")
    assert stored_folds(corpus, "session") is None


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("sessions", r"protocol 'sessions'; valid: authors, speakers, .*script-disjoint.*did you mean 'session'"),
        ("session+script", r"protocol 'session\+script'; valid: authors"),
        ("authors", "protocol 'authors' for toy; its utterances have no split"),
        ("speaker-partner", "speaker 's0' of toy shares a dialogue with nobody"),
        ("session", "'u000' of toy has no session or no speaker"),
        ("episodes", "'u000' of toy has no episode; every utterance needs the column episode"),
        ("speakers+script-disjoint", "all that fold_1 of toy could learn from is said in test"),
    ],
)
def test_a_protocol_that_the_corpus_cannot_have_is_refused(protocol: str, words: str) -> None:
    corpus = corpus_of(*(dataclasses.replace(utterance, text="the same words for all") for utterance in spoken(9, 3)))
    with pytest.raises(CorpusError, match=words):
        make_folds(corpus, 3, protocol)


@pytest.mark.parametrize(
    ("sessions", "words"),
    [(("1", "1", "2"), "there are 2 sessions"), (("1", "2", "3", "4"), "speaker 's0' is in several sessions")],
)
def test_sessions_must_be_three_and_of_different_speakers(sessions: tuple[str, ...], words: str) -> None:
    utterances = [
        dataclasses.replace(u, attributes={"session": sessions[place % len(sessions)]})
        for place, u in enumerate(spoken(12, 3))
    ]
    with pytest.raises(CorpusError, match=words):
        make_folds(corpus_of(*utterances), 3, "session")
