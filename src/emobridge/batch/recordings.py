"""What the command line names: recordings in files, folders, lists and standard input, each with its words and turns.

Design: whatever in a folder is named like a recording becomes one, a broken link or a folder too. What cannot be
predicted fails later with its reason, and is never passed over in silence.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from emobridge.diarization.channels import BY_CHANNEL
from emobridge.errors import AudioError, TranscriptError, one_line
from emobridge.transcripts import READERS

# What a folder is searched for; a file that is named is read whatever its extension.
AUDIO_EXTENSIONS = {
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64",
    ".m4a", ".mp4", ".aac", ".webm", ".mkv", ".mov", ".wma", ".amr",
}  # fmt: skip
TURNS_EXTENSION = ".rttm"


@dataclass(frozen=True)
class Recording:
    """One recording to predict.

    Attributes:
        name: how it was given.
        path: the file to read.
        place: its path below the folder that was given, which folders of results and of transcripts mirror.
        transcript: the file with its words, None where there is none.
        speakers: the file with who speaks when, how many speak, ``channels``, or None.
        notes: what its result is to warn of.
        problem: why it cannot be predicted, where finding it told; else None.
    """

    name: str
    path: Path
    place: Path
    transcript: Path | None = None
    speakers: Path | int | str | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None


@contextlib.contextmanager
def recordings(
    given: Sequence[str], list_file: Path | None, transcript: Path | None, speakers: str | None
) -> Iterator[list[Recording]]:
    """Give the recordings behind files, folders (searched to the bottom), a list and ``-``, in order.

    Standard input is kept in a temporary file as long as the context lasts. Links to folders are not followed.

    Args:
        given: what the command line names.
        list_file: a text file that names more, one a line.
        transcript: the words: a file, or a folder with a file of each recording's name.
        speakers: a number, ``channels``, a file of turns, or a folder with a file of each recording's name.

    Raises:
        AudioError: the list cannot be read, or a folder holds no recording.
        TranscriptError: of a folder of transcripts or turns, none has the name of a recording.
        typer.BadParameter: nothing was given, - twice, one transcript or file of turns for several recordings, or
            speakers that are none of these.
    """
    names = [*given, *(read_list(list_file) if list_file else [])]
    if not names:
        raise typer.BadParameter("give a recording, a folder, - or --list", param_hint="FILE...")
    if names.count("-") > 1:
        raise typer.BadParameter("standard input holds one recording; give - once", param_hint="FILE...")
    with tempfile.TemporaryDirectory() as spool:
        found = [recording for name in names for recording in _behind(name, Path(spool))]
        yield _with_turns(_with_words(found, transcript), speakers)


def read_list(path: Path) -> list[str]:
    """Return the lines of a list of recordings that name something.

    Raises:
        AudioError: it cannot be read, or is no text in UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _no_list(str(path), error) from error
    return lines_of_list(content, str(path))


def lines_of_list(content: bytes, name: str) -> list[str]:
    """Return the lines of a list of recordings, called ``name``, that name something.

    Raises:
        AudioError: it is no text in UTF-8.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _no_list(name, error) from error
    return [line.strip() for line in lines if line.strip()]


def _no_list(name: str, error: Exception) -> AudioError:
    given = f"list '{name}' cannot be read ({error})"
    return AudioError(given, "a list is text in UTF-8, one path a line", "check its path and encoding")


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
    found = {Path(path): problem for path, problem in recordings_below(name)}
    if not found:
        raise no_recording(name)
    return [
        Recording(str(path), path, path.relative_to(folder), problem=problem) for path, problem in sorted(found.items())
    ]


def recordings_below(folder: str) -> Iterator[tuple[str, str | None]]:
    """Yield what lies below a folder and is named like a recording, and the folders that cannot be searched.

    Each comes with the reason why it cannot be predicted, or None; of a path that comes twice the last counts.
    The order is the file system's.
    """
    unsearched: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unsearched.append):
        for name in (*folders, *files):
            if is_named_like_a_recording(name):
                path = os.path.join(parent, name)  # noqa: PTH118  a Path for each of a million costs a gigabyte
                yield path, _problem_of_link(path)
    for error in unsearched:
        yield error.filename, f"the folder cannot be searched ({error.strerror}); check its permissions"


def is_named_like_a_recording(name: str) -> bool:
    """Return whether a file of this name, without folders, is taken for a recording when a folder is searched."""
    return os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS and not name.startswith(".")  # noqa: PTH122


def no_recording(folder: str) -> AudioError:
    """Return the error of a folder in which nothing was found."""
    valid = f"recordings end in {' '.join(sorted(AUDIO_EXTENSIONS))}"
    return AudioError(f"folder '{folder}' holds no recording", valid, "name the files themselves")


def _problem_of_link(path: str) -> str | None:
    """Return why a link leads nowhere, None where something is there."""
    try:
        os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return "it is a link to a file that is not there; restore that file or delete the link"
    except OSError as error:
        return f"it cannot be opened ({error.strerror}); check its links and permissions"
    return None


def _with_words(found: list[Recording], transcript: Path | None) -> list[Recording]:
    """Return the recordings with their transcripts: the file itself, or those of their names in a folder."""
    if transcript is None:
        return found
    if not transcript.is_dir():
        _refuse_one_for_several(found, "transcripts", "--transcript")
        return [replace(recording, transcript=transcript) for recording in found]
    words = _companions(transcript, READERS)
    _refuse_strangers(found, transcript, words, "transcript", ".txt")
    return [
        replace(recording, transcript=words[name])
        if (name := recording.place.with_suffix("")) in words
        else replace(recording, notes=(*recording.notes, f"there is no transcript '{transcript / name}.*'"))
        for recording in found
    ]


def _with_turns(found: list[Recording], speakers: str | None) -> list[Recording]:
    """Return the recordings with what is known of their speakers."""
    if speakers is None:
        return found
    if speakers == BY_CHANNEL or (speakers.isdecimal() and int(speakers) > 0):
        how = BY_CHANNEL if speakers == BY_CHANNEL else int(speakers)
        return [replace(recording, speakers=how) for recording in found]
    path = Path(speakers)
    if path.is_dir():
        turns = _companions(path, (TURNS_EXTENSION,))
        _refuse_strangers(found, path, turns, "file of turns", TURNS_EXTENSION)
        return [
            replace(recording, speakers=turns[name])
            if (name := recording.place.with_suffix("")) in turns
            else replace(recording, notes=(*recording.notes, f"there are no turns '{path / name}{TURNS_EXTENSION}'"))
            for recording in found
        ]
    if path.suffix.lower() != TURNS_EXTENSION:
        valid = f"a number from 1, {BY_CHANNEL}, a {TURNS_EXTENSION} file or a folder of them"
        raise typer.BadParameter(f"'{speakers}' is not {valid}", param_hint="--speakers")
    _refuse_one_for_several(found, f"{TURNS_EXTENSION} files", "--speakers")
    return [replace(recording, speakers=path) for recording in found]


def _refuse_one_for_several(found: Sequence[Recording], kind: str, option: str) -> None:
    if len(found) > 1:
        raise typer.BadParameter(f"several recordings need a folder of {kind}", param_hint=option)


def _refuse_strangers(
    found: Sequence[Recording], folder: Path, held: Mapping[Path, Path], kind: str, extension: str
) -> None:
    """Raise a TranscriptError where no file of a folder has the name of any recording."""
    if not any(recording.place.with_suffix("") in held for recording in found):
        given = f"no {kind} in '{folder}' has the name of a recording"
        lacking = f"that of '{found[0].name}' is '{folder / found[0].place.with_suffix(extension)}'"
        there = f"rename them, such as '{next(iter(held.values()))}'" if held else "put them there"
        raise TranscriptError(given, lacking, there)


def report_warnings(recording: Recording, warnings: Iterable[str]) -> None:
    """Tell on standard error what was odd about a recording, a line each."""
    for warning in warnings:
        typer.echo(f"emobridge: {one_line(recording.name)}: warning: {one_line(warning)}", err=True)


def _companions(folder: Path, extensions: Iterable[str]) -> dict[Path, Path]:
    """Return path below ``folder``, without its extension -> file, as `companions` does."""
    places = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {Path(name): folder / place for name, place in companions(places, extensions).items()}


def companions(places: Iterable[str], extensions: Iterable[str]) -> dict[str, str]:
    """Return path without its extension -> path; of several, the one of the first extension."""
    ranks = {extension: rank for rank, extension in enumerate(extensions)}
    found = [(place, *os.path.splitext(place)) for place in sorted(places)]  # noqa: PTH122
    known = [(place, name, ranks[extension.lower()]) for place, name, extension in found if extension.lower() in ranks]
    return {name: place for place, name, _ in sorted(known, key=lambda one: -one[2])}
