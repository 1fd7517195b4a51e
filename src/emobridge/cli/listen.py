"""The command ``emobridge listen``: sound from a microphone or standard input, predicted while it comes in."""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emobridge.cli.predict import Relative
from emobridge.errors import AudioError
from emobridge.results import Result, Segment

if TYPE_CHECKING:
    from emobridge.audio.capture import Incoming
    from emobridge.inference.streaming import Stream

_CLEAR = "\r\x1b[K"  # the line of a terminal


def listen(
    source: Annotated[
        str | None, typer.Argument(metavar="[-]", help="- is raw sound on standard input; left out: a microphone.")
    ] = None,
    *,
    device: Annotated[
        str | None, typer.Option(help="Microphone, its number or a part of its name; left out: the default one.")
    ] = None,
    rate: Annotated[int, typer.Option(metavar="HZ", help="Sample rate.")] = 16_000,
    model: Annotated[
        Path | None, typer.Option(help="Model directory; left out: the model that comes with emobridge.")
    ] = None,
    categories: Annotated[str | None, typer.Option(help="One of the model's sets of categories, such as four.")] = None,
    output_format: Annotated[
        str, typer.Option("--format", help="text, or jsonl: a line an utterance, and one every second for the present.")
    ] = "text",
    seconds: Annotated[float | None, typer.Option(help="Stop after this much sound; left out: at its end.")] = None,
    normalize_speakers: Annotated[
        bool, typer.Option("--normalize-speakers", help="As with predict; all of the sound is one speaker.")
    ] = False,
    relative: Relative = False,
) -> None:
    """Predict live sound and print a line for each utterance; ctrl-C ends it with a summary.

    The sound is that of a microphone (the extra [listen]), or raw samples on standard input: 16 bits, signed,
    little-endian, one channel. On a terminal the last line is an estimate of the present, a new one every second.
    """
    if source not in (None, "-"):
        raise typer.BadParameter(f"'{source}' is not -; for a recording: emobridge predict '{source}'")
    if source == "-" and device is not None:
        raise typer.BadParameter("it is an option of the microphone; leave out -", param_hint="--device")
    if output_format not in ("text", "jsonl"):
        raise typer.BadParameter(f"'{output_format}' is not text or jsonl", param_hint="--format")
    if seconds is not None and not seconds > 0:
        raise typer.BadParameter(f"{seconds:g} is not above 0", param_hint="--seconds")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as for predict

    import emobridge
    from emobridge.audio.capture import Incoming, ended_by_interruption, microphone, standard_input

    stream = emobridge.load(model, categories).stream(rate, normalize_speakers=normalize_speakers or relative)
    incoming = Incoming()
    opened = standard_input(incoming, rate) if source == "-" else microphone(incoming, device, rate)
    with ended_by_interruption(incoming), opened:
        _follow(stream, incoming, seconds, _Shown(output_format))


def _follow(stream: "Stream", incoming: "Incoming", seconds: float | None, shown: "_Shown") -> None:
    """Print the segments of incoming sound until its end; raise a failure after they are printed."""
    left_samples = sys.maxsize if seconds is None else max(1, round(seconds * stream.sample_rate_hz))
    failure = None
    try:
        for samples in incoming.samples():
            shown.final(stream.push(samples[:left_samples]))
            shown.present(stream.current())
            left_samples -= len(samples)
            if left_samples <= 0:
                break
    except AudioError as error:
        failure = error
    if stream.duration_s > 0.0:
        shown.end(stream.finish())
    if failure is not None:
        raise failure


class _Shown:
    """Segments on standard output; on a terminal also the estimate of the present."""

    def __init__(self, output_format: str) -> None:
        self._is_text = output_format == "text"
        self._is_live = self._is_text and sys.stderr.isatty()
        self._last_s = -1.0  # start of the last segment that was printed
        self._present: Segment | None = None

    def final(self, segments: Sequence[Segment]) -> None:
        """Print a line for each."""
        if not segments:
            return
        from emobridge.writers.text_writer import segment_line

        self._clear()
        for segment in segments:
            print(segment_line(segment) if self._is_text else _event(segment, True), flush=True)
        self._last_s = segments[-1].start_s

    def present(self, segment: Segment | None) -> None:
        """Show an estimate of the present, where it is a new one and somebody looks."""
        if segment is None or segment is self._present:
            return
        self._present = segment
        if not self._is_text:
            print(_event(segment, False), flush=True)
        elif self._is_live:
            from emobridge.writers.text_writer import segment_line

            columns = shutil.get_terminal_size().columns - 1
            print(f"{_CLEAR}{segment_line(segment)[:columns]}", end="", file=sys.stderr, flush=True)

    def end(self, result: Result) -> None:
        """Print what only the end made final, and the summary: as text after it, else on standard error."""
        from emobridge.writers.text_writer import summary_lines

        left = [segment for segment in result.segments if segment.start_s > self._last_s]
        lines = [*summary_lines("all", result.summary), *(f"warning: {warning}" for warning in result.warnings)]
        if self._is_text and len(left) > 1 and all(segment.abstain is not None for segment in result.segments):
            kinds = Counter(segment.abstain for segment in result.segments)
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            lines.append(f"no speech in {result.duration_s:.1f} s ({counts})")
        else:
            self.final(left)
        self._clear()
        print(
            "\n".join(["", *lines] if self._is_text else lines),
            file=sys.stdout if self._is_text else sys.stderr,
            flush=True,
        )

    def _clear(self) -> None:
        if self._is_live:
            print(_CLEAR, end="", file=sys.stderr, flush=True)


def _event(segment: Segment, is_final: bool) -> str:
    """Return a line of JSON."""
    return json.dumps({"final": is_final, **asdict(segment)}, ensure_ascii=False, allow_nan=False)
