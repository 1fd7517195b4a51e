"""One's own data: a CSV, JSONL or Parquet table with named columns.

``file`` and / or ``text`` are needed; ``id, speaker, label`` (or ``emotion``)``, split, dialogue, duration_s,
votes_<label>, valence, arousal, dominance, intensity`` are known; every other column becomes an attribute. Paths are
relative to the table. A scale is never guessed: dimensions lie on [0, 1], or ``<dimension>_low`` and
``<dimension>_high`` say where they lie.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError, LabelError, nearest
from emobridge.labels import DIMENSIONS, Scale
from emobridge.learning.corpora.base import Corpus, Utterance
from emobridge.learning.corpora.manifests import SPLITS, CorpusFacts, Entry, Row, assemble, number, read_rows
from emobridge.registry import load_extra

CONTINUOUS = (*DIMENSIONS, "intensity")
VOTES = "votes_"
_FIELDS = frozenset(
    {"id", "file", "text", "speaker", "label", "emotion", "split", "dialogue", "duration_s", *CONTINUOUS}
    | {f"{name}_{end}" for name in CONTINUOUS for end in ("low", "high")}
)


def read_table(path: Path, scales: Mapping[str, Scale] | None = None) -> Corpus:
    """Read a corpus from one table.

    Args:
        path: a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file.
        scales: dimension -> its scale, for a table that does not state them.

    Raises:
        CorpusError: the table cannot be read, lacks a column, has dimensions without a scale, or has no usable row.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    return corpus_of_rows(f"table-{path.stem}", path, table_rows(path), scales or {})


def table_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of any of the four kinds, every cell as text, an absent one empty."""
    readers = {
        ".csv": lambda: read_rows(path),
        ".tsv": lambda: read_rows(path, delimiter="\t"),
        ".jsonl": lambda: _jsonl_rows(path),
        ".parquet": lambda: _parquet_rows(path),
    }
    if path.suffix.lower() not in readers:
        remedy = nearest(path.suffix, readers) or "save the table as one of these"
        raise CorpusError(f"table '{path}'", f"valid extensions: {', '.join(readers)}", remedy)
    return readers[path.suffix.lower()]()


def _jsonl_rows(path: Path) -> list[dict[str, str]]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = [json.loads(line) for line in lines]
    except UnicodeDecodeError as error:
        raise CorpusError(f"'{path}' is not UTF-8 text ({error.reason})", "", "save it as UTF-8") from error
    except ValueError as error:
        raise CorpusError(f"'{path}' is not JSON lines ({error})", "one object a line", "correct the line") from error
    except OSError as error:
        raise CorpusError(f"'{path}' cannot be read ({error.strerror})", "", "check the path") from error
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise CorpusError(f"'{path}' row {place} is not an object", "one JSON object a line", "correct the line")
    return _as_text(path, rows)


def _parquet_rows(path: Path) -> list[dict[str, str]]:
    parquet = load_extra("pyarrow.parquet", "train")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        given = f"'{path}' cannot be read as Parquet ({str(error).splitlines()[0]})"
        raise CorpusError(given, "", "check the file") from error
    return _as_text(path, rows)


def _as_text(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    result = []
    for place, row in enumerate(rows, start=1):
        for column, cell in row.items():
            if isinstance(cell, dict | list | bytes):
                given = f"'{path}' row {place}: column '{column}' holds a {type(cell).__name__}"
                raise CorpusError(given, "a cell is text or a number", "spread it over columns")
        cells = {column: row.get(column) for column in columns}
        result.append({column: _cell(value) for column, value in cells.items()})
    return result


def _cell(value: object) -> str:
    absent = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if absent else str(value).strip()


def corpus_of_rows(
    name: str, source: Path, rows: Sequence[Row], scales: Mapping[str, Scale], folder: Path | None = None
) -> Corpus:
    """Return the corpus that ``rows`` describe; paths are relative to ``folder``, by default that of ``source``."""
    columns = list(rows[0]) if rows else []
    if "file" not in columns and "text" not in columns:
        valid = f"it has {', '.join(columns) or 'no rows'}"
        raise CorpusError(f"'{source}' has neither a column 'file' nor a column 'text'", valid, "name one of them so")
    if "label" in columns and "emotion" in columns:
        raise CorpusError(f"'{source}' has the columns 'label' and 'emotion'", "one of them is the label", "rename one")
    label_column = "emotion" if "emotion" in columns else "label"
    voted = [column.removeprefix(VOTES) for column in columns if column.startswith(VOTES)]
    languages = {row.get("language", "") for row in rows}
    facts = CorpusFacts(
        name=name,
        labels=tuple(dict.fromkeys([row[label_column] for row in rows if row.get(label_column)] + voted)),
        language=languages.pop() or "und" if len(languages) == 1 else "und",
        licence="not stated",
        citation="",
        source=str(source),
        original_layout="a table",
        scales={column: _scale(source, column, rows, scales) for column in CONTINUOUS if column in columns},
    )
    return assemble(facts, _entries(facts, rows, label_column, folder or source.parent))


def _scale(source: Path, name: str, rows: Sequence[Row], scales: Mapping[str, Scale]) -> Scale:
    if name in scales:
        return scales[name]
    low, high = f"{name}_low", f"{name}_high"
    stated = {(row[low], row[high]) for row in rows if low in row and high in row}
    if not stated:
        for place, row in enumerate(rows, start=1):
            value = number(row[name])
            if value is not None and not 0.0 <= value <= 1.0:
                given = f"'{source}' row {place}: {name} {row[name]} is not on 0..1, and no scale is stated"
                raise CorpusError(
                    given, "a scale is never guessed", f"add the columns {low} and {high}, such as 1 and 5"
                )
        return Scale(0.0, 1.0)
    ends = [number(cell) for cell in next(iter(stated))]
    try:
        if len(stated) == 1 and ends[0] is not None and ends[1] is not None:
            return Scale(ends[0], ends[1])
    except LabelError as error:
        raise CorpusError(f"'{source}': {error.given} of {name}", error.valid, f"correct {low} and {high}") from error
    given = f"'{source}': {low} and {high} are {' and '.join(sorted('..'.join(pair) for pair in stated)[:3])}"
    raise CorpusError(given, "every row holds the same two numbers", f"correct {low} and {high}")


def _entries(facts: CorpusFacts, rows: Sequence[Row], label_column: str, folder: Path) -> Iterator[Entry]:
    for place, row in enumerate(rows, start=1):
        counts = {column: cell for column, cell in row.items() if cell and column.startswith(VOTES)}
        values = {column: row[column] for column in facts.scales if row[column]}
        wrong = next((column for column, cell in {**counts, **values}.items() if number(cell) is None), None)
        if wrong is not None:
            yield f"row {place}: {wrong} '{row[wrong]}' is not a number"
        elif row.get("split") and row["split"] not in SPLITS:
            yield f"row {place}: split '{row['split']}' is not one of {', '.join(SPLITS)}"
        elif not row.get("file") and not row.get("text"):
            yield f"row {place}: neither file nor text is given"
        else:
            yield Utterance(
                id=row.get("id") or row.get("file") or f"row_{place:05d}",
                corpus=facts.name,
                speaker=row.get("speaker") or None,
                audio=folder / row["file"] if row.get("file") else None,
                text=row.get("text") or None,
                label=row.get(label_column) or None,
                votes={column.removeprefix(VOTES): float(cell) for column, cell in counts.items() if float(cell)},
                dimensions={column: float(cell) for column, cell in values.items()},
                split=SPLITS.get(row.get("split", "")),
                dialogue=row.get("dialogue") or None,
                duration_s=number(row.get("duration_s", "")),
                attributes={
                    column: cell
                    for column, cell in row.items()
                    if cell and column not in _FIELDS and not column.startswith(VOTES)
                },
            )
