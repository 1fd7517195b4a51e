"""The pages write numbers in one style, 0.302 and not .302, and the words of the field."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "deploy", "docs", "examples", "page", "recipes", "src", "tests")
FOUND = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md") if "node_modules" not in path.parts]
PAGES = sorted([*ROOT.glob("*.md"), *FOUND])
# What is generated from the code has the words of the code; the changelog names what was called otherwise once.
GENERATED = ("docs/reference/", "docs/architecture.md", "CHANGELOG.md")
DIALECT = re.compile(r"\b(?:heard|hears|judged|judges|judgements?|in hand)\b", re.IGNORECASE)
BARE = re.compile(r"(?:^|[\s(\[|±+-])[-+]?\.\d+(?!\w)")


def test_a_decimal_without_its_zero_is_found() -> None:
    for text in (".302 at", "from .5 to", "| .27 |", "+.132 [.037", "(.391)", "-.008"):
        assert BARE.search(text), text
    for text in ("0.302", "v1.2.3", "`{x:.3f}`", "call.3gp", "ends. 5 of", "..."):
        assert not BARE.search(text), text


@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_decimals_have_their_zero(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [f"line {number}: {line}" for number, line in enumerate(lines, 1) if BARE.search(line)] == []


def test_pages_say_predicted_and_evaluated() -> None:
    found = []
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        if not name.startswith(GENERATED):
            lines = page.read_text(encoding="utf-8").splitlines()
            found += [f"{name}:{number}: {line[:160]}" for number, line in enumerate(lines, 1) if DIALECT.search(line)]
    assert found == []
