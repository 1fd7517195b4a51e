"""The page's source: what is committed is what it gives, and it says what the library says."""

import filecmp
import json
import re
from pathlib import Path

import emobridge
from emobridge.visualization.palette import COLOURS
from emobridge.writers import FORMATS

ROOT = Path(__file__).parents[2]
BUILT = Path(emobridge.__file__).parent / "server" / "page"
WORDS = (ROOT / "page" / "src" / "words.ts").read_text(encoding="utf-8")


def names_of(table: str) -> set[str]:
    """Return the keys of a table in words.ts."""
    found = re.search(rf"const {table}: Record<string, string> = {{(.*?)\n}};", WORDS, re.DOTALL)
    assert found is not None
    return set(re.findall(r"^  (\w+):", found[1], re.MULTILINE))


def test_the_committed_page_is_a_fresh_build(fresh_page: Path) -> None:
    fresh = sorted(each.name for each in fresh_page.iterdir())
    assert fresh == sorted(each.name for each in BUILT.iterdir())
    assert filecmp.cmpfiles(fresh_page, BUILT, fresh, shallow=False) == (fresh, [], [])


def test_colours_are_those_of_the_report() -> None:
    assert json.loads((ROOT / "page" / "src" / "palette.json").read_text(encoding="utf-8")) == COLOURS


def test_every_flag_has_its_reason_and_every_format_its_purpose() -> None:
    told = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
    assert names_of("REASONS") == set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE))
    assert names_of("FORMATS") == set(FORMATS)


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "page" / "package-lock.json").read_text(encoding="utf-8"))
    packages = [each for name, each in lock["packages"].items() if name]
    assert all("integrity" in each and "resolved" not in each for each in packages)


def test_nothing_of_other_people_is_in_the_built_page() -> None:
    package = json.loads((ROOT / "page" / "package.json").read_text(encoding="utf-8"))
    assert not package.get("dependencies")
