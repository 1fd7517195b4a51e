"""ELAN (.eaf, format 3.0): tiers for each speaker, linked to the recording.

Design: ``words`` is the one tier of a speaker that has times; ``category``, ``confidence``, the dimensions and
``flags`` hang on it as reference tiers (Symbolic Association). Who moves the boundary of an utterance in ELAN moves all
that is said of it; with times of their own they would come apart. A label that is empty has no annotation.

The link holds the absolute path, as seen from the folder in which the file is written, and beside it the bare name:
ELAN looks for that next to the .eaf file where the path is not there. Times are milliseconds, numbers have four
decimals. The format wants a date; it is a fixed one, so that the same result gives the same bytes.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from emobridge.results import Result
from emobridge.writers.tracks import Track, one_line, only_one, tiers, tracks

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
SCHEMA_ATTRIBUTE = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
MEDIA_TYPES = {".wav": "audio/x-wav", ".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg"}
CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this "
    "interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are "
    "ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


def render(results: Sequence[Result]) -> bytes:
    """Return the document of the one result, XML in UTF-8.

    Raises:
        OutputError: there are several results or none, or a segment has no duration.
    """
    result = only_one(results, "ELAN")
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {"AUTHOR": "emobridge", "DATE": "1970-01-01T00:00:00Z", "FORMAT": "3.0", "VERSION": "3.0"},
    )
    root.set(SCHEMA_ATTRIBUTE, SCHEMA)
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    path = Path(result.file)
    media = {
        "MEDIA_URL": "file://" + quote(path.absolute().as_posix(), errors="replace"),
        "MIME_TYPE": MEDIA_TYPES.get(path.suffix.lower(), "unknown"),
        "RELATIVE_MEDIA_URL": "./" + quote(path.name, errors="replace"),
    }
    ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ET.SubElement(root, "TIME_ORDER")
    numbers = itertools.count(1)
    for track in tracks(result, 1000):
        root.extend(_tiers(result, track, order, numbers))
    order[:] = sorted(order, key=lambda slot: int(slot.attrib["TIME_VALUE"]))
    last = ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    last.text = str(next(numbers) - 1)
    for name, has_times, constraint in (
        ("words", "true", {}),
        ("label", "false", {"CONSTRAINTS": "Symbolic_Association"}),
    ):
        kind = {"LINGUISTIC_TYPE_ID": name, "TIME_ALIGNABLE": has_times, "GRAPHIC_REFERENCES": "false", **constraint}
        ET.SubElement(root, "LINGUISTIC_TYPE", kind)
    for name, description in CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", {"STEREOTYPE": name, "DESCRIPTION": description})
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return content + b"\n"


def _tiers(result: Result, track: Track, order: ET.Element, numbers: Iterator[int]) -> Iterator[ET.Element]:
    """Yield the tiers of a track and add its times to ``order``; annotations are numbered by ``numbers``."""
    # The speaker as it is, without the number of a further track.
    participant = {"PARTICIPANT": one_line(track.placed[0].segment.speaker or "")} if track.name else {}
    (words, texts), *others = tiers(result, track)
    parent = ET.Element("TIER", {"TIER_ID": words, **participant, "LINGUISTIC_TYPE_REF": "words"})
    names = []
    for each, text in zip(track.placed, texts, strict=True):
        slots = {}
        for key, time_ms in (("TIME_SLOT_REF1", each.start_ticks), ("TIME_SLOT_REF2", each.end_ticks)):
            slots[key] = f"ts{len(order) + 1}"
            ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slots[key], "TIME_VALUE": str(time_ms)})
        names.append(f"a{next(numbers)}")
        _annotate(parent, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": names[-1], **slots}, text)
    yield parent
    for tier, labels in others:
        kind = {"LINGUISTIC_TYPE_REF": "label", "PARENT_REF": words}
        element = ET.Element("TIER", {"TIER_ID": tier, **participant, **kind})
        for name, label in zip(names, labels, strict=True):
            if label:
                attributes = {"ANNOTATION_ID": f"a{next(numbers)}", "ANNOTATION_REF": name}
                _annotate(element, "REF_ANNOTATION", attributes, label)
        yield element


def _annotate(tier: ET.Element, kind: str, attributes: dict[str, str], label: str) -> None:
    annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), kind, attributes)
    ET.SubElement(annotation, "ANNOTATION_VALUE").text = label
