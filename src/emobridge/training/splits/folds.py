"""Who is trained on, who is validated on, who is tested on: checked-in data, with the rule that made it.

A fold file names the test and the validation part of each fold, by speakers, by the authors' split, by a hash of the
text or by the utterances; training gets the rest. Design: a part is named by who is in it, never by row numbers, so
that a file holds for any copy of a corpus. Excluded utterances are near-duplicates across parts: they are neither
trained nor validated on (in any fold, or in the one that excludes them), and still tested on in the fold whose test
part they belong to. A file states what it guards against; `leaks` finds what it does not keep.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError, nearest
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.splits.near_duplicates import normalised_text
from emobridge.utils.files import write_json

VERSION = 1
# What can lie in two parts of a fold.
LEAKS = {
    "speaker": "a speaker in two parts",
    "dialogue": "a dialogue in training and in another part: a dialogue partner is trained on",
    "partner": "a dialogue in validation and in test: a dialogue partner validates",
    "recording": "a recording, or a near-duplicate of it, in two parts",
    "script": "a sentence of a test recording that another part speaks too",
    "text": "a text, or one that nearly equals it, in two parts of a corpus of text",
    "selection": "an utterance in validation and in test: what is chosen is chosen on test",
}
GUARDS = ("speaker", "dialogue", "partner", "recording", "selection")
# The authors' split of a text corpus can share speakers and dialogues on purpose.
TEXT_GUARDS = ("text", "recording", "selection")


@dataclass(frozen=True)
class Part:
    """The utterances of one part, named by exactly one of four: speakers, split, the text's hash, or their ids.

    Attributes:
        speakers: the part's speakers.
        split: the authors' name for the part: ``train``, ``validation``, ``test``, or that of a further test part.
        text_hash: (modulus, remainder) of the SHA-256 of the normalised text.
        utterances: the ids of the part.
    """

    speakers: tuple[str, ...] = ()
    split: str | None = None
    text_hash: tuple[int, int] | None = None
    utterances: tuple[str, ...] = ()

    def holds(self, utterance: Utterance) -> bool:
        """Return whether the utterance belongs to this part."""
        if self.text_hash is not None:
            modulus, remainder = self.text_hash
            return utterance.text is not None and text_hash(utterance.text, modulus) == remainder
        if self.utterances:
            return utterance.id in self._ids
        return utterance.split == self.split if self.split else utterance.speaker in self.speakers

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.utterances)


@dataclass(frozen=True)
class Excluded:
    """An utterance that is neither trained nor validated on, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class FoldParts:
    """One fold as its file gives it; ``excluded`` holds for it alone."""

    name: str
    test: Part
    validation: Part
    excluded: tuple[Excluded, ...] = ()


@dataclass(frozen=True)
class FoldFile:
    """The folds of one corpus and the rule that made them.

    Attributes:
        corpus: its name.
        version: of the format.
        rule: in a plain sentence.
        folds: one or more.
        excluded: from training and validation of every fold.
        guards: which of `LEAKS` the folds promise to be free of; what they share beyond these, they share by design.
    """

    corpus: str
    version: int
    rule: str
    folds: tuple[FoldParts, ...]
    excluded: tuple[Excluded, ...] = ()
    guards: tuple[str, ...] = GUARDS


@dataclass(frozen=True)
class Fold:
    """One fold: indices into the corpus's utterances, rising."""

    name: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def text_hash(text: str, modulus: int) -> int:
    """Return the remainder of the SHA-256 of the normalised text: the same on every machine."""
    return hash_remainder(normalised_text(text), modulus)


def hash_remainder(words: str, modulus: int) -> int:
    """Return the remainder of the SHA-256 of ``words`` as they are."""
    return int(hashlib.sha256(words.encode()).hexdigest(), 16) % modulus


def read_folds(name_or_path: str | Path) -> FoldFile:
    """Read a fold file: the checked-in one of a corpus by its name, any other by its path.

    Raises:
        CorpusError: there is no such file, or it does not hold folds.
    """
    own = checked_in_folds()
    if isinstance(name_or_path, str) and name_or_path in own:
        text, source = own[name_or_path].read_text(encoding="utf-8"), f"{name_or_path}.json"
    else:
        path = Path(name_or_path)
        if not path.is_file():
            remedy = nearest(str(name_or_path), own) or "see docs/protocols.md for what it holds"
            raise CorpusError(f"fold file '{name_or_path}'", f"valid: {', '.join(own)}, or a path", remedy)
        text, source = path.read_text(encoding="utf-8"), str(path)
    try:
        return _from_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        valid = "it must hold corpus, version, rule, folds (name, test, validation) and excluded (id, reason)"
        raise CorpusError(f"fold file '{source}' cannot be read ({error})", valid, "make it anew") from error


def checked_in_folds() -> dict[str, Traversable]:
    """Return the fold files that come with emobridge, by corpus."""
    files = (resources.files("emobridge") / "folds").iterdir()
    return {file.name.removesuffix(".json"): file for file in sorted(files, key=str) if file.name.endswith(".json")}


def write_folds(fold_file: FoldFile, path: Path) -> None:
    """Write a fold file as JSON, whole or not at all."""
    content = {
        "corpus": fold_file.corpus,
        "version": fold_file.version,
        "rule": fold_file.rule,
        "guards": list(fold_file.guards),
        "folds": [_fold_to_json(fold) for fold in fold_file.folds],
        "excluded": [dataclasses.asdict(excluded) for excluded in fold_file.excluded],
    }
    write_json(path, content, indent=1)


def _fold_to_json(fold: FoldParts) -> dict[str, Any]:
    parts = {"name": fold.name, "test": _part_to_json(fold.test), "validation": _part_to_json(fold.validation)}
    excluded = [dataclasses.asdict(excluded) for excluded in fold.excluded]
    return {**parts, "excluded": excluded} if excluded else parts


def _part_to_json(part: Part) -> dict[str, Any]:
    if part.utterances:
        return {"utterances": list(part.utterances)}
    if part.text_hash:
        return {"text_hash": {"modulus": part.text_hash[0], "remainder": part.text_hash[1]}}
    return {"split": part.split} if part.split else {"speakers": list(part.speakers)}


def _from_json(content: Mapping[str, Any]) -> FoldFile:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, this emobridge reads version {VERSION}")
    guards = tuple(content.get("guards", GUARDS))
    for name in guards:
        if name not in LEAKS:
            raise ValueError(f"it guards against '{name}', known are {', '.join(LEAKS)}")
    folds = tuple(
        FoldParts(fold["name"], _part_from_json(fold["test"]), _part_from_json(fold["validation"]), _excluded(fold))
        for fold in content["folds"]
    )
    return FoldFile(content["corpus"], content["version"], content["rule"], folds, _excluded(content), guards)


def _excluded(content: Mapping[str, Any]) -> tuple[Excluded, ...]:
    return tuple(Excluded(entry["id"], entry["reason"]) for entry in content.get("excluded", ()))


def _part_from_json(part: Mapping[str, Any]) -> Part:
    (kind,) = part
    if kind == "speakers":
        return Part(speakers=tuple(part["speakers"]))
    if kind == "utterances":
        return Part(utterances=tuple(part["utterances"]))
    if kind == "split":
        return Part(split=part["split"])
    return Part(text_hash=(part["text_hash"]["modulus"], part["text_hash"]["remainder"]))


def resolve(fold_file: FoldFile, corpus: Corpus) -> list[Fold]:
    """Return the folds of a corpus as indices.

    Of parts that are given by the authors' split, further test parts are in no part.

    Raises:
        CorpusError: the file is another corpus's, names a speaker or utterance that the corpus does not have, or leaves
            a part empty.
    """
    if fold_file.corpus != corpus.name:
        raise CorpusError(f"folds of corpus {fold_file.corpus}", f"the corpus is {corpus.name}", "name its own folds")
    excluded = {entry.id for entry in fold_file.excluded}
    return [_resolve_fold(parts, corpus, excluded) for parts in fold_file.folds]


def _resolve_fold(parts: FoldParts, corpus: Corpus, excluded: set[str]) -> Fold:
    _check_names(parts, corpus)
    excluded = excluded | {entry.id for entry in parts.excluded}
    by_split = bool(parts.test.split and parts.validation.split)
    members: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for index, utterance in enumerate(corpus.utterances):
        in_test, in_validation = parts.test.holds(utterance), parts.validation.holds(utterance)
        if in_test:
            members["test"].append(index)
        if in_validation and (in_test or utterance.id not in excluded):
            members["validation"].append(index)
        further = by_split and utterance.split not in (None, "train")
        if not (in_test or in_validation or further or utterance.id in excluded):
            members["train"].append(index)
    for name, indices in members.items():
        if not indices:
            given = f"{parts.name} of {corpus.name} has an empty {name} part"
            raise CorpusError(given, "every part holds an utterance", "choose another protocol or fold file")
    return Fold(parts.name, **{name: tuple(indices) for name, indices in members.items()})


def _check_names(parts: FoldParts, corpus: Corpus) -> None:
    speakers = {utterance.speaker for utterance in corpus.utterances}
    identities = {utterance.id for utterance in corpus.utterances}
    for kind, known in (("speaker", speakers), ("utterance", identities)):
        for part in (parts.test, parts.validation):
            for name in part.speakers if kind == "speaker" else part.utterances:
                if name not in known:
                    names = sorted(each for each in known if each)
                    valid = f"it has {', '.join(names[:20]) or 'none'}{', ...' if len(names) > 20 else ''}"
                    given = f"{parts.name} names {kind} '{name}', which {corpus.name} does not have"
                    raise CorpusError(given, valid, nearest(name, names) or "choose another protocol or fold file")
