"""A run over an archive: recordings found and parted, parts made by workers, the table complete at the end.

Design: the parts that stand are what counts. Every start looks at all of them again and makes what is missing, so a run
that was killed at any moment, however often and with however many workers, leaves the same files.
"""

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from emobridge.batch.cluster.inputs import Found, TablePart, find, part, parts_for, whole
from emobridge.batch.cluster.parts import FAILED, IN_HAND, RESULTS, PartPredictor, Work
from emobridge.batch.cluster.ray import cluster, each
from emobridge.batch.cluster.stores import Store, open_store, shown
from emobridge.batch.journal import refuse_change
from emobridge.batch.options import PredictOptions
from emobridge.errors import LabelError, OutputError
from emobridge.inference.bundle import load_bundle
from emobridge.utils.progress import Meter
from emobridge.version import __version__

FORMAT_VERSION = 1
HEADER = "run.json"
# A part's files, and what the writers' `put` calls one before it is whole.
_PART = re.compile(r"\.?part-\d{5}(-\d{5})?(\.parquet)?(\.\d+)?")


@dataclass(frozen=True)
class Total:
    """What a run came to.

    Attributes:
        recordings: how many there are.
        failed: how many of them have no result.
        predicted: how many were predicted in this start of the run.
        predicted_s: how long those are in seconds.
    """

    recordings: int = 0
    failed: int = 0
    predicted: int = 0
    predicted_s: float = 0.0

    def plus(self, outcome: Mapping[str, Any]) -> "Total":
        """Return the total with the fields of the `Outcome` of one part more."""
        return Total(**{name: value + outcome[name] for name, value in asdict(self).items()})


def run(
    given: str,
    out: str,
    options: PredictOptions,
    workers: int | None = None,
    address: str | None = None,
    parts: int | None = None,
    restart: bool = False,
    transcripts: str | None = None,
) -> Total:
    """Predict the recordings behind ``given`` into a table below ``out``; what stands there already is kept.

    Args:
        given: a folder, a list, a recording, Parquet files of paths or of sound; a path or an address.
        out: a folder, made where it is not there; a path or an address.
        options: how to predict; each worker has one thread.
        workers: how many; None: one for each processor.
        address: of a cluster; None is this machine.
        parts: how many files the table has; None: as many as the recordings need.
        restart: make all parts again.
        transcripts: a folder with the words of recordings, in files of their names; a path or an address.

    Raises:
        EmobridgeError: what concerns all recordings: the input, the model, a place that cannot be written, the cluster.
    """
    bundle = load_bundle(options.model)
    if options.categories is not None and options.categories not in bundle.config.views:
        valid = f"valid: {', '.join(bundle.config.views) or 'none'}"
        raise LabelError(f"categories '{options.categories}'", valid, "leave it out for all categories")
    found = find(given, transcripts)
    store = open_store(out)
    settings = {
        "emobridge": __version__,
        "model": bundle.sha256,
        "categories": options.categories,
        "transcript": None if transcripts is None else shown(transcripts),
        "channel": options.channel,
        "asr": options.recogniser,
        "language": options.language,
        "precision": options.precision,
    }
    planned = part(found, _begin(store, settings, found, parts, restart))
    everywhere = replace(options, model=None if options.model is None else options.model.absolute(), threads=1)
    work = Work(whole(out), everywhere, uuid.uuid4().hex, __version__, bundle.sha256)
    with cluster(address, workers) as count:
        total = _make(planned, work, count)
    _remove_strangers(store, planned)
    return total


def _make(planned: Sequence[TablePart], work: Work, workers: int) -> Total:
    total = Total()
    meter = Meter(sum(one.recordings for one in planned))
    try:
        for values in each([one.to_json() for one in planned], functools.partial(_worker, work), workers):
            total = total.plus(values)
            failed = f", {total.failed} failed" if total.failed else ""
            meter.show(total.recordings, f"{total.recordings} recordings{failed}")
    finally:
        meter.hide()
    return total


def _worker(work: Work) -> Callable[[str], dict[str, Any]]:
    """Return what makes the part that a job is, and gives the fields of its `Outcome`."""
    predictor = PartPredictor(work)
    return lambda job: asdict(predictor.make(TablePart.from_json(job)))


def _begin(
    store: Store, settings: Mapping[str, str | int | None], found: Found, parts: int | None, restart: bool
) -> int:
    """Note what decides results and how many parts there are; return how many, as the run was started with.

    Raises:
        OutputError: the run was started with something else.
    """
    if restart:
        _remove_strangers(store, ())
        store.remove(HEADER)
    content = store.read(HEADER)
    count = parts or parts_for(len(found.items), found.size_bytes)
    if content is None:
        if any(_of_a_part(name) for name in store.names(RESULTS)):
            given = f"'{shown(store.address)}' holds parts of a table, and no '{HEADER}' that tells of what"
            raise OutputError(given, "a run keeps its settings there", "give --restart, or choose another place")
        for folder in (RESULTS, FAILED, IN_HAND):
            store.make_folder(folder)
        header = {"bulk": FORMAT_VERSION, **settings, "parts": count}
        store.put(HEADER, json.dumps(header, indent=2).encode() + b"\n")
        return count
    try:
        started = dict(json.loads(content))
        stored = int(started.pop("parts"))
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"'{HEADER}' in '{shown(store.address)}' is none of a run of bulk ({error})",
            "a run keeps its settings there",
            "choose another place",
        ) from error
    now = {"bulk": FORMAT_VERSION, **settings}
    refuse_change(shown(store.address), {**started, "parts": stored if parts else None}, {**now, "parts": parts})
    return stored


def _remove_strangers(store: Store, planned: Sequence[TablePart]) -> None:
    """Remove the parts that are not planned, those of recordings that have gone, and what a kill left unfinished."""
    names = {one.name for one in planned}
    for folder in (RESULTS, FAILED, IN_HAND):
        for place in store.names(folder):
            if _of_a_part(place) and place.rpartition("/")[2].removesuffix(".parquet") not in names:
                store.remove(place)


def _of_a_part(place: str) -> bool:
    """Return whether a file is one that runs make, and may remove; others in the same place are not theirs."""
    return _PART.fullmatch(place.rpartition("/")[2]) is not None
