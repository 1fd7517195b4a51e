"""Laws of the benchmark of bridges: it compares the same function, and a broken bound is told and ends in status 1."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.speed import bridges


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BATCH": 3, "FRAMES": 12, "TOKENS": 4, "ENCODED_WIDTH": 16}.items():
        monkeypatch.setattr(bridges, name, value)
    config_of = bridges.config_of
    monkeypatch.setattr(
        bridges, "config_of", lambda fusion: replace(config_of(fusion), width=16, heads=2, bridge_tokens=5)
    )


def test_the_two_sides_are_one_function_and_a_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridges, "seconds", lambda work: work() is None or 1.0)
    assert bridges.main(["--out", str(tmp_path), "--rounds", "1"]) == 1  # both sides take the same time
    page = (tmp_path / "bridges.md").read_text(encoding="utf-8")
    assert "Not kept: bridges, crossed, forward: 1.0 times; bridges, crossed, both: 1.0 times." in page
    assert page.count("**1.0**") == 6
    assert "apart by" not in page


def test_bounds_that_are_kept_are_no_fault() -> None:
    row = bridges.compare_bridges(bridges.CROSSED, "bridge_crossed", 1)
    assert row.difference < 1e-6
    assert row.gradient_difference < 1e-5
    fast = replace(row, forward_s=(7.1, 1.0), both_s=(4.1, 1.0))
    assert bridges.broken([fast]) == []
    assert bridges.broken([replace(fast, difference=1e-3)]) == ["bridges, crossed: apart by 0.001"]


def test_the_shape_is_that_of_the_published_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    config = bridges.config_of("bridge_crossed")
    assert (config.width, config.heads, config.bridge_tokens, config.pooling) == (1024, 16, 30, "mean")
