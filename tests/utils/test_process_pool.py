"""Laws of the pool: every task has one outcome, whatever it does to its process; what concerns all is raised."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

SCRIPT = """
import json, os, signal, sys
from emobridge.errors import EmobridgeError
from emobridge.utils.process_pool import Lost, run_in_processes

def make_ready(kind):
    if kind == "unfit": raise EmobridgeError("not ready")
    if kind == "gone": os._exit(3)
    def work(task, progress):
        progress("half", os.getpid())
        if task == "killed": os.kill(os.getpid(), signal.SIGKILL)
        if task == "wrong": raise EmobridgeError("it is wrong")
        return task.upper()
    return work

if __name__ == "__main__":
    kind, jobs, *tasks = sys.argv[1:]
    told, pids = [], set()
    def progress(task, what, pid): told.append([task, what]); pids.add(pid)
    outcomes = {}
    try:
        for task, outcome in run_in_processes(tasks, int(jobs), make_ready, (kind,), progress):
            outcomes[task] = f"lost: {outcome.how}" if isinstance(outcome, Lost) else outcome
    except EmobridgeError as error:
        outcomes["error"] = str(error)
    print(json.dumps([outcomes, sorted(told), len(pids)]))
"""


def outcomes_of(folder: Path, kind: str, jobs: int, *tasks: str) -> tuple[dict[str, str], list[list[str]], int]:
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(folder / "script.py"), kind, str(jobs), *tasks]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    outcomes, told, processes = json.loads(done.stdout)
    return outcomes, told, processes


def test_every_task_has_one_outcome_and_its_progress_is_told(tmp_path: Path) -> None:
    outcomes, told, processes = outcomes_of(tmp_path, "good", 2, "a", "killed", "b", "c")
    assert outcomes == {"a": "A", "killed": "lost: SIGKILL", "b": "B", "c": "C"}
    assert told == [[task, "half"] for task in sorted(outcomes)]
    assert processes >= 2  # another one took over
    assert outcomes_of(tmp_path, "good", 1, "a", "b")[2] == 1
    assert outcomes_of(tmp_path, "good", 3)[0] == {}


def test_what_concerns_all_tasks_is_raised(tmp_path: Path) -> None:
    assert outcomes_of(tmp_path, "good", 1, "wrong", "a")[0] == {"error": "it is wrong"}
    assert outcomes_of(tmp_path, "unfit", 2, "a")[0] == {"error": "not ready"}
    (reason,) = outcomes_of(tmp_path, "gone", 2, "a")[0].values()
    assert reason == "a process ended before it was ready (status 3); give fewer --jobs"
