"""Laws of the journal: what was written whole is read, whatever a kill left behind it; nothing of others is touched."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.batch.journal import open_journal, whole_lines
from emobridge.errors import OutputError
from emobridge.results import Result, Segment, Summary

SETTINGS = {"model": "abc", "channel": None}
STAMPS = [[7, 8], None, None]


def result(name: str) -> Result:
    return Result(name, 1.5, {"name": "toy"}, (Segment(0.0, 1.5, text="é\u2028\n"),), {}, Summary(1.5), ("odd",))


def write_journal(path: Path, count: int = 3) -> None:
    with open_journal(path, SETTINGS) as journal:
        for index in range(count):
            journal.add_result(f"{index}.wav", STAMPS, result(f"{index}.wav").to_dict())


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    with open_journal(path, SETTINGS) as journal:
        assert journal.name("1.wav", STAMPS) == "1.wav"
        assert [journal.result(f"{index}.wav") for index in (2, 0, 1)] == [result(f"{i}.wav") for i in (2, 0, 1)]


def test_a_result_stands_for_the_files_that_it_was_made_from_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    with open_journal(path, SETTINGS) as journal:
        assert journal.name("3.wav", STAMPS) is None
        assert journal.name("1.wav", [[7, 9], None, None]) is None
        journal.add_result("1.wav", [[7, 9], None, None], result("new").to_dict())
        assert journal.name("1.wav", [[7, 9], None, None]) == "new"
        journal.add_failure("0.wav", STAMPS, "gone")
    with open_journal(path, SETTINGS) as journal:
        assert journal.result("1.wav") == result("new")
        assert journal.name("0.wav", STAMPS) is None


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_torn_last_line_is_as_never_written(tmp_path: Path, cut: int) -> None:
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    write_journal(whole)
    torn.write_bytes(whole.read_bytes()[:-cut])
    with open_journal(torn, SETTINGS) as journal:
        assert [journal.name(f"{index}.wav", STAMPS) for index in range(3)] == ["0.wav", "1.wav", None]
        journal.add_result("2.wav", STAMPS, result("2.wav").to_dict())
    assert torn.read_bytes() == whole.read_bytes()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(VALUES, max_size=5), st.data())
def test_any_prefix_of_the_bytes_is_read_to_a_prefix_of_the_entries(entries: list[object], data: st.DataObject) -> None:
    content = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    length = data.draw(st.integers(0, len(content)))
    read = list(whole_lines(io.BytesIO(content[:length])))
    assert [value for *_, value in read] == entries[: content[:length].count(b"\n")]
    assert all(json.loads(content[start:end]) == value for start, end, value in read)


def test_a_journal_cut_at_any_byte_can_be_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    content = path.read_bytes()
    ends = [index for index, byte in enumerate(content) if byte == ord("\n")]
    for length in {*range(60), *range(ends[0] - 2, ends[0] + 3), *range(60, len(content), 41), *ends}:
        path.write_bytes(content[:length])
        with open_journal(path, SETTINGS) as journal:
            held = [index for index in range(3) if journal.name(f"{index}.wav", STAMPS)]
            assert held == list(range(sum(end < length for end in ends[1:])))
            for index in range(len(held), 3):
                journal.add_result(f"{index}.wav", STAMPS, result(f"{index}.wav").to_dict())
        assert path.read_bytes() == content


def test_other_settings_are_refused_in_one_line_that_names_both(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    content = path.read_bytes()
    with (
        pytest.raises(OutputError, match=r"with channel left out, not with channel 2; .*--restart"),
        open_journal(path, {**SETTINGS, "channel": 2}),
    ):
        pass
    assert path.read_bytes() == content


def test_a_restart_forgets_everything(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    with open_journal(path, {"model": "new"}, restart=True) as journal:
        assert journal.name("0.wav", STAMPS) is None
    with open_journal(path, {"model": "new"}):
        pass


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("content", [b"somebody's notes", b'{"journey": 1}\n', b"\n"])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, content: bytes, restart: bool) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="is no journal of emobridge"), open_journal(path, SETTINGS, restart):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", [b"\0\0\0\n", b"[1]\n", b'{"place": "a.wav"\n', b'{"stamps": []}\n'])
def test_damage_before_the_last_line_is_an_error_and_no_loss(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    write_journal(path)
    damaged = path.read_bytes() + line
    path.write_bytes(damaged)
    with pytest.raises(OutputError, match=r"is damaged \(.*--restart"), open_journal(path, SETTINGS):
        pass
    assert path.read_bytes() == damaged


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), open_journal(tmp_path, SETTINGS):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error() -> None:
    with pytest.raises((OutputError, OSError)), open_journal(Path("/dev/full"), SETTINGS):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_two_runs_never_write_into_one_journal_and_a_killed_one_unlocks_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys, pathlib; from emobridge.batch.journal import open_journal\n"
        "with open_journal(pathlib.Path(sys.argv[1]), {'model': 'abc', 'channel': None}):\n"
        "    print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(OutputError, match="another run is writing into"), open_journal(path, SETTINGS):
            pass
        other.kill()
    with open_journal(path, SETTINGS):
        pass
