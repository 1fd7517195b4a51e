"""What is in a corpus, counted: the first look before anything is trained on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from emobridge.training.corpora.base import Corpus


@dataclass(frozen=True)
class CorpusReport:
    """A corpus in numbers.

    Attributes:
        name: the corpus.
        utterances: how many are usable.
        labels, speakers, splits, genders: value -> how many utterances have it; utterances without one count in
            `missing`, and a label that no utterance has counts 0.
        dimensions: dimension -> how many utterances carry it.
        hours: the length of all recordings whose length the corpus states.
        missing: field -> how many utterances lack it, for speaker, audio, text, label, votes, split, dialogue, length.
        problems: what was left out, each with its reason.
    """

    name: str
    utterances: int
    labels: Mapping[str, int]
    speakers: Mapping[str, int]
    splits: Mapping[str, int]
    genders: Mapping[str, int]
    dimensions: Mapping[str, int]
    hours: float
    missing: Mapping[str, int]
    problems: tuple[str, ...]


def check_corpus(corpus: Corpus) -> CorpusReport:
    """Return the corpus in numbers."""
    utterances = corpus.utterances
    labels = Counter(utterance.label for utterance in utterances if utterance.label)
    missing = {
        "speaker": sum(utterance.speaker is None for utterance in utterances),
        "audio": sum(utterance.audio is None for utterance in utterances),
        "text": sum(utterance.text is None for utterance in utterances),
        "label": sum(utterance.label is None for utterance in utterances),
        "votes": sum(not utterance.votes for utterance in utterances),
        "split": sum(utterance.split is None for utterance in utterances),
        "dialogue": sum(utterance.dialogue is None for utterance in utterances),
        "length": sum(utterance.duration_s is None for utterance in utterances),
    }
    return CorpusReport(
        name=corpus.name,
        utterances=len(utterances),
        labels={label: labels[label] for label in corpus.labels},
        speakers=_sorted(Counter(utterance.speaker for utterance in utterances if utterance.speaker)),
        splits=_sorted(Counter(utterance.split for utterance in utterances if utterance.split)),
        genders=_sorted(Counter(u.attributes["gender"] for u in utterances if u.attributes.get("gender"))),
        dimensions={name: sum(name in utterance.dimensions for utterance in utterances) for name in corpus.scales},
        hours=sum(utterance.duration_s or 0.0 for utterance in utterances) / 3600,
        missing={name: count for name, count in missing.items() if count},
        problems=corpus.problems,
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
