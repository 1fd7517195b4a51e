"""What a run of the benchmark is shown as: tables, the page, and the history over commits."""

from typing import Any

import pytest

from benchmarks.speed import cold, contest, parts, tables
from benchmarks.speed import page as speed


def made(peer: bool = True) -> dict[str, Any]:
    names = (cold.PYTHON, cold.IMPORT, cold.HELP, cold.PREDICT, cold.LIBRARY)
    used = {name: {"wall_s": 0.5, "processor_s": 0.4, "peak_mb": 80.0} for name in names}
    if peer:
        used[cold.PEER] = {"wall_s": 5.0, "processor_s": 4.0, "peak_mb": 800.0}
    seconds = {contest.OURS: [1.0, 2.0, 3.0], **({contest.PIPELINE: [10.0, 30.0, 30.0]} if peer else {})}
    each = {
        "peaks": {"threads": 1, "gops": {"fp32": 50.0}, "kernels": {"fp32": "numpy"}, "copy_gb_per_s": 9.0},
        "parts": {"duration_s": 20.0, "seconds": {parts.WHOLE: [0.4, 0.2, 0.3], parts.HEARD: [0.2, 0.1, 0.3]}},
        "contest": {"duration_s": 20.0, "operations": 3e11, "seconds": seconds},
    }
    machine = {
        "date": "2026-01-02T00:00:00+00:00", "processor": "P", "instructions": [], "cores": 2, "memory_gb": 8.0,
        "system": "S", "python": "3.11", "versions": {}, "load": 0.1,
    }  # fmt: skip
    missing = {} if peer else {contest.PIPELINE: "needs torch: pip install 'emobridge[train]'"}
    return {"machine": machine, "rounds": 3, "missing": missing, "cold": used, "cores": {"1": each, "2": each}}


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    told = tables.text(made())
    (row,) = [line for line in told.splitlines() if line.startswith(contest.PIPELINE)]
    assert row.split()[-3:] == ["1.50000", "10.0", "20%"]  # of 3e11 operations in 30 s, and a peak of 5e10 a second
    (first,) = [line for line in told.splitlines() if line.startswith(cold.PREDICT)]
    assert first.split()[-1] == "10.0"


def test_what_is_not_installed_is_named_with_how_to_install_it() -> None:
    assert "pip install 'emobridge[train]'" in tables.text(made(peer=False))


def test_columns_stand_under_each_other() -> None:
    assert tables.aligned([["a", "1"], ["bc", "10"]]) == "a    1\nbc  10"


def test_the_page_has_every_row_of_the_tables() -> None:
    page = speed.page(made())
    for table in tables.tables(made()):
        assert all(row[0] in page for row in table.rows)


def test_the_history_has_one_entry_a_commit_and_processor_by_date() -> None:
    first, second = speed.entry(made(), "a"), speed.entry({**made(), "rounds": 5}, "b")
    assert first["figures"][speed.ONE] == pytest.approx(0.01)
    assert first["figures"][speed.PEER] == pytest.approx(10.0)
    later = {**first, "date": "2027", "load": 5.0}
    history = speed.with_entry(speed.with_entry([first], second), later)
    assert [each["commit"] for each in history] == ["b", "a"]
    assert history[1]["load"] == 5.0
