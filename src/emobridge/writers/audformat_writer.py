"""audformat: a database of one header and its tables, in one .zip file.

Design: a database of audformat is a folder, and a writer makes one file; unpacked, the file is the folder that
``audformat.Database.load`` opens. Table ``segments`` holds the columns of `Result.to_rows` under the index of file,
start and end; ``files`` holds every recording, also one in which nothing was found. An index of audformat holds no
entry twice: where two speakers have the very same stretch, the second stands in ``segments_2``. Tables are Parquet,
since a text like ``NA`` does not survive CSV there. Times are nanoseconds, numbers have full precision.
"""

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from emobridge.results import Result
from emobridge.utils.extras import load_extra
from emobridge.writers.tables import is_number, table

EXTRA = "audformat"
INDEX = ("file", "start_s", "end_s")
NANOSECONDS_PER_S = 1_000_000_000
FIRST_DAY_OF_ZIP = (1980, 1, 1, 0, 0, 0)  # a date of one's own would make the same results differ


def render(results: Sequence[Result]) -> bytes:
    """Return one database of all results: the zip file of ``db.yaml`` and the tables.

    Raises:
        MissingExtraError: audformat is not installed.
    """
    database = _database(load_extra("audformat", EXTRA), results)
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(content, "w") as archive:
        database.save(folder)
        for path in sorted(Path(folder).iterdir()):
            entry = zipfile.ZipInfo(path.name, FIRST_DAY_OF_ZIP)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _database(audformat: ModuleType, results: Sequence[Result]) -> Any:
    database = audformat.Database("emobridge", description="Emotions as estimated by emobridge, not annotated.")
    models = dict.fromkeys(" ".join(result.model.values()) for result in results)
    database.raters["model"] = audformat.Rater("machine", description="; ".join(models))
    columns, rows = table(results)
    values = [name for name in columns if name not in INDEX]
    categories = [name.removeprefix("prob_") for name in values if name.startswith("prob_")]
    predicted = [row["category"] for row in rows if row["category"] is not None]
    for name in values:
        kind = "float" if is_number(name) else "str"
        labels = list(dict.fromkeys([*categories, *predicted])) if name == "category" else []
        database.schemes[name] = audformat.Scheme(kind, labels=labels or None)
    _add_files(audformat, database, results)
    for number, layer in enumerate(_layers(rows), start=1):
        name = "segments" if number == 1 else f"segments_{number}"
        starts, ends = ([_time(row[key]) for row in layer] for key in INDEX[1:])
        index = audformat.segmented_index([row["file"] for row in layer], starts, ends)
        _add_table(audformat, database, name, index, {key: [row.get(key) for row in layer] for key in values})
    return database


def _add_files(audformat: ModuleType, database: Any, results: Sequence[Result]) -> None:
    """Add the table of recordings, each once."""
    database.schemes["duration"] = audformat.Scheme("time", description="length of the recording")
    database.schemes["warnings"] = audformat.Scheme("str", description="what was odd about the recording")
    once = {result.file: result for result in results}
    durations = [_time(result.duration_s) for result in once.values()]
    warnings = ["; ".join(result.warnings) for result in once.values()]
    index = audformat.filewise_index(list(once))
    _add_table(audformat, database, "files", index, {"duration": durations, "warnings": warnings})


def _add_table(audformat: ModuleType, database: Any, name: str, index: Any, values: dict[str, list[Any]]) -> None:
    database[name] = audformat.Table(index)
    for column, content in values.items():
        database[name][column] = audformat.Column(scheme_id=column, rater_id="model")
        database[name][column].set(content)


def _layers(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the rows in as few groups as it takes that no group holds the same stretch of a file twice."""
    layers: list[dict[tuple[object, ...], dict[str, Any]]] = [{}]
    for row in rows:
        key = (row["file"], *(round(row[name] * NANOSECONDS_PER_S) for name in INDEX[1:]))
        free = next((layer for layer in layers if key not in layer), None)
        if free is None:
            layers.append(free := {})
        free[key] = row
    return [list(layer.values()) for layer in layers]


def _time(seconds: float) -> Any:
    return load_extra("pandas", EXTRA).Timedelta(round(seconds * NANOSECONDS_PER_S), unit="ns")
