"""Laws of the peers: they learn from the training and validation part alone, and a guess is worth what chance is."""

import csv
import dataclasses
import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.accuracy import descriptors, peers, tasks
from benchmarks.accuracy.tasks import Task
from emobridge.errors import MissingExtraError
from emobridge.training.evaluation.scores import score
from emobridge.utils.cache import ArrayCache

LABELS = ("angry", "happy", "neutral", "sad", "surprised")
SPEAKERS = tuple("abcdef")


def write_speech(folder: Path, language: str) -> Path:
    """Write a table of 30 tenths of a second of noise, one of each label by each of six speakers."""
    folder.mkdir()
    generator = np.random.default_rng(list(language.encode()))
    rows = []
    for number in range(len(SPEAKERS) * len(LABELS)):
        speaker, label = SPEAKERS[number // len(LABELS)], LABELS[number % len(LABELS)]
        file = f"{speaker}-{label}.wav"
        soundfile.write(folder / file, 0.1 * generator.standard_normal(1600), 16_000)
        rows.append({"file": file, "speaker": speaker, "label": label, "arousal": 0.2 * (number % len(LABELS))})
    return write_table(folder / f"{language}.csv", rows)


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def speech(folder: Path) -> Task:
    """Three folds; what is said of a clip tells its label, with some noise."""
    table = write_speech(folder / "speech", "english")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOBRIDGE_CACHE", os.fspath(folder / "cache"))
        task = tasks.within(f"table:{table}", "own", None, folder / "run", [1, 2])
    describe(task, folder)
    return task


@pytest.fixture(scope="module")
def mixed(folder: Path) -> list[Task]:
    tables = [f"table:{write_speech(folder / name, name)}" for name in ("german", "polish", "danish")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOBRIDGE_CACHE", os.fspath(folder / "cache"))
        found = tasks.left_out(tables, None, folder / "run-left-out")
    describe(found[0], folder)
    return found


def describe(task: Task, folder: Path) -> None:
    """Put functionals into the cache, so that openSMILE is not needed."""
    cache = ArrayCache(folder / "cache" / descriptors.FEATURE_SET, np.float32)
    generator = np.random.default_rng(1)
    for key, utterance in zip(task.examples.frame_keys, task.examples.utterances, strict=True):
        assert key is not None
        direction = np.eye(8)[LABELS.index(str(utterance.label))]
        cache.add(key, 3.0 * direction + generator.standard_normal(8))


def with_targets(task: Task, targets: NDArray[np.float32], rated: NDArray[np.float32]) -> Task:
    return dataclasses.replace(
        task, examples=dataclasses.replace(task.examples, targets=targets, rated_dimensions=rated)
    )


def test_the_majority_guess_recalls_one_category_in_all(speech: Task) -> None:
    scores = score(peers.majority(speech).predictions, 0)
    assert scores.metrics["unweighted_average_recall"].pooled.value == pytest.approx(1 / len(LABELS))
    assert scores.metrics["concordance_cc_arousal"].pooled.value == pytest.approx(0, abs=1e-6)


def test_the_majority_guess_is_the_shares_of_training_and_validation(speech: Task) -> None:
    split = speech.splits[0]
    targets = speech.examples.targets.copy()
    targets[split.train] = np.eye(len(LABELS))[0]
    guessed = peers.majority(with_targets(speech, targets, speech.examples.rated_dimensions))
    first = guessed.predictions.probabilities[0]
    learned = len(split.train) + len(split.validation)
    assert first[0] == pytest.approx((len(split.train) + len(split.validation) / 5) / learned)
    assert first.sum() == pytest.approx(1)


def test_the_linear_model_finds_what_is_there(speech: Task, folder: Path) -> None:
    metrics = score(peers.linear(speech, folder / "cache").predictions, 0).metrics
    assert metrics["unweighted_average_recall"].pooled.value > 0.6
    assert metrics["concordance_cc_arousal"].pooled.value > 0.4


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_labels_of_test_speakers_change_nothing(speech: Task, folder: Path, seed: int) -> None:
    one_fold = dataclasses.replace(speech, splits=speech.splits[:1])
    test = one_fold.splits[0].test
    generator = np.random.default_rng(seed)
    targets, rated = one_fold.examples.targets.copy(), one_fold.examples.rated_dimensions.copy()
    targets[test], rated[test] = generator.permutation(targets[test]), generator.permutation(rated[test])
    for system in (peers.majority, lambda task: peers.linear(task, folder / "cache")):
        before, after = system(one_fold), system(with_targets(one_fold, targets, rated))
        assert before.penalties == after.penalties
        for field in ("probabilities", "predicted_dimensions", "category_threshold", "half_width"):
            np.testing.assert_array_equal(getattr(before.predictions, field), getattr(after.predictions, field))


def test_what_test_speakers_sound_like_changes_only_their_own_answers(
    speech: Task, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_fold = dataclasses.replace(speech, splits=speech.splits[:1])
    before = peers.linear(one_fold, folder / "cache").predictions
    inputs = descriptors.described(speech.examples, range(len(speech.examples)), folder / "cache")
    inputs[one_fold.splits[0].test[0]] = 1e3
    monkeypatch.setattr(peers, "described", lambda *arguments: inputs)
    after = peers.linear(one_fold, folder / "cache").predictions
    assert not np.array_equal(before.probabilities[0], after.probabilities[0])
    np.testing.assert_array_equal(before.probabilities[1:], after.probabilities[1:])


def test_a_category_that_training_lacks_is_never_said(speech: Task, folder: Path) -> None:
    one_fold = dataclasses.replace(speech, splits=speech.splits[:1])
    targets = one_fold.examples.targets.copy()
    targets[one_fold.splits[0].train, 2] = 0
    targets[one_fold.splits[0].validation, 2] = 0
    lacking = with_targets(one_fold, targets, one_fold.examples.rated_dimensions)
    said = peers.linear(lacking, folder / "cache").predictions.probabilities
    assert not said[:, 2].any()
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)


def test_two_categories_are_told_apart_by_one_hyperplane(speech: Task, folder: Path) -> None:
    targets = speech.examples.targets.copy()
    targets[:, 2:] = 0
    both = with_targets(speech, targets, speech.examples.rated_dimensions)
    metrics = score(peers.linear(both, folder / "cache").predictions, 0).metrics
    assert metrics["unweighted_average_recall"].pooled.value > 0.8


def test_a_corpus_that_is_left_out_is_neither_trained_nor_tuned_on(mixed: list[Task]) -> None:
    for number, task in enumerate(mixed):
        (split,) = task.splits
        assert set(task.examples.corpora[split.test]) == {number}
        assert number not in task.examples.corpora[np.concatenate([split.train, split.validation])]
        assert (task.examples.corpora == number).sum() == len(split.test)


def test_labels_of_a_corpus_that_is_left_out_change_nothing(mixed: list[Task], folder: Path) -> None:
    task = mixed[1]
    relabelled = tuple(
        dataclasses.replace(utterance, label="sad") if utterance.corpus == task.corpus else utterance
        for utterance in task.examples.utterances
    )
    other = dataclasses.replace(task, examples=dataclasses.replace(task.examples, utterances=relabelled))
    before, after = (peers.linear(one, folder / "cache") for one in (task, other))
    assert before.penalties == after.penalties
    np.testing.assert_array_equal(before.predictions.probabilities, after.predictions.probabilities)


def test_corpora_that_are_mixed_share_four_categories(mixed: list[Task], folder: Path) -> None:
    task = mixed[0]
    labels = np.array([utterance.label for utterance in task.examples.utterances])
    assert not task.learned[labels == "surprised"].any()
    assert (task.learned[labels != "surprised"].sum(axis=1) == 1).all()
    said = peers.linear(task, folder / "cache").predictions
    assert not said.probabilities[:, [said.categories.index("surprised"), said.categories.index("fearful")]].any()
    assert score(said.in_view("four"), 0).metrics["unweighted_average_recall"].pooled.value > 0.5


def test_texts_are_judged_by_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", os.fspath(tmp_path))
    words = {"angry": "hate", "happy": "love", "neutral": "see"}
    parts = ("train", "train", "validation", "test")
    rows: list[dict[str, object]] = [
        {"text": f"number {number} i {word} it", "label": label, "valence": 0.4 * place, "split": parts[number % 4]}
        for number in range(32)
        for place, (label, word) in enumerate(words.items())
    ]
    task = tasks.within(f"table:{write_table(tmp_path / 'texts.csv', rows)}", "own", None, tmp_path)
    found = peers.linear(task, tmp_path)
    metrics = score(found.predictions, 0).metrics
    assert task.modality == "linguistic"
    assert set(found.penalties["fold-1"]) == {"categories", "valence"}
    assert metrics["weighted_f1"].pooled.value == pytest.approx(1)
    assert metrics["concordance_cc_valence"].pooled.value > 0.9


def test_functionals_are_computed_once_for_the_same_bytes(folder: Path, speech: Task, tmp_path: Path) -> None:
    pytest.importorskip("opensmile", reason="openSMILE, of the extra [benchmark], is not installed")
    first = descriptors.described(speech.examples, range(2), tmp_path)
    assert first.shape == (2, 88)
    assert np.isfinite(first).all()
    sound = speech.examples.utterances[0].audio
    assert sound is not None
    assert hashlib.sha256(sound.read_bytes()).hexdigest() in ArrayCache(tmp_path / descriptors.FEATURE_SET, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptors, "egemaps", None)
        np.testing.assert_array_equal(descriptors.described(speech.examples, range(2), tmp_path), first)


def test_a_missing_opensmile_is_named_with_its_extra(
    speech: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingExtraError, match=r"'opensmile'.*\[benchmark\]"):
        descriptors.described(speech.examples, range(1), tmp_path)
