"""One's own data: a CSV, JSONL or Parquet table with named columns.

``file`` and / or ``text`` are needed; ``id, speaker, label`` (or ``emotion``)``, split, dialogue, duration_s,
votes_<label>, valence, arousal, dominance, intensity`` are known. Paths are relative to the table. A scale is never
guessed: ``<dimension>_low`` and ``<dimension>_high`` say where a dimension lies, and any column that has these two is a
dimension; the four known ones lie on [0, 1] without them. Every other column becomes an attribute.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emobridge.errors import CorpusError, LabelError, nearest
from emobridge.labels import DIMENSIONS, Scale
from emobridge.training.corpora.base import Corpus, Utterance
from emobridge.training.corpora.manifests import (
    SPLITS,
    CorpusFacts,
    Entry,
    Row,
    assemble,
    number,
    read_rows,
    unreadable,
)
from emobridge.utils.extras import load_extra

CONTINUOUS = (*DIMENSIONS, "intensity")
VOTES = "votes_"
# What R, pandas, databases and spreadsheets write where there is nothing; some of it may be a text that was said.
MISSING, MISSING_WORDS = {"NA", "#N/A", "NaN", "nan", "<NA>"}, {"N/A", "NULL", "null", "None"}
_FIELDS = frozenset({"id", "file", "text", "speaker", "label", "emotion", "split", "dialogue", "duration_s"})


def read_table(path: Path, scales: Mapping[str, Scale] | None = None) -> Corpus:
    """Read a corpus from one table.

    Args:
        path: a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file.
        scales: dimension -> its scale, for a table that does not state them.

    Raises:
        CorpusError: the table cannot be read, lacks a column, has dimensions without a scale, writes a label in
            two ways, or has no usable row.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    return corpus_of_rows(f"table-{path.stem}", path, table_rows(path), scales or {})


def table_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of any of the four kinds, every cell as text, an absent or missing one empty."""
    readers = {
        ".csv": lambda: read_rows(path),
        ".tsv": lambda: read_rows(path, delimiter="\t"),
        ".jsonl": lambda: _jsonl_rows(path),
        ".parquet": lambda: _parquet_rows(path),
    }
    if path.suffix.lower() not in readers:
        remedy = nearest(path.suffix, readers) or "save the table as one of these"
        raise CorpusError(f"table '{path}'", f"valid extensions: {', '.join(readers)}", remedy)
    rows = readers[path.suffix.lower()]()
    return [{column: "" if _is_missing(column, cell) else cell for column, cell in row.items()} for row in rows]


def _is_missing(column: str, cell: str) -> bool:
    return cell in MISSING or (cell in MISSING_WORDS and column != "text")


def _jsonl_rows(path: Path) -> list[dict[str, str]]:
    try:
        # Not splitlines: a JSON string may hold other line separators than the end of a line.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    rows = {f"line {place}": line for place, line in enumerate(lines, start=1) if line.strip()}
    return _as_text(path, {place: _json_object(f"'{path}' {place}", line) for place, line in rows.items()})


def _json_object(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise CorpusError(f"{where} is not JSON ({reason})", "one JSON object a line", "correct the line") from error
    if not isinstance(row, dict):
        raise CorpusError(f"{where} is not an object", "one JSON object a line", "correct the line")
    return row


def _parquet_rows(path: Path) -> list[dict[str, str]]:
    parquet = load_extra("pyarrow.parquet", "train")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        given = f"'{path}' cannot be read as Parquet ({str(error).splitlines()[0]})"
        raise CorpusError(given, "valid: a Parquet file", "check the file") from error
    return _as_text(path, {f"row {place}": row for place, row in enumerate(rows, start=1)})


def _as_text(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows, given by the words for their place, with every cell as text."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    result = []
    for place, row in rows.items():
        for column, cell in row.items():
            if isinstance(cell, dict | list | bytes):
                given = f"'{path}' {place}: column '{column}' holds a {type(cell).__name__}"
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
    if not rows:
        raise CorpusError(f"'{source}' has no rows", "a row is an utterance, below a header line", "add rows")
    columns = list(rows[0])
    if "file" not in columns and "text" not in columns:
        valid = f"it has {', '.join(columns)}"
        raise CorpusError(f"'{source}' has neither a column 'file' nor a column 'text'", valid, "name one of them so")
    if "label" in columns and "emotion" in columns:
        raise CorpusError(f"'{source}' has the columns 'label' and 'emotion'", "one of them is the label", "rename one")
    label_column = "emotion" if "emotion" in columns else "label"
    voted = [column.removeprefix(VOTES) for column in columns if column.startswith(VOTES)]
    languages = {row.get("language", "") for row in rows}
    facts = CorpusFacts(
        name=name,
        labels=_labels(source, [row[label_column] for row in rows if row.get(label_column)] + voted),
        language=languages.pop() or "und" if len(languages) == 1 else "und",
        licence="not stated",
        citation="",
        source=str(source),
        original_layout="a table",
        scales={column: _scale(source, column, rows, scales) for column in _dimensions(columns, scales)},
    )
    return assemble(facts, _entries(facts, rows, label_column, folder or source.parent))


def _labels(source: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels in the order of the table, each once; one that is written in two ways is an error."""
    spellings: dict[str, str] = {}
    for label in labels:
        first = spellings.setdefault(" ".join(label.casefold().split()), label)
        if first != label:
            given = f"'{source}' has the labels '{first}' and '{label}', which differ in case or blanks alone"
            raise CorpusError(
                given, "a label is written in one way", f"write '{first}' everywhere, or name it otherwise"
            )
    return tuple(spellings.values())


def _dimensions(columns: Sequence[str], scales: Mapping[str, Scale]) -> list[str]:
    known = [column for column in CONTINUOUS if column in columns]
    scaled = [column for column in columns if column in scales or {f"{column}_low", f"{column}_high"} <= {*columns}]
    return list(dict.fromkeys(known + [column for column in scaled if column not in _FIELDS]))


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
    ends = {f"{column}_{end}" for column in facts.scales for end in ("low", "high")}
    own = _FIELDS | set(facts.scales) | ends
    for place, row in enumerate(rows, start=1):
        counts = {column: cell for column, cell in row.items() if cell and column.startswith(VOTES)}
        values = {column: row[column] for column in facts.scales if row[column]}
        wrong = next((column for column, cell in {**counts, **values}.items() if number(cell) is None), None)
        negative = next((column for column, cell in counts.items() if (number(cell) or 0.0) < 0), None)
        if wrong is not None:
            yield f"row {place}: {wrong} '{row[wrong]}' is not a number"
        elif negative is not None:
            yield f"row {place}: {negative} '{row[negative]}' is a negative number of raters"
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
                    if cell and column not in own and not column.startswith(VOTES)
                },
            )
