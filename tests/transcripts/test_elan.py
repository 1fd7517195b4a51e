"""ELAN files as pympi writes them; annotations without times of their own; hostile XML."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pympi.Elan import Eaf

from emobridge.transcripts import Transcript, read_transcript

Reading = Callable[[str, str], Transcript]
Complaint = Callable[[str, str], str]

labels = st.text(alphabet="ab <>&é漢\"'", min_size=1, max_size=8).map(str.strip).filter(bool)


def document(tiers: str, slots: str = "0 1000 - 3000 4000", root: str = "ANNOTATION_DOCUMENT") -> str:
    """Return a file with time slots t0, t1 ... (- has no time) and these tiers."""
    written = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="t{index}"/>' if value == "-"
        else f'<TIME_SLOT TIME_SLOT_ID="t{index}" TIME_VALUE="{value}"/>'
        for index, value in enumerate(slots.split())
    )  # fmt: skip
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}><TIME_ORDER>{written}</TIME_ORDER>\n{tiers}</{root}>\n'


def tier(name: str, annotations: str, attributes: str = "") -> str:
    return f'<TIER TIER_ID="{name}" {attributes}>{annotations}</TIER>\n'


def aligned(name: str, start: int, end: int, text: str) -> str:
    return (
        f'\n<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="t{start}" TIME_SLOT_REF2="t{end}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def referring(name: str, to: str, text: str) -> str:
    return (
        f'\n<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{to}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


@settings(deadline=None, max_examples=30)
@given(starts=st.lists(st.sets(st.integers(0, 500), min_size=1, max_size=5), min_size=1, max_size=3), data=st.data())
def test_what_pympi_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, starts: list[set[int]], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "oracle.eaf"
    path.with_suffix(".bak").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    written = Eaf()
    written.remove_tier("default")
    expected = []
    for index, own in enumerate(starts):
        written.add_tier(f"S{index} words")
        for start in sorted(own):
            times = (1000 * start, 1000 * start + data.draw(st.integers(1, 1000)))
            text = data.draw(labels)
            written.add_annotation(f"S{index} words", *times, text)
            expected.append((times[0] / 1000, times[1] / 1000, text, f"S{index}"))
    written.to_file(str(path))
    spans = read_transcript(path).spans
    assert sorted((span.start_s, span.end_s, span.text, span.speaker) for span in spans) == sorted(expected)
    assert [span.start_s for span in spans] == sorted(each[0] for each in expected)


def test_subdivisions_without_times_share_the_time_of_their_parent(reading: Reading) -> None:
    words = aligned("b", 1, 2, "one") + aligned("c", 2, 3, "two")
    content = document(tier("Anna", aligned("a", 1, 3, "One two.")) + tier("Anna words", words, 'PARENT_REF="Anna"'))
    (span,) = reading("a.eaf", content).spans
    assert (span.text, span.start_s, span.end_s, span.speaker) == ("one two", 1.0, 3.0, "Anna")


def test_references_have_the_times_of_what_they_belong_to(reading: Reading) -> None:
    first = tier("ref", aligned("a", 0, 1, "1") + aligned("b", 1, 3, "2"), 'PARTICIPANT="Anna"')
    texts = tier("tx", referring("c", "a", "one") + referring("d", "b", "two"), 'PARTICIPANT="Anna" PARENT_REF="ref"')
    words = tier(
        "words",
        referring("e", "c", "one") + referring("f", "d", "t") + referring("g", "d", "wo"),
        'PARTICIPANT="Anna" PARENT_REF="tx" LANG_REF="deu"',
    )
    for tiers in (first + texts + words, words + texts + first):
        transcript = reading("a.eaf", document(tiers))
        assert [(span.text, span.start_s, span.end_s, span.speaker) for span in transcript.spans] == [
            ("one", 0.0, 1.0, "Anna"),
            ("t wo", 1.0, 3.0, "Anna"),
        ]
        assert transcript.language == "deu"


def test_tiers_that_depend_on_others_are_no_speakers(reading: Reading) -> None:
    content = document(
        tier("Anna", aligned("a", 0, 1, "yes")) + tier("loud", referring("b", "a", "no"), 'PARENT_REF="Anna"')
    )
    assert [(span.text, span.speaker) for span in reading("a.eaf", content).spans] == [("yes", "Anna")]


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (document(tier("A", aligned("a", 3, 1, "x"))), 4, "from 3 to 1 s: times run backwards"),
        (document(tier("A", aligned("a", 2, 3, "x"))), 4, "'a' has no time to start at"),
        (document(tier("A", aligned("a", 1, 2, "x"))), 4, "'a' has no time to end at"),
        (document(tier("A", aligned("a", 1, 9, "x"))), 4, "the time slot 't9', which is not there"),
        (document(tier("A", referring("a", "b", "x"))), 4, "'a' refers to none that has times"),
        (document(tier("A", referring("a", "b", "x") + referring("b", "a", "y"))), 4, "refers to none"),
        (document(tier("A", "<ANNOTATION><REF_ANNOTATION/></ANNOTATION>")), 3, "an element without ANNOTATION_ID"),
        (document(aligned("a", 0, 1, "x")), 4, "outside of any tier"),
        (document("", "0 1.5"), 2, "'1.5', which is no whole number"),
        (document("<TIER>"), 3, "an element without TIER_ID"),
        (document("", root="html"), 2, "<html> where <ANNOTATION_DOCUMENT> should be"),
        (document("")[:-9], 3, "no well-formed XML"),
    ],
)
def test_damaged_files_are_refused_with_their_line(complaint: Complaint, content: str, line: int, found: str) -> None:
    message = complaint("a.eaf", content)
    assert f"line {line}:" in message
    assert found in message


def test_entities_that_grow_without_bound_are_refused_at_once(complaint: Complaint) -> None:
    entities = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 12))
    bomb = f'\n<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>\n<ANNOTATION_DOCUMENT>&e11;</ANNOTATION_DOCUMENT>'
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ANNOTATION_DOCUMENT>&e;</ANNOTATION_DOCUMENT>'
    started_s = time.perf_counter()
    assert "line 2: a document type declaration" in complaint("a.eaf", bomb)
    assert "line 1: a document type declaration" in complaint("a.eaf", outside)
    assert time.perf_counter() - started_s < 5.0


def test_long_chains_of_references_take_no_time(reading: Reading) -> None:
    chain = "".join(referring(f"r{number}", f"r{number + 1}", "x") for number in range(20_000))
    content = document(tier("A words", chain + referring("r20000", "a", "x")) + tier("A", aligned("a", 0, 1, "y")))
    started_s = time.perf_counter()
    assert len(reading("a.eaf", content).spans[0].text.split()) == 20_001
    assert time.perf_counter() - started_s < 5.0


def test_the_declared_encoding_changes_nothing(tmp_path: Path) -> None:
    content = document(tier("A", aligned("a", 0, 1, "müde"))).replace("UTF-8", "UTF-16")
    (tmp_path / "a.eaf").write_text(content, encoding="utf-8")
    assert read_transcript(tmp_path / "a.eaf").spans[0].text == "müde"


def test_one_sentence_in_several_tiers_is_taken_once(reading: Reading) -> None:
    tiers = tier("text", aligned("a1", 0, 1, "Hello there.")) + tier(
        "words-time", aligned("w1", 0, 1, "Hello there"), 'PARENT_REF="text"'
    )
    tiers += tier("words-plain", referring("s1", "a1", "Hello") + referring("s2", "a1", "there"), 'PARENT_REF="text"')
    (span,) = reading("a.eaf", document(tiers)).spans
    assert (span.speaker, span.text, span.start_s) == (None, "Hello there.", 0.0)
    other = tier("Anna - words", aligned("a1", 0, 1, "yes")) + tier("Ben - words", aligned("b1", 0, 1, "no"))
    assert {span.speaker for span in reading("a.eaf", document(other)).spans} == {"Anna", "Ben"}
