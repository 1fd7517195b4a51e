"""What strangers send, on disk: files under names of ours, and never more of them than was allowed.

Design: making and deleting folders costs more than the rest of a brief upload does. So the files of a job lie beside
those of others, with its id before their names, and the folders of decoded sound are used again and again.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from emobridge.errors import SettingsError
from emobridge.server.problems import Problem

UPLOADS, DECODED, DATABASE, LOCK = "uploads", "decoded", "jobs.sqlite", "lock"


@dataclass
class _Held:
    """The files of a job."""

    names: list[str] = field(default_factory=list)
    size_bytes: int = 0


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
        self._uploads = str(folder / UPLOADS)
        self._held: dict[str, _Held] = {}
        self._folders: list[Path] = []  # of decoded sound, not in use
        self._made_folders = 0
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
            job, _, name = path.name.partition(".")
            if job not in known:
                path.unlink()
                continue
            size_bytes = path.stat().st_size
            held = self._held.setdefault(job, _Held())
            held.names.append(name)
            held.size_bytes += size_bytes
            self._used_bytes += size_bytes

    def path_of(self, job: str, name: str) -> Path:
        """Return the path of a file of a job."""
        return Path(f"{self._uploads}/{job}.{name}")

    def shown(self, job: str, text: str) -> str:
        """Return a text without what would tell where the files of a job are."""
        return text.replace(f"{self._uploads}/", "").replace(f"{job}.", "")

    def create(self, job: str, name: str, most_bytes: int) -> "SpoolFile":
        """Make a file for a job; ``name`` is one of ours.

        Args:
            job: id of the job.
            name: of the file.
            most_bytes: that it may take.
        """
        file = SpoolFile(self, job, f"{self._uploads}/{job}.{name}", most_bytes)
        self._held.setdefault(job, _Held()).names.append(name)
        return file

    def reserve(self, job: str, count_bytes: int) -> None:
        """Take room for a job that has a file.

        Raises:
            Problem: there is none.
        """
        if self.used_bytes + count_bytes > self._most_bytes - self._decoded_bytes:
            raise Problem("disk-full", "the service has no room left for it", remedy="wait", retry_after_s=30.0)
        self._held[job].size_bytes += count_bytes
        self._used_bytes += count_bytes

    def forget(self, job: str) -> None:
        """Delete what was sent for a job."""
        held = self._held.pop(job, None)
        if held is None:
            return
        for name in held.names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._uploads}/{job}.{name}")  # noqa: PTH108 - a third of pathlib's time
        self._free(held.size_bytes)

    @asynccontextmanager
    async def room_to_decode(self) -> AsyncIterator["DecodedRoom"]:
        """Wait for room for the sound of a recording, give an empty folder for it, and empty that in the end.

        Whoever is alone always has room, as uploads leave as much.
        """
        while self._decoding and self.used_bytes + self._decoded_bytes > self._most_bytes:
            self._freed.clear()
            await self._freed.wait()
        self._decoding += 1
        self._used_bytes += self._decoded_bytes
        room = DecodedRoom(self, self._folders.pop() if self._folders else self._fresh_folder(), self._decoded_bytes)
        try:
            yield room
        finally:
            with os.scandir(room.folder) as entries:
                paths = [entry.path for entry in entries]
            for path in paths:
                os.unlink(path)  # noqa: PTH108
            self._folders.append(room.folder)
            self._decoding -= 1
            self._free(room.held_bytes)

    def _fresh_folder(self) -> Path:
        self._made_folders += 1
        folder = self._folder / DECODED / str(self._made_folders)
        folder.mkdir(mode=0o700)
        return folder

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

    def __init__(self, spool: Spool, job: str, path: str, most_bytes: int) -> None:
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
