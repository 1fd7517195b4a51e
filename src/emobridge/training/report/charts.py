"""Scores as drawings in SVG: systems side by side, confusion, the valence-arousal plane, calibration, speakers.

Design: sizes and places are attributes, colours are classes of the page's style, so that one drawing serves light and
dark ground and paper. What a drawing shows also stands in a table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import Scores, judged
from emobridge.training.evaluation.subgroups import Group
from emobridge.visualization.markup import Markup, element
from emobridge.visualization.palette import category_colours
from emobridge.visualization.plane import AXES, plane, x_px, y_px

WIDTH_PX, ROW_PX, LABEL_PX, TOP_PX, FOOT_PX, GAP_PX = 880, 24, 190, 26, 24, 28
PLANE_PX, MARGIN_PX, CELL_PX = 256, 44, 62
MOST_POINTS, CALIBRATION_BINS, NAMED_SPEAKERS = 1500, 10, 30


@dataclass(frozen=True)
class Axis:
    """Values to pixels: ``low`` lies at ``start_px``, ``high`` at ``end_px``, whichever is larger."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """Return where a value lies; beyond the ends, at the end."""
        share = (value - self.low) / (self.high - self.low)
        return self.start_px + min(1.0, max(0.0, share)) * (self.end_px - self.start_px)

    @property
    def ticks(self) -> list[float]:
        """Round values between the ends, at most six."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(step * place, 10) for place in range(first, last + 1)]


def around(figures: Sequence[Interval], start_px: float, end_px: float) -> Axis:
    """Return an axis that holds all figures with their intervals, and a little more."""
    ends = [end for one in figures for end in (one.low, one.high, one.value) if not math.isnan(end)] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low) or 0.05
    return Axis(low - room, high + room, start_px, end_px)


def systems(
    rows: Mapping[str, Mapping[str, Interval]], told: Mapping[str, str], sure: Mapping[str, set[str]]
) -> Markup:
    """Return a panel a metric with a row a system: value and interval, filled where it differs from the first.

    Args:
        rows: system -> metric -> figure; the first one is the reference, whose value is a line through all.
        told: metric -> how the panel is headed, in order.
        sure: system -> metrics in which it differs from the reference by the paired test.
    """
    panel_px = (WIDTH_PX - LABEL_PX - GAP_PX * len(told)) / len(told)
    bottom_px = TOP_PX + ROW_PX * len(rows)
    names = [
        element("text", name, x=LABEL_PX - 12, y=TOP_PX + ROW_PX * (row + 0.5) + 4, text_anchor="end", class_="name")
        for row, name in enumerate(rows)
    ]
    panels: list[Markup] = []
    for place, (metric, heading) in enumerate(told.items()):
        left_px = LABEL_PX + place * (panel_px + GAP_PX)
        figures = {name: one[metric] for name, one in rows.items() if metric in one}
        known = {name: one for name, one in figures.items() if not math.isnan(one.value)}
        axis = around(list(known.values()), left_px, left_px + panel_px)
        panels += [element("text", heading, x=left_px, y=14, class_="head"), *_ticks_below(axis, TOP_PX, bottom_px)]
        if base := known.get(next(iter(rows))):
            x_px = axis(base.value)
            panels.append(element("line", class_="base", x1=x_px, x2=x_px, y1=TOP_PX, y2=bottom_px))
        panels += [
            _mark(axis, known[name], TOP_PX + ROW_PX * (row + 0.5), row == 0 or metric in sure.get(name, set()))
            for row, name in enumerate(rows)
            if name in known
        ]
    label = "Figures with 95 % intervals over speakers; the table says the same in numbers"
    return _drawing(WIDTH_PX, bottom_px + FOOT_PX, label, [*names, *panels])


def _mark(axis: Axis, figure: Interval, y_px: float, filled: bool) -> Markup:
    known = not math.isnan(figure.low + figure.high)
    whisker = element("line", class_="whisker", x1=axis(figure.low), x2=axis(figure.high), y1=y_px, y2=y_px)
    dot = element("circle", class_="dot" if filled else "dot hollow", cx=axis(figure.value), cy=y_px, r=4.5)
    title = f"{figure.value:.3f}" + (f" [{figure.low:.3f}, {figure.high:.3f}]" if known else "")
    return element("g", element("title", title), whisker if known else "", dot)


def confusion(scores: Scores) -> Markup:
    """Return the confusion matrix: a row a true category, each cell shaded by its share of the row."""
    kept = np.flatnonzero(scores.confusion.sum(axis=1))
    left_px, top_px, columns = 96, 44, len(scores.categories)
    cells: list[Markup] = []
    for row, index in enumerate(kept):
        counts = scores.confusion[index]
        y_px = top_px + row * CELL_PX * 0.62
        cells.append(element("text", scores.categories[index], x=left_px - 8, y=y_px + 24, text_anchor="end"))
        for column, count in enumerate(counts.tolist()):
            cells.append(_cell(left_px + column * CELL_PX, y_px, count / counts.sum(), count, column == index))
    heads = [
        element("text", name, x=left_px + (column + 0.5) * CELL_PX, y=top_px - 8, text_anchor="middle")
        for column, name in enumerate(scores.categories)
    ]
    guide = element("text", "predicted →", x=left_px, y=14, class_="soft")
    side = element("text", "true ↓", x=left_px - 8, y=top_px - 8, text_anchor="end", class_="soft")
    size = (left_px + columns * CELL_PX + 4, top_px + len(kept) * CELL_PX * 0.62 + 6)
    return _drawing(*size, "Confusion matrix, shares of each true category", [guide, side, *heads, *cells], "confusion")


def _cell(x_px: float, y_px: float, share: float, count: int, right: bool) -> Markup:
    height_px = CELL_PX * 0.62
    return element(
        "g",
        element("title", f"{count} utterances"),
        element("rect", x=x_px, y=y_px, width=CELL_PX - 2, height=height_px - 2, class_="cell empty"),
        element("rect", x=x_px, y=y_px, width=CELL_PX - 2, height=height_px - 2, fill_opacity=round(share, 3),
                class_="cell right" if right else "cell"),
        element("text", f"{100 * share:.0f} %", x=x_px + CELL_PX / 2 - 1, y=y_px + height_px / 2 + 4,
                text_anchor="middle", class_="on" if share > 0.6 else None),
    )  # fmt: skip


def rated_plane(predictions: Predictions) -> Markup:
    """Return predicted valence and arousal of rated utterances, by true category, and each category's two means.

    A cross is the mean of the ratings, a ringed dot that of the predictions; at most `MOST_POINTS` points are drawn.
    """
    columns = [predictions.dimensions.index(name) for name in AXES]
    guess, rated = (side[:, columns] for side in (predictions.predicted_dimensions, predictions.truth_dimensions))
    known = np.flatnonzero(~np.isnan(guess + rated).any(axis=1))
    colours = category_colours(predictions.categories)
    names = [predictions.categories[index] if index >= 0 else "" for index in predictions.truth_indices.tolist()]
    points = [
        element("circle", cx=x_px(guess[row, 0]), cy=y_px(guess[row, 1]), r=2.2, class_="point",
                fill=colours.get(names[row], "#888888"))
        for row in known[:: max(1, math.ceil(len(known) / MOST_POINTS))]
    ]  # fmt: skip
    means: list[Markup] = []
    for name, colour in colours.items():
        mine = known[[names[row] == name for row in known]]
        if len(mine):
            (a, b), (c, d) = ((x_px(x), y_px(y)) for x, y in (side[mine].mean(axis=0) for side in (rated, guess)))
            cross = f"M{a - 6:.1f} {b:.1f}h12M{a:.1f} {b - 6:.1f}v12"
            means += [
                element("line", x1=a, y1=b, x2=c, y2=d, class_="drift"),
                element("path", d=cross, class_="cross ground"),
                element("path", d=cross, class_="cross", stroke=colour),
                element("circle", cx=c, cy=d, r=6, class_="mean", fill=colour),
                element("text", name, x=c + 10, y=d + 4, class_="told"),
            ]  # fmt: skip
    return plane(element("g", points), means, label="Predicted valence and arousal by true category")


def agreement(predictions: Predictions, dimension: str) -> Markup:
    """Return what was rated (across) against what was predicted (upwards) of a dimension; the diagonal is agreement."""
    column = predictions.dimensions.index(dimension)
    rated, guess = predictions.truth_dimensions[:, column], predictions.predicted_dimensions[:, column]
    known = np.flatnonzero(~np.isnan(rated + guess))
    x, y = _square_axes()
    points = [
        element("circle", cx=x(float(rated[row])), cy=y(float(guess[row])), r=2.2, class_="point ink")
        for row in known[:: max(1, math.ceil(len(known) / MOST_POINTS))]
    ]
    diagonal = element("line", x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="base")
    drawn = [*_frame(x, y, f"{dimension}, rated", "predicted"), diagonal, element("g", points)]
    return _drawing(*_square_size(), f"Rated against predicted {dimension}", drawn)


def calibration_bins(predictions: Predictions) -> NDArray[np.float64]:
    """Return (B, 3) for bins of equally many judged items: mean confidence, share that is right, number of items."""
    _, predicted, probabilities = judged(predictions)
    votes = predictions.truth.astype(np.float64)
    known = np.flatnonzero(votes.sum(axis=1) > 0)
    confidence = probabilities[known, predicted[known]]
    right = votes[known, predicted[known]]
    parts = np.array_split(np.argsort(confidence, kind="stable"), min(CALIBRATION_BINS, max(1, len(known) // 10)))
    return np.array([(confidence[part].mean(), right[part].mean(), len(part)) for part in parts if len(part)])


def calibration(predictions: Predictions) -> Markup:
    """Return how often an answer of a given confidence is right; on the diagonal a probability is a chance."""
    x, y = _square_axes()
    bins = calibration_bins(predictions)
    path = "M" + "L".join(f"{x(one):.1f} {y(share):.1f}" for one, share, _ in bins)
    dots = [
        element("circle", element("title", f"{int(count)} items: {one:.2f} sure, {share:.2f} right"),
                cx=x(one), cy=y(share), r=4, class_="dot")
        for one, share, count in bins
    ]  # fmt: skip
    diagonal = element("line", x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="base")
    curve = element("path", d=path, class_="curve")
    drawn = [*_frame(x, y, "probability of the answer", "share that is right"), diagonal, curve, *dots]
    return _drawing(*_square_size(), "Calibration, bins of equally many items", drawn)


def speakers(groups: Sequence[Group], metric: str, heading: str, pooled: float) -> Markup:
    """Return each speaker's figure, from lowest to highest; the line is that of all pooled.

    A hollow dot is a speaker of another gender than the first one in alphabetical order.
    """
    ranked = sorted((one for one in groups if not math.isnan(_value(one, metric))), key=lambda one: _value(one, metric))
    figures, first = [one.metrics[metric] for one in ranked], min((one.gender for one in ranked), default="")
    axis = around([*figures, Interval(pooled, pooled, pooled)], 210, 24)
    left_px, right_px = 48, WIDTH_PX - 10
    step_px = (right_px - left_px) / max(1, len(ranked))
    ticks = [
        part
        for tick in axis.ticks
        for part in (
            element("line", class_="grid", x1=left_px, x2=right_px, y1=axis(tick), y2=axis(tick)),
            element("text", f"{tick:g}", x=left_px - 6, y=axis(tick) + 4, text_anchor="end", class_="soft"),
        )
    ]
    marks = []
    for place, one in enumerate(ranked):
        x_px = left_px + (place + 0.5) * step_px
        title = element("title", f"{one.name}: {_value(one, metric):.3f}, {one.utterances} utterances")
        kind = "dot" if one.gender == first else "dot hollow"
        marks.append(element("circle", title, cx=x_px, cy=axis(_value(one, metric)), r=4.5, class_=kind))
        if len(ranked) <= NAMED_SPEAKERS:
            turned = f"translate({x_px + 4:.1f} 222) rotate(-90)"
            marks.append(element("text", one.name, transform=turned, text_anchor="end", class_="soft"))
    line = element("line", class_="base", x1=left_px, x2=right_px, y1=axis(pooled), y2=axis(pooled))
    head = element("text", heading, x=left_px, y=14, class_="head")
    names_px = 7 * max(len(one.name) for one in ranked) + 8 if len(ranked) <= NAMED_SPEAKERS else 0
    return _drawing(WIDTH_PX, 222 + names_px, f"{heading} of each speaker", [head, *ticks, line, *marks])


def _value(group: Group, metric: str) -> float:
    return group.metrics[metric].value if metric in group.metrics else math.nan


def _square_axes() -> tuple[Axis, Axis]:
    return Axis(0, 1, MARGIN_PX, MARGIN_PX + PLANE_PX), Axis(0, 1, 10 + PLANE_PX, 10)


def _square_size() -> tuple[int, int]:
    return MARGIN_PX + PLANE_PX + 36, PLANE_PX + 48


def _frame(x: Axis, y: Axis, across: str, upwards: str) -> list[Markup]:
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    middle = f"translate(11 {(y.start_px + y.end_px) / 2:.0f}) rotate(-90)"
    return [
        element("rect", class_="field", x=MARGIN_PX, y=10, width=PLANE_PX, height=PLANE_PX),
        *(element("line", class_="grid", x1=x(tick), x2=x(tick), y1=y(0), y2=y(1)) for tick in ticks[1:-1]),
        *(element("line", class_="grid", x1=x(0), x2=x(1), y1=y(tick), y2=y(tick)) for tick in ticks[1:-1]),
        *(element("text", f"{tick:g}", x=x(tick), y=y(0) + 15, text_anchor="middle", class_="soft") for tick in ticks),
        *(element("text", f"{tick:g}", x=x(0) - 6, y=y(tick) + 4, text_anchor="end", class_="soft") for tick in ticks),
        element("text", across, x=(x.start_px + x.end_px) / 2, y=y(0) + 32, text_anchor="middle"),
        element("text", upwards, transform=middle, text_anchor="middle"),
    ]


def _ticks_below(axis: Axis, top_px: float, bottom_px: float) -> list[Markup]:
    return [
        part
        for tick in axis.ticks
        for part in (
            element("line", class_="grid", x1=axis(tick), x2=axis(tick), y1=top_px, y2=bottom_px),
            element("text", f"{tick:g}", x=axis(tick), y=bottom_px + 15, text_anchor="middle", class_="soft"),
        )
    ]


def _drawing(width_px: float, height_px: float, label: str, parts: Sequence[str], class_: str = "") -> Markup:
    return element(
        "svg", parts, viewBox=f"0 0 {width_px:g} {height_px:g}", width=width_px, height=height_px, role="img",
        aria_label=label, class_=f"drawing {class_}".strip(),
    )  # fmt: skip
