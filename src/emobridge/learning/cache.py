"""Arrays computed once and kept on disk: memory-mapped, keyed by content, safe against a kill at any moment.

A cache is a folder with ``arrays.bin`` (the values, one array after the other) and ``index.jsonl`` (one line an array). An
array counts only once its index line is complete, and the line is written after the values; what a kill leaves behind
is cut off at the next opening.
"""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ArrayCache:
    """A growing set of equally typed arrays of shape (n,) or (n, width).

    Args:
        folder: where it lives; made when missing.
        dtype: the stored type.
        width: columns of each array, None for arrays of one dimension.
    """

    def __init__(self, folder: Path, dtype: DTypeLike, width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._width = width
        folder.mkdir(parents=True, exist_ok=True)
        self._values = folder / "arrays.bin"
        self._index_file = folder / "index.jsonl"
        self._values.touch()
        self._index_file.touch()
        self._index: dict[str, tuple[int, int]] = {}
        self._recover()

    def _recover(self) -> None:
        """Read the index and cut both files back to the last complete array."""
        size, kept_bytes = self._values.stat().st_size, 0
        end = 0
        for line in self._index_file.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            if entry["offset"] + entry["bytes"] > size:
                break
            self._index[entry["key"]] = (entry["offset"], entry["bytes"])
            end = max(end, entry["offset"] + entry["bytes"])
            kept_bytes += len(line)
        os.truncate(self._index_file, kept_bytes)
        os.truncate(self._values, end)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def __getitem__(self, key: str) -> NDArray[np.generic]:
        """Return the array behind ``key`` as a read-only memory map.

        Raises:
            KeyError: there is none.
        """
        offset, size = self._index[key]
        if size == 0:
            return np.zeros((0,) if self._width is None else (0, self._width), dtype=self._dtype)
        count = size // self._dtype.itemsize
        shape = (count,) if self._width is None else (count // self._width, self._width)
        return np.memmap(self._values, dtype=self._dtype, mode="r", offset=offset, shape=shape)

    def add(self, key: str, array: NDArray[np.generic]) -> None:
        """Store ``array`` under ``key``; a key that is there already keeps its value."""
        if key in self._index:
            return
        values = np.ascontiguousarray(array, dtype=self._dtype).tobytes()
        offset = self._values.stat().st_size
        with self._values.open("ab") as file:
            file.write(values)
        with self._index_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "offset": offset, "bytes": len(values)}) + "\n")
        self._index[key] = (offset, len(values))
