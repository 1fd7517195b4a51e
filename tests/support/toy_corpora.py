"""Corpora in memory for tests of folds, protocols and leaks."""

from pathlib import Path

from emobridge.training.corpora.base import Corpus, Utterance, sound_digest
from emobridge.training.splits.folds import FoldFile, resolve
from emobridge.training.splits.leakage import Audit, audit_split, find_twins


def corpus_of(*utterances: Utterance) -> Corpus:
    """Return the corpus ``toy`` of these utterances, in the order of their names, as readers give them."""
    ordered = tuple(sorted(utterances, key=lambda utterance: utterance.id))
    return Corpus("toy", ordered, (), {}, "en", "", "", "")


def spoken(count: int, speakers: int) -> list[Utterance]:
    """Return ``count`` utterances of their own words, dealt to speakers of alternating gender in turn."""
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


def audit_of(fold_file: FoldFile, corpus: Corpus, cache: Path, heard: bool = True) -> Audit:
    """Return what lies in two parts of the split; unless ``heard``, recordings are not read and count for nothing."""
    digests = [sound_digest(utterance) if heard else None for utterance in corpus.utterances]
    return audit_split(fold_file, corpus, resolve(fold_file, corpus), find_twins(corpus, digests, cache))
