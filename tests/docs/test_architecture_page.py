"""The architecture page is what `scripts/make_architecture_page` makes of the tree."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_architecture_page_is_generated_from_the_modules() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_architecture_page"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
