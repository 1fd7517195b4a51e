"""What growth.py says of points: exponents of the upper range, and what grows faster than its cause."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.speed import growth

pytestmark = pytest.mark.alone


def points(power: float, measure: str = "wall_s") -> list[dict[str, float]]:
    return [{"value": value, measure: 2.0 * value**power} for value in (1, 10, 100, 1000)]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_an_exponent_is_the_power_by_which_something_grows(power: float) -> None:
    assert growth.exponent(points(power), "wall_s") == pytest.approx(power)


def test_what_happens_before_the_upper_range_has_no_influence() -> None:
    grown = points(1.0)
    grown[0]["wall_s"] = 50.0
    assert growth.exponent(grown, "wall_s") == pytest.approx(1.0)
    assert growth.exponent(grown[:1], "wall_s") is None


def test_only_what_grows_faster_than_its_cause_is_told() -> None:
    results = {"points": {growth.LENGTH: points(1.02), growth.FILES: points(1.3, "peak_mb")}}
    assert growth.superlinear(results) == ["peak MB over files (exponent 1.30)"]


def test_a_small_run_measures_every_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {growth.LENGTH: (2, 4), growth.FILES: (2, 3), growth.TRAINING: (64, 96)}
    monkeypatch.setattr(growth, "VALUES", small)
    growth.main(["--only", growth.LENGTH, "--out", str(tmp_path)])
    growth.main(["--only", growth.FILES, "--out", str(tmp_path)])
    stored = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))["points"]
    assert {name: [point["value"] for point in found] for name, found in stored.items()} == {
        growth.LENGTH: [2, 4],
        growth.FILES: [2, 3],
    }
    assert "# Growth" in (tmp_path / "growth.md").read_text(encoding="utf-8")
    assert (tmp_path / "growth_memory.svg").exists()


def test_an_epoch_is_timed_apart_from_filling_the_cache(tmp_path: Path) -> None:
    growth.train_epoch(64, str(tmp_path / "cache"), str(tmp_path / "told.json"))
    taken = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert taken["fill_s"] > 0
    assert taken["epoch_s"] > 0
    assert "torch" in sys.modules
