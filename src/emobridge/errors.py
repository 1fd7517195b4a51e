"""Every error that a user can cause, each in one line: what was given, what is valid, what to do.

EmobridgeError
├── AudioError         a recording that cannot be read
├── TranscriptError    a transcript that cannot be read
├── LabelError         a label, dimension or scale that is not known
├── BundleError        a model directory that is missing, damaged or of another format version
├── CorpusError        a corpus folder, table or fold file that does not hold what it should
├── RecipeError        a recipe with an unknown key or a value out of range
├── ResultError        a file that emobridge wrote and cannot be read
├── OutputError        a result that cannot be written where it was asked for
├── SettingsError      a setting of the service that is unknown, or out of range, or that contradicts another
└── MissingExtraError  an optional part of emobridge that is not installed
"""

import difflib
from collections.abc import Iterable


class EmobridgeError(Exception):
    """Base of the tree. The command line prints ``str(error)`` and exits with status 1, without a traceback.

    ``str(error)`` is one line whatever was given: characters of a file name that could break the line or steer a
    terminal become ``?``.

    Args:
        given: what was given, with the offending value.
        valid: what would have been valid.
        remedy: what to do about it.
    """

    def __init__(self, given: str, valid: str = "", remedy: str = "") -> None:
        self.given = given
        self.valid = valid
        self.remedy = remedy
        message = "; ".join(part for part in (given, valid, remedy) if part)
        super().__init__(one_line(message))


class AudioError(EmobridgeError):
    """A recording that cannot be read."""


class TranscriptError(EmobridgeError):
    """A transcript that cannot be read."""


class LabelError(EmobridgeError):
    """A label, dimension or scale that is not known."""


class BundleError(EmobridgeError):
    """A model directory that is missing, damaged or of another format version."""


class CorpusError(EmobridgeError):
    """A corpus folder, table or fold file that does not hold what it should."""


class RecipeError(EmobridgeError):
    """A recipe with an unknown key or a value out of range."""


class ResultError(EmobridgeError):
    """A file that emobridge wrote, results or the record of a run, that cannot be read."""


class OutputError(EmobridgeError):
    """A result that cannot be written where it was asked for."""


class SettingsError(EmobridgeError):
    """A setting of the service that is unknown, or out of range, or that contradicts another."""


class MissingExtraError(EmobridgeError):
    """An optional part of emobridge that is not installed."""


def one_line(text: str) -> str:
    """Return ``text`` with ``?`` for each character that could break the line or steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def nearest(given: str, valid: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the valid word closest in all but case, an empty string where none is close."""
    words = list(valid)
    by_plain = {word.strip().casefold(): word for word in ([*words, given] if given in words else words)}
    matches = difflib.get_close_matches(given.strip().casefold(), by_plain, n=1, cutoff=0.5)
    return f"did you mean '{by_plain[matches[0]]}'?" if matches else ""
