"""Who is trained on, who is validated on, who is tested on: checked-in data, with the rule that made it.

A fold file names the test and the validation part of each fold, by speakers, by the authors' split or by a hash of the
text; training gets the rest. Design: a part is named by who is in it, never by row numbers, so that a file holds for
any copy of a corpus. Excluded utterances are near-duplicates across parts: no fold trains or validates on them, and
they are still tested on in the fold whose test part they belong to.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError, nearest
from emobridge.learning.corpora.base import Corpus, Utterance, is_speech
from emobridge.learning.near_duplicates import (
    near_duplicate_recordings,
    near_duplicate_utterances,
    normalised_text,
)
from emobridge.learning.storage import write_json

VERSION = 1


@dataclass(frozen=True)
class Part:
    """The utterances of one part, named by exactly one of three: their speakers, their split, or their text's hash.

    Attributes:
        speakers: the part's speakers.
        split: the authors' name for the part: ``train``, ``validation`` or ``test``.
        text_hash: (modulus, remainder) of the SHA-256 of the normalised text.
    """

    speakers: tuple[str, ...] = ()
    split: str | None = None
    text_hash: tuple[int, int] | None = None

    def holds(self, utterance: Utterance) -> bool:
        """Return whether the utterance belongs to this part."""
        if self.text_hash is not None:
            modulus, remainder = self.text_hash
            return utterance.text is not None and text_hash(utterance.text, modulus) == remainder
        return utterance.split == self.split if self.split else utterance.speaker in self.speakers


@dataclass(frozen=True)
class FoldParts:
    """One fold as its file gives it."""

    name: str
    test: Part
    validation: Part


@dataclass(frozen=True)
class Excluded:
    """An utterance that no fold trains or validates on, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class FoldFile:
    """The folds of one corpus and the rule that made them, in a plain sentence."""

    corpus: str
    version: int
    rule: str
    folds: tuple[FoldParts, ...]
    excluded: tuple[Excluded, ...] = ()


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
    return int(hashlib.sha256(normalised_text(text).encode()).hexdigest(), 16) % modulus


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
            remedy = nearest(str(name_or_path), own) or "make one with make_folds"
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
        "folds": [
            {"name": fold.name, "test": _part_to_json(fold.test), "validation": _part_to_json(fold.validation)}
            for fold in fold_file.folds
        ],
        "excluded": [dataclasses.asdict(excluded) for excluded in fold_file.excluded],
    }
    write_json(path, content, indent=1)


def _part_to_json(part: Part) -> dict[str, Any]:
    if part.text_hash:
        return {"text_hash": {"modulus": part.text_hash[0], "remainder": part.text_hash[1]}}
    return {"split": part.split} if part.split else {"speakers": list(part.speakers)}


def _from_json(content: Mapping[str, Any]) -> FoldFile:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, this emobridge reads version {VERSION}")
    folds = tuple(
        FoldParts(fold["name"], _part_from_json(fold["test"]), _part_from_json(fold["validation"]))
        for fold in content["folds"]
    )
    excluded = tuple(Excluded(entry["id"], entry["reason"]) for entry in content["excluded"])
    return FoldFile(content["corpus"], content["version"], content["rule"], folds, excluded)


def _part_from_json(part: Mapping[str, Any]) -> Part:
    (kind,) = part
    if kind == "speakers":
        return Part(speakers=tuple(part["speakers"]))
    if kind == "split":
        return Part(split=part["split"])
    return Part(text_hash=(part["text_hash"]["modulus"], part["text_hash"]["remainder"]))


def resolve(fold_file: FoldFile, corpus: Corpus) -> list[Fold]:
    """Return the folds of a corpus as indices.

    Raises:
        CorpusError: the file is another corpus's, names a speaker whom the corpus does not have, leaves a part empty,
            or has a speaker or dialogue in two parts of speech, or of parts that are given by speakers.
    """
    if fold_file.corpus != corpus.name:
        raise CorpusError(f"folds of corpus {fold_file.corpus}", f"the corpus is {corpus.name}", "name its own folds")
    excluded = {entry.id for entry in fold_file.excluded}
    return [_resolve_fold(parts, corpus, excluded) for parts in fold_file.folds]


def _resolve_fold(parts: FoldParts, corpus: Corpus, excluded: set[str]) -> Fold:
    known = {utterance.speaker for utterance in corpus.utterances}
    for speaker in (*parts.test.speakers, *parts.validation.speakers):
        if speaker not in known:
            valid = f"it has {', '.join(sorted(name for name in known if name)) or 'none'}"
            raise CorpusError(f"{parts.name} names speaker '{speaker}', whom {corpus.name} does not have", valid)
    members: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for index, utterance in enumerate(corpus.utterances):
        in_test, in_validation = parts.test.holds(utterance), parts.validation.holds(utterance)
        if in_test and in_validation:
            given = f"{parts.name} of {corpus.name} has '{utterance.id}' in validation and in test"
            raise CorpusError(given, "the parts of a fold are disjoint", "correct the fold file")
        if in_test:
            members["test"].append(index)
        elif utterance.id not in excluded:
            members["validation" if in_validation else "train"].append(index)
    for name, indices in members.items():
        if not indices:
            given = f"{parts.name} of {corpus.name} has an empty {name} part"
            raise CorpusError(given, "every part holds an utterance", _remedy(parts))
    fold = Fold(parts.name, **{name: tuple(indices) for name, indices in members.items()})
    strict = bool(parts.test.speakers) or is_speech(corpus.utterances)
    if strict and (leaks := (*_shared(fold, corpus, "speaker"), *_shared(fold, corpus, "dialogue"))):
        given = f"{parts.name} of {corpus.name} leaks: {'; '.join(leaks)}"
        raise CorpusError(given, "no speaker and no dialogue lies in two parts", _remedy(parts))
    return fold


def _remedy(parts: FoldParts) -> str:
    if parts.test.split:
        return "correct the split, or drop it (the column 'split' or its folders) so that folds are made by speakers"
    return "correct the fold file"


def split_leaks(fold: Fold, corpus: Corpus) -> tuple[str, ...]:
    """Return words for everything that lies in two parts of a fold; empty where nothing does.

    Looked for are speakers, dialogues, identical and near-duplicate recordings, and, in a corpus of text alone,
    near-duplicate texts. An authors' split of a text corpus can share speakers and dialogues on purpose.
    """
    utterances = corpus.utterances
    part_of = {index: name for name, indices in fold.parts.items() for index in indices}
    leaks = [*_shared(fold, corpus, "speaker"), *_shared(fold, corpus, "dialogue")]
    for kind, first, second in near_duplicate_utterances(utterances, sorted(part_of)):
        if part_of[first] != part_of[second]:
            twins = f"'{utterances[first].id}' ({part_of[first]}) and '{utterances[second].id}' ({part_of[second]})"
            leaks.append(f"{kind}: {twins} are near-duplicates")
    return tuple(leaks)


def _shared(fold: Fold, corpus: Corpus, field: str) -> list[str]:
    """Return one line for each two parts that share a speaker or dialogue."""
    values = {
        part: {getattr(corpus.utterances[index], field) for index in indices} - {None}
        for part, indices in fold.parts.items()
    }
    lines = []
    for (first, ours), (second, theirs) in combinations(values.items(), 2):
        if common := sorted(ours & theirs):
            names = ", ".join(common[:5]) + (", ..." if len(common) > 5 else "")
            lines.append(f"{field}: {len(common)} in both {first} and {second} ({names})")
    return lines


def make_folds(corpus: Corpus, parts: int) -> FoldFile:
    """Return the folds of a corpus by the rule below; the same corpus always gives the same folds.

    An authors' split is kept, as one fold, whatever ``parts``; of speech, it must share no speaker and no dialogue.
    Otherwise speakers are dealt to ``parts`` test parts; the validation part of a fold is the next fold's test part.
    Without speakers a text corpus is dealt by a hash of the text.

    Raises:
        CorpusError: the corpus has no speakers and is not text alone, too few speakers for so many parts, or an
            authors' split of speech that shares speakers or dialogues between its parts.
    """
    if {"train", "validation", "test"} <= {utterance.split for utterance in corpus.utterances}:
        return _authors_fold(corpus)
    if parts < 3:
        raise CorpusError(f"{parts} parts", "valid: 3 or more: train, validation and test differ", "ask for more parts")
    if all(utterance.speaker for utterance in corpus.utterances):
        return _speaker_folds(corpus, parts)
    if is_speech(corpus.utterances):
        given = f"{corpus.name} has recordings without a speaker"
        raise CorpusError(given, "folds of speech are speaker-independent", "give every recording a speaker")
    return _text_folds(corpus, parts)


def _authors_fold(corpus: Corpus) -> FoldFile:
    folds = (FoldParts("authors", Part(split="test"), Part(split="validation")),)
    of_text = (
        "The authors' split. A training utterance whose text nearly equals one of validation or test, or a validation "
        f"utterance whose text nearly equals one of test, is excluded. {_TEXT_RULE}"
    )
    of_speech = (
        "The authors' split, which shares no speaker and no dialogue between its parts. A training recording that is "
        "identical to one of validation or test or a near-duplicate of it (equal up to level and coding), or a "
        "validation recording of one of test, is excluded: neither trained nor validated on; the test part stays whole."
    )
    rule = of_speech if is_speech(corpus.utterances) else of_text
    return _without_duplicates(FoldFile(corpus.name, VERSION, rule, folds), corpus)


def _text_folds(corpus: Corpus, parts: int) -> FoldFile:
    tests = [Part(text_hash=(parts, remainder)) for remainder in range(parts)]
    rule = (
        "No speakers are known: test part k holds the texts whose SHA-256 (after case folding, letters and digits "
        f"alone) has the remainder k - 1 when divided by {parts}; the validation part is the next fold's test part. "
        f"Texts that nearly equal one in another test part are excluded. {_TEXT_RULE}"
    )
    return _without_duplicates(FoldFile(corpus.name, VERSION, rule, _rotate(tests)), corpus)


_TEXT_RULE = (
    "Nearly equal: the same letters and digits, or a cosine of TF-IDF-weighted character 4-grams of at least 0.9; "
    "texts of fewer than four words are too generic to be the same utterance and never count. Excluded utterances are "
    "neither trained nor validated on; test parts stay whole."
)


def _rotate(tests: Sequence[Part]) -> tuple[FoldParts, ...]:
    following = [*tests[1:], tests[0]]
    return tuple(
        FoldParts(f"fold_{place}", test, validation)
        for place, (test, validation) in enumerate(zip(tests, following, strict=True), start=1)
    )


def _without_duplicates(fold_file: FoldFile, corpus: Corpus) -> FoldFile:
    """Add what `resolve` must leave out so that no near-duplicates lie in two parts of a fold."""
    utterances = corpus.utterances
    rank = {"train": 0, "validation": 1, "test": 2}
    folds = [{i: rank[name] for name, part in f.parts.items() for i in part} for f in resolve(fold_file, corpus)]
    reasons: dict[int, str] = {}
    for kind, *pair in near_duplicate_utterances(utterances, range(len(utterances))):
        for ranks in folds:
            lower, higher = sorted(pair, key=lambda index: ranks[index])
            if ranks[lower] < ranks[higher]:
                reasons.setdefault(lower, f"its {kind} nearly equals that of {utterances[higher].id}")
    excluded = tuple(Excluded(utterances[index].id, reasons[index]) for index in sorted(reasons))
    return dataclasses.replace(fold_file, excluded=excluded)


def _speaker_folds(corpus: Corpus, parts: int) -> FoldFile:
    groups = _speaker_groups(corpus)
    if len(groups) < parts:
        valid = f"{corpus.name} has {len(groups)} speakers or groups of speakers that cannot be parted"
        remedy = f"ask for {len(groups)} parts or fewer" if len(groups) >= 3 else "3 parts need 3 such groups"
        raise CorpusError(f"{parts} parts", valid, remedy)
    tests = [Part(speakers=tuple(sorted(speakers))) for speakers in _deal(corpus, groups, parts)]
    rule = (
        f"Speakers are dealt to {parts} test parts. Speakers who share a dialogue or an identical or near-duplicate "
        "recording stay together. Women first, then men, then unknown, each from most to fewest utterances, ties by "
        "name: a group goes to the part with the fewest speakers of its gender, then the fewest speakers, then the "
        "fewest utterances, then the first. The validation part is the next fold's test part; training gets all other "
        "speakers."
    )
    return FoldFile(corpus.name, VERSION, rule, _rotate(tests))


def _speaker_groups(corpus: Corpus) -> list[tuple[str, ...]]:
    """Return the speakers, joined where they share a dialogue or a recording."""
    utterances = corpus.utterances
    leader = {utterance.speaker: utterance.speaker for utterance in utterances if utterance.speaker}

    def join(speakers: Iterable[str | None]) -> None:
        first, *others = sorted({leader[speaker] for speaker in speakers if speaker})
        for speaker, current in leader.items():
            if current in others:
                leader[speaker] = first

    dialogues: dict[str, set[str | None]] = {}
    for utterance in utterances:
        if utterance.dialogue:
            dialogues.setdefault(utterance.dialogue, set()).add(utterance.speaker)
    for speakers in dialogues.values():
        join(speakers)
    for first, second in near_duplicate_recordings(utterances, range(len(utterances))):
        join((utterances[first].speaker, utterances[second].speaker))
    heads = sorted(set(leader.values()))
    return [tuple(name for name in sorted(leader) if leader[name] == head) for head in heads]


def _deal(corpus: Corpus, groups: list[tuple[str, ...]], parts: int) -> list[list[str]]:
    """Deal the groups to the parts as the rule says."""
    counts = Counter(utterance.speaker for utterance in corpus.utterances)
    genders = {utterance.speaker: utterance.attributes.get("gender", "unknown") for utterance in corpus.utterances}
    # "female" < "male" < "unknown"; a group counts for its first speaker's gender.
    groups = sorted(groups, key=lambda group: (genders[group[0]], -sum(counts[name] for name in group), group))
    dealt: list[list[str]] = [[] for _ in range(parts)]
    for group in groups:
        target = min(
            dealt,
            key=lambda part: (
                sum(genders[name] == genders[group[0]] for name in part),
                len(part),
                sum(counts[name] for name in part),
            ),
        )
        target.extend(group)
    return dealt
