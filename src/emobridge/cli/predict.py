"""The command ``emobridge predict``: its options. Its work is in `predictions`, which comes when it is called."""

import os
from pathlib import Path
from typing import Annotated

import typer

from emobridge.utils.deprecation import report_renamed_option

Model = Annotated[Path | None, typer.Option(help="Model directory; left out: the model that comes with emobridge.")]
Recordings = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Recordings, folders of them, or - for sound on standard input."),
]
ListFile = Annotated[
    Path | None, typer.Option("--list", metavar="FILE", help="Text file with one more recording or folder a line.")
]
Words = Annotated[
    Path | None,
    typer.Option(help="Transcript: a file; for several recordings, a folder with NAME.txt, .srt, ... for each."),
]
Speakers = Annotated[
    str | None,
    typer.Option(
        metavar="WHO",
        help="Who speaks: how many (told apart by voice), 'channels' (one each), an .rttm file or a folder of them.",
    ),
]
Recogniser = Annotated[
    str | None,
    typer.Option("--asr", metavar="MODEL", help="Whisper model, a name or a path, for recordings without transcript."),
]
Language = Annotated[str | None, typer.Option(help="Language for --asr, such as en; left out: it is recognised.")]
Categories = Annotated[
    str | None, typer.Option(help="One of the model's sets of categories, such as four; 'emobridge models' lists them.")
]
Channel = Annotated[int | None, typer.Option(help="Channel to use, counted from 1; left out: mixed down.")]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="text, json, csv, srt, textgrid, eaf, html, ...; several with commas; left out: that of --out, or text.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="A file for all, or a folder for files of each and a table of all.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes for a folder of results; left out: 1.")]
Restart = Annotated[bool, typer.Option("--restart", help="Start over and replace what --out holds.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads; left out: all, with --jobs one each.")]
Precision = Annotated[
    str | None, typer.Option(help="Of public encoders: auto, float32, bfloat16 or int8; left out: as trained.")
]

NormalizeSpeakers = Annotated[
    bool,
    typer.Option(
        "--normalize-speakers",
        help="Subtract each speaker's mean so far: may help where moods change, wrong about a single one.",
    ),
]


def _report_relative(given: bool) -> bool:
    if given:
        report_renamed_option("--relative", "--normalize-speakers")
    return given


Relative = Annotated[bool, typer.Option("--relative", hidden=True, callback=_report_relative)]


def predict(
    files: Recordings = None,
    *,
    list_file: ListFile = None,
    transcript: Words = None,
    speakers: Speakers = None,
    asr: Recogniser = None,
    language: Language = None,
    model: Model = None,
    categories: Categories = None,
    channel: Channel = None,
    output_format: Formats = None,
    out: Out = None,
    jobs: Jobs = None,
    restart: Restart = False,
    threads: Threads = None,
    precision: Precision = None,
    normalize_speakers: NormalizeSpeakers = False,
    relative: Relative = False,
) -> None:
    """Print or write the emotions in recordings, segment by segment, and a summary of each.

    A recording that cannot be read is reported on standard error and never stops the rest. Of several recordings into
    a folder a journal is kept, so that the same command resumes an interrupted run.
    """
    # Before numpy comes: the front end's matrix products are so small that threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from emobridge.batch.options import PredictOptions
    from emobridge.cli.predictions import predict_recordings
    from emobridge.utils.memory import keep_freed_memory

    keep_freed_memory()
    normalize_speakers = normalize_speakers or relative
    options = PredictOptions(model, categories, channel, asr, language, threads, precision, normalize_speakers)
    failures = predict_recordings(
        files or [], list_file, transcript, speakers, options, output_format, out, jobs, restart
    )
    raise typer.Exit(1 if failures else 0)
