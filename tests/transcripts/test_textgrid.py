"""TextGrids as praatio writes them, long and short; and which tiers hold the words."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat

from emobridge.transcripts import Transcript, read_transcript

Reading = Callable[[str, str], Transcript]
Complaint = Callable[[str, str], str]
Intervals = list[tuple[float, float, str]]

labels = st.text(alphabet='ab "é漢!<>3\n=', min_size=1, max_size=8).map(str.strip).filter(bool)


@st.composite
def intervals(draw: st.DrawFn) -> Intervals:
    edges = sorted(draw(st.sets(st.integers(0, 5000), min_size=2, max_size=10)))
    pairs = list(pairwise(edges))
    return [(start / 100, end / 100, draw(labels)) for start, end in draw(st.permutations(pairs))[:4]]


def saved(path: Path, tiers: dict[str, Intervals], form: str = "long_textgrid") -> Path:
    grid = praat.Textgrid(0, 60)
    for name, items in tiers.items():
        grid.addTier(praat.IntervalTier(name, sorted(items), 0, 60))
    grid.addTier(praat.PointTier("beeps", [(1.0, "beep")], 0, 60))
    grid.save(str(path), form, includeBlankSpaces=True, reportingMode="error")
    return path


@settings(deadline=None, max_examples=30)
@given(items=intervals(), form=st.sampled_from(["long_textgrid", "short_textgrid"]))
def test_what_praatio_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, items: Intervals, form: str
) -> None:
    path = saved(tmp_path_factory.getbasetemp() / "oracle.TextGrid", {"Anna": items}, form)
    tier = praat.openTextgrid(str(path), includeEmptyIntervals=False).getTier("Anna")
    found = [(span.start_s, span.end_s, span.text) for span in read_transcript(path).spans]
    assert found == [(entry.start, entry.end, entry.label) for entry in tier.entries] == sorted(items)
    assert {span.speaker for span in read_transcript(path).spans} == {"Anna"}


def test_utf_16_as_praat_writes_it_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.TextGrid", {"Zoë": [(0, 1, "hé")]})
    path.write_bytes(("\ufeff" + path.read_text(encoding="utf-8")).encode("utf-16-be"))
    assert read_transcript(path).spans[0].speaker == "Zoë"


ONE: Intervals = [(0, 1, "one"), (1, 2, "two")]
LATER: Intervals = [(2, 3, "three")]
WHOLE: Intervals = [(0, 2, "one two")]


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ({"Anna": ONE, "Ben": LATER}, [("Anna", "one"), ("Anna", "two"), ("Ben", "three")]),
        ({"Ben": LATER, "Anna": ONE}, [("Anna", "one"), ("Anna", "two"), ("Ben", "three")]),
        ({"words": ONE, "phones": [(0, 1, "w")]}, [(None, "one"), (None, "two")]),
        ({"Anna - words": ONE, "Anna - phones": ONE, "Ben - words": LATER, "Ben - phones": LATER},
         [("Anna", "one"), ("Anna", "two"), ("Ben", "three")]),
        ({"SPEAKER_00 utterances": WHOLE, "SPEAKER_00 words": ONE, "SPEAKER_01 utterances": LATER},
         [("SPEAKER_00", "one"), ("SPEAKER_00", "two"), ("SPEAKER_01", "three")]),
        ({"transcription": WHOLE, "mood": WHOLE}, [(None, "one two")]),
        ({"Anna": ONE, "valence": WHOLE}, [("Anna", "one"), ("Anna", "two")]),
        ({"words": [(0, 1, "sil"), (1, 2, "<eps>"), (2, 3, "yes")]}, [(None, "yes")]),
        ({"words": []}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_tiers_that_hold_words_are_known_by_their_names(
    tmp_path: Path, tiers: dict[str, Intervals], expected: list[tuple[str | None, str]]
) -> None:
    spans = read_transcript(saved(tmp_path / "a.TextGrid", tiers)).spans
    assert [(span.speaker, span.text) for span in spans] == expected


@pytest.mark.parametrize(
    "tiers",
    [
        {"Anna": ONE, "anna2": WHOLE},
        {"Anna words": ONE, "words Anna": ONE},
        {"gloss": ONE, "phones": ONE},
    ],
)
def test_tiers_that_claim_the_same_words_are_listed(
    tmp_path: Path, tiers: dict[str, Intervals], error_of: Callable[[Path], str]
) -> None:
    message = error_of(saved(tmp_path / "a.TextGrid", tiers))
    assert all(repr(name) in message for name in tiers)
    assert "'NAME - words'" in message


HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n3\n<exists>\n'


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n1\n2\n1\n"a"\n', 14, "from 2 to 1 s: times run backwards"),
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n2\n1\n2\n"a"\n0\n1\n"b"\n', 17, "times run backwards"),
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n2\n1\n2\n"a"\n', 15, "the file ends where"),
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n1\n"a"\n2\n1\n', 13, "where an interval's start should be"),
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n1e999\n', 12, "without bound"),
        (HEAD + '1\n"IntervalTier"\n"words"\n0\n3\n1.5\n', 12, "1.5 where"),
        (HEAD + '1\n"Pitch"\n"words"\n0\n3\n0\n', 12, "'Pitch'"),
        ('File type = "ooTextFile"\nObject class = "Sound"\n', 2, "no TextGrid"),
    ],
)
def test_damaged_textgrids_are_refused_with_their_line(
    complaint: Complaint, content: str, line: int, found: str
) -> None:
    message = complaint("a.TextGrid", content)
    assert f"line {line}:" in message
    assert found in message


@pytest.mark.parametrize("content", ["1" * 10**6 + "x", '"' * 10**6, '1e999999999\n"', "! " * 10**6])
def test_hostile_values_take_no_time(complaint: Complaint, content: str) -> None:
    started_s = time.perf_counter()
    complaint("a.TextGrid", 'File type = "ooTextFile"\n' + content)
    assert time.perf_counter() - started_s < 5.0


def test_a_thousand_speakers_are_a_mistake(complaint: Complaint) -> None:
    tiers = "".join(f'"IntervalTier"\n"T{number}"\n0\n9999\n1\n{number}\n{number + 1}\n"a"\n' for number in range(1000))
    assert "..." in complaint("a.TextGrid", HEAD + "1000\n" + tiers)
