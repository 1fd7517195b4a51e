"""The time line that people read: at most 80 columns, every segment and word, nothing that steers a terminal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.results import Result, Segment, Summary
from emobridge.writers.text_writer import render

PROBABILITIES = {"angry": 0.71, "happy": 0.2, "neutral": 0.09}
DIMENSIONS = {"valence": 0.21, "arousal": 0.8, "dominance": 0.66}
BOTH = ("acoustic", "linguistic")


def rendered(*segments: Segment, file: str = "call.wav", warnings: tuple[str, ...] = ()) -> list[str]:
    summary = Summary(4.0, "angry", PROBABILITIES, DIMENSIONS, dict.fromkeys(DIMENSIONS, 0.1))
    model = {"name": "toy", "version": "1.0"}
    result = Result(file, 6.0, model, segments, {"A": summary}, summary, warnings)
    return render([result]).decode().splitlines()


def test_a_time_line_looks_like_this() -> None:
    spoken = Segment(0, 4, "A", "no, not that", "angry", PROBABILITIES, DIMENSIONS, {}, ("angry", "happy"), BOTH)
    assert rendered(spoken, Segment(4, 6, flags=("silence", "clipped"), abstain="silence")) == [
        "call.wav, 6.0 s, toy 1.0",
        "",
        "time           emotion                   valence arousal dominance  from",
        "0:00.0-0:04.0  angry      0.71 ██████       0.21    0.80      0.66  both",
        '               A: "no, not that"',
        "               or happy",
        "0:04.0-0:06.0  -                               -       -         -  -",
        "               (abstains: silence, clipped)",
        "",
        "all, 4.0 s: angry 71%, happy 20%, neutral 9%",
        "  valence 0.21 ± 0.10, arousal 0.80 ± 0.10, dominance 0.66 ± 0.10",
        "A, 4.0 s: angry 71%, happy 20%, neutral 9%",
        "  valence 0.21 ± 0.10, arousal 0.80 ± 0.10, dominance 0.66 ± 0.10",
    ]


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.floats(0, 86_400))
def test_no_line_is_too_wide_and_no_character_steers_a_terminal(
    text: str, file: str, warning: str, time_s: float
) -> None:
    segment = Segment(time_s, time_s + 4, None, text, "disgusted", {"disgusted": 1.0}, DIMENSIONS, {}, (), BOTH)
    for line in rendered(segment, file=file, warnings=(warning,)):
        assert len(line) <= 80
        assert not line or line.isprintable()


def test_every_word_is_there() -> None:
    words = " ".join(f"word{index}" for index in range(60))
    segment = Segment(0, 4, None, words, "angry", PROBABILITIES, DIMENSIONS, modalities=BOTH)
    assert words in " ".join(" ".join(rendered(segment)).split())


@pytest.mark.parametrize(
    ("time_s", "told"), [(0.04, "0:00.0"), (59.96, "1:00.0"), (3599.96, "1:00:00.0"), (36_061.25, "10:01:01.2")]
)
def test_times_are_clock_times_to_a_tenth(time_s: float, told: str) -> None:
    assert rendered(Segment(time_s, time_s + 1))[3].startswith(f"{told}-")


def test_nothing_judged_says_so() -> None:
    result = Result("a.wav", 1.0, {"name": "toy", "version": "1"}, (), {}, Summary(0.0))
    assert "all: nothing to judge" in render([result]).decode()
