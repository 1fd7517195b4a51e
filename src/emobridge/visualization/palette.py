"""One colour for each category, the same in every picture, safe for colour-blind readers and on any ground.

The nine were found by a search over hues that suit their names: any two are at least 20 apart (the Euclidean distance
in CIELAB) as seen with normal sight, protanopia, deuteranopia and tritanopia (the matrices of Machado et al., 2009, at
full severity). Colour is never the only sign: every picture also names the category in words.
"""

from collections.abc import Iterable

COLOURS = {
    "angry": "#B5210F",
    "happy": "#DDA60A",
    "neutral": "#62656B",
    "sad": "#2B55E8",
    "fearful": "#8A1FA8",
    "disgusted": "#2E9253",
    "surprised": "#EE66B4",
    "calm": "#2CC4F0",
    "bored": "#CFC1A6",
}
FAINTEST = 0.3  # opacity of a category that nothing speaks for


def category_colours(categories: Iterable[str]) -> dict[str, str]:
    """Return category -> ``#RRGGBB``; a category of one's own gets a colour that is left, in turn."""
    names = list(dict.fromkeys(categories))
    left = [colour for name, colour in COLOURS.items() if name not in names] or list(COLOURS.values())
    own = [name for name in names if name not in COLOURS]
    return {name: COLOURS.get(name) or left[own.index(name) % len(left)] for name in names}


def opacity(probability: float) -> float:
    """Return how opaque a category of ``probability`` is drawn, `FAINTEST` to 1."""
    return FAINTEST + (1 - FAINTEST) * min(1.0, max(0.0, probability))
