"""A run over many recordings into one folder: files for each, a table of all, a table of those that failed.

Design: the journal is what counts. A recording is settled by its line there, and every file can be made from the
journal again; so whatever was killed, and however many processes there were, the same files come out.
"""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import typer

from emobridge.audio.source import file_name
from emobridge.batch.journal import Journal, Settings, Stamps, open_journal
from emobridge.batch.options import PredictOptions
from emobridge.batch.processes import Failure, Task, concerns_all, predict_all
from emobridge.batch.recordings import Recording, report_warnings
from emobridge.errors import OutputError, one_line
from emobridge.inference.bundle import load_bundle
from emobridge.results import Result
from emobridge.utils.files import make_folder, write_file
from emobridge.utils.progress import Meter
from emobridge.version import __version__
from emobridge.writers import extension_of, write

JOURNAL, FAILED, TABLE = "journal.jsonl", "failed.csv", "predictions"
# The formats whose file may hold all recordings; a run writes one such table at least.
TABLE_FORMATS = ("csv", "parquet", "jsonl")
# What the writers' `put` calls a file before it is whole.
_UNFINISHED = re.compile(r"\.(.+)\.\d+")


def tables_of(formats: Sequence[str]) -> list[str]:
    """Return the formats of a run's tables: those of its formats that may be one, CSV where none may."""
    return [name for name in formats if name in TABLE_FORMATS] or ["csv"]


def place_results(
    found: Sequence[Recording], out: Path, formats: Sequence[str], taken: Sequence[str] = ()
) -> list[Task]:
    """Return each recording with its files below ``out``, in folders like those that it was found in.

    A file has the recording's name with the extension of the format; recordings that differ in their extensions alone
    keep them before it.

    Args:
        found: the recordings.
        out: the folder.
        formats: of the files that each gets.
        taken: names in ``out`` that none may have.

    Raises:
        OutputError: two results would go to one file, or a result would overwrite an input.
    """
    names = Counter(recording.place.with_suffix("") for recording in found)
    tasks = []
    for recording in found:
        plain = recording.place.with_suffix("")
        base = plain if names[plain] == 1 else recording.place
        files = tuple(out / base.with_name(f"{base.name}{extension_of(name)}") for name in formats)
        tasks.append(Task(recording, files))
    targets = (target for task in tasks for target in task.targets)
    refuse_overwriting([*(out / name for name in taken), *targets], found)
    return tasks


def refuse_overwriting(targets: Iterable[Path], found: Sequence[Recording]) -> None:
    """Raise an OutputError where two of ``targets`` are one file, or one of them is an input."""
    files = ((each.path, each.transcript, each.speakers) for each in found)
    # Unlike Path.resolve, this lets links that go round in circles pass.
    inputs = {os.path.realpath(path) for paths in files for path in paths if isinstance(path, Path)}
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            remedy = "give --out a file for one table of all"
            raise OutputError(f"two results would go to '{target}'", "one file a recording", remedy)
        if os.path.realpath(target) in inputs:
            given = f"'{target}' would overwrite an input"
            raise OutputError(given, "results need a place of their own", "change --out")
        seen.add(target)


def run_folder(
    found: Sequence[Recording],
    out: Path,
    formats: Sequence[str],
    options: PredictOptions,
    settings: Settings,
    jobs: int,
    restart: bool,
) -> int:
    """Predict what is not settled yet, complete the files, write the tables; return how many recordings failed.

    Each failure is reported on standard error as it happens. Recordings that failed in an earlier run are tried again,
    for the reason may have been outside them.

    Args:
        found: the recordings.
        out: the folder, made where it is not there.
        formats: of the files that each recording gets.
        options: how to predict; without a number of threads, each process has one.
        settings: what else decides results, by the name of the option.
        jobs: how many processes, from 1.
        restart: forget what the journal holds.

    Raises:
        EmobridgeError: what concerns all recordings: the model, the journal, a place that cannot be written.
    """
    tables = [f"{TABLE}{extension_of(name)}" for name in tables_of(formats)]
    tasks = place_results(found, out, formats, [JOURNAL, FAILED, *tables])
    options = replace(options, threads=options.threads or 1)
    header = {"emobridge": __version__, "model": load_bundle(options.model).sha256, **settings}
    with open_journal(make_folder(out) / JOURNAL, header, restart) as journal:
        _remove_unfinished(tasks)
        failures = _predict(_unsettled(tasks, journal), journal, options, jobs)
        good = [recording for recording in found if recording not in failures]
        for table in tables:
            write(_Results(journal, good), out / table)
        failures = {recording: failures[recording] for recording in found if recording in failures}
        write_file(out / FAILED, _failure_table(failures))
    if failures:
        typer.echo(f"emobridge: {len(failures)} of {len(found)} recordings failed, see '{out / FAILED}'", err=True)
    return len(failures)


def _unsettled(tasks: Sequence[Task], journal: Journal) -> list[Task]:
    """Return the tasks to do; those that the journal holds get the files that they lack."""
    unsettled = []
    for task in tasks:
        name = journal.name(_place(task.recording), _stamps(task.recording))
        if name is None:
            unsettled.append(task)
        elif name != file_name(task.recording.name) or not all(target.exists() for target in task.targets):
            try:
                task.write(_result(journal, task.recording))
            except OutputError as error:
                if concerns_all(error):
                    raise
                # A format that cannot hold this result: predicted again, it fails for that reason.
                unsettled.append(task)
    return unsettled


def _predict(tasks: Sequence[Task], journal: Journal, options: PredictOptions, jobs: int) -> dict[Recording, str]:
    """Predict ``tasks``, each into the journal; return those that failed with their reasons."""
    failures: dict[Recording, str] = {}
    stamps = {task.recording: _stamps(task.recording) for task in tasks}
    tally = _Tally({recording: max(stamp[0], 1) if (stamp := sizes[0]) else 1 for recording, sizes in stamps.items()})
    for task, outcome in predict_all(tasks, options, jobs, tally.show_part):
        recording = task.recording
        if isinstance(outcome, Failure):
            failures[recording] = outcome.reason
            tally.meter.hide()
            typer.echo(f"emobridge: {one_line(recording.name)}: {outcome.reason}", err=True)
            journal.add_failure(_place(recording), stamps[recording], outcome.reason)
        else:
            journal.add_result(_place(recording), stamps[recording], outcome)
            if outcome["warnings"]:
                tally.meter.hide()
                report_warnings(recording, outcome["warnings"])
        tally.show_done(recording, len(failures))
    tally.meter.hide()
    return failures


class _Tally:
    """How far a run is, by the sizes of its recordings in bytes, so that the time that is left means something."""

    def __init__(self, sizes_bytes: Mapping[Recording, int]) -> None:
        self.meter = Meter(sum(sizes_bytes.values()))
        self._sizes_bytes = sizes_bytes
        self._done = 0
        self._failed = 0
        self._done_bytes = 0
        self._in_hand_bytes: dict[Recording, float] = {}

    def show_part(self, task: Task, share: float) -> None:
        self._in_hand_bytes[task.recording] = share * self._sizes_bytes[task.recording]
        self._show()

    def show_done(self, recording: Recording, failed: int) -> None:
        self._in_hand_bytes.pop(recording, None)
        self._done_bytes += self._sizes_bytes[recording]
        self._done += 1
        self._failed = failed
        self._show()

    def _show(self) -> None:
        told = f"{self._done} of {len(self._sizes_bytes)}" + (f", {self._failed} failed" if self._failed else "")
        self.meter.show(self._done_bytes + sum(self._in_hand_bytes.values()), told)


class _Results(Sequence[Result]):
    """Results as a writer asks for them, read from the journal one by one: those of long runs may not fit in memory."""

    def __init__(self, journal: Journal, recordings: Sequence[Recording]) -> None:
        self._journal = journal
        self._recordings = recordings

    def __len__(self) -> int:
        return len(self._recordings)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> "_Results": ...
    def __getitem__(self, index: int | slice) -> "Result | _Results":
        if isinstance(index, slice):
            return _Results(self._journal, self._recordings[index])
        return _result(self._journal, self._recordings[index])


def _result(journal: Journal, recording: Recording) -> Result:
    return replace(journal.result(_place(recording)), file=file_name(recording.name))


def _place(recording: Recording) -> str:
    return recording.place.as_posix()


def _stamps(recording: Recording) -> Stamps:
    """Return size in bytes and time of change in ns of the recording, its transcript and its turns.

    Digests would tell more, but reading thousands of hours again to find them done takes longer than it is worth.
    """
    stamps: Stamps = []
    for path in (recording.path, recording.transcript, recording.speakers):
        try:
            state = path.stat() if isinstance(path, Path) else None
        except OSError:  # prediction will report it
            state = None
        stamps.append(None if state is None else [state.st_size, state.st_mtime_ns])
    return stamps


def _remove_unfinished(tasks: Sequence[Task]) -> None:
    """Remove what a killed run had not finished writing."""
    targets = {target for task in tasks for target in task.targets}
    for folder in {target.parent for target in targets}:
        for path in folder.glob(".*"):
            if (unfinished := _UNFINISHED.fullmatch(path.name)) and folder / unfinished[1] in targets:
                path.unlink(missing_ok=True)


def _failure_table(failures: Mapping[Recording, str]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("file", "reason"))
    table.writerows((file_name(recording.name), reason) for recording, reason in failures.items())
    return text.getvalue().encode()
