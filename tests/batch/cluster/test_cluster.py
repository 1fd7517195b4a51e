"""Laws of Ray: it works alone on this machine, whoever is lost comes back, and a killed run goes on to the same end."""

import doctest
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pyarrow
import pytest
import yaml

import emobridge
import ray_jobs
from emobridge import cli
from emobridge.batch.cluster import ray as cluster_module
from emobridge.batch.cluster.ray import cluster, each
from emobridge.batch.cluster.run import run
from emobridge.batch.options import PredictOptions
from emobridge.errors import EmobridgeError

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[3]
Files = Callable[[Path], dict[str, bytes]]


def descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def listening_addresses(processes: list[int]) -> set[str]:
    """Return the addresses, in the kernel's hexadecimal, on which processes wait for connections."""
    sockets = set()
    for process in processes:
        try:
            links = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
        except OSError:
            continue
        sockets |= {link[8:-1] for link in links if link.startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.add(fields[1].partition(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.usefixtures("ray_here")
def test_ray_listens_to_this_machine_alone() -> None:
    addresses = listening_addresses(descendants(os.getpid()))
    assert addresses
    assert addresses <= LOOPBACK


@pytest.mark.usefixtures("ray_here")
def test_every_job_is_done_once_and_a_lost_worker_is_replaced(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    jobs = [*("x" * number for number in range(1, 8)), str(mark)]
    done = list(each(jobs, ray_jobs.measure_lengths, 1))
    assert mark.exists()
    assert sorted(values["job"] for values in done) == sorted(jobs)
    assert all(values["length"] == len(values["job"]) for values in done)
    assert os.getpid() not in {values["process"] for values in done}


@pytest.mark.parametrize(
    ("job", "told"),
    [("lunch", "no lunch; valid: dinner"), ("dinner", "an unexpected RuntimeError: no dinner; report it")],
)
def test_what_a_worker_raises_ends_the_work_in_one_line(job: str, told: str) -> None:
    done = cluster_module._Actor(ray_jobs.raise_errors)(pyarrow.table({"job": [job]}))
    with pytest.raises(EmobridgeError, match=rf"^{told}$"):
        list(cluster_module._what_was_given(done))


@pytest.mark.slow
def test_a_killed_run_goes_on_with_other_workers_to_the_same_files(
    recordings: Path,
    tmp_path: Path,
    files_in: Files,
    toy_bundle: Path,
    ray_here: str,
) -> None:
    """The run that is killed, another process, finds the cluster by its address."""
    options = PredictOptions(toy_bundle, threads=1)
    run(str(recordings), str(tmp_path / "whole"), options, workers=1)
    command = [sys.executable, "-W", "error", "-c", "from emobridge.cli import main; main()", "bulk", str(recordings)]
    command += [str(tmp_path / "cut"), "--model", str(toy_bundle), "--workers", "1", "--address", ray_here]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        try:
            end_s = time.monotonic() + 120
            while not list((tmp_path / "cut").glob("results/*.parquet")):
                assert started.poll() is None, started.stderr and started.stderr.read()
                assert time.monotonic() < end_s, "no part is there"
                time.sleep(0.01)
        finally:
            started.send_signal(signal.SIGKILL)
    assert len(list((tmp_path / "cut" / "in_hand").iterdir())) <= 1, "a worker has one part in hand"
    total = run(str(recordings), str(tmp_path / "cut"), options, workers=2)
    assert total.failed == 3
    assert files_in(tmp_path / "cut") == files_in(tmp_path / "whole")


def test_no_cluster_at_an_address_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ray:
        is_initialized = staticmethod(lambda: False)
        shutdown = staticmethod(lambda: None)

        @staticmethod
        def init(**_: object) -> None:
            raise ConnectionError("nobody answers")

    monkeypatch.setattr(cluster_module, "load_extra", lambda name, extra: Ray)
    with (
        pytest.raises(EmobridgeError, match=r"no cluster at '10\.0\.0\.1:6379' \(nobody answers\)"),
        cluster("10.0.0.1:6379", 2),
    ):
        pass


@pytest.mark.usefixtures("here")
def test_the_page_s_example_runs_and_its_table_is_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "bulk.md").read_text(encoding="utf-8")
    first = next(line for line in page.splitlines() if line.startswith("emobridge bulk"))
    session = re.search(r"```py\n(.*?)```", page, re.DOTALL)
    assert session is not None
    (tmp_path / "recordings").mkdir()
    shutil.copy(emobridge.sample(), tmp_path / "recordings")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", shlex.split(first))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    test = doctest.DocTestParser().get_doctest(session[1], {}, "bulk.md", None, 0)
    told: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(test, out=told.append).failed == 0, told


def test_the_recipe_of_a_cluster_is_valid() -> None:
    recipe = yaml.safe_load((ROOT / "deploy" / "ray-cluster.yaml").read_text(encoding="utf-8"))
    package = importlib.util.find_spec("ray")  # importing it here would be before it is told to listen here alone
    assert package is not None
    assert package.origin is not None
    schema = Path(package.origin).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(recipe, json.loads(schema.read_text(encoding="utf-8")))
    assert "--disable-usage-stats" in recipe["head_start_ray_commands"][-1]
