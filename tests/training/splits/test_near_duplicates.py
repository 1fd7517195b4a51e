from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.training.splits.near_duplicates import (
    AUDIO_COSINE,
    SLOTS,
    AudioFingerprint,
    audio_fingerprint,
    audio_signature,
    near_duplicate_audio,
    near_duplicate_texts,
    normalised_text,
    texts_found_in,
)

SpeechLike = Callable[..., NDArray[np.float32]]


def test_a_change_of_level_and_a_little_noise_is_still_the_same_recording(speech_like: SpeechLike) -> None:
    samples = speech_like(1.5, seed=1)
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    signature = audio_signature(samples)
    assert float(signature @ audio_signature(0.1 * samples)) == pytest.approx(1.0, abs=1e-4)
    assert float(signature @ audio_signature(samples + 1e-4 * noise)) > AUDIO_COSINE


def test_other_recordings_are_not_the_same(speech_like: SpeechLike) -> None:
    signatures = np.stack([audio_signature(speech_like(1.5, seed=seed)) for seed in range(6)])
    cosines = signatures @ signatures.T
    assert cosines[~np.eye(6, dtype=bool)].max() < AUDIO_COSINE


@pytest.mark.parametrize("length", [100, 399, 400, 1000, 16_000])
def test_a_signature_has_norm_one_whatever_the_length(length: int, speech_like: SpeechLike) -> None:
    signature = audio_signature(speech_like(1.0)[:length] + np.float32(0.1))
    assert signature.shape == (SLOTS * 64,)
    assert float(np.linalg.norm(signature)) == pytest.approx(1.0, abs=1e-5)


def test_two_silent_recordings_are_no_near_duplicates(speech_like: SpeechLike) -> None:
    silence = audio_signature(np.zeros(8000, dtype=np.float32))
    assert not silence.any()
    assert near_duplicate_audio([AudioFingerprint("a", silence), AudioFingerprint("b", silence)]) == []


def test_identical_and_near_identical_files_are_found(tmp_path: Path, speech_like: SpeechLike) -> None:
    samples = {"one": speech_like(1.0, seed=1), "two": speech_like(1.0, seed=2)}
    files = {"one.wav": samples["one"], "same.flac": samples["one"], "quiet.wav": 0.2 * samples["one"],
             "two.wav": samples["two"]}  # fmt: skip
    for name, content in files.items():
        soundfile.write(tmp_path / name, np.round(32_767 * content).astype(np.int16), 16_000)
    prints = [audio_fingerprint(tmp_path / name) for name in files]
    assert prints[0].digest == prints[1].digest
    assert len({fingerprint.digest for fingerprint in prints}) == 3
    assert near_duplicate_audio(prints) == [(0, 1), (0, 2), (1, 2)]
    assert near_duplicate_audio([]) == []


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("  Don’t YOU dare!! ", "dont you dare"),
        ("don't you_dare", "dont you dare"),
        ("ŻÓŁĆ, 12", "żółć 12"),
        (":-(", ""),
    ],
)
def test_normalising_keeps_letters_and_digits(text: str, normalised: str) -> None:
    assert normalised_text(text) == normalised


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised_text(normalised_text(text)) == normalised_text(text)


def test_texts_that_differ_in_case_and_punctuation_alone_are_found() -> None:
    texts = [
        "Well, you can let me in later.",
        "so it goes",
        "well you can LET me in, later!!",
        "You can let him out now.",
    ]
    assert near_duplicate_texts(texts) == [(0, 2)]


def test_one_word_more_in_a_long_text_is_still_the_same() -> None:
    text = "go to the top right of your screen and click on account and then on edit friends to remove your number"
    assert near_duplicate_texts([text, "Please, " + text, "this has nothing to do with any of it"]) == [(0, 1)]


@pytest.mark.parametrize("text", ["Yeah.", "Oh my God!", "I don't know.", "", "..."])
def test_short_texts_are_never_duplicates(text: str) -> None:
    assert near_duplicate_texts([text, text]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["so", "what", "then", "I", "you"]), min_size=4, max_size=7), max_size=12))
def test_equal_long_texts_are_always_found_and_pairs_rise(words: list[list[str]]) -> None:
    texts = [" ".join(text) for text in words]
    pairs = near_duplicate_texts(texts)
    assert pairs == sorted(set(pairs))
    assert all(first < second for first, second in pairs)
    equal = {(i, j) for j in range(len(texts)) for i in range(j) if texts[i].casefold() == texts[j].casefold()}
    assert equal <= set(pairs)


def test_texts_found_in_another_corpus_are_named_by_their_place() -> None:
    others = ["I have never seen this before!", "Nobody said a word about it."]
    assert texts_found_in(["Hello there, my old friend", "i have never seen this before", "Yeah."], others) == [1]
    assert texts_found_in([], others) == []


WORDS = st.lists(st.sampled_from(["so", "what", "then", "I", "you", "never"]), min_size=2, max_size=7).map(" ".join)


@settings(max_examples=30, deadline=None)
@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8))
def test_texts_are_found_in_others_as_pairs_across_both_are(texts: list[str], others: list[str]) -> None:
    pairs = near_duplicate_texts([*texts, *others])
    assert texts_found_in(texts, others) == sorted({i for i, j in pairs if i < len(texts) <= j})
