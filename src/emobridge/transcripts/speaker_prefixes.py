"""Whether lines of a transcript start with the name of who speaks: ``Anna: I am fine.``

A name is taken for one only where it is unmistakable, for a wrong guess would take words away ("Note: bring tea.") and
give them to nobody. All of this must hold:

- the first line starts with a name, and so does at least half of all lines;
- a name is one to four capitalised words (``Anna``, ``Dr. Smith``, ``INTERVIEWER``) or is in brackets, then a colon and
  a space;
- some name comes back, as in any talk, or all are of the kind that programs give: ``SPEAKER_00:``, ``[Anna]:``.

Where it does not, the lines stay as they are and nobody is known.
"""

import re
from collections.abc import Sequence

_BRACKETED = r"\[(?P<bracketed>[^\[\]:]{1,40})\]"
_NAME = r"(?P<name>[^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,3})"
_LABEL = re.compile(rf"(?:[-–—]\s*)?(?:{_BRACKETED}|{_NAME})\s?(?::(?=\s|$)|：)\s*")
_GIVEN_BY_PROGRAMS = re.compile(r"(?:speaker|spk)[ _-]?\w{1,3}", re.IGNORECASE)


def turns(lines: Sequence[str]) -> list[tuple[str | None, str]]:
    """Return (speaker, words) of each line; all speakers are None, and lines whole, unless names are unmistakable."""
    labels = [_label(line) for line in lines]
    named = [label for label in labels if label is not None]
    names = {label[0] for label in named}
    if not labels or labels[0] is None or 2 * len(named) < len(lines):
        return [(None, line) for line in lines]
    if len(names) == len(named) and not all(sure for _, sure, _ in named):
        return [(None, line) for line in lines]
    return [(None, line) if label is None else (label[0], label[2]) for line, label in zip(lines, labels, strict=True)]


def starts_with_name(line: str) -> bool:
    """Return whether a line starts as if with a name; only `turns` of all lines tells."""
    return _label(line) is not None


def _label(line: str) -> tuple[str, bool, str] | None:
    """Return the name that a line starts with, whether it can be nothing else, and the rest; None without a name."""
    match = _LABEL.match(line.strip())
    if match is None:
        return None
    rest = line.strip()[match.end() :]
    if match["bracketed"]:
        return match["bracketed"].strip(), True, rest
    name = match["name"]
    if any(word[0].islower() for word in name.split()):
        return None
    return name, _GIVEN_BY_PROGRAMS.fullmatch(name) is not None, rest
