"""The front door: what it offers, how little it imports, and how it fails without the extra [train]."""

import subprocess
import sys
from pathlib import Path

import pytest

import emobridge
from emobridge.version import __version__


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_front_door_offers_exactly_these_names() -> None:
    assert set(emobridge.__all__) == {
        "Embeddings", "EmobridgeError", "Predictor", "Result", "Segment", "Span", "Stream", "Summary", "Transcript",
        "Turn", "TurningPoint", "Word", "__version__", "crossvalidate", "evaluate", "export", "load", "read_corpus",
        "sample", "train",
    }  # fmt: skip
    assert emobridge.__version__ == __version__
    public = {name for name in vars(emobridge) if not name.startswith("_")}
    submodules = {name.removeprefix("emobridge.").partition(".")[0] for name in sys.modules if "emobridge." in name}
    assert public - submodules - {"Any", "Path", "TYPE_CHECKING", "importlib"} <= set(emobridge.__all__)


@pytest.mark.parametrize("name", sorted(set(emobridge.__all__) - {"__version__"}))
def test_every_name_of_the_front_door_is_there(name: str) -> None:
    assert getattr(emobridge, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predictt'"):
        _ = emobridge.predictt


def test_importing_emobridge_imports_no_heavy_package() -> None:
    heavy = ("numpy", "onnxruntime", "soundfile", "soxr", "tokenizers", "torch", "typer", "rich", "pandas", "pydantic")
    assert run(f"import sys, emobridge; print([name for name in {heavy} if name in sys.modules])") == "[]"


def test_learning_without_torch_fails_with_the_install_line() -> None:
    code = """
import sys
sys.modules["torch"] = None
import emobridge
try:
    emobridge.train
except emobridge.errors.MissingExtraError as error:
    print(error)
"""
    assert "pip install 'emobridge[train]'" in run(code)


def test_the_sample_lies_beside_its_transcript() -> None:
    assert isinstance(emobridge.sample(), Path)
    assert emobridge.sample().is_file()
    assert emobridge.sample().with_suffix(".txt").is_file()
