"""Laws of finding recordings: each with its words and its turns, and nothing passed over in silence."""

import os
from pathlib import Path

import pytest
import typer

from emobridge.batch.recordings import Recording, recordings
from emobridge.errors import AudioError, TranscriptError
from emobridge.transcripts import READERS


def find(*given: object, transcript: Path | None = None, speakers: object = None) -> list[Recording]:
    words = None if speakers is None else str(speakers)
    with recordings([str(name) for name in given], None, transcript, words) as found:
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.wav", "sub/a.FLAC", "notes.txt", "._b.wav"):
        (folder / name).write_bytes(b"-")
    return folder


def test_a_folder_is_searched_to_the_bottom_in_order(folder: Path) -> None:
    assert [recording.place.as_posix() for recording in find(folder)] == ["b.wav", "sub/a.FLAC"]
    assert [recording.name for recording in find(folder)] == [str(folder / "b.wav"), str(folder / "sub" / "a.FLAC")]


def test_links_to_nothing_and_in_circles_are_found_with_their_problem(folder: Path) -> None:
    (folder / "gone.wav").symlink_to("nowhere.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "around").symlink_to(folder)
    problems = {recording.place.name: recording.problem for recording in find(folder) if recording.problem}
    assert set(problems) == {"gone.wav", "loop.wav"}
    assert "a link to a file that is not there" in problems["gone.wav"]
    assert "cannot be opened (Too many levels" in problems["loop.wav"]


def test_folders_and_pipes_that_are_named_like_recordings_are_found(folder: Path) -> None:
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    assert {"folder.wav", "pipe.wav"} <= {recording.place.name for recording in find(folder)}


def test_a_folder_that_cannot_be_searched_is_a_recording_with_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refusing(path: str | int) -> object:
        if str(path) == str(folder / "sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find(folder)
    assert [recording.place.as_posix() for recording in found] == ["b.wav", "sub"]
    assert found[1].problem == "the folder cannot be searched (Permission denied); check its permissions"


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"holds no recording; recordings end in .*\.wav"):
        find(tmp_path)


@pytest.mark.parametrize("extension", [".txt", ".srt", ".VTT", ".TextGrid", ".eaf", ".json"])
def test_a_transcript_goes_by_name_whatever_its_format(folder: Path, tmp_path: Path, extension: str) -> None:
    words = tmp_path / "words" / "sub" / f"a{extension}"
    words.parent.mkdir(parents=True)
    words.write_bytes(b"-")
    first, second = find(folder, transcript=tmp_path / "words")
    assert (first.transcript, second.transcript) == (None, words)
    assert first.notes == (f"there is no transcript '{tmp_path / 'words' / 'b'}.*'",)
    assert second.notes == ()


def test_of_several_transcripts_the_first_known_format_is_taken(folder: Path) -> None:
    for extension in reversed(READERS):
        (folder / f"b{extension}").write_bytes(b"-")
        assert find(folder, transcript=folder)[0].transcript == folder / f"b{extension}"


def test_a_transcript_that_is_a_file_is_of_one_recording(folder: Path) -> None:
    words = folder / "notes.txt"
    assert find(folder / "b.wav", transcript=words)[0].transcript == words
    with pytest.raises(typer.BadParameter, match="a folder of transcripts"):
        find(folder, transcript=words)


def test_speakers_are_a_number_channels_a_file_or_files_by_name(folder: Path) -> None:
    turns = folder / "sub" / "a.rttm"
    turns.write_bytes(b"-")
    assert [recording.speakers for recording in find(folder, speakers="2")] == [2, 2]
    assert [recording.speakers for recording in find(folder, speakers="channels")] == ["channels", "channels"]
    assert find(folder / "b.wav", speakers=turns)[0].speakers == turns
    first, second = find(folder, speakers=folder)
    assert (first.speakers, second.speakers) == (None, turns)
    assert "there are no turns" in first.notes[0]


@pytest.mark.parametrize("speakers", ["0", "-1", "two", "turns.txt"])
def test_other_speakers_are_refused_with_what_is_valid(folder: Path, speakers: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"a number from 1, channels, a \.rttm file or a folder of them"):
        find(folder / "b.wav", speakers=speakers)


@pytest.mark.parametrize("names", [(), ("B.txt",), ("other/b.txt",), ("b.docx",)])
def test_a_folder_of_transcripts_that_fit_no_recording_is_refused(
    folder: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    words = tmp_path / "words"
    for name in ("none.md", *names):
        (words / name).parent.mkdir(parents=True, exist_ok=True)
        (words / name).write_bytes(b"-")
    with pytest.raises(TranscriptError, match=r"no transcript in .* has the name of a recording; that of '.*b.wav' is"):
        find(folder, transcript=words)


def test_a_folder_of_turns_that_fit_no_recording_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "turns").mkdir()
    (tmp_path / "turns" / "B.rttm").write_bytes(b"-")
    with pytest.raises(TranscriptError, match=r"no file of turns .* rename them, such as .*B.rttm"):
        find(folder, speakers=tmp_path / "turns")
