"""Laws of how the model's process ends: whoever waited is told, another takes over, and nothing is left of it when who
started it is gone; and of how work in it ends: nobody's work takes no time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.server.processes import model as module
from emobridge.server.processes.decode_messages import Decoded
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.model import JudgeTask, Model, ModelLost

pytestmark = pytest.mark.alone

Run = Callable[..., Any]
RATE_HZ = 16_000


class Told:
    """What is told of a recording while it is judged: that something is."""

    def __init__(self) -> None:
        self.first = asyncio.Event()

    def __call__(self, share: float, segments: list[dict[str, Any]]) -> None:
        self.first.set()


async def started(bundle: Path) -> Model:
    """Return a model of one thread that is ready; no file of words is put to it, so that no decoder has to run."""
    model = Model(bundle, threads=1, decoders=Decoders(1, 2**30, 9.0, 9.0, 2, 2**20))
    await model.start()
    return model


def processor_s(pid: int | None) -> float:
    """Return the processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_who_goes_away_takes_no_more_time(run: Run, toy_bundle: Path, tmp_path: Path) -> None:
    second_of_noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype("<f4")
    np.tile(second_of_noise, 3_600).tofile(tmp_path / f"{RATE_HZ}-mean.f32")
    hour = Decoded(tmp_path, 3_600.0, 1)

    async def abandon() -> float:
        model, told = await started(toy_bundle), [Told() for _ in range(3)]
        before_s = processor_s(model.pid)
        first, second = [asyncio.create_task(model.judge(JudgeTask("hour", hour), each)) for each in told[:2]]
        await told[0].first.wait()
        for task in (first, second):
            task.cancel()
        last = asyncio.create_task(model.judge(JudgeTask("last", hour), told[2]))
        await told[2].first.wait()
        taken_s = processor_s(model.pid) - before_s
        last.cancel()
        await model.stop()
        return taken_s

    assert run(abandon()) < 3.0  # an hour takes more than ten


def test_a_model_that_is_killed_loses_what_it_had_and_the_same_can_be_asked_again(
    run: Run, toy_bundle: Path, is_running: Callable[[int], bool]
) -> None:
    async def kill() -> None:
        model = await started(toy_bundle)
        assert model.ready
        pid = model.pid
        assert pid is not None
        stream = await model.open_stream(RATE_HZ, 1.0, None)
        task = JudgeTask("text alone", transcript="the dogs sit by the door")
        said = await model.judge(task, Told())
        os.kill(pid, signal.SIGSTOP)
        lost = [asyncio.create_task(model.judge(task, Told())) for _ in range(3)]
        pushed = asyncio.create_task(stream.push(bytes(400)))
        await asyncio.sleep(0.02)
        late = asyncio.create_task(model.judge(task, Told()))  # not sent yet
        os.kill(pid, signal.SIGKILL)
        for each in (*lost, pushed):
            with pytest.raises(ModelLost, match="SIGKILL"):
                await each
        with pytest.raises(ModelLost):
            await late
        assert not model.ready
        assert await model.judge(task, Told()) == said
        assert model.ready
        with pytest.raises(ModelLost, match="with the stream"):
            await stream.push(bytes(400))
        await stream.close()
        await model.stop()
        assert not is_running(pid)

    run(kill())


def test_a_model_that_hangs_is_killed(run: Run, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.5)

    async def hang() -> None:
        model = await started(toy_bundle)
        await asyncio.sleep(1.0)  # nothing is in hand: it may be silent
        assert model.ready
        assert model.pid is not None
        os.kill(model.pid, signal.SIGSTOP)
        with pytest.raises(ModelLost, match="SIGKILL"):
            await model.judge(JudgeTask("x", transcript="the dog"), Told())
        await model.stop()

    run(hang())


SERVE = """
import asyncio, sys
from pathlib import Path
from emobridge.server.processes.decoders import Decoders
from emobridge.server.processes.model import Model
async def main():
    decoders = Decoders(2, 2**30, 9.0, 9.0, 2, 2**20)
    model = Model(Path(sys.argv[1]), 1, decoders=decoders)
    await asyncio.gather(model.start(), decoders.start())
    print(model.pid, *decoders.pids, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_nothing_is_left_when_the_parent_is_killed(toy_bundle: Path, is_running: Callable[[int], bool]) -> None:
    command = [sys.executable, "-c", SERVE, str(toy_bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(is_running(pid) for pid in pids)
        os.kill(pids[1], signal.SIGSTOP)  # even what cannot notice
        parent.kill()
    until_s = time.monotonic() + 5.0
    while any(is_running(pid) for pid in pids) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not any(is_running(pid) for pid in pids)
