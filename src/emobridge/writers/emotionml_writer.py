"""EmotionML 1.0 (W3C Recommendation, 2014): an ``<emotion>`` for each predicted segment of all recordings.

Design
- The vocabularies of categories and dimensions are declared in the document itself, from what the results hold.
- Every category has its probability as its confidence, the most probable first; a dimension has its value on [0, 1].
- ``start`` and ``end`` of the specification are milliseconds since 1970, which nobody knows of a recording. So the time
  stands in ``offset-to-start`` and ``duration``, milliseconds from the start of what ``time-ref-uri`` names, and again
  as a media fragment of ``<reference>``: ``call.wav#t=1.500,3.250``.
- What EmotionML has no words for (speaker, text, flags, intervals) is in ``<info>``, in a namespace of its own. An
  ``<emotion>`` must say something; a segment about which nothing was said is listed in the ``<info>`` of the document.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote
from xml.etree import ElementTree as ET

from emobridge.results import Result, Segment
from emobridge.visualization.content import dimensions_of
from emobridge.writers.tracks import one_line, unique

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OWN_NAMESPACE = "urn:emobridge:emotionml:1"
CHANNELS = {"acoustic": "voice", "linguistic": "text"}  # what EmotionML calls them in expressed-through
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")


def render(results: Sequence[Result]) -> bytes:
    """Return one document for all results: numbers in full precision, times in milliseconds, texts on one line."""
    categories = _tokens(name for result in results for each in result.segments for name in _categories(each))
    dimensions = _tokens(name for result in results for name in dimensions_of(result))
    # The names are written out, since ElementTree would otherwise invent prefixes for them.
    root = ET.Element("emotionml", {"version": "1.0", "xmlns": NAMESPACE, "xmlns:own": OWN_NAMESPACE})
    info = ET.SubElement(root, "info")
    for kind, names in (("category", categories), ("dimension", dimensions)):
        if names:
            root.set(f"{kind}-set", f"#{kind}-names")
            root.append(_vocabulary(kind, names))
    for result in results:
        about = _recording(result)
        info.append(about)
        for segment in result.segments:
            if segment.dimensions or _categories(segment):
                root.append(_emotion(segment, result.file, categories, dimensions))
            else:
                about.append(_segment(segment))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _categories(segment: Segment) -> list[str]:
    """Return the segment's categories, the most probable first."""
    first = [] if segment.category is None else [segment.category]
    return list(dict.fromkeys([*first, *segment.probabilities]))


def _tokens(names: Iterable[str]) -> dict[str, str]:
    """Return each name as it stands in the document, where it is an XML name token."""
    found = list(dict.fromkeys(names))
    return dict(zip(found, unique(_NO_NAME.sub("_", name) or "_" for name in found), strict=True))


def _vocabulary(kind: str, names: Mapping[str, str]) -> ET.Element:
    vocabulary = ET.Element("vocabulary", {"type": kind, "id": f"{kind}-names"})
    for name, token in names.items():
        item = ET.SubElement(vocabulary, "item", {"name": token})
        if token != name:
            ET.SubElement(item, "info").text = one_line(name)
    return vocabulary


def _recording(result: Result) -> ET.Element:
    model = {f"model-{key}": one_line(value) for key, value in result.model.items()}
    about = ET.Element("own:recording", {"uri": _uri(result.file), "duration": _number(result.duration_s), **model})
    for warning in result.warnings:
        ET.SubElement(about, "own:warning").text = one_line(warning)
    return about


def _emotion(segment: Segment, file: str, categories: Mapping[str, str], dimensions: Mapping[str, str]) -> ET.Element:
    start_ms, end_ms = round(segment.start_s * 1000), round(segment.end_s * 1000)
    channels = " ".join(CHANNELS[name] for name in segment.modalities)
    emotion = ET.Element(
        "emotion",
        {
            "time-ref-uri": _uri(file),
            "offset-to-start": str(start_ms),
            "duration": str(max(0, end_ms - start_ms)),
            **({"expressed-through": channels} if channels else {}),
        },
    )
    ET.SubElement(emotion, "info").append(_segment(segment))
    for name in _categories(segment):
        probability = segment.probabilities.get(name)
        sure = {} if probability is None else {"confidence": _number(min(1.0, probability))}
        ET.SubElement(emotion, "category", {"name": categories[name], **sure})
    for name, value in segment.dimensions.items():
        ET.SubElement(emotion, "dimension", {"name": dimensions[name], "value": _number(min(1.0, value))})
    # Without a duration, as when text alone was given, there is no stretch of the recording to point to.
    stretch = f"#t={start_ms / 1000:.3f},{end_ms / 1000:.3f}" if end_ms > start_ms else ""
    ET.SubElement(emotion, "reference", {"uri": _uri(file) + stretch})
    return emotion


def _segment(segment: Segment) -> ET.Element:
    """Return what EmotionML itself cannot say of a segment."""
    optional = {
        "speaker": segment.speaker,
        "flags": " ".join(segment.flags),
        "abstain": segment.abstain,
        "categories-90": "+".join(segment.categories_90),
    }
    element = ET.Element(
        "own:segment",
        {
            "start": _number(segment.start_s),
            "end": _number(segment.end_s),
            **{key: one_line(value) for key, value in optional.items() if value},
        },
    )
    if segment.text is not None:
        ET.SubElement(element, "own:text").text = one_line(segment.text)
    for name, (low, high) in segment.intervals.items():
        ends = {"dimension": one_line(name), "low": _number(low), "high": _number(high)}
        ET.SubElement(element, "own:interval", ends)
    return element


def _uri(file: str) -> str:
    return quote(file, errors="replace")


def _number(value: float) -> str:
    return repr(float(value))
