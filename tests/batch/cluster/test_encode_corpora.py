"""Laws of encoding with workers: the cache holds what one process puts there, and what is done stays done."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from emobridge.batch.cluster import encode_corpora
from emobridge.encoders.hub import speech
from emobridge.errors import AudioError
from emobridge.training.data.front_ends import FunctionalsFrontEnd, encode_clips
from emobridge.training.experiments.recipe import HubAcousticConfig
from emobridge.utils.cache import ArrayCache

Clips = dict[str, Path]
FRONT_END = FunctionalsFrontEnd()


@pytest.fixture
def clips(tmp_path: Path, speech_like: Callable[..., NDArray[np.float32]]) -> Clips:
    found = {}
    for number in range(5):
        found[f"key {number}"] = tmp_path / f"{number}.wav"
        soundfile.write(found[f"key {number}"], speech_like(0.5 + 0.1 * number, seed=number), 16_000)
    return found


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that were handed to workers, who are this process; a job holds a second of sound."""
    handed: list[str] = []

    def each(jobs: list[str], make: Callable[[], Callable[[str], int]], workers: int) -> Iterator[int]:
        for job in jobs:
            handed.append(job)
            yield make()(job)

    monkeypatch.setattr(encode_corpora, "each", each)
    monkeypatch.setattr(encode_corpora, "cluster", lambda address, workers: contextlib.nullcontext(workers))
    monkeypatch.setattr(encode_corpora, "JOB_S", 1.0)
    return handed


def filled(folder: Path, encode: Callable[..., None], clips: Clips, report: Callable[..., None]) -> ArrayCache:
    cache = ArrayCache(folder, np.float16, FRONT_END.dimension)
    encode(FRONT_END, cache, clips, report)
    return cache


def test_workers_put_into_the_cache_what_one_process_does(clips: Clips, tmp_path: Path, jobs: list[str]) -> None:
    told: list[tuple[Any, ...]] = []
    encode = encode_corpora.clip_encoder(None, 2, None)
    cache = filled(tmp_path / "many", encode, clips, lambda *values: told.append(values))
    alone = filled(tmp_path / "one", encode_clips, clips, lambda *_: None)
    for key in clips:
        assert_array_equal(cache[key], alone[key])
    handed = [key for job in jobs for batch in json.loads(job) for key in batch]
    assert sorted(handed) == sorted(clips)
    assert len(jobs) > 1
    assert (told[0][1:], told[-1][1:]) == ((0, len(clips)), (len(clips), len(clips)))


def test_what_is_done_stays_done(clips: Clips, tmp_path: Path, jobs: list[str]) -> None:
    encode = encode_corpora.clip_encoder(None, 2, None)
    (tmp_path / "4.wav").rename(tmp_path / "kept.wav")
    (tmp_path / "4.wav").write_bytes((tmp_path / "kept.wav").read_bytes()[:9_000])
    with pytest.raises(AudioError, match=r"4\.wav"):
        filled(tmp_path / "cache", encode, {key: clips[key] for key in ("key 1", "key 4")}, lambda *_: None)
    (tmp_path / "kept.wav").rename(tmp_path / "4.wav")
    filled(tmp_path / "cache", encode, {"key 1": clips["key 1"]}, lambda *_: None)
    jobs.clear()
    filled(tmp_path / "cache", encode, clips, lambda *_: None)
    assert not any("key 1" in job for job in jobs)
    jobs.clear()
    filled(tmp_path / "cache", encode, clips, lambda *_: None)
    assert not jobs


def test_each_worker_opens_a_public_encoder_by_itself(
    clips: Clips, tmp_path: Path, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Means:
        name, dimension, sample_rate_hz, batch_s = "means", 1, 16_000, 2.0

        def vector_count(self, duration_s: float) -> int:
            return 1

        def encode_batch(self, sounds: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
            return [sound.mean(keepdims=True)[None] for sound in sounds]

    opened = []
    monkeypatch.setattr(speech, "open_acoustic", lambda config: opened.append(config) or Means())
    config = HubAcousticConfig("some/encoder")
    cache = ArrayCache(tmp_path / "cache", np.float16, 1)
    encode_corpora.clip_encoder(config, 2, None)(Means(), cache, clips, lambda *_: None)
    assert len(cache) == len(clips)
    assert opened == [config] * len(jobs)
