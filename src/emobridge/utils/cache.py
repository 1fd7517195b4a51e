"""Arrays computed once and kept on disk: memory-mapped, keyed by content, safe against a kill at any moment.

A cache is a folder of segments: ``000001.bin`` (the values, one array after the other) with ``000001.jsonl`` (one line
an array). An array counts only once its index line is complete, and the line is written after the values. Who adds
arrays opens a segment of its own and nobody else ever writes to it: what a kill leaves behind is never built upon, and
several processes may fill one cache at once (each may compute what the others are just computing).
"""

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from emobridge.errors import OutputError

MAPPED_BYTES = 2**28  # handed out before the maps are renewed, since every page that was read counts as resident


def cache_folder() -> Path:
    """Return where all caches are: EMOBRIDGE_CACHE, else the user's cache folder."""
    base = os.environ.get("EMOBRIDGE_CACHE")
    return Path(base) if base else Path.home() / ".cache" / "emobridge"


class ArrayCache:
    """A growing set of equally typed arrays of shape (n,) or (n, width); one process and thread an object.

    Args:
        folder: where it lives; made when missing.
        dtype: the stored type.
        width: columns of each array, None for arrays of one dimension.

    Attributes:
        folder: as given.
    """

    def __init__(self, folder: Path, dtype: DTypeLike, width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._width = width
        self.folder = folder
        self._own_values: Path | None = None
        self._segments: dict[Path, NDArray[np.uint8]] = {}
        self._handed_out_bytes = 0
        self._index: dict[str, tuple[Path, int, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.reread()

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs: no open maps, and no segment, since nobody writes to another's."""
        return self.__dict__ | {"_own_values": None, "_segments": {}, "_handed_out_bytes": 0}

    def reread(self) -> None:
        """Take in what others have added since the cache was opened."""
        for index_file in sorted(self.folder.glob("*.jsonl")):
            self._read_segment(index_file)

    def _read_segment(self, index_file: Path) -> None:
        """Take in a segment's arrays up to the first that is not complete."""
        values = index_file.with_suffix(".bin")
        size = values.stat().st_size if values.exists() else 0
        for line in index_file.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            if entry["offset"] + entry["bytes"] > size:
                break
            self._index.setdefault(entry["key"], (values, entry["offset"], entry["bytes"]))

    @property
    def width(self) -> int:
        """Columns of each array; 1 where they have one dimension."""
        return self._width or 1

    @property
    def size_bytes(self) -> int:
        """What the values of all arrays take on disk."""
        return sum(size for _, _, size in self._index.values())

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def make_room(self, rows: int) -> int:
        """Return the bytes that ``rows`` further rows of values will take, after checking that the disk has them.

        Raises:
            OutputError: the disk has too little room.
        """
        needed = rows * self.width * self._dtype.itemsize
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise OutputError(
                f"a cache of {needed / 1e9:.2f} GB in '{self.folder}'",
                f"its disk has {free / 1e9:.2f} GB left",
                "set EMOBRIDGE_CACHE to a folder on a larger disk, or pool frames: acoustic.pool_frames=4",
            )
        return needed

    def __getitem__(self, key: str) -> NDArray[np.generic]:
        """Return the array behind ``key`` as a read-only memory map.

        Raises:
            KeyError: there is none.
        """
        values, offset, size = self._index[key]
        if size == 0:
            return np.zeros((0,) if self._width is None else (0, self._width), dtype=self._dtype)
        self._handed_out_bytes += size
        if self._handed_out_bytes > MAPPED_BYTES:
            self._segments, self._handed_out_bytes = {}, size
        segment = self._segment(values, offset + size)
        array: NDArray[np.generic] = segment[offset : offset + size].view(self._dtype)
        return array if self._width is None else array.reshape(-1, self._width)

    def _segment(self, values: Path, size: int) -> NDArray[np.uint8]:
        """Return the bytes of a segment, at least ``size`` of them; mapping a file anew for each array is slow."""
        segment = self._segments.get(values)
        if segment is None or len(segment) < size:
            segment = self._segments[values] = np.memmap(values, dtype=np.uint8, mode="r")
        return segment

    def add(self, key: str, array: NDArray[np.generic]) -> None:
        """Store ``array`` under ``key``; a key that is there already keeps its value."""
        if key in self._index:
            return
        if self._own_values is None:
            self._own_values = _new_segment(self.folder)
        content = np.ascontiguousarray(array, dtype=self._dtype).tobytes()
        with self._own_values.open("ab") as file:
            offset = file.tell()
            file.write(content)
        with self._own_values.with_suffix(".jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "offset": offset, "bytes": len(content)}) + "\n")
        self._index[key] = (self._own_values, offset, len(content))


def _new_segment(folder: Path) -> Path:
    """Make the values file of a segment that is this caller's alone."""
    for number in itertools.count(1):
        path = folder / f"{number:06d}.bin"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError("numbers do not run out")
