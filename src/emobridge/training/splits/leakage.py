"""What lies in two parts of a split, and whether the split promised that nothing does.

An audit looks for everything in `folds.LEAKS` and always tells what it finds. What the fold file guards against is a
leak, and training refuses it unless it is allowed by name; what it does not guard against is shared by design, such as
the sentences that every actor of an acted corpus reads.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError, nearest
from emobridge.training.corpora.base import Corpus, is_speech
from emobridge.training.splits.folds import LEAKS, Fold, FoldFile
from emobridge.training.splits.near_duplicates import (
    AUDIO_COSINE,
    SLOTS,
    TEXT_COSINE,
    Sentences,
    near_duplicate_recordings,
    near_duplicate_texts,
    sentences,
)
from emobridge.utils.files import make_folder, read_json, write_json

SPLIT = "split.json"  # in a run's folder: its audits
EXAMPLES = 5
PAIRS = (("train", "test"), ("validation", "test"), ("train", "validation"))  # the worst leak first


@dataclass(frozen=True)
class Shared:
    """Something that lies in two parts of a fold.

    Attributes:
        kind: a key of `folds.LEAKS`.
        first, second: the parts, one of `PAIRS`.
        count: how many speakers, dialogues, recordings, sentences or utterances.
        examples: the first of them.
    """

    kind: str
    first: str
    second: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.examples) + (", ..." if self.count > len(self.examples) else "")
        return f"{self.kind}: {self.count} in both {self.first} and {self.second} ({names})"


@dataclass(frozen=True)
class Twins:
    """What is equal or nearly equal in a corpus: pairs (i, j) of its recordings, and its sentences."""

    recordings: tuple[tuple[int, int], ...]
    sentences: Sentences


@dataclass(frozen=True)
class Audit:
    """A corpus's split, and what was found in it.

    Attributes:
        corpus: its name.
        utterances, of: how many are split, out of how many that the corpus has.
        only: the conditions that selected them.
        rule, guards: of the fold file.
        excluded: how many are neither trained nor validated on in some fold.
        folds: fold -> what lies in two of its parts.
    """

    corpus: str
    utterances: int
    of: int
    only: tuple[str, ...]
    rule: str
    guards: tuple[str, ...]
    excluded: int
    folds: Mapping[str, tuple[Shared, ...]] = field(default_factory=dict)

    def leaks(self, fold: str) -> tuple[Shared, ...]:
        """Return what a fold shares though its file guards against it."""
        return tuple(shared for shared in self.folds[fold] if shared.kind in self.guards)

    def by_design(self, fold: str) -> tuple[Shared, ...]:
        """Return what a fold shares and its file does not guard against."""
        return tuple(shared for shared in self.folds[fold] if shared.kind not in self.guards)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of leaks that some fold has, in the order of `folds.LEAKS`."""
        found = {shared.kind for fold in self.folds for shared in self.leaks(fold)}
        return tuple(kind for kind in LEAKS if kind in found)


def find_twins(corpus: Corpus, digests: Sequence[str | None], cache: Path) -> Twins:
    """Return what is equal or nearly equal in a corpus; it is compared once, and what was found kept in ``cache``.

    Args:
        corpus: any corpus.
        digests: of each utterance's file (`sound_digest`); None: its recording is not looked at.
        cache: a folder, made when missing.

    Raises:
        AudioError: a recording cannot be read.
        MissingExtraError: scikit-learn is not installed.
    """
    heard = [index for index, digest in enumerate(digests) if digest]

    def compare_recordings() -> Iterator[tuple[int, int]]:
        places = {index: place for place, index in enumerate(heard)}
        for first, second in near_duplicate_recordings(corpus.utterances, heard):
            yield places[first], places[second]

    def compare_texts(texts: Sequence[str]) -> list[tuple[int, int]]:
        return _kept(cache, [TEXT_COSINE, list(texts)], lambda: near_duplicate_texts(texts))

    pairs = _kept(cache, [AUDIO_COSINE, SLOTS, [digests[index] for index in heard]], compare_recordings)
    recordings = tuple((heard[first], heard[second]) for first, second in pairs)
    return Twins(recordings, sentences(corpus.utterances, compare_texts))


def _kept(cache: Path, key: Any, compare: Callable[[], Iterable[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Return the pairs that ``compare`` finds, or found when they were asked for with the same key before."""
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    path = make_folder(cache / "near-duplicates") / f"{name}.json"
    if not path.is_file():
        write_json(path, list(compare()))
    return [(first, second) for first, second in read_json(path)]


def audit_split(
    fold_file: FoldFile, corpus: Corpus, folds: Iterable[Fold], twins: Twins, only: Sequence[str] = ()
) -> Audit:
    """Return what lies in two parts of the folds of a corpus.

    Args:
        fold_file: whose folds they are.
        corpus: what is split.
        folds: `folds.resolve` of these two.
        twins: of the corpus.
        only: the conditions that selected the utterances.
    """
    excluded = {entry.id for parts in fold_file.folds for entry in parts.excluded}
    return Audit(
        corpus=corpus.name,
        utterances=len(corpus.utterances),
        of=corpus.whole or len(corpus.utterances),
        only=tuple(only),
        rule=fold_file.rule,
        guards=fold_file.guards,
        excluded=len(excluded | {entry.id for entry in fold_file.excluded}),
        folds={fold.name: tuple(shared_between_parts(fold, corpus, twins)) for fold in folds},
    )


def shared_between_parts(fold: Fold, corpus: Corpus, twins: Twins) -> Iterator[Shared]:
    """Yield everything that lies in two parts of a fold, each kind and each two parts once."""
    spoken = is_speech(corpus.utterances)
    for first, second in PAIRS:
        ours, theirs = fold.parts[first], fold.parts[second]
        found = {
            "speaker": _common(corpus, ours, theirs, "speaker"),
            "dialogue" if first == "train" else "partner": _common(corpus, ours, theirs, "dialogue"),
            "recording": _twin_recordings(corpus, ours, theirs, twins),
            "selection": [corpus.utterances[index].id for index in sorted({*ours} & {*theirs})],
        }
        if not spoken or second == "test":
            found["script" if spoken else "text"] = _shared_sentences(corpus, ours, theirs, twins.sentences)
        for kind, names in found.items():
            if names:
                yield Shared(kind, first, second, len(names), tuple(names[:EXAMPLES]))


def _common(corpus: Corpus, ours: Sequence[int], theirs: Sequence[int], name: str) -> list[str]:
    first, second = ({getattr(corpus.utterances[index], name) for index in part} for part in (ours, theirs))
    return sorted(first & second - {None})


def _twin_recordings(corpus: Corpus, ours: Sequence[int], theirs: Sequence[int], twins: Twins) -> list[str]:
    first, second = {*ours}, {*theirs}
    crossed = [pair if pair[0] in first else pair[::-1] for pair in twins.recordings]
    return [
        f"'{corpus.utterances[one].id}' and '{corpus.utterances[other].id}'"
        for one, other in crossed
        if one in first and other in second
    ]


def _shared_sentences(corpus: Corpus, ours: Sequence[int], theirs: Sequence[int], spoken: Sentences) -> list[str]:
    """Return the sentences of the second part that the first says too, or nearly; each as it is said first."""
    said = spoken.of(ours)
    shared: dict[int, str] = {}
    for index in theirs:
        if spoken.alike(index) & said:
            shared.setdefault(spoken.numbers[index], f"'{corpus.utterances[index].text}'")
    return list(shared.values())


def check_names(allowed: Iterable[str]) -> None:
    """Refuse the name of a leak that there is not.

    Raises:
        CorpusError: a name that is not in `folds.LEAKS`.
    """
    for name in allowed:
        if name not in LEAKS:
            raise CorpusError(f"leak '{name}'", f"valid: {', '.join(LEAKS)}", nearest(name, LEAKS))


def refuse_leaks(audits: Iterable[Audit], allowed: Iterable[str]) -> None:
    """Refuse a split that does not keep what it promises.

    Args:
        audits: of every corpus.
        allowed: kinds of leaks that are trained with all the same.

    Raises:
        CorpusError: a leak that is not allowed, or a name in ``allowed`` that is none.
    """
    accepted = set(allowed)
    check_names(accepted)
    for audit in audits:
        refused = [kind for kind in audit.kinds if kind not in accepted]
        if not refused:
            continue
        fold = next(name for name in audit.folds if any(one.kind in refused for one in audit.leaks(name)))
        leaks = "; ".join(str(one) for one in audit.leaks(fold) if one.kind in refused)
        flags = " ".join(f"--allow-leak {kind}" for kind in refused)
        raise CorpusError(
            f"{fold} of {audit.corpus} leaks: {leaks}",
            f"its folds guard against {', '.join(audit.guards)}",
            f"choose another protocol (docs/protocols.md), or {flags}: then the report says so on its first line",
        )


@dataclass(frozen=True)
class SplitRecord:
    """The audits of a run, and the kinds of leaks that it was told to train with."""

    audits: tuple[Audit, ...]
    allowed: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Keep the record in a run's folder."""
        write_json(folder / SPLIT, dataclasses.asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "SplitRecord | None":
        """Return the record of a run, None where it kept none.

        Raises:
            CorpusError: the record is damaged.
        """
        path = folder / SPLIT
        if not path.is_file():
            return None
        content = read_json(path)
        try:
            return cls(tuple(_audit(values) for values in content["audits"]), tuple(content["allowed"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                f"{path} cannot be read ({error})", "a file that training wrote", "train again"
            ) from error


def _audit(values: Mapping[str, Any]) -> Audit:
    folds = {
        fold: tuple(Shared(**{**one, "examples": tuple(one["examples"])}) for one in found)
        for fold, found in values["folds"].items()
    }
    return Audit(**{**values, "only": tuple(values["only"]), "guards": tuple(values["guards"]), "folds": folds})
