"""What recording.py and speakers.py say of time lines against clips that are known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.conversation import RATE_HZ, Clip, Conversation
from benchmarks.speed import recording, speakers
from emobridge.diarization import Turn
from emobridge.results import Result, Segment, Summary

NOTHING = np.zeros(0, np.float32)
ONE, OTHER = recording.SPEAKERS
CLIPS = (Clip(0.0, 2.0, ONE, "angry", "", NOTHING), Clip(3.0, 5.0, OTHER, "sad", "", NOTHING))


def segment(start_s: float, end_s: float, category: str, speaker: str | None = None, far: bool = False) -> Segment:
    probabilities = {"angry": 0.2, "sad": 0.2, category: 0.8}
    return Segment(
        start_s, end_s, speaker, None, category, probabilities, {"valence": 0.5}, modalities=("acoustic",),
        abstain="out_of_domain" if far else None,
    )  # fmt: skip


def result_of(*segments: Segment) -> Result:
    names = {one.speaker for one in segments if one.speaker is not None}
    return Result("a.wav", 5.5, {}, segments, {name: Summary(1.0) for name in names}, Summary(1.0))


def test_a_right_time_line_is_found_judged_and_accurate() -> None:
    found = recording.against([segment(0.0, 2.0, "angry", ONE), segment(3.0, 5.0, "sad", OTHER)], CLIPS)
    assert found == {"found": 1.0, "judged": 1.0, "accuracy": 1.0}


def test_what_is_missed_wrong_or_abstained_from_counts_each_by_its_time() -> None:
    found = recording.against([segment(0.0, 1.0, "angry"), segment(1.0, 2.0, "sad", far=True)], CLIPS)
    assert found == {"found": 0.5, "judged": 0.5, "accuracy": 0.5}
    assert recording.against([segment(0.0, 2.0, "angry", OTHER)], CLIPS)["found"] == 0.0


def test_speakers_are_named_after_those_whose_time_they_share() -> None:
    result = result_of(segment(0.0, 2.0, "sad", "speaker 1"), segment(2.9, 5.0, "sad", "speaker 2"))
    assert recording.named(result, CLIPS) == {"speaker 1": ONE, "speaker 2": OTHER}


def test_only_what_lies_in_a_speakers_clips_is_its_summary() -> None:
    segments = [segment(1.0, 4.0, "angry"), segment(3.0, 5.0, "sad", ONE)]
    assert recording.within(segments, CLIPS, ONE).duration_s == 1.0
    assert recording.within(segments, CLIPS, OTHER).duration_s == 1.0
    shares, means = recording.apart(
        recording.within([segment(0.0, 2.0, "sad")], CLIPS, ONE),
        recording.within([segment(0.0, 2.0, "angry")], CLIPS, ONE),
    )
    assert (shares, means) == pytest.approx((60.0, 0.0))


def test_a_line_has_gaps_where_nothing_is_said() -> None:
    steps = recording.line(result_of(segment(1.0, 2.0, "sad")), ("valence",), 3.0)
    assert np.isnan(steps[:50]).all()
    assert (steps[50:100] == [1.0, 0.5]).all()
    assert np.isnan(steps[100:]).all()


def test_names_are_free_and_confusion_is_the_time_of_the_wrong_speaker() -> None:
    right = [Turn(0.0, 2.0, "speaker 2"), Turn(3.0, 5.0, "speaker 1")]
    assert speakers.score(right, CLIPS, 5.5) == pytest.approx({"confusion": 0.0, "purity": 1.0, "missed": 0.0})
    half = [Turn(0.0, 2.0, "speaker 1"), Turn(3.0, 4.0, "speaker 1"), Turn(4.0, 5.0, "speaker 2")]
    found = speakers.score(half, CLIPS, 5.5)
    assert (found["confusion"], found["purity"]) == pytest.approx((0.25, 0.75))
    missed = speakers.score([Turn(0.0, 2.0, "speaker 1")], CLIPS, 5.5)
    assert missed["missed"] == pytest.approx(0.5)


def test_both_sides_are_heard_in_one_microphone() -> None:
    sides = np.array([[0.2, 0.4], [0.0, -0.4]], np.float32)
    conversation = Conversation((), sides)
    np.testing.assert_allclose(conversation.mono, [0.3, -0.2], atol=1e-6)
    assert conversation.duration_s == 2 / RATE_HZ


def test_time_lines_are_held_against_each_other_by_time_category_and_dimensions() -> None:
    plain = recording.line(result_of(segment(1.0, 2.0, "sad")), ("valence",), 3.0)
    same = recording.distance(plain, plain)
    assert same == {"same_time": 1.0, "same_category": 1.0, "dimensions": 0.0}
    shifted = recording.line(result_of(segment(1.5, 2.5, "angry")), ("valence",), 3.0)
    assert recording.distance(shifted, plain) == pytest.approx(
        {"same_time": 1 / 3, "same_category": 0.0, "dimensions": 0.0}
    )


def ways(**changed: Any) -> dict[str, Any]:
    kept = {"way": "mp3", "peak_mb": 150.0, "real_time_factor": 0.01, "shares_apart": 3.0, "dimensions_apart": 3.0}
    line = {"same_time": 0.99, "same_category": 0.9, "dimensions": 1.0}
    return {"ways": [{**kept, "line": line, "tolerance": vars(recording.CODED), **changed}]}


def test_each_bound_is_told_when_it_is_broken_and_only_then() -> None:
    assert recording.broken(ways()) == []
    assert recording.broken(ways(peak_mb=501.0)) == ["mp3: peak_mb 501.000"]
    assert recording.broken(ways(real_time_factor=0.011)) == ["mp3: real_time_factor 0.011"]
    line = {"same_time": 0.9, "same_category": 0.9, "dimensions": 9.0}
    assert recording.broken(ways(line=line)) == ["mp3: same_time 0.900", "mp3: dimensions 9.000"]
    assert len(recording.broken(ways(way=recording.WAYS[0].name))) == 2


def test_a_named_speaker_answers_for_all_that_is_taken_for_his_speech() -> None:
    result = result_of(segment(0.0, 2.0, "angry", "speaker 1"), segment(3.0, 5.0, "angry", "speaker 2"))
    right = Summary(2.0, "angry", {"angry": 1.0, "sad": 0.0}, {"valence": 0.5})
    wrong = replace(right, shares={"angry": 0.0, "sad": 1.0})
    result = replace(result, speakers={"speaker 1": wrong, "speaker 2": right})
    reference = dict.fromkeys((ONE, OTHER), right)
    found = {"result": result, "wall_s": 1.0, "processor_s": 1.0, "peak_mb": 1.0}
    conversation = Conversation(CLIPS, np.zeros((round(5.5 * RATE_HZ), 2), np.float32))
    figures = recording.row(recording.WAYS[2], found, conversation, reference, None)
    assert (figures["shares_apart"], figures["dimensions_apart"]) == pytest.approx((100.0, 0.0))
