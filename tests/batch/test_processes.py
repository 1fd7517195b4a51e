"""Laws of the processes: each recording ends as a result or a reason, whatever it does to the process that hears it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

# A run with a judge of its own, which every process has too since it imports this file first.
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from emobridge.batch import processes as workers
from emobridge.errors import AudioError, BundleError, EmobridgeError, OutputError
from emobridge.batch.options import PredictOptions
from emobridge.batch.recordings import Recording
from emobridge.results import Result, Summary

class BatchPredictor:
    def predict(self, recording, progress):
        progress(1.0, 2.0)
        name = recording.name
        if name == "bad": raise AudioError("it is bad", remedy="try another")
        if name == "fault": raise ZeroDivisionError("by zero")
        if name == "killed": os.kill(os.getpid(), signal.SIGKILL)
        if name == "exits": os._exit(3)
        if name == "model": raise BundleError("the model is damaged")
        if name == "unwritten": raise OutputError("no place") from OSError(28, "full")
        if name == "unfit": raise OutputError("two for one")
        return Result(name, 1.0, {"pid": str(os.getpid())}, (), {}, Summary(0.0))

def open_predictor(options):
    if options.categories == "refused": raise BundleError("no such view")
    if options.categories == "killed": os.kill(os.getpid(), signal.SIGKILL)
    return BatchPredictor()

workers.open_predictor = open_predictor

if __name__ == "__main__":
    for scenario in sys.argv[1:]:
        jobs, view, *names = scenario.split(",")
        tasks = [workers.Task(Recording(name, Path(name), Path(name)), (Path(f"{name}.json"),)) for name in names]
        told = []
        try:
            options = PredictOptions(categories=view)
            for task, outcome in workers.predict_all(tasks, options, int(jobs), lambda *_: None):
                failed = isinstance(outcome, workers.Failure)
                told.append([task.recording.name, outcome.reason if failed else outcome["model"]["pid"]])
                print(end=".", file=sys.stderr, flush=True)
        except EmobridgeError as error:
            told.append(["error", str(error)])
        print(json.dumps(told))
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    return [sys.executable, str(script)]


def run(command: list[str], folder: Path, *scenarios: str) -> list[list[list[str]]]:
    done = subprocess.run([*command, *scenarios], cwd=folder, capture_output=True, text=True, check=True, timeout=100)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_recording_ends_as_a_result_or_a_reason(command: list[str], tmp_path: Path) -> None:
    names = ["a", "bad", "b", "killed", "c", "fault", "exits", "unfit", "d"]
    (ended,) = run(command, tmp_path, f"2,all,{','.join(names)}")
    told = dict(ended)
    assert set(told) == set(names)
    assert told["bad"] == "it is bad; try another"
    assert told["killed"].startswith("it brought down its process (SIGKILL); ")
    assert told["exits"].startswith("it brought down its process (status 3); ")
    assert told["fault"] == "an unexpected ZeroDivisionError: by zero; report it"
    assert told["unfit"] == "two for one"
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["a.json", "b.json", "c.json", "d.json"]


def test_one_process_judges_in_order_with_one_model_and_nothing_starts_none(command: list[str], tmp_path: Path) -> None:
    told, nothing = run(command, tmp_path, "1,all,c,a,b", "2,all")
    assert [name for name, _ in told] == ["c", "a", "b"]
    assert len({pid for _, pid in told}) == 1
    assert nothing == []


def test_what_concerns_all_recordings_ends_the_run(command: list[str], tmp_path: Path) -> None:
    scenarios = ["1,all,a,model,b", "1,all,a,unwritten,b", "1,refused,a", "1,killed,a"]
    damaged, unwritten, refused, killed = run(command, tmp_path, *scenarios)
    assert damaged[1:] == [["error", "the model is damaged"]]
    assert unwritten[1:] == [["error", "no place"]]
    assert refused == [["error", "no such view"]]
    assert killed[0][1].startswith("a process ended before it was ready (SIGKILL)")


def test_processes_end_with_the_run_that_is_killed(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen([*command, "2,all,a,b,c,d"], cwd=tmp_path, stderr=subprocess.PIPE) as parent:
        assert parent.stderr is not None
        assert parent.stderr.read(1) == b"."
        parent.kill()
        started_s = time.monotonic()
        parent.stderr.read()  # its end comes when the last process has gone
        assert time.monotonic() - started_s < 10
