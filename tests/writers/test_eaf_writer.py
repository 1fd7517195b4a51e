"""ELAN written is read back by pympi with the same labels and times; labels hang on the words that they are said of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import pympi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from emobridge.results import Result
from emobridge.transcripts import Span, read_transcript
from emobridge.writers.eaf_writer import render

PRECISION_MS = 1.0  # times are rounded to milliseconds


def read(folder: Path, result: Result) -> pympi.Elan.Eaf:
    path = folder / "a.eaf"
    path.write_bytes(render([result]))
    return pympi.Elan.Eaf(str(path))


def test_pympi_reads_every_tier_of_a_conversation(conversation: Result, tmp_path: Path) -> None:
    eaf = read(tmp_path, conversation)
    kinds = ["words", "category", "confidence", "valence", "arousal", "dominance", "flags"]
    assert list(eaf.get_tier_names()) == [f"{kind}{speaker}" for speaker in ("@A", "@B", "@B_2", "") for kind in kinds]
    words = 'no, "not" <b>that</b> & --> {x}'
    assert eaf.get_annotation_data_for_tier("words@A") == [(500, 4000, words)]
    assert eaf.get_annotation_data_for_tier("category@A") == [(500, 4000, "angry", words)]
    assert eaf.get_annotation_data_for_tier("valence@A") == [(500, 4000, "0.2100", words)]
    assert eaf.get_annotation_data_for_tier("flags@A") == []
    assert eaf.get_annotation_data_for_tier("flags@B") == [(2000, 3123, "low_confidence+clipped", "what?")]
    assert eaf.get_annotation_data_for_tier("category") == [(6000, 7250, "(abstains: silence)", "")]


def test_labels_hang_on_the_words_of_their_speaker(conversation: Result, tmp_path: Path) -> None:
    eaf = read(tmp_path, conversation)
    assert eaf.get_parameters_for_tier("category@B_2")["PARENT_REF"] == "words@B_2"
    assert eaf.get_parameters_for_tier("category@B_2")["PARTICIPANT"] == "B"
    assert "PARTICIPANT" not in eaf.get_parameters_for_tier("category")
    assert set(eaf.get_child_tiers_for("words@A")) == {
        f"{kind}@A" for kind in ("category", "confidence", "valence", "arousal", "dominance", "flags")
    }
    assert eaf.linguistic_types["label"]["CONSTRAINTS"] == "Symbolic_Association"


def test_the_words_of_one_who_overlaps_with_himself_are_read_back_as_his(conversation: Result, tmp_path: Path) -> None:
    first, second, third, _ = conversation.segments
    spoken = replace(
        conversation, segments=(first, second, replace(third, text="oh"), replace(third, start_s=3.1, text="so"))
    )
    (tmp_path / "a.eaf").write_bytes(render([spoken]))
    assert read_transcript(tmp_path / "a.eaf").spans[1:] == (
        Span("what?", 2.0, 3.123, "B"),
        Span("oh", 3.0, 5.0, "B"),
        Span("so", 3.1, 5.0, "B"),
    )


def test_the_recording_is_linked_by_its_path_and_by_its_name(conversation: Result, tmp_path: Path) -> None:
    (media,) = read(tmp_path, conversation).media_descriptors
    assert unquote(urlparse(media["MEDIA_URL"]).path) == str(Path(conversation.file).absolute())
    assert unquote(media["RELATIVE_MEDIA_URL"]) == "./my call.wav"
    assert media["MIME_TYPE"] == "audio/x-wav"


def test_the_same_result_gives_the_same_bytes(conversation: Result) -> None:
    assert render([conversation]) == render([conversation])


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_pympi_reads_any_result_with_equal_values(
    odd_results: st.SearchStrategy[Result],
    on_one_line: Callable[[str | None], str],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    result = data.draw(odd_results)
    eaf = read(tmp_path_factory.getbasetemp(), result)
    words = [name for name in eaf.get_tier_names() if "PARENT_REF" not in eaf.get_parameters_for_tier(name)]
    found = [each for name in words for each in eaf.get_annotation_data_for_tier(name)]
    assert sorted(each[2] for each in found) == sorted(on_one_line(one.text) for one in result.segments)
    for times, expected in (
        ([each[0] for each in found], [1000 * one.start_s for one in result.segments]),
        ([each[1] for each in found], [1000 * one.end_s for one in result.segments]),
    ):
        assert sorted(times) == pytest.approx(sorted(expected), abs=PRECISION_MS)
    flags = [
        each[2]
        for name in eaf.get_tier_names()
        if name.partition("@")[0].startswith("flags")
        for each in eaf.get_annotation_data_for_tier(name)
    ]
    assert sorted(flags) == sorted("+".join(one.flags) for one in result.segments if one.flags)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_the_document_keeps_the_rules_of_its_format(
    odd_results: st.SearchStrategy[Result], data: st.DataObject
) -> None:
    """Order of elements, unique ids and references that lead somewhere, as the schema of EAF 3.0 demands."""
    root = etree.fromstring(render([data.draw(odd_results)]))
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"]
    assert [order.index(child.tag) for child in root] == sorted(order.index(child.tag) for child in root)
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    ids = root.xpath("//@ANNOTATION_ID | //@TIME_SLOT_ID")
    assert len(set(ids)) == len(ids)
    assert set(root.xpath("//@ANNOTATION_REF")) <= set(root.xpath("//ALIGNABLE_ANNOTATION/@ANNOTATION_ID"))
    tiers = root.xpath("/*/TIER/@TIER_ID")
    assert len(set(tiers)) == len(tiers)
    assert set(root.xpath("/*/TIER/@PARENT_REF")) <= set(tiers)
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        assert slots[annotation.get("TIME_SLOT_REF1")] < slots[annotation.get("TIME_SLOT_REF2")]
