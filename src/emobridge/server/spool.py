"""What strangers send, on disk: a folder for each job under a name of ours, and never more of it than was allowed."""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from emobridge.errors import SettingsError
from emobridge.server.problems import Problem

UPLOADS, DECODED, DATABASE, LOCK = "uploads", "decoded", "jobs.sqlite", "lock"


class Spool:
    """The folders of a service.

    Room is counted: what is written reserves it first, and `room_to_decode` holds back what the sound of one recording
    may take, so that uploads alone can never fill the disk to where nothing can be judged any more.

    Args:
        folder: of the service; it is made where it is not there.
        most_bytes: that everything in it may take.
        decoded_bytes: that the sound of one recording may take.

    Attributes:
        used_bytes: that are taken or reserved.
        database_bytes: that the database takes; who writes to it says so.

    Raises:
        SettingsError: the folder cannot be used, or another service uses it.
    """

    def __init__(self, folder: Path, most_bytes: int, decoded_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._decoded_bytes = decoded_bytes
        self._sizes: dict[str, int] = {}
        self._freed = asyncio.Event()
        self._used_bytes = 0
        self._decoding = 0
        self.database_bytes = 0
        try:
            for each in (folder, folder / UPLOADS, folder / DECODED):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            given = f"folder '{folder}' cannot be used: {error.strerror}"
            raise SettingsError(given, "uploads and results are kept there", "give another with --data") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            given = f"folder '{folder}' is used by another service"
            raise SettingsError(given, "each has a folder of its own", "stop the other or give --data") from error

    @property
    def database(self) -> Path:
        """Path of the database of jobs."""
        return self._folder / DATABASE

    @property
    def used_bytes(self) -> int:
        """What is taken or reserved on disk."""
        return self._used_bytes + self.database_bytes

    def close(self) -> None:
        """Let another service have the folder."""
        os.close(self._lock)

    def recover(self, known: set[str]) -> None:
        """Delete what no known job has, and count what the others have."""
        shutil.rmtree(self._folder / DECODED)
        (self._folder / DECODED).mkdir(mode=0o700)
        for path in (self._folder / UPLOADS).iterdir():
            if path.name in known:
                self._sizes[path.name] = sum(file.stat().st_size for file in path.iterdir())
                self._used_bytes += self._sizes[path.name]
            else:
                shutil.rmtree(path)

    def folder_of(self, job: str) -> Path:
        """Return the folder of what was sent for a job."""
        return self._folder / UPLOADS / job

    def open(self, job: str) -> None:
        """Make the folder of a job."""
        self.folder_of(job).mkdir(mode=0o700)
        self._sizes[job] = 0

    def create(self, job: str, name: str, most_bytes: int) -> "SpoolFile":
        """Make a file for a job; ``name`` is one of ours.

        Args:
            job: whose folder is there.
            name: of the file.
            most_bytes: that it may take.
        """
        return SpoolFile(self, job, self.folder_of(job) / name, most_bytes)

    def reserve(self, job: str, count_bytes: int) -> None:
        """Take room for a job.

        Raises:
            Problem: there is none.
        """
        if self.used_bytes + count_bytes > self._most_bytes - self._decoded_bytes:
            raise Problem("disk-full", "the service has no room left for it", remedy="wait", retry_after_s=30.0)
        self._sizes[job] += count_bytes
        self._used_bytes += count_bytes

    def forget(self, job: str) -> None:
        """Delete what was sent for a job."""
        size_bytes = self._sizes.pop(job, None)
        if size_bytes is None:
            return
        _delete(self.folder_of(job))
        self._free(size_bytes)

    @asynccontextmanager
    async def room_to_decode(self, job: str) -> AsyncIterator["DecodedRoom"]:
        """Wait for room for the sound of a job, give its folder, and delete it in the end.

        Whoever is alone always has room, as uploads leave as much.
        """
        while self._decoding and self.used_bytes + self._decoded_bytes > self._most_bytes:
            self._freed.clear()
            await self._freed.wait()
        self._decoding += 1
        self._used_bytes += self._decoded_bytes
        room = DecodedRoom(self, self._folder / DECODED / job, self._decoded_bytes)
        try:
            room.folder.mkdir(mode=0o700)
            yield room
        finally:
            _delete(room.folder)
            self._decoding -= 1
            self._free(room.held_bytes)

    def _free(self, count_bytes: int) -> None:
        self._used_bytes -= count_bytes
        self._freed.set()


class DecodedRoom:
    """Room for the sound of one recording.

    Attributes:
        folder: for it.
        held_bytes: that are reserved.
    """

    def __init__(self, spool: Spool, folder: Path, held_bytes: int) -> None:
        self._spool = spool
        self.folder = folder
        self.held_bytes = held_bytes

    def shrink(self) -> None:
        """Hold no more than what the files in the folder take."""
        with os.scandir(self.folder) as entries:
            taken_bytes = sum(entry.stat().st_size for entry in entries)
        if taken_bytes < self.held_bytes:
            self._spool._free(self.held_bytes - taken_bytes)
            self.held_bytes = taken_bytes


class SpoolFile:
    """A file that grows as it is sent. Use it as a context; writing takes its room first.

    Attributes:
        size_bytes: written so far.
    """

    def __init__(self, spool: Spool, job: str, path: Path, most_bytes: int) -> None:
        self._spool = spool
        self._job = job
        self._most_bytes = most_bytes
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write(self, content: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            Problem: the file is larger than it may be, or the disk has no room.
        """
        count_bytes = len(content)
        if self.size_bytes + count_bytes > self._most_bytes:
            valid = f"at most {self._most_bytes} bytes are taken"
            raise Problem("too-large", "what was sent is too large", valid, "send less, or a smaller format")
        self._spool.reserve(self._job, count_bytes)
        self.size_bytes += count_bytes
        written = os.write(self._file, content)
        while written < count_bytes:
            written += os.write(self._file, content[written:])

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _delete(folder: Path) -> None:
    """Delete a folder of plain files, in few system calls."""
    with contextlib.suppress(FileNotFoundError):
        with os.scandir(folder) as entries:
            names = [entry.path for entry in entries]
        for name in names:
            os.unlink(name)  # noqa: PTH108
        folder.rmdir()
