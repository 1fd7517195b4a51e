"""Utterances of one voice come together, whatever their order and loudness."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from emobridge.audio.load import load_audio
from emobridge.diarization import group_by_voice
from emobridge.diarization.clustering import MOST_GROUPED, _labels, _merges, group, in_voice_space, voice_features
from emobridge.segmentation.utterances import Window

RATE_HZ = 16_000
Sound = NDArray[np.float32]


def blobs(sizes: list[int], apart: float, seed: int = 0) -> tuple[NDArray[np.float64], list[int]]:
    rng = np.random.default_rng(seed)
    centres = apart * np.linalg.qr(rng.standard_normal((24, 24)))[0][: len(sizes)]
    truth = [number for number, size in enumerate(sizes) for _ in range(size)]
    return np.array([centres[number] + rng.standard_normal(24) for number in truth]), truth


def same_groups(found: NDArray[np.int64], truth: list[int]) -> bool:
    pairs = set(zip(found.tolist(), truth, strict=True))
    return len(pairs) == len(set(truth)) == len(set(found.tolist()))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(6, 30), min_size=2, max_size=4), st.integers(0, 100))
def test_clear_groups_are_found_whatever_their_sizes_and_order(sizes: list[int], seed: int) -> None:
    vectors, truth = blobs(sizes, 20.0, seed)
    order = np.random.default_rng(seed).permutation(len(truth))
    found = group(vectors[order], np.ones(len(order)), len(sizes))
    assert same_groups(found, [truth[place] for place in order])


def test_an_outlier_is_no_speaker() -> None:
    vectors, truth = blobs([10, 12], 20.0)
    strange = np.concatenate([vectors, np.full((1, 24), -60.0)])
    found = group(strange, np.ones(len(strange)), 2)
    assert same_groups(found[:-1], truth)


def test_more_utterances_than_are_grouped_join_the_nearest_group() -> None:
    vectors, truth = blobs([MOST_GROUPED, MOST_GROUPED // 2], 20.0)
    seconds = np.random.default_rng(1).uniform(1, 5, len(truth))
    assert same_groups(group(vectors, seconds, 2), truth)


def test_groups_are_joined_as_scipy_joins_them_by_mean_distance() -> None:
    points = np.random.default_rng(3).standard_normal((40, 5))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    merges = _merges(distances)
    tree = hierarchy.linkage(points, "average")
    for count in (2, 3, 7, 20):
        expected = hierarchy.fcluster(tree, count, "maxclust")
        assert same_groups(_labels(merges[: 40 - count], 40), expected.tolist())


@pytest.mark.parametrize("gain", [0.01, 4.0])
def test_loudness_is_no_feature_of_a_voice(speech_like: Callable[..., Sound], gain: float) -> None:
    sound = speech_like(2.0)
    louder = voice_features(sound * np.float32(gain))
    np.testing.assert_allclose(in_voice_space(louder[None]), in_voice_space(voice_features(sound)[None]), atol=0.02)


def test_turns_are_named_in_order_of_appearance_and_touching_ones_are_joined(speech_like: Callable[..., Sound]) -> None:
    edges_s = [(0.0, 2.0), (2.0, 4.0), (5.0, 7.0)]
    windows = [Window(start_s, end_s, speech_like(2.0, seed)) for seed, (start_s, end_s) in enumerate(edges_s)]
    assert [(turn.start_s, turn.end_s, turn.speaker) for turn in group_by_voice(windows, 1)] == [
        (0.0, 4.0, "speaker 1"),
        (5.0, 7.0, "speaker 1"),
    ]
    several = group_by_voice(windows, 3)
    assert [turn.speaker for turn in several] == ["speaker 1", "speaker 2", "speaker 3"]
    assert len(group_by_voice(windows[:2], 9)) == 2
    assert group_by_voice([], 2) == ()


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("EMOBRIDGE_DATA"), reason="EMOBRIDGE_DATA is not set: the corpora are not here")
@pytest.mark.parametrize(("one", "other"), [("actor_01", "actor_02"), ("actor_03", "actor_09")])
def test_two_actors_of_a_corpus_that_the_space_never_met_are_told_apart(one: str, other: str) -> None:
    folder = Path(os.environ["EMOBRIDGE_DATA"]) / "audio" / "ravdess"
    files = [(actor, path) for actor in (one, other) for path in sorted((folder / actor).iterdir())[::5]]
    sounds = [load_audio(path, sample_rate_hz=RATE_HZ)[14_000:-14_000] for _, path in files]
    turns = group_by_voice([Window(10.0 * i, 10.0 * i + 3.0, sound) for i, sound in enumerate(sounds)], 2)
    names = [turn.speaker for turn in turns]
    truth = ["speaker 1" if actor == one else "speaker 2" for actor, _ in files]
    right = np.mean([name == true for name, true in zip(names, truth, strict=True)])
    assert max(right, 1 - right) >= 0.85
