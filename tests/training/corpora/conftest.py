"""Folders in a corpus's own layout and in the collection's, made on the spot."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

WriteTable = Callable[..., Path]


@pytest.fixture
def write_sound() -> Callable[[Path], Path]:
    """A function (path) -> path that writes a tenth of a second of noise, another one for every name."""

    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(sum(path.stem.encode()))
        soundfile.write(path, 0.1 * random.standard_normal(1600), 16_000)
        return path

    return write


@pytest.fixture
def write_table() -> WriteTable:
    """A function (path, rows of cells with the header first, delimiter=",") -> path."""

    def write(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=delimiter).writerows(rows)
        return path

    return write
