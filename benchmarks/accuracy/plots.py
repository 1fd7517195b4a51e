"""The picture of accuracy.json: every corpus and measure, each system a mark, the recipe with its interval."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.accuracy.results import LEFT_OUT, VOTES, WITHIN, Row, rows
from emobridge.training.evaluation.tables import heading
from emobridge.utils.extras import load_extra
from emobridge.utils.files import replacing

TITLES = {WITHIN: "Speaker-disjoint folds", LEFT_OUT: "Corpus left out of training"}
MAJORITY_GUESS, LINEAR_MODEL, RECIPE = "majority guess", "linear model", "recipe"
STYLES = {
    MAJORITY_GUESS: {"color": "#9a9a9a", "marker": "|", "markersize": 10.0},
    LINEAR_MODEL: {"color": "#d1772e", "marker": "s", "markersize": 5.5},
    RECIPE: {"color": "#1f5fa8", "marker": "o", "markersize": 6.5},
}
WIDTH_INCHES, ROW_INCHES, MARGIN_INCHES = 9.0, 0.36, 1.3


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the plot; the extension of ``path`` (svg, png) says how.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figures: Any = load_extra("matplotlib.figure", "report")
    matplotlib: Any = load_extra("matplotlib", "report")
    panels = {protocol: found for protocol in TITLES if (found := rows(results, protocol))}
    heights = [len(found) for found in panels.values()]
    # A fixed salt and no date: the same results give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "emobridge", "font.size": 9.0}):
        figure = figures.Figure(
            figsize=(WIDTH_INCHES, sum(heights) * ROW_INCHES + len(heights) * MARGIN_INCHES), layout="constrained"
        )
        axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights})
        for one, (protocol, found) in zip(axes[:, 0], panels.items(), strict=True):
            _panel(one, TITLES[protocol], found)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), frameon=False)
        kind = path.suffix.removeprefix(".")
        with replacing(path) as partial:
            figure.savefig(partial, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {})


def _panel(axes: Any, title: str, found: list[Row]) -> None:
    axes.set_title(title, loc="left", fontweight="bold")
    for name, style in STYLES.items():
        _draw_marks(axes, name, style, found)
    axes.set_yticks(range(len(found)), [_label(row) for row in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(-0.05, 1.0)
    axes.tick_params(labelbottom=True)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _draw_marks(axes: Any, name: str, style: Mapping[str, Any], found: list[Row]) -> None:
    places, values, below, above = [], [], [], []
    for place, row in enumerate(found):
        figure = {MAJORITY_GUESS: row.majority, LINEAR_MODEL: row.linear}.get(name, row.figure(row.recipe))
        if figure is not None and figure.value is not None:
            places.append(place)
            values.append(figure.value)
            below.append(max(0.0, figure.value - (figure.value if figure.low is None else figure.low)))
            above.append(max(0.0, (figure.value if figure.high is None else figure.high) - figure.value))
    if places:
        axes.errorbar(values, places, xerr=(below, above), label=name, linestyle="none", elinewidth=1.2, **style)


def _label(row: Row) -> str:
    votes = " of votes" if row.entry["truth"] == VOTES and not row.is_dimension else ""
    return f"{row.entry['corpus']}: {heading(row.metric)}{votes}"
