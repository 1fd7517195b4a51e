"""Laws of the figure: it draws the result's values, names are shown as they are, the file is what was asked."""

from pathlib import Path

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from emobridge.errors import MissingExtraError, OutputError
from emobridge.results import Result, Segment, Summary
from emobridge.visualization.figure import plot
from emobridge.visualization.palette import COLOURS

NAME = "$x^{$ _Ann"
SEGMENTS = (
    Segment(
        0.5, 2.0, NAME, "Hi.", "angry", {"angry": 0.71}, {"valence": 0.21, "arousal": 0.8}, {"valence": (0.1, 0.35)}
    ),
    Segment(1.5, 3.0, "Ben", None, "neutral", {"neutral": 0.8}, {"valence": 0.6, "arousal": 0.3}),
    Segment(3.0, 4.0, "Ben", flags=("noise",), abstain="noise"),
)
MEANS = Summary(1.5, "angry", {"angry": 1.0}, {"valence": 0.21, "arousal": 0.8}, {"valence": 0.0, "arousal": 0.0})
RESULT = Result("a/call.wav", 4.0, {"name": "toy", "version": "1"}, SEGMENTS, {NAME: MEANS}, MEANS)


def boxes(collection: PolyCollection) -> list[tuple[float, ...]]:
    extents = [path.get_extents() for path in collection.get_paths()]
    return [(each.x0, each.x1, each.y0, each.y1) for each in extents]


def test_lanes_hold_each_segment_at_its_time_in_its_colour() -> None:
    lanes = plot(RESULT).axes[0]
    assert [label.get_text() for label in lanes.get_yticklabels()] == [NAME, "Ben"]
    judged, unjudged = (each for each in lanes.collections if isinstance(each, PolyCollection))
    assert boxes(judged) == [(0.5, 2.0, -0.375, 0.375), (1.5, 3.0, 0.625, 1.375)]
    assert [to_hex(colour).upper() for colour in judged.get_facecolor()] == [COLOURS["angry"], COLOURS["neutral"]]
    assert boxes(unjudged) == [(3.0, 4.0, 0.625, 1.375)]
    assert unjudged.get_hatch()


def test_curves_and_bands_are_the_values_and_their_intervals() -> None:
    valence = plot(RESULT).axes[1]
    assert valence.get_ylabel() == "valence"
    bands = [box for each in valence.collections if isinstance(each, PolyCollection) for box in boxes(each)]
    assert bands == [(0.5, 2.0, 0.1, 0.35)]
    levels = [
        path.vertices.tolist()
        for each in valence.collections if not isinstance(each, PolyCollection)
        for path in each.get_paths()
    ]  # fmt: skip
    assert levels == [[[0.5, 0.21], [2.0, 0.21]], [[1.5, 0.6], [3.0, 0.6]]]


def test_the_plane_holds_each_judged_segment() -> None:
    plane = plot(RESULT).axes[-1]
    assert [each.get_offsets().tolist() for each in plane.collections] == [[[0.21, 0.8]], [[0.6, 0.3]]]
    assert [each.get_text() for each in plane.texts] == [NAME]


@pytest.mark.parametrize(("extension", "start"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")])
def test_a_file_is_of_its_extension_and_the_same_result_gives_the_same_file(
    tmp_path: Path, extension: str, start: bytes
) -> None:
    first, second = tmp_path / f"a{extension}", tmp_path / f"b{extension}"
    RESULT.plot(first)
    RESULT.plot(second)
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()


def test_other_extensions_are_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.jpg'; a figure ends in \.png, \.svg, \.pdf; for other formats"):
        RESULT.plot(tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_nothing_judged_is_a_figure_too() -> None:
    assert len(plot(Result("a.wav", 0.0, {}, (), {}, Summary(0.0))).axes) == 2


def test_without_matplotlib_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emobridge\[report\]'"):
        RESULT.plot()
