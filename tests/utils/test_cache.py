"""Laws of the cache: what went in comes out, whatever was killed when, and whoever else writes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from emobridge.utils import cache as cache_module
from emobridge.utils.cache import ArrayCache

ARRAYS: dict[str, NDArray[np.float16]] = {
    name: np.random.default_rng(number).standard_normal((rows, 4)).astype(np.float16)
    for number, (name, rows) in enumerate({"first": 3, "empty": 0, "third": 2, "last": 2}.items())
}


def open_cache(folder: Path) -> ArrayCache:
    return ArrayCache(folder, np.float16, width=4)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    cache = open_cache(tmp_path / "cache")
    for name, array in ARRAYS.items():
        cache.add(name, array)
    return tmp_path / "cache"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_reading_gives_equal_arrays_of_the_stored_type(filled: Path) -> None:
    cache = open_cache(filled)
    for name, array in ARRAYS.items():
        assert name in cache
        assert_array_equal(cache[name], array, strict=True)
        assert len(array) == 0 or not cache[name].flags.writeable


@given(arrays(np.int16, st.integers(0, 9)))
@settings(max_examples=20, deadline=None)
def test_without_a_width_arrays_have_one_dimension(tmp_path_factory: pytest.TempPathFactory, array: NDArray) -> None:
    folder = tmp_path_factory.mktemp("cache")
    ArrayCache(folder, np.int16).add("a", array)
    assert_array_equal(ArrayCache(folder, np.int16)["a"], array, strict=True)


def test_another_key_misses_and_a_key_keeps_its_first_value(filled: Path) -> None:
    cache = open_cache(filled)
    assert "fourth" not in cache
    with pytest.raises(KeyError):
        cache["fourth"]
    cache.add("first", ARRAYS["last"])
    assert_array_equal(open_cache(filled)["first"], ARRAYS["first"])


def test_opening_changes_nothing_on_disk(filled: Path) -> None:
    with (filled / "000001.bin").open("ab") as file:
        file.write(b"values whose index line another process has yet to write")
    before = content(filled)
    open_cache(filled)
    assert content(filled) == before


@pytest.mark.parametrize("name", ["000001.bin", "000001.jsonl"])
def test_a_write_torn_at_any_byte_loses_the_last_array_alone(filled: Path, tmp_path: Path, name: str) -> None:
    whole = (filled / name).read_bytes()
    last = ARRAYS["last"].nbytes if name.endswith(".bin") else len(whole.splitlines(keepends=True)[-1])
    for size in range(len(whole) - last, len(whole)):
        folder = tmp_path / str(size)
        shutil.copytree(filled, folder)
        with (folder / name).open("r+b") as file:
            file.truncate(size)
        cache = open_cache(folder)
        assert "last" not in cache
        cache.add("last", ARRAYS["first"])
        cache.add("new", ARRAYS["third"])
        for reader in (cache, open_cache(folder)):
            for key in ("first", "empty", "third"):
                assert_array_equal(reader[key], ARRAYS[key])
            assert_array_equal(reader["last"], ARRAYS["first"])
            assert_array_equal(reader["new"], ARRAYS["third"])


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcdef")), max_size=12))
@settings(max_examples=30, deadline=None)
def test_caches_open_at_once_never_harm_each_other(
    tmp_path_factory: pytest.TempPathFactory, additions: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    caches = [open_cache(folder) for _ in range(3)]
    values = {key: np.full((ord(key) % 5, 4), ord(key), np.float16) for key in "abcdef"}
    for writer, key in additions:
        caches[writer].add(key, values[key])
    reader = open_cache(folder)
    assert {key for key in values if key in reader} == {key for _, key in additions}
    for _, key in additions:
        assert_array_equal(reader[key], values[key])


def test_arrays_are_right_before_and_after_their_map_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MAPPED_BYTES", 50)
    cache = ArrayCache(tmp_path, np.float16, 4)
    for number in range(8):
        cache.add(str(number), np.full((3, 4), number))
    found = [cache[str(number)] for number in range(8)]
    for number, array in enumerate(found):
        assert_array_equal(array, np.full((3, 4), number, np.float16))
    bases = {id(array.base) for array in found}
    assert len(bases) > 1
