"""EmotionML written keeps the rules of the W3C Recommendation and is read back by lxml with the same values.

The rules are `emotionml.rng` here, and what a grammar cannot say: names occur once and stand in the declared
vocabulary. Where EMOBRIDGE_EMOTIONML_SCHEMA is the path of the schema that the W3C publishes
(``emotionml.xsd``, and ``emotionml-fragments.xsd`` beside it), that is asked as well.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from emobridge.results import Result
from emobridge.writers.emotionml_writer import render

NAMES = {"emo": "http://www.w3.org/2009/10/emotionml", "own": "urn:emobridge:emotionml:1"}
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).with_name("emotionml.rng")))
SCHEMA_PATH = os.environ.get("EMOBRIDGE_EMOTIONML_SCHEMA")


def read(*results: Result) -> etree._Element:
    """Return the root, after all rules were checked."""
    root = etree.fromstring(render(results))
    GRAMMAR.assertValid(root)
    for kind in ("category", "dimension"):
        declared = root.xpath(f"emo:vocabulary[@type='{kind}']/emo:item/@name", namespaces=NAMES)
        assert len(set(declared)) == len(declared)
        used = [emotion.xpath(f"emo:{kind}/@name", namespaces=NAMES) for emotion in root.iterfind("emo:emotion", NAMES)]
        assert all(len(set(names)) == len(names) and set(names) <= set(declared) for names in used)
        ids = [f"#{name}" for name in root.xpath(f"emo:vocabulary[@type='{kind}']/@id", namespaces=NAMES)]
        assert ids == root.xpath(f"@{kind}-set")
    return root


def numbers(element: etree._Element, kind: str, attribute: str) -> dict[str, float]:
    return {one.get("name"): float(one.get(attribute)) for one in element.iterfind(f"emo:{kind}", NAMES)}


def test_an_emotion_says_what_the_segment_says(conversation: Result) -> None:
    root = read(conversation)
    first, second, third = root.iterfind("emo:emotion", NAMES)
    assert list(numbers(first, "category", "confidence").items()) == [
        ("angry", 0.7125), ("happy", 0.2), ("very_sad", 0.0875)
    ]  # fmt: skip
    assert numbers(first, "dimension", "value") == conversation.segments[0].dimensions
    assert (first.get("offset-to-start"), first.get("duration")) == ("500", "3500")
    assert first.get("expressed-through") == "voice text"
    assert first.find("emo:reference", NAMES).get("uri") == "rec/my%20call.wav#t=0.500,4.000"
    assert first.findtext(".//own:text", namespaces=NAMES) == 'no, "not" <b>that</b> & --> {x}'
    assert dict(first.find(".//own:interval", NAMES).attrib) == {"dimension": "valence", "low": "0.1", "high": "0.3"}
    assert second.find(".//own:segment", NAMES).get("flags") == "low_confidence clipped"
    assert third.find(".//own:segment", NAMES).get("abstain") == "out_of_domain"
    assert root.xpath("//emo:item[@name='very_sad']/emo:info/text()", namespaces=NAMES) == ["very sad"]


def test_a_segment_about_which_nothing_was_said_is_told_of_in_the_document(conversation: Result) -> None:
    recording = read(conversation).find("emo:info/own:recording", NAMES)
    assert (recording.get("uri"), recording.get("model-name")) == ("rec/my%20call.wav", "toy")
    assert [dict(one.attrib) for one in recording.iterfind("own:segment", NAMES)] == [
        {"start": "6.0", "end": "7.25", "flags": "silence", "abstain": "silence"}
    ]
    assert recording.findtext("own:warning", namespaces=NAMES) == "odd & <loud>"


def test_labels_that_look_alike_as_names_stay_apart(conversation: Result) -> None:
    both = dataclasses.replace(
        conversation.segments[0], probabilities={"a b": 0.5, "a?b": 0.3, "": 0.2}, category="a b"
    )
    root = read(dataclasses.replace(conversation, segments=(both,)))
    assert numbers(root.find("emo:emotion", NAMES), "category", "confidence") == {"a_b": 0.5, "a_b_2": 0.3, "_": 0.2}


def test_probabilities_that_rounding_took_over_one_are_one(conversation: Result) -> None:
    sure = dataclasses.replace(conversation.segments[0], probabilities={"angry": 1.0000000000000002})
    root = read(dataclasses.replace(conversation, segments=(sure,)))
    assert numbers(root.find("emo:emotion", NAMES), "category", "confidence") == {"angry": 1.0}


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_results_come_back_with_equal_values(
    odd_results: st.SearchStrategy[Result], on_one_line: Callable[[str | None], str], data: st.DataObject
) -> None:
    results = data.draw(st.lists(odd_results, max_size=3))
    root = read(*results)
    judged = [(result, one) for result in results for one in result.segments if one.probabilities or one.dimensions]
    for emotion, (result, segment) in zip(root.iterfind("emo:emotion", NAMES), judged, strict=True):
        probabilities = {name.replace(" ", "_"): value for name, value in segment.probabilities.items()}
        assert numbers(emotion, "category", "confidence") == probabilities
        assert numbers(emotion, "dimension", "value") == segment.dimensions
        assert unquote(emotion.get("time-ref-uri")) == result.file
        told = emotion.find(".//own:segment", NAMES)
        assert (float(told.get("start")), float(told.get("end"))) == (segment.start_s, segment.end_s)
        assert int(emotion.get("offset-to-start")) == pytest.approx(1000 * segment.start_s, abs=0.51)
        assert (told.findtext("own:text", namespaces=NAMES) or "") == on_one_line(segment.text)
        assert tuple((told.get("flags") or "").split()) == segment.flags
    told = root.findall("emo:info//own:segment", NAMES)
    assert len(told) == sum(len(result.segments) for result in results) - len(judged)


@pytest.mark.skipif(not SCHEMA_PATH, reason="EMOBRIDGE_EMOTIONML_SCHEMA is not set: the W3C's schema is not here")
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_the_schema_of_the_w3c_accepts_any_results(odd_results: st.SearchStrategy[Result], data: st.DataObject) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA_PATH))
    schema.assertValid(etree.fromstring(render(data.draw(st.lists(odd_results, max_size=3)))))
