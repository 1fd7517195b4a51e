"""A part of the table made: its recordings fetched, known by their digests, predicted, and written as one file.

Design: what a part holds depends on its recordings and the model alone, never on who made it or how often it was begun,
so two that make the same part write the same file. A note tells which parts are in hand: a part that is begun again in
one and the same run has brought its process down, and its recordings then run in processes of their own.
"""

import functools
import hashlib
import io
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from emobridge.audio.source import file_name
from emobridge.batch.cluster.inputs import ArchiveRecording, TablePart, open_table, read_rows, table_columns
from emobridge.batch.cluster.stores import below, open_store, shown
from emobridge.batch.options import BatchPredictor, PredictOptions, open_predictor
from emobridge.batch.processes import Failure, Task, predict_all, predict_task
from emobridge.batch.recordings import AUDIO_EXTENSIONS, Recording
from emobridge.errors import EmobridgeError, OutputError
from emobridge.inference.bundle import load_bundle
from emobridge.results import Result, Segment, Summary
from emobridge.utils.extras import load_extra
from emobridge.version import __version__
from emobridge.writers.parquet_writer import arrow_table, parquet_bytes
from emobridge.writers.tables import table

RESULTS, FAILED, IN_HAND = "results", "failed", "in_hand"
DIGEST = "digest"
TRIES = 3  # how often a part may bring its process down, although its recordings run in others
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Work:
    """What every worker of a run knows.

    Attributes:
        out: where the table goes, a path or an address.
        options: how to predict.
        run: a name that no other run has.
        version, model_sha256: what a worker must have, since rows of several models make no table.
    """

    out: str
    options: PredictOptions
    run: str
    version: str
    model_sha256: str


@dataclass(frozen=True)
class Outcome:
    """What became of a part.

    Attributes:
        recordings: how many it holds.
        failed: how many of them have no result.
        predicted: how many were predicted now; all others stood there.
        predicted_s: how long those are in seconds.
    """

    recordings: int = 0
    failed: int = 0
    predicted: int = 0
    predicted_s: float = 0.0


class _Words(NamedTuple):
    """The words that came with a recording: the name of a file of them, its content, and how it is called."""

    file: str
    content: bytes
    called: str


class _Fetched(NamedTuple):
    """A recording that is on this machine.

    Attributes:
        recording: as it is predicted.
        digest: of all that its result is made of; None where there is no sound.
        called: path on this machine -> how it is called where it comes from.
    """

    recording: Recording
    digest: str | None
    called: Mapping[Path, str] = {}


@dataclass
class _Pieces:
    """The rows of a part while it is made: of each recording a pyarrow table, or a reason."""

    rows: list[Any] = field(default_factory=list)
    failures: list[dict[str, str | None]] = field(default_factory=list)
    predicted: int = 0
    predicted_s: float = 0.0


class PartPredictor:
    """Makes parts; the model is loaded with the first and stays."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._out = open_store(work.out)
        self._store = functools.lru_cache(2)(open_store)  # of recordings and of transcripts; in lists each has its own
        self._predictor: BatchPredictor | None = None

    def make(self, part: TablePart) -> Outcome:
        """Make a part; what stands there and still holds is kept.

        Raises:
            EmobridgeError: what concerns all recordings.
        """
        old = self._old(part)
        pieces, seen = _Pieces(), set()
        tries = 0
        with tempfile.TemporaryDirectory() as spool:
            for fetched in self._fetched(part, Path(spool)):
                digest = fetched.digest
                key = (file_name(fetched.recording.name), digest)
                if key in seen:  # one and the same, named twice
                    continue
                seen.add(key)
                if digest is not None and key in old:
                    pieces.rows.append(old[key])
                    continue
                tries = tries or self._begin(part)
                self._predict(fetched, tries > 1, pieces)
        self._write(part, pieces, set(old) - seen)
        if tries:
            self._out.remove(f"{IN_HAND}/{part.name}")
        return Outcome(len(seen), len(pieces.failures), pieces.predicted, pieces.predicted_s)

    def _begin(self, part: TablePart) -> int:
        """Note that a part is in hand; return how often it was begun in this run, this time included."""
        place = f"{IN_HAND}/{part.name}"
        run, _, count = (self._out.read(place) or b"").decode("ascii", "replace").partition(" ")
        tries = int(count) + 1 if run == self._work.run else 1
        if tries > TRIES:
            given = f"'{part.name}' brought its process down {TRIES} times"
            raise EmobridgeError(given, remedy="memory may have run out: give fewer --workers, or more --parts")
        self._out.put(place, f"{self._work.run} {tries}".encode("ascii"))
        return tries

    def _predict(self, fetched: _Fetched, apart: bool, pieces: _Pieces) -> None:
        """Predict one recording, ``apart`` in a process of its own; take in its rows, or why there are none."""
        task = Task(fetched.recording, ())
        if apart:
            ((_, outcome),) = predict_all([task], self._work.options, 1, lambda *_: None)
        else:
            outcome = predict_task(self._model(), task, lambda _: None)
        pieces.predicted += 1
        if isinstance(outcome, Failure):
            reason = outcome.reason
            for path, called in fetched.called.items():
                reason = reason.replace(str(path), called)
            file = file_name(fetched.recording.name)
            pieces.failures.append({"file": file, DIGEST: fetched.digest, "reason": reason})
            return
        result = Result.from_dict(outcome)
        pieces.predicted_s += result.duration_s
        rows = arrow_table(self._columns, result.to_rows())
        digests = load_extra("pyarrow", "bulk").repeat(fetched.digest or "", len(rows))
        pieces.rows.append(rows.append_column(DIGEST, digests))

    def _model(self) -> BatchPredictor:
        """Return the model, after a look at whether it is the one that the run was started with.

        Raises:
            EmobridgeError: it is another one, or another version of emobridge.
        """
        if self._predictor is None:
            found = (__version__, load_bundle(self._work.options.model).sha256)
            if found != (self._work.version, self._work.model_sha256):
                given = f"a worker has emobridge {found[0]} and model {found[1][:12]}"
                valid = f"the run has emobridge {self._work.version} and model {self._work.model_sha256[:12]}"
                raise EmobridgeError(given, valid, "install the same on every machine")
            self._predictor = open_predictor(self._work.options)
        return self._predictor

    @functools.cached_property
    def _columns(self) -> list[str]:
        """Return the columns of every part's rows: those of a result that has all that the model gives."""
        config = load_bundle(self._work.options.model).config
        view = self._work.options.categories
        categories = config.categories if view is None else config.views[view].categories
        dimensions = dict.fromkeys((dimension.name for dimension in config.dimensions), 0.0)
        segment = Segment(0.0, 1.0, probabilities=dict.fromkeys(categories, 0.0), dimensions=dimensions)
        return table([Result("", 1.0, {}, (segment,), {}, Summary(0.0))])[0]

    def _old(self, part: TablePart) -> dict[tuple[str, str], Any]:
        """Return (name, digest) -> the rows that an earlier run made of that recording."""
        parquet = load_extra("pyarrow.parquet", "bulk")
        arrow = load_extra("pyarrow", "bulk")
        place = f"{RESULTS}/{part.name}.parquet"
        content = self._out.read(place)
        if content is None:
            return {}
        try:
            rows = parquet.read_table(io.BytesIO(content))
            keys = list(zip(rows["file"].to_pylist(), rows[DIGEST].to_pylist(), strict=True))
        except (arrow.ArrowInvalid, KeyError) as error:
            given = f"'{place}' in '{shown(self._work.out)}' is no part of a table ({error})"
            raise OutputError(given, "parts are written whole", "remove it, and start the run again") from error
        starts = [index for index, key in enumerate(keys) if index == 0 or key != keys[index - 1]]
        ends = [*starts[1:], len(keys)][: len(starts)]  # no rows have no start
        return {keys[start]: rows.slice(start, end - start) for start, end in zip(starts, ends, strict=True)}

    def _write(self, part: TablePart, pieces: _Pieces, gone: set[tuple[str, str]]) -> None:
        """Write the tables of a part, unless both stand there as they are to be."""
        arrow = load_extra("pyarrow", "bulk")
        results, failed = f"{RESULTS}/{part.name}.parquet", f"{FAILED}/{part.name}.parquet"
        if pieces.failures:
            texts = arrow.schema([(name, arrow.string()) for name in ("file", DIGEST, "reason")])
            self._out.put(failed, parquet_bytes(arrow.Table.from_pylist(pieces.failures, schema=texts)))
        elif self._out.state(failed).is_file:
            self._out.remove(failed)
        if pieces.predicted or gone or not self._out.state(results).is_file:
            empty = arrow_table(self._columns, [])
            empty = empty.append_column(DIGEST, arrow.array([], arrow.string()))
            rows = arrow.concat_tables([empty, *pieces.rows]).combine_chunks()
            self._out.put(results, parquet_bytes(rows))

    def _fetched(self, part: TablePart, spool: Path) -> Iterator[_Fetched]:
        """Yield each recording of a part, on this machine for as long as it is the last."""
        if part.group is None:
            yield from (self._fetch(part, item, spool) for item in part.items)
            return
        assert part.base is not None
        with open_table(part.base) as rows:
            columns = table_columns(part.base, rows.schema_arrow)
            for row in read_rows(rows, columns, part.group, f"{shown(part.base)} {part.group}"):
                problem = None if row.sound else "its row holds no sound"
                item = ArchiveRecording(shown(row.name), row.name, row.text, problem)
                yield _spooled(item, io.BytesIO(row.sound or b""), self._words(part, item), spool)

    def _fetch(self, part: TablePart, item: ArchiveRecording, spool: Path) -> _Fetched:
        try:
            words = self._words(part, item)
            store = self._store(part.base or item.place)
            place = store.path(item.place if part.base else "")
            if store.files.type_name == "local":
                return _here(item, Path(place), words, spool)
            with store.files.open_input_stream(place) as stream:
                return _spooled(item, stream, words, spool)
        except (OSError, EmobridgeError) as error:
            reason = f"it cannot be fetched ({error}); check its address and your access"
            return _Fetched(Recording(item.name, Path(item.name), Path(item.name), problem=reason), None)

    def _words(self, part: TablePart, item: ArchiveRecording) -> _Words | None:
        """Return the words of a recording: those that stand beside its name, else its transcript."""
        if item.text is not None:
            return _Words("words.txt", item.text.encode(), "its text")
        if item.transcript is None:
            return None
        assert part.transcripts is not None
        with self._store(part.transcripts).open(item.transcript) as file:
            extension = PurePosixPath(item.transcript).suffix.lower()
            return _Words(f"words{extension}", file.read(), shown(below(part.transcripts, item.transcript)))


def _here(item: ArchiveRecording, path: Path, words: _Words | None, spool: Path) -> _Fetched:
    """Return a recording that is a file on this machine."""
    if item.problem is not None or not path.exists() or not stat.S_ISREG(path.stat().st_mode):
        digest = None  # prediction will report it
    else:
        with path.open("rb") as file:
            digest = _digest(hashlib.file_digest(file, "sha256"), words)
    return _ready(item, path, digest, words, spool)


def _spooled(item: ArchiveRecording, stream: BinaryIO | Any, words: _Words | None, spool: Path) -> _Fetched:
    """Return a recording, copied to this machine."""
    extension = Path(item.name).suffix.lower()
    path = spool / f"recording{extension if extension in AUDIO_EXTENSIONS else ''}"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        shutil.copyfileobj(_Hashing(stream, digest.update), file, _BLOCK_BYTES)
    return _ready(item, path, _digest(digest, words), words, spool)


def _ready(item: ArchiveRecording, path: Path, digest: str | None, words: _Words | None, spool: Path) -> _Fetched:
    """Return a recording that is at ``path``, its words beside it."""
    called, transcript = {path: file_name(item.name)}, None
    if words is not None:
        transcript = spool / words.file
        transcript.write_bytes(words.content)
        called[transcript] = file_name(words.called)
    recording = Recording(item.name, path, Path(path.name), transcript, problem=item.problem)
    return _Fetched(recording, digest, called)


@dataclass(frozen=True)
class _Hashing:
    """A stream whose bytes are also given to ``update``."""

    stream: Any
    update: Callable[[bytes], None]

    def read(self, size: int = -1, /) -> bytes:
        content: bytes = self.stream.read(size)
        self.update(content)
        return content


def _digest(sound: Any, words: _Words | None) -> str:
    """Return the digest of what a result is made of: the sound, and the words that came with it."""
    if words is not None:
        sound.update(b"\0" + words.file.encode() + b"\0" + words.content)
    digest: str = sound.hexdigest()
    return digest
