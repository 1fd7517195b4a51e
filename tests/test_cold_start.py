"""What a start imports, and that the overview of the commands says what they say of themselves.

Seconds are measured by `python -m benchmarks.speed.page`; here stand the laws that hold on a machine with other work.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from emobridge.cli import COMMANDS, app

pytestmark = pytest.mark.alone

SAMPLE = Path(__file__).parents[1] / "src" / "emobridge" / "sample" / "two_speakers.flac"
LOADED = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
COMMAND = LOADED + "from emobridge.cli import main; main()"
LIBRARY = LOADED + "import emobridge; emobridge.load(threads=1).predict(sys.argv[1])"
OTHERS = {
    "torch", "transformers", "pandas", "scipy", "sklearn", "pyarrow", "matplotlib", "onnx", "pydantic", "fastapi",
    "starlette", "uvicorn", "rich", "markdown_it", "pygments", "multiprocessing", "asyncio", "numpy.ma", "av",
    "tokenizers", "emobridge.server", "emobridge.training.corpora", "emobridge.batch.folder", "emobridge.cli.serve",
    "emobridge.cli.training",
}  # fmt: skip
RUNNING = {
    "numpy",
    "onnxruntime",
    "soundfile",
    "soxr",
    "hashlib",
    "json",
    "emobridge.inference.predictor",
    "emobridge.inference.bundle",
}


def loaded(code: str, *arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_importing_emobridge_imports_nothing_that_only_work_needs() -> None:
    assert not loaded(LOADED + "import emobridge") & (OTHERS | RUNNING | {"typer", "dataclasses", "inspect"})


def test_help_imports_nothing_that_only_work_needs() -> None:
    assert not loaded(COMMAND, "--help") & (OTHERS | RUNNING)


@pytest.mark.parametrize("code", [pytest.param(LIBRARY, id="library"), pytest.param(COMMAND, id="command")])
def test_a_prediction_imports_nothing_that_another_command_needs(code: str) -> None:
    arguments = [str(SAMPLE)] if code == LIBRARY else ["predict", "--threads", "1", str(SAMPLE)]
    modules = loaded(code, *arguments)
    assert "onnxruntime" in modules
    assert not modules & OTHERS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_how_the_help_of_a_command_begins(name: str) -> None:
    command = typer.main.get_group(app).commands[name]
    first = " ".join((command.help or "").split("\n\n")[0].split())
    assert first == COMMANDS[name][1] or (command.help or "").startswith(COMMANDS[name][1])
    assert command.name == name
