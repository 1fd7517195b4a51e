"""Laws of folds by episodes: an episode is whole, two corpora of one series agree, and nothing is met twice."""

import dataclasses
import hashlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from emobridge.errors import CorpusError
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.splits.folds import Fold, FoldFile, read_folds, resolve, write_folds
from emobridge.training.splits.protocols import make_folds
from toy_corpora import audit_of, corpus_of

Aired = tuple[int, int]


def said_in(episodes: dict[Aired, list[str]], name: str = "toy") -> Corpus:
    """Return a corpus with these sentences; everybody speaks in every episode, and dialogues end with it."""
    utterances = [
        Utterance(
            f"s{season}e{episode}_{place}",
            name,
            f"person {place % 2}",
            text=text,
            dialogue=f"{season} {episode} {place // 3}",
            attributes={"season": str(season), "episode": str(episode)},
        )
        for (season, episode), texts in episodes.items()
        for place, text in enumerate(texts)
    ]
    return dataclasses.replace(corpus_of(*utterances), name=name)


def folds_or_reject(corpus: Corpus, parts: int) -> tuple[FoldFile, list[Fold]]:
    try:
        fold_file = make_folds(corpus, parts, "episodes")
        return fold_file, resolve(fold_file, corpus)
    except CorpusError:  # A part without an episode, or nothing left to learn from: told, see below.
        reject()


def home(utterance: Utterance) -> Aired:
    return int(utterance.attributes["season"]), int(utterance.attributes["episode"])


def words(number: int) -> str:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return " ".join(digest[start : start + 6] for start in range(0, 30, 6))


aired = st.tuples(st.integers(1, 3), st.integers(1, 30))
sentences = st.lists(st.integers(0, 200).map(words), min_size=1, max_size=4)
series = st.dictionaries(aired, sentences, min_size=20, max_size=30)


@settings(max_examples=20, deadline=None)
@given(episodes=series, parts=st.integers(3, 5), order=st.randoms(use_true_random=False))
def test_every_sentence_is_tested_once_with_all_of_its_episode_whatever_the_order(
    episodes: dict[Aired, list[str]], parts: int, order: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    corpus = said_in(episodes)
    fold_file, folds = folds_or_reject(corpus, parts)
    shuffled = list(corpus.utterances)
    order.shuffle(shuffled)
    assert (
        make_folds(dataclasses.replace(corpus, utterances=tuple(shuffled)), parts, "episodes").folds == fold_file.folds
    )

    assert sorted(index for fold in folds for index in fold.test) == list(range(len(corpus.utterances)))
    for fold in folds:
        homes = {name: {home(corpus.utterances[index]) for index in part} for name, part in fold.parts.items()}
        assert not homes["test"] & (homes["train"] | homes["validation"])
        assert not homes["train"] & homes["validation"]
        texts = {name: {corpus.utterances[index].text for index in part} for name, part in fold.parts.items()}
        assert not texts["test"] & (texts["train"] | texts["validation"])
        assert not texts["train"] & texts["validation"]
    assert audit_of(fold_file, corpus, tmp_path_factory.mktemp("cache"), heard=False).kinds == ()


@settings(max_examples=10, deadline=None)
@given(episodes=series, parts=st.integers(3, 5), seed=st.integers(0, 9))
def test_two_corpora_of_one_series_put_an_episode_into_the_same_part(
    episodes: dict[Aired, list[str]], parts: int, seed: int
) -> None:
    shared = Random(seed).sample(sorted(episodes), len(episodes) // 2)
    one, other = said_in(episodes), said_in({each: [words(1000 * each[0] + each[1])] for each in shared}, "other")
    homes = []
    for corpus in (one, other):
        _, folds = folds_or_reject(corpus, parts)
        homes.append({home(corpus.utterances[at]): number for number, fold in enumerate(folds) for at in fold.test})
    assert homes[1].items() <= homes[0].items()


def test_the_folds_are_the_same_after_they_were_written(tmp_path: Path) -> None:
    corpus = said_in({(season, episode): [f"{season} and {episode}"] for season in (1, 2) for episode in range(1, 20)})
    fold_file = make_folds(corpus, 4, "episodes")
    write_folds(fold_file, tmp_path / "folds.json")
    assert read_folds(tmp_path / "folds.json") == fold_file


@pytest.mark.parametrize(
    ("episodes", "parts", "told"),
    [
        ([(1, 1), (1, 2)], 3, "in 3 parts: one of them gets none of the episodes of toy; .* ask for fewer parts"),
        ([(1, place) for place in range(1, 40)], 2, "2 parts; valid: 3 or more"),
    ],
)
def test_too_few_episodes_or_parts_are_refused(episodes: list[Aired], parts: int, told: str) -> None:
    with pytest.raises(CorpusError, match=told):
        make_folds(said_in({each: [f"said in {each}"] for each in episodes}), parts, "episodes")
