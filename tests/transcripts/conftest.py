"""A file with some content, and the one-line error that reading it gives."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emobridge.errors import TranscriptError
from emobridge.transcripts import Transcript, read_transcript


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Transcript]:
    """Return what a file of this name with this content reads as; line ends are written as they are."""
    folder = tmp_path_factory.mktemp("read")

    def read(name: str, content: str) -> Transcript:
        (folder / name).write_bytes(content.encode())
        return read_transcript(folder / name)

    return read


@pytest.fixture
def error_of() -> Callable[[Path], str]:
    """Return the message of the error that a file gives: one line, with the file, what is valid and a remedy."""

    def message_of(path: Path) -> str:
        with pytest.raises(TranscriptError) as caught:
            read_transcript(path)
        message = str(caught.value)
        assert "\n" not in message
        assert path.name in message
        assert caught.value.valid
        assert caught.value.remedy
        assert len(message) < 1000
        return message

    return message_of


@pytest.fixture
def complaint(tmp_path: Path, error_of: Callable[[Path], str]) -> Callable[[str, str], str]:
    """Return the message of the error that a file of this name with this content gives."""

    def message_of(name: str, content: str) -> str:
        (tmp_path / name).write_bytes(content.encode())
        return error_of(tmp_path / name)

    return message_of
