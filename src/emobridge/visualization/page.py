"""The report as one page: markup, style, script, values and, where it is small enough, the recording; all in one file.

Design:
- Everything is inline and nothing leaves the machine, whatever a transcript holds (`document`).
- The page is whole without its script (tables, drawings, transcript); the script adds the playhead.
- The recordings are embedded as long as they fit into `EMBEDDED_BYTES` together: a page should still open at once and
  go by mail. Beyond that, and where the file is not there, the reader picks the recording, which stays on the machine.
"""

from collections.abc import Sequence

from emobridge.results import Result
from emobridge.version import __version__
from emobridge.visualization.content import categories_of, name_of
from emobridge.visualization.document import document
from emobridge.visualization.markup import Markup, data_element, element, filled, packaged
from emobridge.visualization.palette import category_colours
from emobridge.visualization.plane import plane_of
from emobridge.visualization.sound import NO_SOUND, PLAYABLE, Sound, data_uri, embedded_bytes, outline
from emobridge.visualization.strips import paper_rows, strips
from emobridge.visualization.tables import facts, legend, summaries, transcript, turning_points, warnings

EMBEDDED_BYTES = 16_000_000


def page(results: Sequence[Result], embed: bool = True, looks_for_recordings: bool = True) -> str:
    """Return the page of ``results``, in their order.

    Args:
        results: the recordings; each is looked for where its ``file`` says.
        embed: whether recordings may be put into the page.
        looks_for_recordings: whether their files are looked for at all.
    """
    shares = [name for result in results for name in result.summary.shares]
    categories = list(dict.fromkeys([*(name for result in results for name in categories_of(result)), *shares]))
    colours = category_colours(categories)
    left_bytes = EMBEDDED_BYTES if embed else 0
    recordings = []
    for index, result in enumerate(results):
        sound = outline(result) if looks_for_recordings else NO_SOUND
        size_bytes = embedded_bytes(result) if sound.missing is None else None
        embedded = size_bytes is not None and size_bytes <= left_bytes
        left_bytes -= size_bytes if embedded and size_bytes is not None else 0
        recordings.append(_recording(index, result, sound, colours, data_uri(result) if embedded else None))
    title = name_of(results[0]) if len(results) == 1 else f"{len(results)} recordings"
    links = [element("li", element("a", name_of(each), href=f"#recording-{at}")) for at, each in enumerate(results)]
    models = dict.fromkeys(
        " ".join(str(each.model.get(key, "")) for key in ("name", "version", "sha256")).strip() for each in results
    )
    body = filled(
        "page.html",
        title=title,
        contents=element("nav", element("ul", links), aria_label="Recordings") if len(results) > 1 else "",
        legend=legend(categories, colours),
        recordings=recordings,
        models=[element("p", f"Model {model}", class_="model") for model in models],
        version=__version__,
        values=data_element({"results": [result.to_dict() for result in results], "colours": colours}, "values"),
    )
    return document(f"{title} – emobridge", packaged("page.css"), body, script=packaged("page.js"), class_="still")


def _recording(index: int, result: Result, sound: Sound, colours: dict[str, str], address: str | None) -> Markup:
    identifier, name = f"recording-{index}", name_of(result)
    rows = strips(result, sound, colours, identifier)
    return filled(
        "recording.html",
        identifier=identifier,
        index=str(index),
        name=name,
        facts=facts(result),
        warnings=warnings(result),
        summaries=summaries(result, colours),
        audio=element(
            "audio", controls=True, preload="metadata", src=address, class_=None if address else "empty",
            aria_label=f"Player of {name}",
        ),
        playable=",".join(PLAYABLE),
        hint="The recording is inside this page: who gets the page gets the voices."
        if address
        else f"Choose the recording “{name}” to listen. It stays on this computer.",
        missing=element("p", f"No waveform: {sound.missing}.", class_="missing") if sound.missing else "",
        names=[element("div", each.name, class_=each.kind) for each in rows],
        duration_s=f"{result.duration_s:.1f}",
        strips=[element("div", each.drawing, class_=each.kind) for each in rows],
        paper_rows=paper_rows(result, identifier),
        turning_points=turning_points(result),
        plane=plane_of(result, colours),
        transcript=transcript(result, colours),
    )  # fmt: skip
