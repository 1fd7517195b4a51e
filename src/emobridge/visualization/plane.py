"""The valence-arousal plane: valence to the right, arousal upwards, as SVG for pages and by matplotlib for figures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from emobridge.results import Result, Segment, Summary
from emobridge.utils.extras import load_extra
from emobridge.visualization.content import confidence, is_crowded, is_predicted, speaker_name, speakers_of
from emobridge.visualization.markup import Markup, element, filled, joined
from emobridge.visualization.palette import COLOURS, opacity
from emobridge.visualization.strips import described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = ("valence", "arousal")
LEFT_PX, TOP_PX, FIELD_PX = 30, 8, 280  # of the field in plane.html; page.js places the playhead by the same numbers
MARKS = ("o", "s", "^", "D")  # of speakers, in turn: as matplotlib names them; in SVG those of page.html
GROUND = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}


def plane(*drawn: Markup | list[Markup], label: str) -> Markup:
    """Return a plane with its frame and what is ``drawn`` on it, at `x_px` and `y_px`."""
    return filled("plane.html", label=label, drawn=joined(*drawn))


def x_px(valence: float) -> float:
    """Return where a valence lies; one beyond [0, 1], at the edge."""
    return LEFT_PX + FIELD_PX * min(1.0, max(0.0, valence))


def y_px(arousal: float) -> float:
    """Return where an arousal lies; one beyond [0, 1], at the edge."""
    return TOP_PX + FIELD_PX * (1 - min(1.0, max(0.0, arousal)))


def plane_of(result: Result, colours: dict[str, str]) -> Markup:
    """Return the plane of a recording: each segment, each speaker's mean and spread, room for a playhead."""
    size = "-small" if is_crowded(result) else ""
    speakers = speakers_of(result)
    points = [
        element(
            "use",
            element("title", described(segment)),
            href=f"#mark-{speakers.index(segment.speaker) % len(MARKS)}{size}",
            fill=_colour(segment, colours),
            fill_opacity=round(opacity(confidence(segment)), 3),
            x=round(x_px(segment.dimensions["valence"]), 1),
            y=round(y_px(segment.dimensions["arousal"]), 1),
        )
        for segment in result.segments
        if _is_placed(segment)
    ]
    means = [_mean(name, index, summary) for index, name, summary in _means(result)]
    label = "Valence and arousal of each judged segment; the transcript below says the same in words"
    return plane(element("g", points, class_="points"), means, element("g", class_="heads"), label=label)


def draw_plane(axes: "Axes", result: Result, colours: dict[str, str]) -> None:
    """Draw the plane of a recording by matplotlib: each segment, and each speaker's mean."""
    to_rgba = load_extra("matplotlib.colors", "report").to_rgba
    for index, speaker in enumerate(speakers_of(result)):
        held = [each for each in result.segments if each.speaker == speaker and _is_placed(each)]
        axes.scatter(
            [each.dimensions["valence"] for each in held],
            [each.dimensions["arousal"] for each in held],
            c=[to_rgba(_colour(each, colours), opacity(confidence(each))) for each in held],
            marker=MARKS[index % len(MARKS)], s=22, linewidths=0,
        )  # fmt: skip
    for index, name, summary in _means(result):
        place = summary.mean["valence"], summary.mean["arousal"]
        axes.plot(*place, MARKS[index % len(MARKS)], color="white", markeredgecolor="black", markersize=9)
        axes.annotate(name, place, (9, 0), textcoords="offset points", va="center", weight="bold", bbox=GROUND)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", anchor="N", xlabel="valence, unpleasant to pleasant")
    axes.set_ylabel("arousal, calm to excited")
    axes.grid(alpha=0.3)
    axes.set_xticks((0, 0.5, 1))
    axes.set_yticks((0, 0.5, 1))


def _is_placed(segment: Segment) -> bool:
    return is_predicted(segment) and set(AXES) <= segment.dimensions.keys()


def _colour(segment: Segment, colours: dict[str, str]) -> str:
    return colours.get(segment.category or "", COLOURS["neutral"])


def _means(result: Result) -> Iterator[tuple[int, str, Summary]]:
    """Yield the place, name and summary of each speaker who has a mean on the plane."""
    for index, speaker in enumerate(speakers_of(result)):
        summary = None if speaker is None else result.speakers.get(speaker)
        if summary is not None and set(AXES) <= summary.mean.keys():
            yield index, speaker_name(speaker), summary


def _mean(name: str, index: int, summary: Summary) -> Markup:
    """Return a speaker's mean as a large mark with its name, and an ellipse of one standard deviation."""
    x, y = x_px(summary.mean["valence"]), y_px(summary.mean["arousal"])
    spread = {f"r{axis}": FIELD_PX * summary.spread[name] for axis, name in zip("xy", AXES, strict=True)}
    return element(
        "g",
        element("ellipse", cx=x, cy=y, **spread),
        element("use", href=f"#mark-{index % len(MARKS)}", x=x, y=y),
        element("text", name, x=x + 9, y=y + 4),
        class_="mean",
    )
