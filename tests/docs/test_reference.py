"""The reference pages are what `scripts/make_reference` makes of the code, and they hold every public name."""

import doctest
import subprocess
import sys
from pathlib import Path

import emobridge
from emobridge.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


def test_reference_pages_are_generated_from_the_code() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_reference"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_reference_pages_hold_every_public_name_and_command() -> None:
    python = (PAGES / "python.md").read_text(encoding="utf-8")
    errors = (PAGES / "errors.md").read_text(encoding="utf-8")
    for name in emobridge.__all__:
        if not name.startswith("_"):
            assert any(f"## {title}\n" in python + errors for title in (name, f"`{name}`", f"`emobridge.{name}`")), name
    commands = (PAGES / "command-line.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## `emobridge {name}`\n" not in commands] == []


def test_example_on_the_page_of_errors_runs() -> None:
    done = doctest.testfile(str(PAGES / "errors.md"), module_relative=False)
    assert done.attempted == 3
    assert done.failed == 0


def test_no_key_of_a_recipe_lacks_a_description() -> None:
    rows = [line for line in (PAGES / "recipes.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.endswith("|  |")] == []
