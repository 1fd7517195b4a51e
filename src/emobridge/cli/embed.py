"""The command ``emobridge embed``: the vectors of recordings' segments, in one file."""

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emobridge.cli.predict import Channel, ListFile, Model, Recordings, Speakers, Threads, Words
from emobridge.errors import AudioError, MissingExtraError, OutputError, TranscriptError, one_line
from emobridge.utils.extras import load_extra

if TYPE_CHECKING:
    from emobridge.inference.embeddings import Embeddings


def embed(
    files: Recordings = None,
    *,
    out: Annotated[Path, typer.Option(help="A table (.parquet, .jsonl) or a structured NumPy array (.npy).")],
    list_file: ListFile = None,
    transcript: Words = None,
    speakers: Speakers = None,
    model: Model = None,
    channel: Channel = None,
    threads: Threads = None,
) -> None:
    """Write the vectors of each segment of recordings: acoustic, linguistic and fused.

    A row a segment: file, start_s, end_s, speaker, text, category and the three vectors. A vector that a segment lacks
    is null in a table and NaN in an array. A recording that cannot be read is reported on standard error and never
    stops the rest.
    """
    if out.suffix.lower() not in _WRITERS:
        raise OutputError(f"embeddings '{out}'", f"the file ends in one of {', '.join(_WRITERS)}", "name --out so")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as for predict
    import emobridge
    from emobridge.audio.source import file_name
    from emobridge.batch.recordings import recordings
    from emobridge.utils.files import write_file
    from emobridge.utils.progress import Meter

    write = _WRITERS[out.suffix.lower()]
    write([])  # a missing extra is told before any work
    predictor = emobridge.load(model, threads=threads)
    found: list[Embeddings] = []
    with recordings(files or [], list_file, transcript, speakers) as given:
        meter = Meter(len(given))
        for index, recording in enumerate(given):
            meter.show(index)
            try:
                if recording.problem is not None:
                    raise AudioError(recording.problem)
                made = predictor.embed(recording.path, recording.transcript, recording.speakers, channel)
                found.append(replace(made, file=file_name(recording.name)))
            except (AudioError, TranscriptError, MissingExtraError) as error:
                meter.hide()
                typer.echo(f"emobridge: {one_line(recording.name)}: {error}", err=True)
        meter.hide()
    if found:
        write_file(out, write(found))
    raise typer.Exit(1 if len(found) < len(given) else 0)


def _parquet(found: "Sequence[Embeddings]") -> bytes:
    from emobridge.inference.embeddings import KINDS
    from emobridge.writers.parquet_writer import parquet_bytes

    arrow = load_extra("pyarrow", "formats")
    types = [
        *(("start_s", arrow.float64()), ("end_s", arrow.float64())),
        *((name, arrow.string()) for name in ("speaker", "text", "category")),
        *((kind, arrow.list_(arrow.float32())) for kind in KINDS),
    ]
    rows = [row for each in found for row in each.to_rows()]
    return parquet_bytes(arrow.Table.from_pylist(rows, schema=arrow.schema([("file", arrow.string()), *types])))


def _json_lines(found: "Sequence[Embeddings]") -> bytes:
    rows = (row for each in found for row in each.to_rows())
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()


def _array(found: "Sequence[Embeddings]") -> bytes:
    """Return a structured array: ``numpy.load(FILE)["fused"]`` is (S, D_f). It has no texts of unknown length."""
    import numpy as np

    from emobridge.inference.embeddings import KINDS

    rows = [(each, index) for each in found for index in range(len(each.segments))]
    widths = {kind: max((getattr(each, kind).shape[1] for each in found), default=0) for kind in KINDS}
    longest = max((len(each.file) for each in found), default=1)
    types: list[Any] = [("file", f"U{longest}"), ("start_s", "f8"), ("end_s", "f8")]
    array = np.zeros(len(rows), [*types, *((kind, "f4", (width,)) for kind, width in widths.items())])
    for place, (each, index) in enumerate(rows):
        segment = each.segments[index]
        array[["file", "start_s", "end_s"]][place] = (each.file, segment.start_s, segment.end_s)
        for kind in KINDS:
            vectors = getattr(each, kind)
            array[kind][place] = vectors[index] if vectors.shape[1] else np.nan
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


_WRITERS: dict[str, Callable[["Sequence[Embeddings]"], bytes]] = {
    ".parquet": _parquet,
    ".npy": _array,
    ".jsonl": _json_lines,
}
