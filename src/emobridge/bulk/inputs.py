"""The recordings of an archive, found and parted: which of them a part of the table holds.

Design: a recording goes into the part that its name falls into, so that adding one to a folder changes one part. Sound
that lies in Parquet files stays where it is: a row group, which is read in one go, is a part.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from emobridge.bulk.stores import Store, below, is_address, open_store, shown
from emobridge.errors import AudioError
from emobridge.recordings import is_named_like_a_recording, no_recording, read_list, recordings_below
from emobridge.registry import load_extra

LISTS, TABLES = (".txt", ".list", ".lst"), (".parquet",)
# How much a part holds, about: so many recordings or so much sound, whichever is less.
PART_RECORDINGS, PART_BYTES = 256, 2**26
FEWEST_PARTS, MOST_PARTS = 16, 50_000
SOUND_COLUMNS, NAME_COLUMNS, TEXT_COLUMNS = ("bytes", "audio"), ("path", "file"), ("text", "transcript")


class Item(NamedTuple):
    """A recording of an archive.

    Attributes:
        name: as it is called in the results.
        place: the path in the store of its part; where that has none, the path on this machine, or the address.
        text: its words, None where there are none.
        problem: why it cannot be judged, where finding it told; else None.
    """

    name: str
    place: str
    text: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of the table, and the recordings in it: items, or a row group.

    Attributes:
        name: of its files.
        recordings: how many.
        base: address of the store that places are in, or of the Parquet file; None: each place is whole.
        items: the recordings, by name.
        group: of the Parquet file, which of its row groups; None where there are items.
    """

    name: str
    recordings: int
    base: str | None = None
    items: tuple[Item, ...] = ()
    group: int | None = None

    def to_json(self) -> str:
        """Return the part as one text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Part":
        """Return the part that `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "items": tuple(Item(*item) for item in values["items"])})


class Group(NamedTuple):
    """A row group: the address of its Parquet file, its number in it, and how many rows it has."""

    address: str
    number: int
    rows: int


@dataclass(frozen=True)
class Found:
    """What was found behind an input.

    Attributes:
        base: as in `Part`.
        items: the recordings, each name once.
        groups: of Parquet files that hold sound.
        size_bytes: of all recordings, 0 where finding them did not tell.
    """

    base: str | None = None
    items: Sequence[Item] = ()
    groups: Sequence[Group] = ()
    size_bytes: int = 0


def find(given: str) -> Found:
    """Return the recordings behind a folder, a list, a recording, or Parquet files of paths or of sound.

    Raises:
        EmobridgeError: nothing is there, a list or table cannot be read, or the store does not answer.
    """
    head = given.split("?", 1)[0].split("::", 1)[0] if is_address(given) else given
    extension = os.path.splitext(head)[1].lower()  # noqa: PTH122
    if extension in TABLES and not Path(given).is_dir():
        return _in_tables([given])
    if extension in LISTS:
        return _listed(given)
    found = _in_store(given) if is_address(given) else _in_folder(given)
    if not found.items:
        tables = _tables_below(given)
        if not tables:
            raise no_recording(shown(given))
        return _in_tables(tables)
    return found


def part(found: Found, parts: int) -> list[Part]:
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
            made.append(Part(name, group.rows, group.address, group=group.number))
    else:
        shares: dict[int, list[Item]] = {}
        for item in found.items:
            digest = hashlib.sha256(os.fsencode(item.name)).digest()
            shares.setdefault(int.from_bytes(digest[:8]) % parts, []).append(item)
        for number, share in shares.items():
            made.append(Part(f"part-{number:05}", len(share), found.base, tuple(sorted(share))))
    return sorted(made, key=lambda one: (-one.recordings, one.name))


def parts_for(recordings: int, size_bytes: int) -> int:
    """Return in how many parts so many recordings of so many bytes are kept; it never depends on the workers."""
    wanted = max(recordings // PART_RECORDINGS, size_bytes // PART_BYTES, min(recordings, FEWEST_PARTS), 1)
    return min(wanted, MOST_PARTS)


def _in_folder(given: str) -> Found:
    """Return the recordings below a folder, or the one file that is given."""
    if not Path(given).exists():
        raise AudioError(f"there is no '{given}'", "a folder, a list, a recording, or Parquet files", "check the path")
    if not Path(given).is_dir():
        return Found(items=[Item(given, whole(given))])
    problems = dict(recordings_below(given))
    # Sizes of a part of them tell how much sound there is, well enough to part it.
    sample = sorted(problems)[:: max(1, len(problems) // 1000)]
    sizes = [Path(path).stat().st_size for path in sample if problems[path] is None]
    size_bytes = sum(sizes) * len(problems) // max(1, len(sample))
    return Found(None, [Item(path, whole(path), None, problem) for path, problem in problems.items()], (), size_bytes)


def _in_store(given: str) -> Found:
    """Return the recordings below an address, or the one file that is there."""
    store = open_store(given)
    if store.state().is_file:
        return Found(items=[Item(shown(given), given)])
    items, size_bytes = [], 0
    for place, size in _files_below(store):
        if is_named_like_a_recording(place.rpartition("/")[2]):
            items.append(Item(shown(below(given, place)), place))
            size_bytes += size
    return Found(given, items, (), size_bytes)


def _files_below(store: Store) -> Iterator[tuple[str, int]]:
    """Yield (path below the store, size in bytes) of every file in a store."""
    selector = load_extra("pyarrow.fs", "bulk").FileSelector(store.root, recursive=True)
    try:
        found = store.files.get_file_info(selector)
    except OSError as error:
        valid = "a folder, a list, a recording, or Parquet files"
        raise AudioError(
            f"'{shown(store.address)}' cannot be searched ({error})", valid, "check its address"
        ) from error
    root = store.root.rstrip("/")
    for info in found:
        if info.is_file:
            yield info.path.removeprefix(root).lstrip("/"), info.size or 0


def _listed(given: str) -> Found:
    if is_address(given):
        content = open_store(given).read("")
        if content is None:
            raise AudioError(
                f"there is no list '{shown(given)}'", "a list is text in UTF-8, one path a line", "check it"
            )
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    else:
        lines = read_list(Path(given))
    items: list[Item] = []
    for line in dict.fromkeys(lines):
        if not is_address(line) and Path(line).is_dir():
            items += _in_folder(line).items
        else:
            items.append(Item(shown(line), whole(line)))
    return Found(items=list({item.name: item for item in items}.values()))


def _tables_below(given: str) -> list[str]:
    store = open_store(given)
    return sorted(below(given, place) for place, _ in _files_below(store) if place.lower().endswith(TABLES))


def _in_tables(addresses: Sequence[str]) -> Found:
    """Return what Parquet files hold: sound, or the paths of recordings."""
    items: dict[str, Item] = {}
    groups: list[Group] = []
    for address in addresses:
        with open_table(address) as table:
            columns = table_columns(address, table.schema_arrow)
            if columns.sound is None:
                for row in read_rows(table, columns):
                    items.setdefault(row.name, Item(shown(row.name), whole(row.name), row.text))
            else:
                counts = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
                groups += [Group(whole(address), number, rows) for number, rows in enumerate(counts)]
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
