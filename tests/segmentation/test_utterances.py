"""Laws of utterances: they never overlap, hold all speech, and depend on nothing but what is around them."""

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.segmentation.quality import SPEECH_PROBABILITY, SPEECH_S
from emobridge.segmentation.speech_detector import CHUNK_S, CHUNK_SAMPLES, SpeechDetector, SpeechTrack
from emobridge.segmentation.utterances import (
    JOINING_PAUSE_S,
    LONGEST_S,
    PADDING_S,
    SHORTEST_PAUSE_S,
    STAYING_PROBABILITY,
    Stretch,
    UtteranceStream,
    cut_long,
    cut_out,
    tiles,
    utterances,
)

RATE_HZ = 100
runs = st.lists(st.tuples(st.integers(1, 500), st.sampled_from([0.0, 0.3, 0.4, 0.9])), min_size=1, max_size=12)


def track_of(pieces: list[tuple[int, float]], seed: int = 0) -> SpeechTrack:
    speech = np.concatenate([np.full(chunks, value, np.float32) for chunks, value in pieces])
    level_db = np.random.default_rng(seed).uniform(-60, -20, len(speech)).astype(np.float32)
    return SpeechTrack(speech, level_db, len(speech) * CHUNK_SAMPLES)


def ramp(samples: int) -> NDArray[np.float32]:
    return np.arange(samples, dtype=np.float32)


@settings(deadline=None)
@given(runs)
def test_utterances_are_in_order_without_overlap_and_within_the_recording(pieces: list[tuple[int, float]]) -> None:
    track = track_of(pieces)
    edges_s = [edge_s for stretch in utterances(track) for edge_s in stretch]
    assert edges_s == sorted(edges_s)
    assert all(0.0 <= edge_s <= track.duration_s for edge_s in edges_s)
    assert all(start_s < end_s for start_s, end_s in utterances(track))


growing = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.4, 0.9])), min_size=1, max_size=40) | runs


def in_parts(track: SpeechTrack, step: int) -> Iterator[tuple[list[Stretch], UtteranceStream, float]]:
    """Yield what is final with each part of so many chunks, the stream, and how many seconds it holds."""
    stream = UtteranceStream()
    for start in range(0, len(track), step):
        part = slice(start, start + step)
        speech = track.speech[part]
        new = stream.add(SpeechTrack(speech, track.level_db[part], len(speech) * CHUNK_SAMPLES))
        yield new, stream, min(start + step, len(track)) * CHUNK_S - stream.needed_s
    yield stream.end(), stream, 0.0


def longest_doubt_s(track: SpeechTrack) -> float:
    """Return how long, at most, it goes on without a pause that nobody knows whether it is speech."""
    longest = start = spoken = pause = since = begun = 0
    for place, value in enumerate(track.speech):
        # Also after speech and a pause too short to end it: what comes then may or may not belong to it.
        since, begun = (place + 1, 0) if value < STAYING_PROBABILITY else (since, begun + (value >= SPEECH_PROBABILITY))
        longest = max(longest, 0 if begun else place + 1 - since + round(SHORTEST_PAUSE_S / CHUNK_S))
        pause = 0 if value >= STAYING_PROBABILITY else pause + 1
        if pause >= round(SHORTEST_PAUSE_S / CHUNK_S):
            start, spoken = place + 1, 0
        spoken += value >= SPEECH_PROBABILITY
        longest = max(longest, place + 1 - start if spoken * CHUNK_S < SPEECH_S else 0)
    return longest * CHUNK_S


@settings(deadline=None, max_examples=300)
@given(growing, st.integers(1, 100))
def test_a_track_that_grows_gives_what_the_whole_gives(pieces: list[tuple[int, float]], step: int) -> None:
    track = track_of(pieces)
    assume(longest_doubt_s(track) < LONGEST_S)
    found, needed_s = [], 0.0
    for new, stream, _ in in_parts(track, step):
        assert all(start_s >= needed_s for start_s, _ in new)
        needed_s = stream.needed_s
        found += new
    assert np.ravel(found) == pytest.approx(np.ravel(utterances(track)))


@settings(deadline=None)
@given(growing, st.integers(1, 100), st.sampled_from([0.0, 0.4, 0.9]))
def test_what_a_track_that_grows_holds_is_bounded_whatever_comes(
    pieces: list[tuple[int, float]], step: int, end: float
) -> None:
    track = track_of([*pieces, (3000, end)])
    assert max(held_s for _, _, held_s in in_parts(track, step)) < 2 * LONGEST_S + step * CHUNK_S + 4


def test_an_utterance_is_final_after_its_pause_and_one_without_pause_as_it_goes_on() -> None:
    pause = round(JOINING_PAUSE_S / CHUNK_S) + 1
    parts = in_parts(track_of([(10, 0.0), (60, 0.9), (400, 0.0)]), 1)
    assert next(place for place, (new, _, _) in enumerate(parts, 1) if new) == 70 + pause
    parts = in_parts(track_of([(2000, 0.9)]), 1)
    times_s = [place * CHUNK_S for place, (new, _, _) in enumerate(parts, 1) if new]
    assert times_s[0] < LONGEST_S + 2
    assert all(other - one < LONGEST_S + 2 for one, other in pairwise(times_s))


@settings(deadline=None)
@given(runs)
def test_all_speech_is_in_an_utterance(pieces: list[tuple[int, float]]) -> None:
    track = track_of(pieces)
    found = utterances(track)
    start = 0
    for chunks, probability in pieces:
        if probability >= SPEECH_PROBABILITY and chunks * CHUNK_S >= SPEECH_S:
            from_s, until_s = start * CHUNK_S, (start + chunks) * CHUNK_S
            held_s = sum(max(0.0, min(end_s, until_s) - max(start_s, from_s)) for start_s, end_s in found)
            assert held_s == pytest.approx(until_s - from_s)
        start += chunks


@settings(deadline=None)
@given(runs)
def test_none_is_longer_than_the_longest_and_its_padding(pieces: list[tuple[int, float]]) -> None:
    for start_s, end_s in utterances(track_of(pieces)):
        assert end_s - start_s <= LONGEST_S + 2 * PADDING_S + CHUNK_S


@settings(deadline=None)
@given(runs, runs)
def test_what_is_said_before_a_long_pause_has_no_influence_on_what_comes_after(
    before: list[tuple[int, float]], after: list[tuple[int, float]]
) -> None:
    pause = (round(2 * JOINING_PAUSE_S / CHUNK_S), 0.0)
    alone = utterances(track_of([pause, *after, pause]))
    offset_s = sum(chunks for chunks, _ in before) * CHUNK_S
    whole = track_of([*before, pause, *after, pause])
    # Where it is quiet decides the cuts: the same levels after the pause.
    levels = track_of([pause, *after, pause]).level_db
    both = SpeechTrack(whole.speech, np.concatenate([whole.level_db[: -len(levels)], levels]), whole.samples)
    later = [(start_s - offset_s, end_s - offset_s) for start_s, end_s in utterances(both) if start_s >= offset_s]
    assert np.allclose(later[len(later) - len(alone) :], alone) if alone else not later or later[-1][0] < 0.5


def test_a_pause_ends_an_utterance_and_a_shorter_one_does_not() -> None:
    long, short = round(SHORTEST_PAUSE_S / CHUNK_S) + 1, round(SHORTEST_PAUSE_S / CHUNK_S) - 2
    assert len(utterances(track_of([(60, 0.9), (long, 0.0), (60, 0.9)]))) == 2
    assert len(utterances(track_of([(60, 0.9), (short, 0.0), (60, 0.9)]))) == 1


def test_speech_that_has_begun_goes_on_through_doubt_but_doubt_begins_none() -> None:
    ((start_s, end_s),) = utterances(track_of([(50, 0.0), (40, 0.9), (40, 0.4), (50, 0.0)]))
    assert (start_s, end_s) == pytest.approx((50 * CHUNK_S - PADDING_S, 130 * CHUNK_S + PADDING_S))
    assert utterances(track_of([(50, 0.0), (80, 0.4), (50, 0.0)])) == ()


def test_a_brief_utterance_joins_its_nearer_neighbour_and_stays_alone_far_from_any() -> None:
    pause, far = round(0.4 / CHUNK_S), round(1.5 / CHUNK_S)
    assert len(utterances(track_of([(60, 0.9), (pause, 0.0), (15, 0.9), (far, 0.0), (60, 0.9)]))) == 2
    assert len(utterances(track_of([(60, 0.9), (far, 0.0), (15, 0.9), (far, 0.0), (60, 0.9)]))) == 3


def test_a_click_is_no_utterance_unless_a_word_is_known_to_be_there() -> None:
    track = track_of([(100, 0.0), (2, 0.9), (100, 0.0)])
    assert utterances(track) == ()
    ((start_s, end_s),) = utterances(track, [101 * CHUNK_S])
    assert start_s < 101 * CHUNK_S < end_s
    assert len(utterances(track, [1.0, 5.0])) == 2


@given(st.lists(st.floats(0, 30), max_size=20))
def test_every_moment_that_is_known_to_be_spoken_is_in_an_utterance(spoken_s: list[float]) -> None:
    found = utterances(track_of([(900, 0.0)]), spoken_s)
    for time_s in spoken_s:
        moment_s = min(time_s, 900 * CHUNK_S)
        assert any(start_s <= moment_s <= end_s for start_s, end_s in found)


def test_a_long_utterance_is_cut_at_its_quietest_point() -> None:
    track = track_of([(600, 0.9)])
    level_db = np.full(600, -20.0, np.float32)
    level_db[250:260] = -50.0
    (_, cut_s), (again_s, _) = utterances(SpeechTrack(track.speech, level_db, track.samples))
    assert cut_s == again_s == pytest.approx(255 * CHUNK_S, abs=0.2)


def test_a_turn_is_cut_as_an_utterance_is_and_keeps_its_ends() -> None:
    track = track_of([(1500, 0.9)])
    stretch = (1.234, 40.5)
    pieces = cut_long(stretch, track)
    assert (pieces[0][0], pieces[-1][1]) == stretch
    assert all(one[1] == other[0] for one, other in pairwise(pieces))
    assert max(end_s - start_s for start_s, end_s in pieces) <= LONGEST_S + CHUNK_S
    assert cut_long((3.0, 14.9), track) == ((3.0, 14.9),)


@pytest.mark.parametrize("gain_db", [-30, -12, 12])
def test_gain_alone_moves_no_edge(speech_like: Callable[..., NDArray[np.float32]], gain_db: float) -> None:
    detector = SpeechDetector()
    rng = np.random.default_rng(0)
    pauses = [0.001 * rng.standard_normal(n).astype(np.float32) for n in (30_000, 20_000, 50_000)]
    sound = np.concatenate([part for seed, pause in enumerate(pauses) for part in (pause, speech_like(3.0, seed))])
    louder = sound * np.float32(10 ** (gain_db / 20))
    assert utterances(detector.track([louder])) == utterances(detector.track([sound]))


@settings(deadline=None)
@given(
    samples=st.integers(0, 1000),
    cuts=st.lists(st.integers(0, 1000), max_size=20),
    places=st.lists(st.tuples(st.integers(0, 1100), st.integers(1, 300)), max_size=10),
)
def test_what_is_cut_out_is_that_stretch_wherever_blocks_are_cut(
    samples: int, cuts: list[int], places: list[tuple[int, int]]
) -> None:
    signal = ramp(samples)
    places = sorted(places)
    stretches = [(start / RATE_HZ, (start + length) / RATE_HZ) for start, length in places]
    found = list(cut_out(np.split(signal, sorted(cuts)), stretches, RATE_HZ))
    assert len(found) == len(places)
    for window, (start, length) in zip(found, places, strict=True):
        np.testing.assert_array_equal(window.samples, signal[start : start + length])
        assert window.start_s == start / RATE_HZ
        assert window.end_s == pytest.approx(window.start_s + len(window.samples) / RATE_HZ)


def test_stretches_come_as_the_recording_is_read_and_memory_is_bounded() -> None:
    given_blocks = 0

    def blocks() -> Iterator[NDArray[np.float32]]:
        nonlocal given_blocks
        for _ in range(2000):
            given_blocks += 1
            yield np.zeros(RATE_HZ * 100, dtype=np.float32)

    found = cut_out(blocks(), [(100.0 * index + 10.0, 100.0 * index + 130.0) for index in range(1999)], RATE_HZ)
    next(found)
    assert given_blocks == 2
    tracemalloc.start()
    try:
        count = 1 + sum(1 for _ in found)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 1999
    assert peak_bytes < 1e6  # the whole: 80 MB


@given(st.floats(0.01, 1000.0), st.sampled_from([0.1, 1.0, 4.0]))
def test_windows_tile_the_recording_and_none_is_much_longer_or_shorter(duration_s: float, window_s: float) -> None:
    windows = tiles(duration_s, window_s)
    assert (windows[0][0], windows[-1][1]) == (0.0, duration_s)
    assert all(one[1] == other[0] for one, other in pairwise(windows))
    lengths_s = [end_s - start_s for start_s, end_s in windows]
    assert max(lengths_s) <= 1.5 * window_s + 1e-9
    assert min(lengths_s) >= min(0.5 * window_s, duration_s) - 1e-9


@pytest.mark.parametrize(("duration_s", "count"), [(1.0, 1), (5.9, 1), (6.0, 2), (9.9, 2), (10.0, 3), (12.0, 3)])
def test_a_last_window_shorter_than_half_joins_the_one_before_it(duration_s: float, count: int) -> None:
    assert len(tiles(duration_s, 4.0)) == count
