"""The journal of a run: what was made of each recording, on disk as it is made, so that a killed run can go on.

Design: JSON Lines that are only ever appended to. A line holds the whole result, so one write settles a recording and
every output can be made from the journal again. A kill can tear no line but the last, which lacks its end and counts as
never written. Two runs never write into one journal: its file is locked, and a kill unlocks it.
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from emobridge.errors import OutputError
from emobridge.results import Result

FORMAT_VERSION = 1
# How every journal starts: what starts otherwise is another's file, and is left alone.
_START = b'{"journal": '

logger = logging.getLogger(__name__)

Settings = Mapping[str, str | int | None]
Stamps = list[list[int] | None]


@dataclass(frozen=True)
class _Entry:
    """Where a result lies in the journal, what it was made from, and the name that its recording had."""

    offset: int
    stamps: Stamps
    file: str


class Journal:
    """An open journal. Make one with `open_journal`.

    Places are paths below the folder of the run; stamps tell the state of the files that a result was made from.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._entries: dict[str, _Entry] = {}

    def load(self, offset: int, values: Mapping[str, Any]) -> None:
        """Take in a line that was written before; of several on one place the last counts."""
        place = values["place"]
        if "result" in values:
            self._entries[place] = _Entry(offset, values["stamps"], values["result"]["file"])
        else:
            self._entries.pop(place, None)

    def name(self, place: str, stamps: Stamps) -> str | None:
        """Return the name that a recording was predicted under, None where no result stands for these ``stamps``."""
        entry = self._entries.get(place)
        return entry.file if entry is not None and entry.stamps == stamps else None

    def result(self, place: str) -> Result:
        """Return the result of the recording at ``place``, which the journal holds."""
        self._file.seek(self._entries[place].offset)
        return Result.from_dict(json.loads(self._file.readline())["result"])

    def add_result(self, place: str, stamps: Stamps, result: Mapping[str, Any]) -> None:
        """Write what `Result.to_dict` gave for a recording.

        Raises:
            OutputError: it cannot be written.
        """
        self._append({"place": place, "stamps": stamps, "result": result})

    def add_failure(self, place: str, stamps: Stamps, reason: str) -> None:
        """Write why a recording could not be predicted; a later run tries it again.

        Raises:
            OutputError: it cannot be written.
        """
        self._append({"place": place, "stamps": stamps, "failure": reason})

    def _append(self, values: Mapping[str, Any]) -> None:
        try:
            offset = self._file.seek(0, os.SEEK_END)
            _append_line(self._file, values)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self.load(offset, values)


@contextlib.contextmanager
def open_journal(path: Path, settings: Settings, restart: bool = False) -> Iterator[Journal]:
    """Open the journal at ``path`` to go on with, or a new one where there is none.

    Args:
        path: of the journal, in a folder that exists.
        settings: what decides results, by name.
        restart: forget what it holds.

    Raises:
        OutputError: it cannot be written, is used by another run, is no journal, is damaged, or belongs to a run with
            other settings.
    """
    header = {"journal": FORMAT_VERSION, **settings}
    try:
        file = path.open("a+b")
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        _lock(path, file)
        file.seek(0)
        start = file.read(len(_START))
        if not (start.startswith(_START) or _START.startswith(start)):
            given = f"'{path}' is there already and is no journal of emobridge"
            raise OutputError(given, "a run writes its journal into --out", "choose another --out")
        journal = Journal(path, file)
        end = 0 if restart else _read_into(journal, path, file, header)
        try:
            file.truncate(end)  # a torn line goes, so that the next one starts on a line of its own
            if end == 0:
                _append_line(file, header)
        except OSError as error:
            raise _unwritable(path, error) from error
        yield journal


def whole_lines(file: BinaryIO) -> Iterator[tuple[int, int, Any]]:
    """Yield (start, end, value) of each whole line; a torn last one is left out.

    Raises:
        ValueError: a whole line is no JSON; its message is the number of the line.
    """
    start = file.seek(0)
    for number, line in enumerate(iter(file.readline, b""), start=1):
        if not line.endswith(b"\n"):
            return
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}") from error
        yield start, start + len(line), value
        start += len(line)


def _append_line(file: BinaryIO, values: Mapping[str, Any]) -> None:
    """Write ``values`` as one line of ASCII at the end, and have it on the disk when this returns."""
    file.write(json.dumps(values, allow_nan=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _read_into(journal: Journal, path: Path, file: BinaryIO, header: Settings) -> int:
    """Take in what the journal at ``path`` holds; return where its whole lines end."""
    end = 0
    try:
        for start, line_end, values in whole_lines(file):
            if start == 0:
                refuse_change(path.parent, values, header)
            else:
                journal.load(start, values)
            end = line_end
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        given = f"the journal '{path}' is damaged ({error})"
        raise OutputError(given, "only its last line may be torn", "start the run again with --restart") from error
    return end


def refuse_change(folder: str | Path, started: Settings, given: Settings) -> None:
    """Raise an OutputError where the run in ``folder`` was started with other settings than those that are given."""
    changed = [name for name in {**started, **given} if started.get(name) != given.get(name)]
    if changed:
        told = [
            " and ".join(f"{name} {'left out' if settings.get(name) is None else settings[name]}" for name in changed)
            for settings in (started, given)
        ]
        raise OutputError(
            f"the run in '{folder}' was started with {told[0]}, not with {told[1]}",
            "a run goes on with the model and the options that it was started with",
            "give those, or --restart to do all of it again, or choose another folder",
        )


def _lock(path: Path, file: BinaryIO) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        given = f"another run is writing into '{path.parent}'"
        raise OutputError(given, "one run at a time", "wait for its end, or choose another --out") from error
    except OSError as error:  # a file system without locks
        logger.warning("'%s' cannot be locked (%s): see that no other run writes there", path, error.strerror)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"'{path}' cannot be written: {error.strerror}", "the folder must be writable", "choose another --out"
    )
