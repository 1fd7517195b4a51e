"""Jobs on disk: a recording each, from when it was accepted until its result has expired. SQLite keeps them.

Design: a job is written when it is accepted and when it is finished, and in between it lives in memory; whatever was in
hand when the service ended is then still waiting, and goes on with the next start. Transactions are one statement, on
the event loop: they take less time than the way to another thread would.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAITING, DONE, FAILED, CANCELLED = "queued", "done", "failed", "cancelled"
DECODING, JUDGING = "decoding", "judging"  # of a job in hand; on disk it is waiting
STATES = (WAITING, DECODING, JUDGING, DONE, FAILED, CANCELLED)
VACUUM_PAGES = 1000

SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, client TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  created_s REAL NOT NULL, expires_s REAL, duration_s REAL, tries INTEGER NOT NULL, options TEXT NOT NULL, problem TEXT,
  result BLOB
);
CREATE INDEX IF NOT EXISTS jobs_by_expiry ON jobs (expires_s) WHERE expires_s IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""
COLUMNS = "id, client, name, state, created_s, expires_s, duration_s, tries, options, problem"


@dataclass(frozen=True)
class Options:
    """How a recording is to be judged, and what was sent with it.

    Attributes:
        recording: name of its file, None where there is a transcript alone.
        transcript: name of the file with the words, None where there are none.
        is_text: whether that file holds the words themselves, and no format of transcripts.
        speakers: how many speak, ``channels``, the name of the file of turns, or None.
        channel: the channel to hear, counted from 1; None mixes them down.
        categories: name of one of the model's views, None is all its categories.
        keep: whether the recording is kept as long as its result.
    """

    recording: str | None = None
    transcript: str | None = None
    is_text: bool = False
    speakers: int | str | None = None
    channel: int | None = None
    categories: str | None = None
    keep: bool = False


@dataclass(frozen=True)
class Job:
    """One recording that was accepted.

    Attributes:
        id: under which its client asks for it, and what its files are named by.
        client: whose it is.
        name: what the recording is called.
        state: one of `STATES`.
        created_s, expires_s: seconds since 1970; it expires once it is finished.
        duration_s: length of the recording, None where it is not known.
        tries: how often the model was lost with it in hand.
        options: how it is to be judged.
        problem: why it failed, as `Problem.to_dict` has it.
    """

    id: str
    client: str
    name: str
    state: str
    created_s: float
    expires_s: float | None = None
    duration_s: float | None = None
    tries: int = 0
    options: Options = field(default_factory=Options)
    problem: Mapping[str, Any] | None = None


class JobStore:
    """The jobs of a service, in one file.

    Args:
        path: of the database; it is made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, job: Job) -> None:
        """Keep a job that was accepted."""
        options = json.dumps(vars(job.options))
        values = (
            job.id,
            job.client,
            job.name,
            job.state,
            job.created_s,
            None,
            job.duration_s,
            job.tries,
            options,
            None,
        )
        self._database.execute(f"INSERT INTO jobs ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", values)  # noqa: S608

    def waiting(self) -> list[Job]:
        """Return the jobs that are not finished, in the order in which they came."""
        found = self._database.execute(f"SELECT {COLUMNS} FROM jobs WHERE state = 'queued' ORDER BY number")  # noqa: S608
        return [_job(row) for row in found]

    def job(self, identifier: str) -> Job | None:
        """Return a job, None where there is none."""
        row = self._database.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (identifier,)).fetchone()  # noqa: S608
        return _job(row) if row is not None else None

    def lost(self, identifier: str) -> None:
        """Count that the model was lost with a job in hand."""
        self._database.execute("UPDATE jobs SET tries = tries + 1 WHERE id = ?", (identifier,))

    def finish(
        self,
        identifier: str,
        state: str,
        expires_s: float,
        duration_s: float | None,
        result: bytes | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep how a job ended, and its result where there is one."""
        told = json.dumps(problem) if problem is not None else None
        self._database.execute(
            "UPDATE jobs SET state = ?, expires_s = ?, duration_s = ?, problem = ?, result = ? WHERE id = ?",
            (state, expires_s, duration_s, told, result, identifier),
        )

    def result(self, identifier: str) -> bytes | None:
        """Return the result of a job, None where there is none."""
        row = self._database.execute("SELECT result FROM jobs WHERE id = ?", (identifier,)).fetchone()
        return row[0] if row is not None else None

    def delete(self, identifiers: Sequence[str]) -> None:
        """Forget jobs and their results."""
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("DELETE FROM jobs WHERE id = ?", [(identifier,) for identifier in identifiers])
        self._database.execute("COMMIT")

    def expired(self, now_s: float) -> list[str]:
        """Return the jobs whose time is over."""
        return [row[0] for row in self._database.execute("SELECT id FROM jobs WHERE expires_s <= ?", (now_s,))]

    def all_ids(self) -> set[str]:
        """Return all jobs that are known."""
        return {row[0] for row in self._database.execute("SELECT id FROM jobs")}

    def count_by_state(self) -> dict[str, int]:
        """Return how many jobs are in each state on disk."""
        return dict(self._database.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())

    def shrink(self) -> None:
        """Give some of what deleted jobs took back to the disk."""
        self._database.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()

    def size_bytes(self) -> int:
        """Return what the database takes on disk, without what is still to be written into it."""
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = self._database.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(page_bytes)


def _job(row: Sequence[Any]) -> Job:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    problem = values["problem"]
    read = {"options": Options(**json.loads(values["options"])), "problem": json.loads(problem) if problem else None}
    return Job(**{**values, **read})
