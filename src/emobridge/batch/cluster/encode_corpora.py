"""Clips of corpora through a frozen encoder by many processes, into one cache that all of them share.

Design: each worker adds to a segment of the cache that is its own, as any process does, so there is nothing to join;
the cache's folder and the corpora must be the same files on every machine.
"""

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emobridge.batch.cluster.ray import cluster, each
from emobridge.training.data.front_ends import (
    ClipEncoder,
    FrontEnd,
    FunctionalsFrontEnd,
    batches,
    encode_together,
    missing_clips,
)
from emobridge.utils.cache import ArrayCache
from emobridge.utils.extras import load_extra
from emobridge.utils.progress import ProgressCallback

if TYPE_CHECKING:
    from emobridge.training.experiments.recipe import AcousticSection

JOB_S = 60.0  # of sound: long beside what handing it over takes, short beside what a killed worker loses


def clip_encoder(acoustic: "AcousticSection | None", workers: int | None, address: str | None) -> ClipEncoder:
    """Return what encodes clips as `encode_clips` does, with the workers of a cluster.

    Args:
        acoustic: of the recipe; each worker opens that encoder itself.
        workers: how many, of one thread each; None: one for each processor.
        address: of a cluster; None is this machine.
    """

    def encode(front_end: FrontEnd, cache: ArrayCache, clips: Mapping[str, Path], report: ProgressCallback) -> None:
        durations_s, what = missing_clips(front_end, cache, clips, report)
        if not durations_s:
            return
        jobs = [
            json.dumps([{key: str(clips[key].absolute()) for key in keys} for keys in job])
            for job in _jobs(batches(durations_s, front_end.batch_s), durations_s)
        ]
        done = 0
        with cluster(address, workers) as count:
            own = front_end if isinstance(front_end, FunctionalsFrontEnd) else None
            make = functools.partial(_worker, own, acoustic, cache.folder.absolute())
            for encoded in each(jobs, make, count):
                done += encoded
                report(what, done, len(durations_s))
        cache.reread()

    return encode


def _jobs(found: Iterable[list[str]], durations_s: Mapping[str, float]) -> Iterator[list[list[str]]]:
    """Yield batches in jobs of `JOB_S` of sound or one batch, whichever is more."""
    job: list[list[str]] = []
    for keys in found:
        job.append(keys)
        if sum(durations_s[key] for batch in job for key in batch) >= JOB_S:
            yield job
            job = []
    if job:
        yield job


def _worker(own: FrontEnd | None, acoustic: "AcousticSection | None", folder: Path) -> Callable[[str], int]:
    """Return what encodes the clips that a job names with our own front end or a public one, and tells how many."""
    front_end: FrontEnd = own or load_extra("emobridge.encoders.hub.speech", "train").open_acoustic(acoustic)
    cache = ArrayCache(folder, np.float16, front_end.dimension)

    def work(job: str) -> int:
        found = json.loads(job)
        for clips in found:
            encode_together(front_end, cache, {key: Path(path) for key, path in clips.items()})
        return sum(map(len, found))

    return work
