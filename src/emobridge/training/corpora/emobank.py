"""EmoBank: English sentences of seven genres with valence, arousal and dominance on 1..5; documents as dialogues."""

from collections.abc import Iterator
from pathlib import Path

from emobridge.labels import DIMENSIONS, Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    SPLITS,
    CorpusFacts,
    Entry,
    assemble,
    collection_rows,
    neither_layout,
    number,
    read_rows,
    text_utterance,
)

FACTS = CorpusFacts(
    name="emobank",
    labels=(),
    scales={name: Scale(1.0, 5.0) for name in DIMENSIONS},
    language="en",
    licence="CC BY-SA 4.0",
    citation="S. Buechel, U. Hahn, EmoBank: Studying the Impact of Annotation Perspective and Representation Format on "
    "Dimensional Emotion Analysis, EACL 2017, E17-2092",
    source="https://github.com/JULIELab/EmoBank",
    original_layout="corpus/emobank.csv (with corpus/writer.csv, reader.csv and meta.tsv, optional)",
)
COLUMNS = dict(zip(("V", "A", "D"), DIMENSIONS, strict=True))


def read(root: Path) -> Corpus:
    """Read EmoBank from a collection or from a checkout of its repository."""
    rows = collection_rows(root, FACTS.name, "id")
    if rows is not None:
        entries = (text_utterance(row["id"], {**row, "dialogue_id": _document(row["id"])}, FACTS) for row in rows)
        return assemble(FACTS, entries)
    if not (root / "corpus" / "emobank.csv").is_file():
        raise neither_layout(root, FACTS)
    return assemble(FACTS, _original(root / "corpus"))


def _document(identity: str) -> str:
    """Return the document of a sentence id ``<document>_<start>_<end>``; SemEval headlines have none in common."""
    return "" if identity.startswith("SemEval_") else identity.rsplit("_", 2)[0]


def _original(folder: Path) -> Iterator[Entry]:
    attributes: dict[str, dict[str, str]] = {}
    for perspective in ("writer", "reader"):
        path = folder / f"{perspective}.csv"
        for row in read_rows(path, ("id", *COLUMNS)) if path.is_file() else ():
            cells = {f"{perspective}_{name}": row[column] for column, name in COLUMNS.items()}
            attributes.setdefault(row["id"], {}).update(cells)
    if (folder / "meta.tsv").is_file():
        for row in read_rows(folder / "meta.tsv", ("id", "category"), delimiter="\t"):
            attributes.setdefault(row["id"], {})["category"] = row["category"]
    for row in read_rows(folder / "emobank.csv", ("id", *COLUMNS, "text")):
        values = {name: number(row[column]) for column, name in COLUMNS.items()}
        yield Utterance(
            id=row["id"],
            corpus=FACTS.name,
            text=row["text"] or None,
            dimensions={name: value for name, value in values.items() if value is not None},
            # Editions before 2022 have no split.
            split=SPLITS.get(row.get("split", "")),
            dialogue=_document(row["id"]) or None,
            attributes=attributes.get(row["id"], {}),
        )
