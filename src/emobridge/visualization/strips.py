"""A recording along time, as SVG strips under each other: waveform, a lane a speaker, a curve a dimension.

Design: places along time are percentages, so that a browser zooms by making the strips wider, nothing is stretched, and
the picture is there without a script.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emobridge.results import Result, Segment
from emobridge.visualization.content import (
    clock,
    confidence,
    dimensions_of,
    flags_of,
    is_crowded,
    is_predicted,
    others_of,
    speaker_name,
    speakers_of,
    tick_times,
    trend,
)
from emobridge.visualization.markup import Markup, element, joined
from emobridge.visualization.palette import opacity
from emobridge.visualization.sound import Sound

TICKS = 12  # at most, along the width of a page
ROW_S = 600.0  # of a row on paper
LINE_STYLES = 4  # of speakers, in page.css
AXIS_PX, WAVEFORM_PX, LANE_PX, CURVE_PX = 22, 56, 34, 84
CURVE_UNITS = 1000
HATCH = "url(#hatch)"


@dataclass(frozen=True)
class Strip:
    """One strip: its kind (a class in page.css), what it is called, and its drawing."""

    kind: str
    name: Markup
    drawing: Markup


def strips(result: Result, sound: Sound, colours: dict[str, str], identifier: str) -> list[Strip]:
    """Return the strips of a recording from top to bottom; ``identifier`` is its own on the page."""
    rows = [Strip("axis", Markup(""), axis(result.duration_s))]
    if sound.missing is None:
        rows.append(Strip("wave", Markup("sound"), _waveform(sound)))
    for index, speaker in enumerate(speakers_of(result)):
        name = joined(line_sample(index), element("bdi", speaker_name(speaker)))
        rows.append(Strip("lane", name, _lane(result, speaker, colours, f"{identifier}-lane-{index}")))
    for dimension in dimensions_of(result):
        scale = element("small", element("i", "1"), element("i", "½"), element("i", "0"))
        rows.append(Strip("curve", joined(element("span", dimension), scale), _curve(result, dimension)))
    return rows


def paper_rows(result: Result, identifier: str) -> Markup:
    """Return the lanes again, in rows of `ROW_S`: on paper nobody can zoom. Nothing for a recording of about a row."""
    if result.duration_s <= 1.5 * ROW_S:
        return Markup("")
    width = f"{100 * result.duration_s / ROW_S:.4f}%"
    long_axis = element(
        "svg", axis(result.duration_s, ticks=round(result.duration_s / 60), identifier=f"{identifier}-axis"),
        class_="definitions", aria_hidden="true",
    )  # fmt: skip
    parts = [("", f"{identifier}-axis", AXIS_PX)]
    parts += [
        (speaker_name(speaker), f"{identifier}-lane-{index}", LANE_PX)
        for index, speaker in enumerate(speakers_of(result))
    ]
    rows = []
    for row in range(math.ceil(result.duration_s / ROW_S)):
        lines = [
            element(
                "div",
                element("span", name),
                element("svg", element("use", href=f"#{part}", x=f"{-100 * row}%", width=width), height=height),
            )
            for name, part, height in parts
        ]
        rows.append(element("div", lines, class_="paper-row"))
    return element("div", long_axis, rows, class_="paper-rows", aria_hidden="true")


def axis(duration_s: float, ticks: int = TICKS, identifier: str | None = None) -> Markup:
    """Return the axis: at most ``ticks`` times, in round steps."""
    marks = [
        joined(
            element("line", x1=_percent(time_s, duration_s), x2=_percent(time_s, duration_s), y1="15", y2="22"),
            element("text", clock(time_s, tenths=False), x=_percent(time_s, duration_s), y="12", dx="3"),
        )
        for time_s in tick_times(duration_s, ticks)
    ]
    return element("svg", marks, class_="ticks", id=identifier, width="100%", height=AXIS_PX)


def _lane(result: Result, speaker: str | None, colours: dict[str, str], identifier: str) -> Markup:
    """Return one speaker's segments: a colour a category, opaque as it is sure, hatched where it abstains."""
    drawn = [
        _block(index, segment, result.duration_s, colours)
        for index, segment in enumerate(result.segments)
        if segment.speaker == speaker
    ]
    label = f"Categories of {speaker_name(speaker)} over time; the transcript below says the same in words"
    return element(
        "svg", drawn, id=identifier, class_="packed" if is_crowded(result) else None, width="100%", height=LANE_PX,
        role="img", aria_label=label,
    )  # fmt: skip


def line_sample(index: int) -> Markup:
    """Return a short line in the style of the speaker at ``index``."""
    line = element("line", class_=_style(index), x1="0", x2="22", y1="5", y2="5")
    return element("svg", line, class_="sample", width="22", height="10", aria_hidden="true")


def swatch(colour: str | None, sure: float = 1.0) -> Markup:
    """Return a small square of a category's colour, hatched for None."""
    fill = {"fill": colour or HATCH, "fill_opacity": opacity(sure) if colour else None}
    return element(
        "svg",
        element("rect", width="100%", height="100%", rx="2", **fill),
        class_="swatch", width="12", height="12", aria_hidden="true",
    )  # fmt: skip


def shares_bar(shares: Iterable[tuple[str, float]], colours: dict[str, str]) -> Markup:
    """Return shares of time as one bar."""
    parts, start = [], 0.0
    for name, share in shares:
        title = element("title", f"{name} {share:.0%}")
        place = {"x": f"{100 * start:.3f}%", "width": f"{100 * share:.3f}%"}
        parts.append(element("rect", title, height="100%", fill=colours[name], **place))
        start += share
    return element("svg", parts, class_="shares", width="100%", height="16", aria_hidden="true")


def described(segment: Segment) -> str:
    """Return everything about a segment but its words, on a few lines."""
    lines = [f"{clock(segment.start_s)} to {clock(segment.end_s)}, {speaker_name(segment.speaker)}"]
    if segment.abstain is not None:
        lines.append(f"not judged: {segment.abstain.replace('_', ' ')}")
    elif segment.category is not None:
        lines.append(f"{segment.category} {confidence(segment):.0%}")
        lines += [f"may also be {', '.join(others_of(segment))} (90 %)"] if others_of(segment) else []
        lines += [", ".join(f"{name} {value_with_interval(segment, name)}" for name in segment.dimensions)]
    lines += [f"flags: {', '.join(flags_of(segment))}"] if flags_of(segment) else []
    return "\n".join(lines)


def value_with_interval(segment: Segment, dimension: str) -> str:
    """Return a dimension's value with its 90 % interval, where it has one."""
    value = f"{segment.dimensions[dimension]:.2f}"
    if dimension not in segment.intervals:
        return value
    low, high = segment.intervals[dimension]
    return f"{value} ({low:.2f} to {high:.2f})"


def _block(index: int, segment: Segment, duration_s: float, colours: dict[str, str]) -> Markup:
    if segment.abstain is not None or segment.category is None:
        fill: dict[str, str | float] = {"fill": HATCH}
        label = (segment.abstain or "not judged").replace("_", " ")
    else:
        fill = {"fill": colours[segment.category], "fill_opacity": round(opacity(confidence(segment)), 3)}
        label = segment.category
    flagged = element("rect", class_="flag", y="85%", width="100%", height="15%") if flags_of(segment) else ""
    return element(
        "svg",
        element("title", described(segment)),
        element("rect", class_="body", width="100%", height="100%", **fill),
        flagged,
        element("text", label, x="6", y="17"),
        x=_percent(segment.start_s, duration_s), width=_percent(segment.end_s - segment.start_s, duration_s),
        y="4", height=LANE_PX - 8, data_segment=str(index),
    )  # fmt: skip


def _waveform(sound: Sound) -> Markup:
    peak = max([1e-6, *map(float, -sound.low), *map(float, sound.high)])
    upper = " ".join(f"{index} {-round(100 * value / peak)}" for index, value in enumerate(sound.high.tolist()))
    lower = [f"{index} {-round(100 * value / peak)}" for index, value in enumerate(sound.low.tolist())]
    outline = f"M{upper}L{' '.join(reversed(lower))}Z"
    return element(
        "svg",
        element("path", d=outline),
        width="100%", height=WAVEFORM_PX, viewBox=f"0 -104 {max(1, len(lower) - 1)} 208", preserveAspectRatio="none",
        role="img", aria_label="Waveform, scaled to its loudest sample",
    )  # fmt: skip


def _curve(result: Result, dimension: str) -> Markup:
    drawn: list[Markup] = []
    for index, speaker in enumerate(speakers_of(result)):
        spoken = [each for each in result.segments if each.speaker == speaker and is_predicted(each)]
        held = [each for each in spoken if dimension in each.dimensions]
        mean = trend(held, dimension, result.duration_s)
        style = _style(index)
        drawn += [
            element("path", class_=f"band {style}", d=_bands(held, dimension)),
            element("path", class_=f"line {style}{' faint' if mean else ''}", d=_levels(held, dimension)),
        ]
        if mean:
            path = "".join(f"M{' '.join(f'{_x(time_s)} {_y(value)}' for time_s, value in run)}" for run in mean)
            drawn.append(element("path", class_=f"trend {style}", d=path))
    # A drawing unit is a hundredth of a second, since some browsers round coordinates.
    inner = element(
        "svg", drawn, y="4", width="100%", height=CURVE_PX - 8, preserveAspectRatio="none",
        viewBox=f"0 0 {max(1, round(100 * result.duration_s))} {CURVE_UNITS}",
    )  # fmt: skip
    half = element("line", class_="half", x2="100%", y1="50%", y2="50%")
    label = f"{dimension} over time from 0 to 1, with 90 % intervals where they were measured"
    turned = _turned(result, dimension)
    return element("svg", half, inner, turned, width="100%", height=CURVE_PX, role="img", aria_label=label)


def _turned(result: Result, dimension: str) -> list[Markup]:
    """Return a mark on the upper edge for each turning point of the recording and of its speakers."""
    summaries = (result.summary, *result.speakers.values())
    points = dict.fromkeys(point for each in summaries for point in each.turning_points if point.dimension == dimension)
    return [
        element(
            "svg",
            element("path", d="M-5 0H5L0 8Z", class_="turned"),
            element("title", f"{clock(point.time_s)}: {dimension} {point.before:.2f} → {point.after:.2f}"),
            x=_percent(point.time_s, result.duration_s), class_="turned-at",
        )
        for point in points
    ]  # fmt: skip


def _levels(segments: Sequence[Segment], dimension: str) -> str:
    """Return one level a segment, joined by a step where one segment follows another at once."""
    path, reached_s = [], -1.0
    for each in segments:
        start, height, end = _x(each.start_s), _y(each.dimensions[dimension]), _x(each.end_s)
        path.append(f"V{height}H{end}" if each.start_s == reached_s else f"M{start} {height}H{end}")
        reached_s = each.end_s
    return "".join(path)


def _bands(segments: Sequence[Segment], dimension: str) -> str:
    held = [each for each in segments if dimension in each.intervals]
    return "".join(
        f"M{_x(each.start_s)} {_y(each.intervals[dimension][0])}H{_x(each.end_s)}"
        f"V{_y(each.intervals[dimension][1])}H{_x(each.start_s)}Z"
        for each in held
    )


def _x(time_s: float) -> int:
    return round(100 * time_s)


def _y(value: float) -> int:
    return round(CURVE_UNITS * (1 - min(1.0, max(0.0, value))))


def _percent(time_s: float, duration_s: float) -> str:
    return f"{100 * time_s / duration_s:.4f}%" if duration_s else "0%"


def _style(index: int) -> str:
    return f"speaker-{index % LINE_STYLES}"
