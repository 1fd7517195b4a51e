"""Laws of storage: what was written is read, a failed write leaves what was there, a folder is made or refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.errors import OutputError, ResultError
from emobridge.utils.files import make_folder, read_json, write_json

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
@settings(max_examples=50, deadline=None)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, values: object) -> None:
    path = tmp_path_factory.getbasetemp() / "values.json"
    write_json(path, values)
    assert read_json(path) == values


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"new": object()})
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ResultError, match=r"a\.json' cannot be read") as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_a_folder_is_made_and_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"'.*file.*' cannot be made"):
            make_folder(path)
