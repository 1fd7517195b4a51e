"""The report as one page: markup, style, script, values and, where it is small enough, the recording; all in one file.

Design:
- Everything is inline and nothing leaves the machine, whatever a transcript holds (`document`).
- The page is whole without its script (tables, drawings, transcript); the script adds the playhead.
- The recordings are embedded as long as they fit into `EMBEDDED_BYTES` together: a page should still open at once and
  go by mail. Beyond that, and where the file is not there, the reader picks the recording, which stays on the machine.
"""

from collections.abc import Sequence
from importlib.resources import files

from emobridge.results import Result
from emobridge.version import __version__
from emobridge.visualization.content import categories_of, clock, name_of
from emobridge.visualization.document import document
from emobridge.visualization.markup import Markup, data_element, element
from emobridge.visualization.palette import category_colours
from emobridge.visualization.plane import marks, plane_of
from emobridge.visualization.sound import NO_SOUND, PLAYABLE, Sound, data_uri, embedded_bytes, outline
from emobridge.visualization.strips import paper_rows, strips
from emobridge.visualization.tables import facts, legend, summaries, transcript, turning_points, warnings

EMBEDDED_BYTES = 16_000_000
GUIDE = (
    "A category is the most probable one; its percentage is a calibrated probability. “or …” lists what else it may "
    "be: all of them together hold the truth nine times in ten.",
    "Valence, arousal and dominance go from 0 to 1. A band, or a range in brackets, is the 90 % interval; where there "
    "is none, the model was never measured for it and the value is a rough guide.",
    "Hatched parts hold sound that was not judged, and say why; between the parts nobody speaks.",
    "With many segments a thick line is a speaker's running mean over a fortieth of the recording.",
    "What is heard is a way of speaking, not what a person truly feels. Estimates are wrong often; listen before you "
    "conclude.",
)


def page(results: Sequence[Result], embed: bool = True, looks_for_recordings: bool = True) -> str:
    """Return the page of ``results``, in their order.

    Args:
        results: the recordings; each is looked for where its ``file`` says.
        embed: whether recordings may be put into the page.
        looks_for_recordings: whether their files are looked for at all.
    """
    style, script = (
        files("emobridge.visualization").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    shares = [name for result in results for name in result.summary.shares]
    categories = list(dict.fromkeys([*(name for result in results for name in categories_of(result)), *shares]))
    colours = category_colours(categories)
    left_bytes = EMBEDDED_BYTES if embed else 0
    articles = []
    for index, result in enumerate(results):
        sound = outline(result) if looks_for_recordings else NO_SOUND
        size_bytes = embedded_bytes(result) if sound.missing is None else None
        embedded = size_bytes is not None and size_bytes <= left_bytes
        left_bytes -= size_bytes if embedded and size_bytes is not None else 0
        articles.append(_article(index, result, sound, colours, data_uri(result) if embedded else None))
    title = name_of(results[0]) if len(results) == 1 else f"{len(results)} recordings"
    values = {"results": [result.to_dict() for result in results], "colours": colours}
    return document(
        f"{title} – emobridge",
        style,
        _definitions(),
        _top(title, results, legend(categories, colours)),
        element("main", articles),
        _foot(results),
        data_element(values, "values"),
        script=script,
        class_="still",
    )


def _definitions() -> Markup:
    """Return the drawings that every picture of the page shares; on paper and screen, without taking room."""
    lines = element("path", d="M-2 2l4-4M0 8l8-8M6 10l4-4")
    back = element("rect", width="8", height="8")
    pattern = element(
        "pattern", back, lines, id="hatch", width="8", height="8", patternUnits="userSpaceOnUse", class_="hatch"
    )
    return element("svg", element("defs", pattern, marks()), class_="definitions", aria_hidden="true")


def _top(title: str, results: Sequence[Result], key: Markup) -> Markup:
    links = [element("li", element("a", name_of(each), href=f"#recording-{at}")) for at, each in enumerate(results)]
    contents = element("nav", element("ul", links), aria_label="Recordings") if len(results) > 1 else ""
    theme = element("button", "dark / light", type="button", id="theme", class_="moving")
    return element("header", element("h1", element("bdi", title)), theme, contents, key)


def _article(index: int, result: Result, sound: Sound, colours: dict[str, str], address: str | None) -> Markup:
    identifier = f"recording-{index}"
    name = element("h2", element("bdi", name_of(result)))
    return element(
        "article",
        name, facts(result), warnings(result), summaries(result, colours),
        _player(result, sound, address),
        _board(result, sound, colours, identifier),
        paper_rows(result, identifier),
        turning_points(result),
        element(
            "div",
            element(
                "section",
                element("h3", "Valence and arousal"), plane_of(result, colours),
                element("div", class_="now moving", aria_live="off"),
                class_="plane-side",
            ),
            element("section", element("h3", "Transcript"), transcript(result, colours), class_="words-side"),
            class_="sides",
        ),
        id=identifier, data_index=str(index),
    )  # fmt: skip


def _player(result: Result, sound: Sound, address: str | None) -> Markup:
    name = name_of(result)
    hint = (
        "The recording is inside this page: who gets the page gets the voices."
        if address
        else f"Choose the recording “{name}” to listen. It stays on this computer."
    )
    missing = element("p", f"No waveform: {sound.missing}.", class_="missing") if sound.missing else ""
    picker = element(
        "label", "recording ", element("input", type="file", accept=f"audio/*,video/*,{','.join(PLAYABLE)}"),
        class_="moving picker",
    )  # fmt: skip
    buttons = [
        element("button", label, type="button", data_action=action, title=title)
        for label, action, title in (
            ("◂ segment", "previous", "Previous segment (Page Up)"),
            ("segment ▸", "next", "Next segment (Page Down)"),
            ("−", "out", "Zoom out (−)"),
            ("+", "in", "Zoom in (+)"),
        )
    ]
    audio = element(
        "audio", controls=True, preload="metadata", src=address, class_=None if address else "empty",
        aria_label=f"Player of {name}",
    )  # fmt: skip
    controls = element("div", audio, element("span", buttons, class_="moving buttons"), picker, class_="controls")
    return element("div", controls, element("p", hint, class_="hint"), missing, class_="player")


def _board(result: Result, sound: Sound, colours: dict[str, str], identifier: str) -> Markup:
    rows = strips(result, sound, colours, identifier)
    names = [element("div", each.name, class_=each.kind) for each in rows]
    drawn = [element("div", each.drawing, class_=each.kind) for each in rows]
    inner = element("div", drawn, element("div", class_="playhead moving"), class_="strips")
    scroll = element(
        "div", inner, class_="scroll", tabindex="0", role="slider", aria_label="Time",
        aria_valuemin="0", aria_valuemax=f"{result.duration_s:.1f}", aria_valuenow="0", aria_valuetext=clock(0.0),
    )  # fmt: skip
    return element("div", element("div", names, class_="names"), scroll, class_="board")


def _foot(results: Sequence[Result]) -> Markup:
    models = dict.fromkeys(
        " ".join(str(each.model.get(key, "")) for key in ("name", "version", "sha256")).strip() for each in results
    )
    guide = [element("li", line) for line in GUIDE]
    without = element(
        "noscript", element("p", "Without its script this page stands still: everything is here but the playhead.")
    )
    return element(
        "footer",
        element("h2", "How to read this"), element("ul", guide), without,
        [element("p", f"Model {model}", class_="model") for model in models],
        element("p", f"Written by emobridge {__version__}. This page makes no request to any network."),
    )  # fmt: skip
