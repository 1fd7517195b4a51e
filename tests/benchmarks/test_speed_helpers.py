"""What is measured with: peaks of products and of memory, processes watched, rounds in which all take their turn."""

import sys
from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.speed import machine, peaks, rounds


def test_a_product_is_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "SIDE", 32)
    generator = np.random.default_rng(1)
    left, right = (generator.standard_normal((32, 32), dtype=np.float32) for _ in range(2))
    products = list(peaks._onnxruntime_products(left, right, 1))
    assert [precision for precision, _, _ in products] == ["fp32", "int8"]
    np.testing.assert_allclose(products[0][2]()[0], left @ right, rtol=1e-4, atol=1e-4)
    rounded = (left * 20 + 128).clip(0, 255).astype(np.uint8).astype(int) @ (right * 20).astype(np.int8).astype(int)
    np.testing.assert_array_equal(products[1][2]()[0], rounded)


def test_a_peak_is_that_of_the_fastest_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "COPY_BYTES", 2**16)
    slow, fast = ("fp32", "slow", lambda: sum(range(100_000))), ("fp32", "fast", lambda: None)
    monkeypatch.setattr(peaks, "_products", lambda threads: iter([slow, fast]))
    found = peaks.measure(1)
    assert found.kernels == {"fp32": "fast"}
    assert found.copy_gb_per_s > 0
    assert "fast" in peaks.told(asdict(found))


def test_each_round_does_all_tasks_in_order_after_each_was_done_once() -> None:
    done: list[str] = []
    taken = rounds.in_turn({name: lambda name=name: done.append(name) for name in "ab"}, 2)
    assert "".join(done) == "ababab"
    assert {name: len(each) for name, each in taken.items()} == {"a": 2, "b": 2}


def test_a_ratio_compares_within_rounds() -> None:
    assert rounds.ratio([2.0, 20.0, 3.0], [1.0, 10.0, 3.0]) == 2.0


def test_memory_is_that_of_the_watched_process_whatever_watches_it() -> None:
    ballast = np.ones(50_000_000)  # 400 MB, which a forked process shares until it becomes another program
    small, large = (
        rounds.watched([sys.executable, "-S", "-c", code]) for code in ("pass", "held = b'x' * 100_000_000")
    )
    assert ballast.nbytes > 1e6 * large.peak_mb
    assert 1 < small.peak_mb < 60
    assert 100 < large.peak_mb < 160
    assert small.processor_s > 0
    assert small.wall_s > 0


def test_the_machine_is_told_in_one_line() -> None:
    told = machine.sentence(machine.describe())
    assert "\n" not in told
    assert "numpy" in told
    assert machine.version_of("no-such-package") is None
