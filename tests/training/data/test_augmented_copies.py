"""Laws of perturbed copies: made once from the clip and a number alone, heard in training alone, exact when resumed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from emobridge.training.data import examples as examples_module
from emobridge.training.data.batches import CLEAN_SHARE, BatchStream, StreamConfig, collate
from emobridge.training.data.examples import Examples, add_perturbed_copies
from emobridge.training.evaluation.inference import Pairs
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments import provenance, train_fold
from emobridge.training.experiments.recipe import Recipe
from emobridge.training.experiments.train_fold import train
from emobridge.utils.cache import ArrayCache

COPIES = 3


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


@pytest.fixture(scope="module")
def examples(toy_examples: Callable[..., Examples]) -> Examples:
    """The toy examples, copies of the first 24 clips made."""
    made = toy_examples()
    add_perturbed_copies(made, np.arange(24), COPIES)
    return made


def heard(stream: BatchStream, examples: Examples, numbers: range) -> list[int]:
    """Return which copy each row of some batches hears."""
    known = {examples.frames(row, copy).tobytes(): copy for row in stream.pool for copy in range(stream.copies + 1)}
    batches = [stream.batch(number) for number in numbers]
    return [known[one.frames[row][one.frame_mask[row]].numpy().tobytes()] for one in batches for row in range(8)]


def stream_of(examples: Examples, copies: int) -> BatchStream:
    return BatchStream(examples, np.arange(24), StreamConfig("acoustic", 8), (1.0,), 1, copies)


def test_copies_differ_from_the_clip_and_from_each_other(examples: Examples) -> None:
    for row in range(0, 24, 5):
        found = [examples.frames(row, copy) for copy in range(COPIES + 1)]
        assert len({one.tobytes() for one in found}) == COPIES + 1
        for one in found:
            assert one.shape == (1, examples.front_end.dimension)
            assert np.isfinite(one).all()


def test_a_copy_depends_on_the_clip_and_its_number_alone_and_is_made_once(
    examples: Examples, toy_examples: Callable[..., Examples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = replace(toy_examples(), cache=ArrayCache(tmp_path, np.float16, examples.front_end.dimension))
    told: list[tuple[int, int]] = []
    add_perturbed_copies(elsewhere, np.array([7, 3]), 1, lambda *args: told.append(args))
    assert told == [(1, 2), (2, 2)]
    for row in (3, 7):
        assert_array_equal(elsewhere.frames(row, 1), examples.frames(row, 1))
    monkeypatch.setattr(examples_module, "perturb", lambda *_: pytest.fail("made again"))
    add_perturbed_copies(toy_examples(), np.arange(24), COPIES)


def test_training_hears_the_clip_and_each_copy_in_their_shares(examples: Examples) -> None:
    drawn = np.bincount(heard(stream_of(examples, COPIES), examples, range(60)), minlength=COPIES + 1) / 480
    assert drawn[0] == pytest.approx(CLEAN_SHARE, abs=0.08)
    assert drawn[1:] == pytest.approx([(1 - CLEAN_SHARE) / COPIES] * COPIES, abs=0.07)


def test_copies_change_neither_which_clips_are_drawn_nor_their_labels(examples: Examples) -> None:
    clean, copied = stream_of(examples, 0), stream_of(examples, COPIES)
    assert heard(clean, examples, range(3)) == [0] * 24
    for number in (4, 0):
        one, other, again = clean.batch(number), copied.batch(number), stream_of(examples, COPIES).batch(number)
        assert torch.equal(one.targets, other.targets)
        assert torch.equal(other.frames, again.frames)
        assert not torch.equal(one.frames.sum(), other.frames.sum())


def test_who_is_judged_is_heard_as_recorded(examples: Examples) -> None:
    pairs = Pairs.natural(examples, [1, 2])
    batch = collate(examples, pairs.acoustic, pairs.linguistic)
    for row, index in enumerate((1, 2)):
        assert_array_equal(batch.frames[row][batch.frame_mask[row]].numpy(), examples.frames(index))


@pytest.fixture
def recipe(toy_recipe: Callable[..., Recipe]) -> Recipe:
    training = {"steps": 6, "checkpoint_steps": 2, "perturbed_copies": 2, "streams": [{"batch_size": 8}]}
    return toy_recipe(training=training)


def test_resuming_with_copies_equals_never_stopping(recipe: Recipe, tmp_path: Path) -> None:
    told = []

    def report(what: str, done: int, total: int) -> None:
        told.append((what, done, total))
        if kills and (what, done) == kills[0]:
            kills.pop(0)
            raise Killed

    kills: list[tuple[str, int]] = []
    whole = train(recipe, None, tmp_path / "whole", report=report)
    assert ("perturb fold-1", 12, 12) in told
    kills = [("perturb fold-1", 5), ("train fold-1", 3)]
    for _ in range(2):
        with pytest.raises(Killed):
            train(recipe, None, tmp_path / "part", report=report)
    resumed = train(recipe, None, tmp_path / "part", report=report)
    for name in ("probabilities", "predicted_dimensions"):
        assert_array_equal(getattr(resumed, name), getattr(whole, name))
    logs = [(tmp_path / run / "steps.jsonl").read_text() for run in ("whole", "part")]
    assert logs[0] == logs[1]


def test_copies_change_the_outcome_and_another_kind_of_copy_is_another_training(
    recipe: Recipe, toy_recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(one: Recipe, run: str) -> tuple[Predictions, Any]:
        return train(one, None, tmp_path / run), train_fold.read_json(tmp_path / run / train_fold.RUN)["digest"]

    clean = digest(toy_recipe(), "clean")
    copied = digest(recipe, "copied")
    assert not np.array_equal(clean[0].probabilities, copied[0].probabilities)
    monkeypatch.setattr(provenance, "PERTURBATIONS_VERSION", -1)
    assert len({clean[1], copied[1], digest(recipe, "other")[1]}) == 3
    assert digest(toy_recipe(), "clean again")[1] == clean[1]
