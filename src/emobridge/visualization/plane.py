"""The valence-arousal plane as SVG: a mark a judged segment, each speaker's mean and spread, room for a playhead."""

from emobridge.results import Result, Summary
from emobridge.visualization.content import confidence, is_crowded, is_judged, speaker_name, speakers_of
from emobridge.visualization.markup import Markup, element, joined
from emobridge.visualization.palette import COLOURS, opacity
from emobridge.visualization.strips import told

SIDE_PX = 320  # page.js places the playhead by the same numbers
LEFT_PX, TOP_PX, FIELD_PX = 30, 8, 280
SHAPES = 4  # one a speaker, in turn
_PATHS = ("M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z", "M-4.5-4.5h9v9h-9Z", "M0-5.5L5.5 4.5H-5.5Z", "M0-6L6 0L0 6L-6 0Z")
_SMALL = 0.6


def shapes() -> Markup:
    """Return the marks as definitions that every plane of a page shares: each large and small."""
    large = [element("path", id=f"mark-{index}", d=path) for index, path in enumerate(_PATHS)]
    small = [
        element("path", id=f"mark-{index}-small", d=path, transform=f"scale({_SMALL})")
        for index, path in enumerate(_PATHS)
    ]
    return joined(large, small)


def plane(result: Result, colours: dict[str, str]) -> Markup:
    """Return the plane of a recording: valence to the right, arousal upwards."""
    size = "-small" if is_crowded(result) else ""
    speakers = speakers_of(result)
    points = [
        element(
            "use",
            element("title", told(segment)),
            href=f"#mark-{speakers.index(segment.speaker) % SHAPES}{size}",
            fill=colours.get(segment.category or "", COLOURS["neutral"]),
            fill_opacity=round(opacity(confidence(segment)), 3),
            x=round(_x(segment.dimensions["valence"]), 1),
            y=round(_y(segment.dimensions["arousal"]), 1),
        )
        for segment in result.segments
        if is_judged(segment) and {"valence", "arousal"} <= segment.dimensions.keys()
    ]
    means = [
        _mean(speaker_name(speaker), index, summary)
        for index, speaker in enumerate(speakers)
        if (summary := result.speakers.get(speaker) if speaker is not None else None) is not None
    ]
    label = "Valence and arousal of each judged segment; the transcript below says the same in words"
    return element(
        "svg", _frame(), element("g", points, class_="points"), means, element("g", class_="heads"),
        class_="plane", viewBox=f"0 0 {SIDE_PX} {SIDE_PX}", role="img", aria_label=label,
    )  # fmt: skip


def _frame() -> Markup:
    middle_x, middle_y = _x(0.5), _y(0.5)
    bottom_px = TOP_PX + FIELD_PX
    return joined(
        element("rect", class_="field", x=LEFT_PX, y=TOP_PX, width=FIELD_PX, height=FIELD_PX),
        element("line", class_="half", x1=LEFT_PX, x2=LEFT_PX + FIELD_PX, y1=middle_y, y2=middle_y),
        element("line", class_="half", x1=middle_x, x2=middle_x, y1=TOP_PX, y2=bottom_px),
        [element("text", name, x=x, y=bottom_px + 14, text_anchor=anchor) for name, x, anchor in _bottom()],
        [
            element("text", name, transform=f"translate({LEFT_PX - 8} {y}) rotate(-90)", text_anchor=anchor)
            for name, y, anchor in _side()
        ],
    )


def _bottom() -> list[tuple[str, float, str]]:
    return [
        ("0 unpleasant", LEFT_PX, "start"), ("valence", _x(0.5), "middle"), ("pleasant 1", LEFT_PX + FIELD_PX, "end"),
    ]  # fmt: skip


def _side() -> list[tuple[str, float, str]]:
    return [("0 calm", TOP_PX + FIELD_PX, "start"), ("arousal", _y(0.5), "middle"), ("excited 1", TOP_PX, "end")]


def _mean(name: str, index: int, summary: Summary) -> Markup:
    """Return a speaker's mean as a large mark with its name, and an ellipse of one standard deviation."""
    if not {"valence", "arousal"} <= summary.mean.keys():
        return Markup("")
    x, y = _x(summary.mean["valence"]), _y(summary.mean["arousal"])
    spread = {f"r{axis}": FIELD_PX * summary.spread[name] for axis, name in (("x", "valence"), ("y", "arousal"))}
    return element(
        "g",
        element("ellipse", cx=x, cy=y, **spread),
        element("use", href=f"#mark-{index % SHAPES}", x=x, y=y),
        element("text", name, x=x + 9, y=y + 4),
        class_="mean",
    )


def _x(valence: float) -> float:
    return LEFT_PX + FIELD_PX * min(1.0, max(0.0, valence))


def _y(arousal: float) -> float:
    return TOP_PX + FIELD_PX * (1 - min(1.0, max(0.0, arousal)))
