"""The recordings of an archive, found and parted: which of them a part of the table holds.

Design: a recording goes into the part that its name falls into, so that adding one to a folder changes one part. Sound
that lies in Parquet files stays where it is: a row group, which is read in one go, is a part.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from emobridge.batch.cluster.stores import Store, below, is_address, open_store, shown
from emobridge.batch.recordings import (
    companions,
    is_named_like_a_recording,
    lines_of_list,
    no_recording,
    read_list,
    recordings_below,
)
from emobridge.errors import AudioError, TranscriptError
from emobridge.transcripts import READERS
from emobridge.utils.extras import load_extra

INPUTS = "a folder, a list, a recording, or Parquet files"
LISTS, TABLES = (".txt", ".list", ".lst"), (".parquet",)
# How much a part holds, about: so many recordings or so much sound, whichever is less.
PART_RECORDINGS, PART_BYTES = 256, 2**26
FEWEST_PARTS, MOST_PARTS = 16, 50_000
SOUND_COLUMNS, NAME_COLUMNS, TEXT_COLUMNS = ("bytes", "audio"), ("path", "file"), ("text", "transcript")


class ArchiveRecording(NamedTuple):
    """A recording of an archive.

    Attributes:
        name: as it is called in the results.
        place: the path in the store of its part; where that has none, the path on this machine, or the address.
        text: its words, None where there are none.
        problem: why it cannot be predicted, where finding it told; else None.
        transcript: the path of a file with its words, below the folder of transcripts of its part; else None.
    """

    name: str
    place: str
    text: str | None = None
    problem: str | None = None
    transcript: str | None = None


@dataclass(frozen=True)
class TablePart:
    """A part of the table, and the recordings in it: items, or a row group.

    Attributes:
        name: of its files.
        recordings: how many.
        base: address of the store that places are in, or of the Parquet file; None: each place is whole.
        items: the recordings, by name.
        group: of the Parquet file, which of its row groups; None where there are items.
        transcripts: path or address of the folder of transcripts; None where there is none.
    """

    name: str
    recordings: int
    base: str | None = None
    items: tuple[ArchiveRecording, ...] = ()
    group: int | None = None
    transcripts: str | None = None

    def to_json(self) -> str:
        """Return the part as one text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TablePart":
        """Return the part that `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "items": tuple(ArchiveRecording(*item) for item in values["items"])})


class RowGroup(NamedTuple):
    """A row group: the address of its Parquet file, its number in it, and how many rows it has."""

    address: str
    number: int
    rows: int


@dataclass(frozen=True)
class Found:
    """What was found behind an input.

    Attributes:
        base: as in `TablePart`.
        items: the recordings, each name once.
        groups: of Parquet files that hold sound.
        size_bytes: of all recordings, 0 where finding them did not tell.
        transcripts: as in `TablePart`.
    """

    base: str | None = None
    items: Sequence[ArchiveRecording] = ()
    groups: Sequence[RowGroup] = ()
    size_bytes: int = 0
    transcripts: str | None = None


def find(given: str, transcripts: str | None = None) -> Found:
    """Return the recordings behind a folder, a list, a recording, or Parquet files of paths or of sound.

    Args:
        given: a path or an address.
        transcripts: of a folder with a file of each recording's name, in folders as the recordings are.

    Raises:
        EmobridgeError: nothing is there, a list or table cannot be read, or the store does not answer.
        TranscriptError: no recording has a transcript there.
    """
    words = {} if transcripts is None else _words_below(transcripts)
    found = _find(given, words)
    if transcripts is None:
        return found
    if found.groups:
        valid = f"words beside sound are in a column {' or '.join(TEXT_COLUMNS)}"
        raise TranscriptError(f"'{shown(given)}' holds sound in Parquet", valid, "leave out --transcript")
    if not any(item.transcript for item in found.items):
        raise TranscriptError(
            f"no recording of '{shown(given)}' has a transcript in '{shown(transcripts)}'",
            f"it has its recording's name, in the same folders, and ends in one of {' '.join(READERS)}",
            "check both folders, or leave out --transcript",
        )
    return replace(found, transcripts=whole(transcripts))


def _find(given: str, words: Mapping[str, str]) -> Found:
    head = given.split("?", 1)[0].split("::", 1)[0] if is_address(given) else given
    extension = os.path.splitext(head)[1].lower()  # noqa: PTH122
    if extension in TABLES and not Path(given).is_dir():
        return _in_tables([given], words)
    if extension in LISTS:
        return _listed(given, words)
    found = _in_store(given, words) if is_address(given) else _in_folder(given, words)
    if not found.items:
        tables = _tables_below(given)
        if not tables:
            raise no_recording(shown(given))
        return _in_tables(tables, words)
    return found


def part(found: Found, parts: int) -> list[TablePart]:
    """Return what was found in parts; the largest ones come first, so that the last to end are small.

    Args:
        found: by `find`.
        parts: how many; row groups are parts whatever is asked for.
    """
    made = []
    if found.groups:
        files = list(dict.fromkeys(group.address for group in found.groups))
        for group in found.groups:
            name = f"part-{files.index(group.address):05}-{group.number:05}"
            made.append(TablePart(name, group.rows, group.address, group=group.number))
    else:
        shares: dict[int, list[ArchiveRecording]] = {}
        for item in found.items:
            digest = hashlib.sha256(os.fsencode(item.name)).digest()
            shares.setdefault(int.from_bytes(digest[:8]) % parts, []).append(item)
        for number, share in shares.items():
            ordered = tuple(sorted(share, key=lambda item: item.name))
            made.append(TablePart(f"part-{number:05}", len(share), found.base, ordered, transcripts=found.transcripts))
    return sorted(made, key=lambda one: (-one.recordings, one.name))


def parts_for(recordings: int, size_bytes: int) -> int:
    """Return in how many parts so many recordings of so many bytes are kept; it never depends on the workers."""
    wanted = max(recordings // PART_RECORDINGS, size_bytes // PART_BYTES, min(recordings, FEWEST_PARTS), 1)
    return min(wanted, MOST_PARTS)


def _words_below(transcripts: str) -> dict[str, str]:
    """Return path without its extension -> path of the transcripts below a folder, which may be an address."""
    return companions((place for place, _ in _files_below(open_store(transcripts), "a folder of transcripts")), READERS)


def _named(name: str, place: str, words: Mapping[str, str], text: str | None = None) -> ArchiveRecording:
    """Return a recording that is named by itself: a folder of transcripts has its words under the name alone."""
    alone = shown(place).partition("::")[0] if is_address(place) else place
    return ArchiveRecording(name, place, text, None, words.get(_stem(alone.rpartition("/")[2])))


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]  # noqa: PTH122


def _in_folder(given: str, words: Mapping[str, str]) -> Found:
    """Return the recordings below a folder, or the one file that is given."""
    if not Path(given).exists():
        raise AudioError(f"there is no '{given}'", INPUTS, "check the path")
    if not Path(given).is_dir():
        return Found(items=[_named(given, whole(given), words)])
    problems = dict(recordings_below(given))
    # Sizes of a part of them tell how much sound there is, well enough to part it.
    sample = sorted(problems)[:: max(1, len(problems) // 1000)]
    sizes = [Path(path).stat().st_size for path in sample if problems[path] is None]
    size_bytes = sum(sizes) * len(problems) // max(1, len(sample))
    items = [
        ArchiveRecording(path, whole(path), None, problem, words.get(_stem(path.removeprefix(given).lstrip("/"))))
        for path, problem in problems.items()
    ]
    return Found(None, items, (), size_bytes)


def _in_store(given: str, words: Mapping[str, str]) -> Found:
    """Return the recordings below an address, or the one file that is there."""
    store = open_store(given)
    if store.state().is_file:
        return Found(items=[_named(shown(given), given, words)])
    items, size_bytes = [], 0
    for place, size in _files_below(store, INPUTS):
        if is_named_like_a_recording(place.rpartition("/")[2]):
            items.append(ArchiveRecording(shown(below(given, place)), place, None, None, words.get(_stem(place))))
            size_bytes += size
    return Found(given, items, (), size_bytes)


def _files_below(store: Store, valid: str) -> Iterator[tuple[str, int]]:
    """Yield (path below the store, size in bytes) of every file in a store, which is to be ``valid``."""
    selector = load_extra("pyarrow.fs", "bulk").FileSelector(store.root, recursive=True)
    try:
        found = store.files.get_file_info(selector)
    except OSError as error:
        given = f"'{shown(store.address)}' cannot be searched ({error})"
        raise AudioError(given, valid, "check its path or address, and your access") from error
    root = store.root.rstrip("/")
    for info in found:
        if info.is_file:
            yield info.path.removeprefix(root).lstrip("/"), info.size or 0


def _listed(given: str, words: Mapping[str, str]) -> Found:
    if is_address(given):
        content = open_store(given).read("")
        if content is None:
            valid = "a list is text in UTF-8, one path a line"
            raise AudioError(f"there is no list '{shown(given)}'", valid, "check its address")
        lines = lines_of_list(content, shown(given))
    else:
        lines = read_list(Path(given))
    items: list[ArchiveRecording] = []
    for line in dict.fromkeys(lines):
        if not is_address(line) and Path(line).is_dir():
            items += _in_folder(line, words).items
        else:
            items.append(_named(shown(line), whole(line), words))
    return Found(items=list({item.name: item for item in items}.values()))


def _tables_below(given: str) -> list[str]:
    store = open_store(given)
    return sorted(below(given, place) for place, _ in _files_below(store, INPUTS) if place.lower().endswith(TABLES))


def _in_tables(addresses: Sequence[str], words: Mapping[str, str]) -> Found:
    """Return what Parquet files hold: sound, or the paths of recordings."""
    items: dict[str, ArchiveRecording] = {}
    groups: list[RowGroup] = []
    for address in addresses:
        with open_table(address) as table:
            columns = table_columns(address, table.schema_arrow)
            if columns.sound is None:
                for row in read_rows(table, columns):
                    items.setdefault(row.name, _named(shown(row.name), whole(row.name), words, row.text))
            else:
                counts = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
                groups += [RowGroup(whole(address), number, rows) for number, rows in enumerate(counts)]
    if items and groups:
        given = f"'{shown(addresses[0])}' and {len(addresses) - 1} more Parquet files"
        raise AudioError(given, "all hold sound, or all hold paths", "give them one after the other")
    if not items and not groups:
        raise no_recording(shown(addresses[0]))
    return Found(items=list(items.values()), groups=groups)


class Columns(NamedTuple):
    """Which columns of a Parquet file hold what; None where none does."""

    name: str | None
    sound: str | None
    text: str | None


class Row(NamedTuple):
    """A row of a Parquet file: the name of a recording, its sound where the file holds it, its words."""

    name: str
    sound: bytes | None
    text: str | None


def open_table(address: str) -> Any:
    """Open a Parquet file; the caller closes it.

    Raises:
        AudioError: there is none, or it is damaged.
    """
    arrow = load_extra("pyarrow", "bulk")
    try:
        return load_extra("pyarrow.parquet", "bulk").ParquetFile(open_store(address).open(""))
    except (OSError, arrow.ArrowInvalid) as error:
        given = f"'{shown(address)}' cannot be read as Parquet ({error})"
        raise AudioError(given, "one row a recording", "check the file") from error


def table_columns(address: str, schema: Any) -> Columns:
    """Return which columns of a table are read.

    Raises:
        AudioError: it has neither a column of sound nor one of paths.
    """
    arrow = load_extra("pyarrow", "bulk")
    name, text = (next((one for one in names if one in schema.names), None) for names in (NAME_COLUMNS, TEXT_COLUMNS))
    for sound in SOUND_COLUMNS:
        kind = schema.field(sound).type if sound in schema.names else None
        if kind is not None and (kind in (arrow.binary(), arrow.large_binary()) or arrow.types.is_struct(kind)):
            return Columns(name, sound, text)
    if name is None:
        given = f"'{shown(address)}' has the columns {', '.join(schema.names)}"
        valid = f"sound is in a column {' or '.join(SOUND_COLUMNS)}, paths are in {' or '.join(NAME_COLUMNS)}"
        raise AudioError(given, valid, "rename the column")
    return Columns(name, None, text)


def read_rows(table: Any, columns: Columns, group: int | None = None, unnamed: str = "row") -> Iterator[Row]:
    """Yield the rows of an open table, or of one of its row groups, a few at a time.

    Args:
        table: by `open_table`.
        columns: by `table_columns`.
        group: number of the row group; None: all.
        unnamed: how a recording without a name is called, before its number.
    """
    groups = None if group is None else [group]
    wanted = [column for column in columns if column]
    number = 0
    for batch in table.iter_batches(8 if columns.sound else 65_536, groups, wanted):
        for row in batch.to_pylist():
            sound = row[columns.sound] if columns.sound else None
            inner = sound if isinstance(sound, dict) else {"bytes": sound}
            name = (row[columns.name] if columns.name else None) or inner.get("path")
            yield Row(name or f"{unnamed} {number}", inner["bytes"], row[columns.text] if columns.text else None)
            number += 1


def whole(place: str) -> str:
    """Return a place that means the same in every process."""
    return place if is_address(place) else os.path.abspath(place)  # noqa: PTH100
