"""The ways of CONTRIBUTING.md lead somewhere: its files are there, and hold the names that it says they hold."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "emobridge"
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def found(path: str) -> Path | None:
    return next((base / path for base in (ROOT, PACKAGE) if (base / path).exists()), None)


def test_files_that_contributors_are_sent_to_are_there() -> None:
    words = {word for text in re.findall(r"`([^`\n]+)`", PAGE) for word in text.split()}
    paths = {one for one in words if re.fullmatch(r"[\w./-]+/[\w./-]*|\w+\.py", one) and "NAME" not in one}
    assert len(paths) > 40
    assert [path for path in sorted(paths) if found(path) is None] == []


def test_files_hold_the_names_that_contributors_look_for() -> None:
    pairs = re.findall(r"`(\w+)`(?: and to `\w+`| and one to `\w+`)? in\s+`([\w./]+\.py)`", PAGE)
    assert len(pairs) > 6
    for name, path in pairs:
        file = found(path)
        assert file is not None, path
        assert re.search(rf"\b{name}\b", file.read_text(encoding="utf-8")), f"{path} does not hold {name}"
