"""What a corpus is: utterances with their authors' own labels, never changed. Readers need no torch."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emobridge.errors import CorpusError
from emobridge.labels import Scale


@dataclass(frozen=True)
class Utterance:
    """One utterance as its corpus gives it.

    Attributes:
        id: unique within the corpus and stable across machines (a relative file name, or the authors' id).
        corpus: name of the corpus.
        speaker: unique within the corpus; None where the corpus does not say.
        audio: the sound file, None for a text corpus.
        text: the transcript, None where there is none.
        label: the raw label, None where unlabelled.
        votes: raw label -> number of raters who chose it; empty where there are no votes.
        dimensions: dimension -> value on the corpus's own scale; a missing one is absent.
        split: the authors' part (``train``, ``validation``, ``test``; ``test2`` and on for further test parts), None
            where they made none.
        dialogue: the dialogue or document, None where there is none.
        duration_s: length in seconds where known.
        attributes: every further column, as text (gender, age, intensity, sentence code, ...).
    """

    id: str
    corpus: str
    speaker: str | None = None
    audio: Path | None = None
    text: str | None = None
    label: str | None = None
    votes: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, float] = field(default_factory=dict)
    split: str | None = None
    dialogue: str | None = None
    duration_s: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def is_speech(utterances: Iterable[Utterance]) -> bool:
    """Return whether any utterance has a recording; otherwise they are text alone."""
    return any(utterance.audio for utterance in utterances)


def sound_digest(utterance: Utterance) -> str | None:
    """Return the hex SHA-256 of the bytes of an utterance's sound file, None where it has none.

    Raises:
        CorpusError: the file cannot be read.
    """
    if utterance.audio is None:
        return None
    try:
        with utterance.audio.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"{utterance.corpus}: {utterance.audio}", str(error.strerror), "check the corpus") from error


@dataclass(frozen=True)
class KnownCount:
    """How many of ``what`` the published corpus holds, and how many were found."""

    what: str
    known: int
    found: int


@dataclass(frozen=True)
class Corpus:
    """A corpus read from disk.

    Attributes:
        name: as in the registry.
        utterances: sorted by id.
        labels: every raw label that the corpus uses, in the authors' order.
        scales: dimension -> the corpus's scale.
        language: ISO 639-1 code.
        licence, citation, source: where it comes from and on what terms, for the model card.
        problems: rows or files that were left out, each with its reason.
        known_counts: what is published of the corpus beside what was found; empty where nothing is.
        whole: how many utterances there were before a part of them was selected; None: these are all.
        speech: ``acted`` or ``natural``; empty where there is none, or where it is not known.
    """

    name: str
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    scales: Mapping[str, Scale]
    language: str
    licence: str
    citation: str
    source: str
    problems: tuple[str, ...] = ()
    known_counts: tuple[KnownCount, ...] = ()
    whole: int | None = None
    speech: str = ""
