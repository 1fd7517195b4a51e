"""What is made of measured costs is arithmetic that can be checked; the recordings are what they are said to be."""

from pathlib import Path

import pytest
import soundfile

from benchmarks.speed import bulk
from benchmarks.speed.capacity import Cluster, Costs, estimate

COSTS = Costs(worker_s=36.0, start_s=10.0, part_s=0.01, find_s=1e-5)


def test_workers_share_the_work_until_something_else_is_used_up() -> None:
    one, many, all_of_them = (estimate(COSTS, Cluster(count), 1e6, 1_000_000, 50_000) for count in (1, 100, 100_000))
    assert one.first == many.first == "workers"
    assert one.seconds == pytest.approx(10 + 200 + 36e6 + 720)
    assert many.seconds == pytest.approx(10 + 200 + 36e4 + 720)
    assert all_of_them.first == "store"
    assert all_of_them.seconds == pytest.approx(210 + 1e6 * 115.2e6 / 10e9)
    slow = Costs(worker_s=36.0, start_s=10.0, part_s=1.0, find_s=1e-5)
    assert estimate(slow, Cluster(100_000), 1e6, 1_000_000, 50_000).first == "driver"


def test_the_archive_and_the_links_are_as_many_as_asked_for(tmp_path: Path) -> None:
    assert bulk.make_archive(tmp_path / "archive", 1.5) == 3
    lengths = {soundfile.info(path).duration for path in (tmp_path / "archive").iterdir()}
    assert lengths == {bulk.RECORDING_S}
    assert len({path.read_bytes() for path in (tmp_path / "archive").iterdir()}) == 3
    bulk.make_links(tmp_path / "links", 1002)
    assert len(list((tmp_path / "links").rglob("*.wav"))) == 1002
    assert soundfile.info(tmp_path / "links" / "0001" / "001.wav").duration == 1.0


def test_memory_grows_by_the_largest_of_the_last_fifth_over_that_of_the_second() -> None:
    shares = (0.0, 0.1, 0.25, 0.35, 0.5, 0.85, 1.0)
    memory = bulk.Memory([(share, 100.0 * share, 5.0, 50.0 - share) for share in shares])
    assert memory.growth_mb(1) == pytest.approx(65.0)
    assert memory.growth_mb(2) == 0.0
    assert memory.most_mb(3) == 50.0


def test_the_page_tells_the_ratio_and_every_number_of_workers() -> None:
    speed = {"wall_s": 50.0, "start_s": 9.0}
    memory = {f"{name}_{what}": 1.0 for name in ("driver", "workers", "all") for what in ("most", "growth")}
    told = bulk.page(
        {
            "machine": "a machine", "minutes": 60.0, "rounds": 3, "kills": 2, "files": 1000, "recordings": 9,
            "failed": 2, "parts": 3, "had": [1, 2],
            "speeds": [{"workers": 1, "steady": 100.0, **speed}, {"workers": 2, "steady": 195.0, **speed}],
            "memory": {"seconds": 90.0, **memory}, "costs": vars(COSTS),
        }
    )  # fmt: skip
    assert "Two are 1.95 times as fast as one." in told
    assert [line.split("|")[1].strip() for line in told.splitlines()[-6:]] == ["1", "2", "16", "128", "1,024", "8,192"]
