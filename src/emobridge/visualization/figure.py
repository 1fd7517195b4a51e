"""One figure of a result: emotions by speaker over time, dimensions with 90 % intervals, the valence-arousal plane.

Design: matplotlib's own classes without pyplot, so that nothing is shared with other figures of the process and no
window system is asked for. Colours, names and running means are those of the page.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emobridge.errors import OutputError
from emobridge.results import Result
from emobridge.utils.extras import load_extra
from emobridge.utils.files import write_file
from emobridge.visualization.content import (
    categories_of,
    clock,
    confidence,
    dimensions_of,
    is_crowded,
    is_predicted,
    name_of,
    speaker_name,
    speakers_of,
    tick_times,
    trend,
)
from emobridge.visualization.palette import category_colours, opacity
from emobridge.visualization.plane import MARKS, draw_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENSIONS = (".png", ".svg", ".pdf")
WIDTH_INCHES, LANE_INCHES, CURVE_INCHES, FRAME_INCHES, SHORTEST_INCHES = 13.0, 0.42, 1.15, 1.5, 5.0
DOTS_PER_INCH = 120
LANE_SHARE = 0.75
TICKS, LEGEND_COLUMNS = 10, 12
LINES = (("#1b1d21", "-"), ("#0b57d0", "--"), ("#5a606b", ":"), ("#7a4b00", "-."))  # of speakers, in turn
HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": "#5a606b", "hatch": "////", "linewidth": 0.0}


def plot(result: Result, path: str | Path | None = None) -> "Figure":
    """Return the figure of ``result``, also written to ``path`` where one is given.

    Args:
        result: what to draw.
        path: a file that ends in .png, .svg or .pdf.

    Raises:
        OutputError: another extension, or the file cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in EXTENSIONS:
        remedy = "for other formats use result.save"
        raise OutputError(f"figure '{target}'", f"a figure ends in {', '.join(EXTENSIONS)}", remedy)
    matplotlib = load_extra("matplotlib", "report")
    # Names and words are shown as they are: a dollar sign starts no formula. No date: the same result, the same file.
    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": "emobridge", "font.size": 9}):
        figure = _figure(result)
        if target is not None:
            file_format = target.suffix.lower().removeprefix(".")
            undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
            content = io.BytesIO()
            figure.savefig(content, format=file_format, dpi=DOTS_PER_INCH, metadata=undated)
            write_file(target, content.getvalue())
    return figure


def _figure(result: Result) -> "Figure":
    speakers, dimensions = speakers_of(result), dimensions_of(result)
    lanes_inches = LANE_INCHES * len(speakers)
    height_inches = max(SHORTEST_INCHES, FRAME_INCHES + lanes_inches + CURVE_INCHES * len(dimensions))
    figure: Figure = load_extra("matplotlib.figure", "report").Figure(
        (WIDTH_INCHES, height_inches), layout="constrained"
    )
    grid = figure.add_gridspec(
        1 + len(dimensions), 2, width_ratios=(2.4, 1), height_ratios=(lanes_inches, *[CURVE_INCHES] * len(dimensions))
    )
    colours = category_colours(categories_of(result))
    lanes = figure.add_subplot(grid[0, 0])
    _draw_lanes(lanes, result, colours)
    strips = [lanes]
    for row, dimension in enumerate(dimensions, start=1):
        strips.append(figure.add_subplot(grid[row, 0], sharex=lanes))
        _draw_curve(strips[-1], result, dimension)
    for strip in strips[:-1]:
        strip.tick_params(labelbottom=False)
    times = tick_times(result.duration_s, TICKS)
    strips[-1].set_xticks(times, [clock(time_s, tenths=False) for time_s in times])
    lanes.set_xlim(0, max(result.duration_s, 1e-3))
    draw_plane(figure.add_subplot(grid[:, 1]), result, colours)
    model = f"{result.model.get('name', '?')} {result.model.get('version', '')}".rstrip()
    figure.suptitle(f"{name_of(result)}, {clock(result.duration_s)}, model {model}", x=0.01, ha="left", fontsize=11)
    _draw_legend(figure, colours, [speaker_name(speaker) for speaker in speakers])
    return figure


def _draw_lanes(axes: "Axes", result: Result, colours: dict[str, str]) -> None:
    """Draw a row a speaker: a colour a category, opaque as it is sure, hatched where there is no prediction."""
    speakers = speakers_of(result)
    to_rgba = load_extra("matplotlib.colors", "report").to_rgba
    predicted, fills, hatched = [], [], []
    for segment in result.segments:
        row = speakers.index(segment.speaker)
        box = (segment.start_s, segment.end_s, row - LANE_SHARE / 2, row + LANE_SHARE / 2)
        if is_predicted(segment) and segment.category is not None:
            predicted.append(box)
            fills.append(to_rgba(colours[segment.category], opacity(confidence(segment))))
        else:
            hatched.append(box)
    edge = 0.0 if is_crowded(result) else 1.0
    _draw_boxes(axes, predicted, facecolors=fills, edgecolors="white", linewidths=edge)
    _draw_boxes(axes, hatched, **HATCH)
    axes.set_yticks(range(len(speakers)), [speaker_name(speaker) for speaker in speakers])
    axes.set_ylim(len(speakers) - 0.5, -0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_curve(axes: "Axes", result: Result, dimension: str) -> None:
    for index, speaker in enumerate(speakers_of(result)):
        colour, line = LINES[index % len(LINES)]
        spoken = [each for each in result.segments if each.speaker == speaker and is_predicted(each)]
        held = [each for each in spoken if dimension in each.dimensions]
        mean = trend(held, dimension, result.duration_s)
        levels = [each.dimensions[dimension] for each in held]
        starts, ends = [each.start_s for each in held], [each.end_s for each in held]
        thin = {"linewidths": 0.8, "alpha": 0.4} if mean else {"linewidths": 1.8, "linestyles": line}
        axes.hlines(levels, starts, ends, colors=colour, **thin)
        bands = [(each.start_s, each.end_s, *each.intervals[dimension]) for each in held if dimension in each.intervals]
        _draw_boxes(axes, bands, color=colour, alpha=0.15, linewidths=0)
        for run in mean:
            axes.plot(*zip(*run, strict=True), color=colour, linestyle=line, linewidth=1.8)
    axes.set_ylim(0, 1)
    axes.set_yticks((0, 0.5, 1))
    axes.set_ylabel(dimension)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_boxes(axes: "Axes", boxes: list[tuple[float, float, float, float]], **style: Any) -> None:
    """Draw boxes (left, right, low, high) as one collection: an hour has thousands."""
    corners = [((left, low), (right, low), (right, high), (left, high)) for left, right, low, high in boxes]
    axes.add_collection(load_extra("matplotlib.collections", "report").PolyCollection(corners, **style))


def _draw_legend(figure: "Figure", colours: dict[str, str], speakers: list[str]) -> None:
    patch = load_extra("matplotlib.patches", "report").Patch
    line = load_extra("matplotlib.lines", "report").Line2D
    handles = [patch(color=colour) for colour in colours.values()] + [patch(**HATCH)]
    for index in range(len(speakers)):
        colour, style = LINES[index % len(LINES)]
        handles.append(line([], [], color=colour, linestyle=style, marker=MARKS[index % len(MARKS)], markersize=4))
    # matplotlib leaves out labels that start with an underscore.
    labels = [f" {name}" if name.startswith("_") else name for name in (*colours, "not judged", *speakers)]
    figure.legend(handles, labels, loc="outside lower left", ncols=min(len(labels), LEGEND_COLUMNS), frameon=False)
