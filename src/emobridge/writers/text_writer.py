"""Plain text: a time line that a person can read, 80 columns wide, no colour; figures are rounded here alone."""

import textwrap
from collections.abc import Mapping, Sequence

from emobridge.results import Result, Segment, Summary
from emobridge.visualization.content import clock, dimensions_of, others_of
from emobridge.writers.tracks import caution

WIDTH = 80
BAR_CELLS = 8
SOURCES = {(): "-", ("acoustic",): "sound", ("linguistic",): "words"}


def render(results: Sequence[Result]) -> bytes:
    """Return a block a recording: a line for each segment, its words and flags under it, the summary last."""
    return "\n".join(_block(result) for result in results).encode()


def _block(result: Result) -> str:
    times = [f"{clock(segment.start_s)}-{clock(segment.end_s)}" for segment in result.segments]
    indent = max(len(time) for time in [*times, "time"]) + 2
    dimensions = dimensions_of(result)
    headings = "".join(f" {name}" for name in dimensions)
    title = f"{result.file}, {result.duration_s:.1f} s, {result.model['name']} {result.model['version']}"
    lines = [*_wrap(title, ""), "", f"{'time':<{indent}}{'emotion':<25}{headings}  from"]
    for time, segment in zip(times, result.segments, strict=True):
        numbers = "".join(_number(segment.dimensions.get(name), len(name) + 1) for name in dimensions)
        lines.append(f"{time:<{indent}}{_emotion(segment):<25}{numbers}  {SOURCES.get(segment.modalities, 'both')}")
        lines += _remarks(segment, " " * indent)
    lines += ["", *summary_lines("all", result.summary)]
    for name, summary in result.speakers.items():
        lines += summary_lines(name, summary)
    for warning in result.warnings:
        lines += _wrap(f"warning: {warning}", "")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _emotion(segment: Segment) -> str:
    if segment.category is None:
        return "-"
    probability = segment.probabilities[segment.category]
    bar = "█" * round(probability * BAR_CELLS)
    return f"{segment.category:<10} {probability:.2f} {bar}"


def _number(value: float | None, width: int) -> str:
    return ("-" if value is None else f"{value:.2f}").rjust(width)


def _remarks(segment: Segment, indent: str) -> list[str]:
    """Return the lines under a segment: who spoke and the words, other categories it may be, flags."""
    lines = []
    if segment.text is not None:
        lines += _wrap((f"{segment.speaker}: " if segment.speaker else "") + f'"{segment.text}"', indent)
    if others := others_of(segment):
        lines += _wrap(f"or {', '.join(others)}", indent)
    if warning := caution(segment):
        lines += _wrap(f"({warning})", indent)
    return lines


def segment_line(segment: Segment) -> str:
    """Return a segment in one line: its time, category, dimensions, and why to be careful."""
    numbers = "".join(f"  {name} {value:.2f}" for name, value in segment.dimensions.items())
    warning = f"  ({caution(segment)})" if caution(segment) else ""
    return f"{clock(segment.start_s)}-{clock(segment.end_s)}  {_emotion(segment):<25}{numbers}{warning}".rstrip()


def summary_lines(name: str, summary: Summary) -> list[str]:
    """Return a summary as lines, of the whole or of a speaker with this ``name``."""
    if not (summary.shares or summary.mean):
        return _wrap(f"{name}: nothing to judge", "")
    shares = sorted(summary.shares.items(), key=lambda share: -share[1])
    listed = ", ".join(f"{category} {share:.0%}" for category, share in shares if share >= 0.05)
    lines = _wrap(f"{name}, {summary.duration_s:.1f} s: {listed}", "")
    return lines + _wrap(_means(summary.mean, summary.spread), "  ")


def _means(mean: Mapping[str, float], spread: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f} ± {spread[name]:.2f}" for name, value in mean.items())


def _wrap(text: str, indent: str) -> list[str]:
    """Return ``text`` in lines of at most `WIDTH`; characters that could steer a terminal become spaces."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(printable, WIDTH, initial_indent=indent, subsequent_indent=indent)
