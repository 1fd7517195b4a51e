"""The committed pages of the benchmarks are what their code makes of the stored figures."""

import importlib
import json
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"
MADE_BY = {
    "dimensions": "accuracy.dimensions",
    "durations": "robustness.durations",
    "episodes": "accuracy.episodes",
    "fusion": "accuracy.fusion",
    "recording": "speed.recording",
    "relative": "robustness.relative",
    "robustness": "robustness.conditions",
    "service": "service.load",
    "speakers": "speed.speakers",
}


@pytest.mark.parametrize("name", MADE_BY)
def test_page_is_made_of_its_stored_figures(name: str) -> None:
    benchmark = importlib.import_module(f"benchmarks.{MADE_BY[name]}")
    figures = json.loads((PAGES / f"{name}.json").read_text(encoding="utf-8"))
    assert benchmark.page(figures).rstrip() == (PAGES / f"{name}.md").read_text(encoding="utf-8").rstrip()
