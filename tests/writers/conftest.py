"""What the tests of writers share: a conversation with everything in it, and results of any odd kind."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary

PROBABILITIES = {"angry": 0.7125, "happy": 0.2, "very sad": 0.0875}
DIMENSIONS = {"valence": 0.21, "arousal": 0.8, "dominance": 2 / 3}
BOTH = ("acoustic", "linguistic")
ODD_PIECES = [
    '"', '""', "'", "<", "&", "-->", "<b>", "</v>", "&amp;", "]]>", "{\\an8}", "\\N", "NA", "12", "00:00:01,000", "😀",
    "👩\u200d👧", "日本", " ", "\ufeff", "\n\n", "\r", "\t", "\0", "\x1b[31m", "\x85", "\u2028", "\ufffe", "\uffff",
]  # fmt: skip


@pytest.fixture(scope="session")
def conversation() -> Result:
    """Two speakers who overlap, one of them with herself; gaps; flags; a stretch that nobody could judge."""
    segments = (
        Segment(
            0.5, 4, "A", 'no, "not" <b>that</b>\n& --> {x}', "angry", PROBABILITIES, DIMENSIONS,
            {"valence": (0.1, 0.3)}, ("angry", "happy"), BOTH,
        ),
        Segment(
            2.0, 3.123456, "B", "what?", "angry", PROBABILITIES, DIMENSIONS, {}, (), BOTH, ("low_confidence", "clipped")
        ),
        Segment(
            3.0, 5.0, "B", None, "very sad", {"very sad": 1.0}, DIMENSIONS, {}, (), ("acoustic",), ("out_of_domain",),
            "out_of_domain",
        ),
        Segment(6.0, 7.25, None, None, flags=("silence",), abstain="silence"),
    )  # fmt: skip
    model = {"name": "toy", "version": "1.0", "sha256": "0" * 64}
    return Result("rec/my call.wav", 8.0, model, segments, {}, Summary(6.6), ("odd & <loud>",))


@pytest.fixture(scope="session")
def odd_results() -> st.SearchStrategy[Result]:
    """Results with odd texts, overlaps and gaps, unjudged segments, and none at all; every segment has a duration."""
    texts = st.lists(st.sampled_from(ODD_PIECES) | st.characters(codec="utf-8"), max_size=5).map("".join)
    speakers = st.none() | st.sampled_from(["A", "B", "A_2", "a b"]) | texts
    categories = st.sampled_from(list(PROBABILITIES))
    shares = st.floats(0, 1)
    flags = st.lists(st.sampled_from(["too_short", "noise", "clipped"]), unique=True, max_size=2).map(tuple)

    def segment(judged: bool, start_s: float, duration_s: float, category: str, **more: object) -> Segment:
        if not judged:
            more = {**more, "dimensions": {}, "probabilities": {}, "modalities": ()}
        return Segment(start_s, start_s + duration_s, category=category if judged else None, **more)

    segments = st.builds(
        segment,
        judged=st.booleans(),
        start_s=st.floats(0, 50),
        duration_s=st.floats(0.002, 5),
        category=categories,
        speaker=speakers,
        text=st.none() | texts,
        probabilities=st.fixed_dictionaries(dict.fromkeys(PROBABILITIES, shares)),
        dimensions=st.dictionaries(st.sampled_from(list(DIMENSIONS)), shares),
        intervals=st.dictionaries(st.sampled_from(list(DIMENSIONS)), st.tuples(shares, shares)),
        modalities=st.sampled_from([("acoustic",), ("linguistic",), BOTH]),
        flags=flags,
        abstain=st.none() | st.just("out_of_domain"),
    )
    return st.builds(
        Result,
        file=st.sampled_from(["a.wav", "å b/ç.m4a", "C:\\x\\100%.wav", "a/a.wav"]) | texts.filter(bool),
        duration_s=st.floats(0.1, 60),
        model=st.just({"name": "toy", "version": "1", "sha256": "0"}),
        segments=st.lists(segments, max_size=4).map(lambda found: tuple(sorted(found, key=lambda one: one.start_s))),
        speakers=st.just({}),
        summary=st.just(Summary(0.0)),
        warnings=st.lists(texts, max_size=2).map(tuple),
    )


@pytest.fixture(scope="session")
def on_one_line() -> Callable[[str | None], str]:
    """What the formats of one line make of a text, said in another way than the code says it."""

    def character(one: str) -> str:
        if one in "\ufffe\uffff":
            return "\ufffd"
        return " " if unicodedata.category(one) in ("Cc", "Zl", "Zp") else one

    return lambda text: "".join(character(one) for one in text or "").strip()
