"""Laws of the memory benchmark: lengths are like those of the corpus, and what training took is told."""

import sys
from pathlib import Path

import pytest

from benchmarks.speed import training_memory


def test_lengths_are_like_those_of_the_corpus() -> None:
    lengths_s = training_memory.durations_s(training_memory.UTTERANCES)
    assert lengths_s.mean() == pytest.approx(training_memory.MEAN_S, rel=0.02)
    assert (lengths_s[0], lengths_s.max()) == (training_memory.LONGEST_S, training_memory.LONGEST_S)


def test_the_peak_of_training_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training_memory, "WIDTH", 16)
    small = ["--set", "model.width=16", "--set", "model.heads=2", "--steps", "1", "--utterances", "20"]
    monkeypatch.setattr(sys, "argv", ["training_memory.py", str(tmp_path), *small])
    training_memory.main()
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("20 utterances of ")
    assert told[-1].startswith("peak of resident memory: ")
