"""The peers of the benchmark: what they need is told, and they judge the clips that emobridge judges."""

import pytest

from benchmarks.speed import contest, parts


def test_a_peer_that_is_not_installed_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "version_of", lambda package: None if package == "onnx" else "1")
    assert contest.missing() == {contest.ONNXRUNTIME: "needs onnx: pip install 'emobridge[train]'"}


def test_the_clips_are_the_sample_in_equal_parts() -> None:
    clips = contest.clips()
    assert len(clips) == contest.CLIPS
    assert {len(clip) for clip in clips} == {48_000}


def test_the_parts_are_measured_of_the_whole_sample() -> None:
    found = parts.measure(1, 1)
    assert found["duration_s"] == 24.0
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in found["seconds"].values())
    assert found["seconds"][parts.ACOUSTIC][0] < found["seconds"][parts.WHOLE][0]
