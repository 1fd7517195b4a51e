"""The work of ``emobridge predict``: find the recordings and their words, predict each, put the results in place."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import typer

from emobridge.errors import AudioError, MissingExtraError, OutputError, TranscriptError, one_line
from emobridge.predict import Predictor, file_name
from emobridge.results import Result
from emobridge.transcripts import READERS
from emobridge.writers import write, writer_for

# What a folder is searched for; a file that is named is read whatever its extension.
AUDIO_EXTENSIONS = {
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64",
    ".m4a", ".mp4", ".aac", ".webm", ".mkv", ".mov", ".wma", ".amr",
}  # fmt: skip
PATIENCE_S = 1.0  # work that lasts longer shows how far it is


@dataclass(frozen=True)
class Recording:
    """One recording to predict.

    Attributes:
        name: how it was given.
        path: the file to read.
        place: its path below the folder that was given, which folders of results and of transcripts mirror.
        transcript: the file with its words, None where there is none.
        notes: what its result is to warn of.
    """

    name: str
    path: Path
    place: Path
    transcript: Path | None = None
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def recordings(given: Sequence[str], list_file: Path | None, transcript: Path | None) -> Iterator[list[Recording]]:
    """Give the recordings behind files, folders (searched to the bottom), a list and ``-``, in order.

    Standard input is kept in a temporary file as long as the context lasts.

    Raises:
        AudioError: the list cannot be read, or a folder holds no recording.
        typer.BadParameter: nothing was given, - twice, or one transcript file for several recordings.
    """
    names = [*given, *(_read_list(list_file) if list_file else [])]
    if not names:
        raise typer.BadParameter("give a recording, a folder, - or --list", param_hint="FILE...")
    if names.count("-") > 1:
        raise typer.BadParameter("standard input holds one recording; give - once", param_hint="FILE...")
    with tempfile.TemporaryDirectory() as spool:
        found = [recording for name in names for recording in _behind(name, Path(spool))]
        if transcript is not None and not transcript.is_dir() and len(found) > 1:
            raise typer.BadParameter("several recordings need a folder of transcripts", param_hint="--transcript")
        yield [_with_words(recording, transcript) for recording in found]


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        given = f"list '{path}' cannot be read ({error})"
        raise AudioError(given, "a list is text in UTF-8, one path a line", "check its path and encoding") from error
    return [line.strip() for line in lines if line.strip()]


def _behind(name: str, spool: Path) -> list[Recording]:
    """Return the recordings that one name on the command line stands for."""
    if name == "-":
        spooled = spool / "standard_input"
        with spooled.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return [Recording(name, spooled, Path(spooled.name))]
    folder = Path(name)
    if not folder.is_dir():
        return [Recording(name, folder, Path(folder.name))]
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_EXTENSIONS and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        valid = f"recordings end in {' '.join(sorted(AUDIO_EXTENSIONS))}"
        raise AudioError(f"folder '{name}' holds no recording", valid, "name the files themselves")
    return [Recording(str(path), path, path.relative_to(folder)) for path in found]


def _with_words(recording: Recording, transcript: Path | None) -> Recording:
    """Return the recording with its transcript: the file itself, or the one of its name in a folder."""
    if transcript is None or not transcript.is_dir():
        return replace(recording, transcript=transcript)
    candidates = [transcript / recording.place.with_suffix(extension) for extension in READERS]
    for path in candidates:
        if path.is_file():
            return replace(recording, transcript=path)
    return replace(recording, notes=(f"judged by sound alone: there is no transcript '{candidates[0]}'",))


class Output(Protocol):
    """Where results go."""

    def add(self, recording: Recording, result: Result) -> None:
        """Put one result in place, or hold it until all are there."""
        ...

    def close(self) -> None:
        """Put in place what was held."""
        ...


def output_for(out: Path | None, output_format: str | None, found: Sequence[Recording]) -> Output:
    """Return where the results of ``found`` go; what cannot end well is refused before any work is done.

    Args:
        out: a path with an extension is a file, any other is a folder; None is standard output.
        output_format: the format's name; None is the extension of the file, json in a folder, text on standard output.
        found: the recordings that will come.

    Raises:
        OutputError: the file's extension is no format, its folder is not there, two results would go to one file, or a
            result would overwrite an input.
        typer.BadParameter: no such format, or one that contradicts the file's extension.
    """
    extension = "txt" if output_format == "text" else output_format
    if extension is not None:
        try:
            writer_for(extension)
        except OutputError as error:
            raise typer.BadParameter(f"'{output_format}' is not text, json or csv", param_hint="--format") from error
    if out is None:
        return _ToStandardOutput(extension or "txt")
    if out.is_dir() or not out.suffix:
        folder = _ToFolder(out, extension or "json")
        _refuse_overwriting([folder.target(recording) for recording in found], found)
        return folder
    writer_for(out.suffix)
    if extension not in (None, out.suffix[1:].lower()):
        raise typer.BadParameter(f"'{output_format}' contradicts --out '{out}'", param_hint="--format")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder '{out.parent}'", "the folder of --out must exist", "make it first")
    _refuse_overwriting([out], found)
    return _ToFile(out)


def _refuse_overwriting(targets: Iterable[Path], found: Sequence[Recording]) -> None:
    inputs = {path.resolve() for each in found for path in (each.path, each.transcript) if path is not None}
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            remedy = "give --out a file for one table of all"
            raise OutputError(f"two results would go to '{target}'", "one file a recording", remedy)
        if target.resolve() in inputs:
            raise OutputError(
                f"'{target}' would overwrite an input", "results need a place of their own", "change --out"
            )
        seen.add(target)


class _ToStandardOutput:
    """Text as it comes; a table or a list when all is there."""

    def __init__(self, extension: str) -> None:
        self._writer = writer_for(extension)
        self._streams = extension == "txt"
        self._held: list[Result] = []
        self._separator = b""

    def add(self, recording: Recording, result: Result) -> None:
        if self._streams:
            typer.echo(self._separator + self._writer.render([result]), nl=False)
            self._separator = b"\n"
        else:
            self._held.append(result)

    def close(self) -> None:
        if self._held:
            typer.echo(self._writer.render(self._held), nl=False)


class _ToFile:
    """One table or list of all recordings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[Result] = []

    def add(self, recording: Recording, result: Result) -> None:
        self._held.append(result)

    def close(self) -> None:
        if self._held:
            write(self._held, self._path)


class _ToFolder:
    """One file a recording, in folders like those that the recordings were found in."""

    def __init__(self, folder: Path, extension: str) -> None:
        self._folder = folder
        self._extension = extension

    def target(self, recording: Recording) -> Path:
        return self._folder / recording.place.with_suffix(f".{self._extension}")

    def add(self, recording: Recording, result: Result) -> None:
        target = self.target(recording)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            given = f"folder '{target.parent}' cannot be made ({error.strerror})"
            raise OutputError(given, "the folder of --out must be writable", "choose another --out") from error
        write([result], target)

    def close(self) -> None:
        pass


def predict_all(predictor: Predictor, found: Sequence[Recording], channel: int | None, output: Output) -> int:
    """Predict every recording into ``output``; return how many could not be, each reported on standard error."""
    failures = 0
    meter = _Meter(len(found))
    for index, recording in enumerate(found):
        meter.done = index
        try:
            result = predictor.predict(recording.path, recording.transcript, channel, meter.show)
        except (AudioError, TranscriptError, MissingExtraError) as error:
            failures += 1
            typer.echo(f"emobridge: {one_line(recording.name)}: {error}", err=True)
            continue
        finally:
            meter.hide()
        output.add(
            recording, replace(result, file=file_name(recording.name), warnings=result.warnings + recording.notes)
        )
    output.close()
    return failures


class _Meter:
    """A progress bar on standard error, for someone who watches and has waited; away while results are printed."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        self._started_s = time.monotonic()
        self._bar: Any = None

    def show(self, done_s: float, total_s: float) -> None:
        """Show the recordings done and the part of the present one."""
        if self._bar is None:
            if not sys.stderr.isatty() or time.monotonic() - self._started_s < PATIENCE_S:
                return
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.add_task("predicting", total=self._total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self.done + min(1.0, done_s / total_s))

    def hide(self) -> None:
        """Take the bar away; `show` brings it back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
