"""Praat TextGrid, long format: interval tiers for each speaker, gaps as empty intervals.

Tiers are ``words``, ``category``, ``confidence``, one a dimension, and ``flags``, with ``@speaker`` after the name
where speakers are known. A category that should not be used says so in its label: ``sad (abstains: out_of_domain)``.
Times have six decimals of a second, numbers four; labels are one line of text.
"""

from collections.abc import Iterator, Sequence

from emobridge.results import Result
from emobridge.writers.tracks import Placed, only_one, tiers, tracks

TICKS_PER_S = 1_000_000


def render(results: Sequence[Result]) -> bytes:
    """Return the time line of the one result in UTF-8.

    Raises:
        OutputError: there are several results or none, or a segment has no duration.
    """
    result = only_one(results, "TextGrid")
    found = tracks(result, TICKS_PER_S)
    written = [(name, labels, track.placed) for track in found for name, labels in tiers(result, track)]
    last_ticks = max(
        [round(result.duration_s * TICKS_PER_S), *(each.end_ticks for track in found for each in track.placed)]
    )
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", *_span(0, last_ticks, "")]
    lines += ["tiers? <exists>", f"size = {len(written)}", "item []:"]
    for number, (name, labels, placed) in enumerate(written, start=1):
        intervals = list(_intervals(placed, labels, last_ticks))
        lines += [f"    item [{number}]:", f'{" " * 8}class = "IntervalTier"', f"{' ' * 8}name = {_quoted(name)}"]
        lines += [*_span(0, last_ticks, " " * 8), f"{' ' * 8}intervals: size = {len(intervals)}"]
        for place, (start_ticks, end_ticks, label) in enumerate(intervals, start=1):
            lines.append(f"{' ' * 8}intervals [{place}]:")
            lines += [*_span(start_ticks, end_ticks, " " * 12), f"{' ' * 12}text = {_quoted(label)}"]
    return "".join(f"{line}\n" for line in lines).encode()


def _intervals(placed: Sequence[Placed], labels: Sequence[str], last_ticks: int) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, label) from 0 to the end without gaps, as Praat wants it."""
    reached_ticks = 0
    for each, label in zip(placed, labels, strict=True):
        if each.start_ticks > reached_ticks:
            yield reached_ticks, each.start_ticks, ""
        yield each.start_ticks, each.end_ticks, label
        reached_ticks = each.end_ticks
    if reached_ticks < last_ticks or not placed:
        yield reached_ticks, last_ticks, ""


def _span(start_ticks: int, end_ticks: int, indent: str) -> list[str]:
    return [f"{indent}xmin = {_seconds(start_ticks)}", f"{indent}xmax = {_seconds(end_ticks)}"]


def _seconds(ticks: int) -> str:
    whole, rest = divmod(ticks, TICKS_PER_S)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
