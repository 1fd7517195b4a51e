"""The changelog's newest section is the version, and the modules that it sends readers to exist."""

import re
from datetime import date
from pathlib import Path

from emobridge.version import __version__

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", PAGE, re.MULTILINE)
MODULES = PAGE.partition("Old modules and new modules")[2].partition("\n\n- ")[0]


def test_newest_dated_section_is_the_version() -> None:
    assert SECTIONS[0] == ("Unreleased", "")
    newest, day = SECTIONS[1]
    assert newest == __version__
    assert date.fromisoformat(day)


def test_citation_names_the_version_and_its_date() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {__version__}" in lines
    assert f'date-released: "{SECTIONS[1][1]}"' in lines


def expanded(name: str) -> list[str]:
    """Return the names that ``a.{b, c}`` or ``a.*`` stands for."""
    start, _, rest = name.partition("{")
    return [start + one for one in rest.rstrip("}").split(", ")] if rest else [name.removesuffix(".*")]


def test_new_modules_of_the_table_exist() -> None:
    found = [name for names in re.findall(r"^\| `.+` \| `(.+)` \|$", MODULES, re.MULTILINE) for name in expanded(names)]
    assert len(found) > 150
    for name in found:
        folder = ROOT / ("src" if name.startswith("emobridge") else "")
        path = folder / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
