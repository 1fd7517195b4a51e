"""What the corpus readers share: rows of a CSV file, the collection layout, and the checks that every corpus passes.

The collection layout keeps several corpora under one root: ``manifests/<corpus>.csv`` with sound files below
``audio/`` for speech, ``text/<corpus>.csv`` for text. Design: a reader yields entries, each an utterance or the words
that say why a row cannot be used; `assemble` makes the corpus, so that nothing is dropped without a reason.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emobridge.audio.decode import open_recording
from emobridge.errors import AudioError, CorpusError, nearest
from emobridge.labels import DIMENSIONS, Scale
from emobridge.training.corpora.base import Corpus, Utterance

Entry = Utterance | str
Row = Mapping[str, str]

SPLITS = {"train": "train", "dev": "validation", "val": "validation", "validation": "validation", "test": "test"}
LFS_POINTER = b"version https://git-lfs"
# Columns that become fields of their own, and the collection's reading of the label: not attributes.
_FIELDS = frozenset(
    {"id", "file", "corpus", "speaker", "emotion", "emotion_4", "transcript", "text", "duration_s", "split"}
    | {"dialogue_id", *DIMENSIONS}
)


@dataclass(frozen=True)
class CorpusFacts:
    """What is known of a named corpus before a file is read.

    `original_layout` describes its folder in one line; `speech` is ``acted`` or ``natural``, empty where it holds none
    or where nobody says.
    """

    name: str
    labels: tuple[str, ...]
    language: str
    licence: str
    citation: str
    source: str
    original_layout: str
    speech: str = ""
    scales: Mapping[str, Scale] = field(default_factory=dict)


def read_rows(path: Path, required: Iterable[str] = (), delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a UTF-8 table with a header line, cells stripped of surrounding blanks.

    Raises:
        CorpusError: the file is missing, not UTF-8, lacks a required column, names a column twice, or has a row of
            another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            columns = [column.strip() for column in reader.fieldnames or ()]
            reader.fieldnames = columns
            _require(path, columns, required)
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    given = f"'{path}' line {reader.line_num}: the row does not have {len(columns)} cells"
                    raise CorpusError(given, f"columns: {', '.join(columns)}", "quote cells that hold the separator")
                rows.append({column: value.strip() for column, value in row.items()})
            return rows
    except csv.Error as error:
        raise CorpusError(
            f"'{path}' is not a readable table ({error})", "valid: cells with one separator", "save it as CSV"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> CorpusError:
    """Return the error for a text file that cannot be opened or is not UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return CorpusError(f"'{path}' is not UTF-8 text ({error.reason})", "valid: UTF-8", "save it as UTF-8")
    valid = "valid: a file that exists and may be read"
    return CorpusError(f"'{path}' cannot be read ({error.strerror})", valid, "check the path")


def read_text(path: Path) -> str:
    """Return a text file of a release: UTF-8, else Windows-1252, in which older corpora were written.

    Raises:
        CorpusError: the file cannot be opened, or holds neither.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    given = f"'{path}' is neither UTF-8 nor Windows-1252 text"
    raise CorpusError(given, "valid: the file as it was released", "copy it again, or save it as UTF-8")


def release_folder(root: Path, names: Iterable[str], holds: Callable[[Path], bool]) -> Path | None:
    """Return ``root``, or the first folder in it with one of ``names``, that ``holds`` the release; None: none does."""
    return next((folder for folder in (root, *(root / name for name in names)) if holds(folder)), None)


def _require(path: Path, columns: list[str], required: Iterable[str]) -> None:
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        given = f"'{path}' has the column '{twice[0]}' more than once"
        raise CorpusError(given, "every column has a name of its own", "rename or drop one")
    for column in required:
        if column not in columns:
            remedy = nearest(column, columns) or f"add the column '{column}'"
            raise CorpusError(f"'{path}' has no column '{column}'", f"it has {', '.join(columns) or 'none'}", remedy)


def number(cell: str) -> float | None:
    """Return the finite number in ``cell``, None where it is empty or holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def collection_rows(root: Path, name: str, *further: str) -> list[dict[str, str]] | None:
    """Return the rows of corpus ``name`` in a collection, None where ``root`` is not a collection that holds it.

    Args:
        root: the collection.
        name: the corpus.
        further: columns that this corpus's table must have too.

    Raises:
        CorpusError: as `read_rows`.
    """
    for path, required in (
        (root / "manifests" / f"{name}.csv", ("file", "speaker", "emotion", "transcript", "duration_s")),
        (root / "text" / f"{name}.csv", ("text", "emotion", "split", "speaker", "dialogue_id")),
    ):
        if path.is_file():
            return read_rows(path, (*required, *further))
    return None


def speech_utterance(root: Path, row: Row, facts: CorpusFacts) -> Utterance:
    """Return the utterance of one row of ``manifests/<corpus>.csv``; its id is the file's name without extension."""
    path = root / row["file"]
    return Utterance(
        id=path.stem,
        corpus=facts.name,
        speaker=row["speaker"] or None,
        audio=path,
        text=row["transcript"] or None,
        label=row["emotion"] or None,
        duration_s=number(row["duration_s"]),
        attributes=_attributes(row),
    )


def text_utterance(identity: str, row: Row, facts: CorpusFacts) -> Utterance:
    """Return the utterance of one row of ``text/<corpus>.csv``."""
    values = {name: number(row.get(name, "")) for name in DIMENSIONS}
    return Utterance(
        id=identity,
        corpus=facts.name,
        speaker=row["speaker"] or None,
        text=row["text"] or None,
        label=row["emotion"] or None,
        dimensions={name: value for name, value in values.items() if value is not None},
        split=SPLITS.get(row["split"]),
        dialogue=row["dialogue_id"] or None,
        attributes=_attributes(row),
    )


def _attributes(row: Row) -> dict[str, str]:
    return {name: cell for name, cell in row.items() if cell and name not in _FIELDS}


def read_dialogues(
    root: Path,
    facts: CorpusFacts,
    checkout: str,
    table: str,
    columns: Iterable[str],
    utterance: Callable[[str, Row], Utterance],
) -> Corpus:
    """Read dialogues from a collection, from a checkout of their repository, or from the folder of their three tables.

    Args:
        root: the collection, the checkout or the folder.
        facts: the corpus.
        checkout: where the tables lie in the checkout.
        table: name of the published tables, ``{}`` for the part.
        columns: what the published tables must have.
        utterance: (part, row) -> the utterance of one row of a published table.

    Raises:
        CorpusError: the folder holds neither layout, or nothing usable.
    """
    rows = collection_rows(root, facts.name, "utterance_id")
    if rows is not None:
        return assemble(
            facts, (text_utterance(f"{row['dialogue_id']}_{row['utterance_id']}", row, facts) for row in rows)
        )
    for folder in (root / checkout, root):
        tables = {part: folder / table.format(part) for part in ("train", "dev", "test")}
        # A release of which each part was unpacked in a folder of its own keeps its table there.
        tables = {part: path if path.is_file() else folder / part / path.name for part, path in tables.items()}
        if all(path.is_file() for path in tables.values()):
            entries = (utterance(part, row) for part, path in tables.items() for row in read_rows(path, columns))
            return assemble(facts, entries)
    raise neither_layout(root, facts)


def neither_layout(root: Path, facts: CorpusFacts) -> CorpusError:
    """Return the error for a folder that is neither the collection nor the corpus's own folder."""
    return CorpusError(
        f"'{root}' does not hold the corpus {facts.name}",
        f"expected manifests/{facts.name}.csv or text/{facts.name}.csv (a collection), or {facts.original_layout}",
        f"the corpus comes from {facts.source}",
    )


def assemble(facts: CorpusFacts, entries: Iterable[Entry], opened: bool = False) -> Corpus:
    """Return the corpus of the usable entries, sorted by id; every other entry is a problem with its reason.

    Args:
        facts: the corpus.
        entries: utterances, and the reasons of what is none.
        opened: open every recording, so that one that cannot be read is left out here and does not stop a training.

    Raises:
        CorpusError: nothing usable is left.
    """
    usable: dict[str, Utterance] = {}
    problems: list[str] = []
    for entry in entries:
        reason = entry if isinstance(entry, str) else _fault(entry, facts) or (_sound_fault(entry) if opened else None)
        if reason is not None:
            problems.append(reason)
        elif isinstance(entry, Utterance):
            if entry.id in usable:
                problems.append(f"{entry.id}: this id occurs more than once, the first was kept")
            usable.setdefault(entry.id, entry)
    if not usable:
        given = f"corpus {facts.name} has no usable utterance"
        if problems:
            raise CorpusError(given, f"the first of {len(problems)} problems: {problems[0]}", "correct what they tell")
        raise CorpusError(given, f"expected {facts.original_layout}", "check the folder's layout")
    return Corpus(
        name=facts.name,
        utterances=tuple(usable[identity] for identity in sorted(usable)),
        labels=facts.labels,
        scales=facts.scales,
        language=facts.language,
        licence=facts.licence,
        speech=facts.speech,
        citation=facts.citation,
        source=facts.source,
        problems=tuple(problems),
    )


def _fault(utterance: Utterance, facts: CorpusFacts) -> str | None:
    """Return why an utterance cannot be used, None where it can."""
    if utterance.audio is None and not utterance.text:
        return f"{utterance.id}: the text is empty"
    if utterance.audio is not None and (fault := _audio_fault(utterance.audio)):
        return f"{utterance.id}: {fault}"
    for label in [*([utterance.label] if utterance.label else []), *utterance.votes]:
        if label not in facts.labels:
            return f"{utterance.id}: label '{label}' is not one of {', '.join(facts.labels) or 'none'}"
    for name, value in utterance.dimensions.items():
        scale = facts.scales[name]
        if not scale.low <= value <= scale.high:
            return f"{utterance.id}: {name} {value} is outside its scale {scale.low}..{scale.high}"
    return None


def _audio_fault(path: Path) -> str | None:
    if not path.is_file():
        return f"there is no file '{path}'"
    size_bytes = path.stat().st_size
    if size_bytes < 1024:
        with path.open("rb") as stream:
            if stream.read(len(LFS_POINTER)) == LFS_POINTER:
                return f"'{path}' is a Git LFS pointer, not sound; run 'git lfs pull' in its repository"
    return None if size_bytes else f"the file '{path}' is empty"


def _sound_fault(utterance: Utterance) -> str | None:
    try:
        if utterance.audio is not None:
            with open_recording(utterance.audio):
                pass
    except AudioError as error:
        return f"{utterance.id}: {error.given}"
    return None
