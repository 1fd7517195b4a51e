"""Every file in examples/ is short, and runs as it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
MAXIMUM_LINES = 30

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@examples
def test_example_is_short(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) <= MAXIMUM_LINES


@examples
def test_example_runs_and_prints(example: Path) -> None:
    command = [sys.executable, "-W", "error", str(example)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
