"""A small run of the load benchmark: it measures what it says, loses no job, and its page tells what is not right."""

from argparse import Namespace

import numpy as np
import pytest

from benchmarks.service import load

pytestmark = pytest.mark.alone

OPTIONS = Namespace(clips=12, rounds=1, requests=40, threads=None)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "CLIENTS", 8)
        patch.setattr(load, "IN_FLIGHT", 12)
        patch.setattr(load, "WARM_REQUESTS", 4)
        return load.measure(tmp_path_factory.mktemp("load"), OPTIONS)


@pytest.mark.slow
def test_every_accepted_job_is_done_though_its_processes_are_killed(results: dict) -> None:
    for one in results["killed"].values():
        assert one == {"accepted": 12, "killed": one["killed"], "states": {"done": 12}}
        assert one["killed"] >= 1


@pytest.mark.slow
def test_all_requests_are_counted_and_answered(results: dict) -> None:
    assert [row["statuses"] for row in results["rounds"]] == [{"200": 12}]
    assert results["memory"]["statuses"] == {"200": 40}
    assert 0 < results["latency_s"]["p50"] <= results["latency_s"]["p99"] <= results["latency_s"]["worst"]


@pytest.mark.slow
def test_the_page_says_what_is_not_as_it_should_be(results: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "IN_FLIGHT", 12)
    slow = {**results, "ratio": 0.5}
    assert load.broken({**results, "ratio": 0.95}) == []
    assert load.broken(slow) == ["throughput is 0.50 of the library's"]
    assert "Not as it should be: throughput is 0.50 of the library's." in load.page(slow)
    lost = {
        **results,
        "ratio": 1.0,
        "killed": {"model": {"accepted": 12, "killed": 1, "states": {"done": 11, "failed": 1}}},
    }
    assert "model killed" in load.broken(lost)[0]


@pytest.mark.parametrize("count", [3, 5, 50])
def test_the_slope_is_that_of_least_squares(count: int) -> None:
    generator = np.random.default_rng(count)
    places, values = generator.random((2, count)) * 1000
    assert load.slope(places, values) == pytest.approx(np.polyfit(places, values, 1)[0])


def test_one_place_has_no_slope() -> None:
    assert load.slope(np.zeros(0), np.zeros(0)) == load.slope(np.ones(1), np.ones(1)) == 0
    assert load.slope(np.ones(3), np.arange(3.0)) == 0
