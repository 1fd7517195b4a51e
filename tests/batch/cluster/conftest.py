"""What tests of archives share: recordings, a run without Ray, and Ray itself, once for all of them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
import pytest
import soundfile
from numpy.typing import NDArray

import ray_jobs
from emobridge.batch.cluster import run as run_module
from emobridge.batch.cluster.ray import cluster
from emobridge.batch.cluster.run import Total
from emobridge.batch.options import PredictOptions


@pytest.fixture
def recordings(tmp_path: Path, speech_like: Callable[..., NDArray[np.float32]]) -> Path:
    """A folder with five recordings, one of them below another folder, and three bad ones."""
    folder = tmp_path / "recordings"
    (folder / "sub folder").mkdir(parents=True)
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", speech_like(0.8 + 0.4 * number, seed=number), 16_000)
    soundfile.write(folder / "sub folder" / "ü.flac", speech_like(1.0, seed=9), 8_000)
    (folder / "empty.wav").touch()
    (folder / "gone.wav").symlink_to("nowhere.wav")
    (folder / "text.wav").write_text("no sound")
    (folder / "notes.md").write_text("no recording")
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, toy_bundle: Path) -> Callable[..., Total]:
    """A function (given, out, **options of `run`) -> total: a run whose only worker is this process, without Ray."""
    monkeypatch.setattr(run_module, "cluster", lambda address, workers: contextlib.nullcontext(workers or 1))
    monkeypatch.setattr(run_module, "each", lambda jobs, make, workers: map(make(), jobs))

    def go(given: str | Path, out: str | Path, **options: Any) -> Total:
        return run_module.run(str(given), str(out), PredictOptions(toy_bundle, threads=1), **options)

    return go


@pytest.fixture(scope="session")
def table_in() -> Callable[[Path], list[dict[str, Any]]]:
    """A function (folder of parts) -> its rows, by the names of its files."""
    return lambda folder: pyarrow.dataset.dataset(sorted(folder.glob("*.parquet"))).to_table().to_pylist()


@pytest.fixture(scope="session")
def files_in() -> Callable[[Path], dict[str, bytes]]:
    """A function (folder) -> the content of each file in it."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="session")
def ray_here() -> Iterator[str]:
    """The address of Ray on two processors of this machine; its workers find tests/support too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(ray_jobs.__file__).parent), prepend=os.pathsep)
        with cluster(None, 2):
            import ray  # importing it before would be before it is told to listen here alone

            yield ray.get_runtime_context().gcs_address
