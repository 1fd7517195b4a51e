"""Laws of a recording that is open: it is predicted as what it was opened from, and however it comes in blocks."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import emobridge
from emobridge.audio.source import Source, open_source
from emobridge.errors import AudioError, TranscriptError
from emobridge.inference.predictor import Predictor

RATE_HZ = 16_000
SAMPLE = emobridge.sample()
SOUND, _ = soundfile.read(SAMPLE, dtype="float32")
WHOLE, _ = soundfile.read(SAMPLE, dtype="int16")


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


def test_what_is_open_stays_as_it_is() -> None:
    source = open_source((np.zeros(9, np.float32), RATE_HZ))
    assert open_source(source) is source


def test_an_open_recording_gives_what_its_file_gives(predictor: Predictor) -> None:
    path = emobridge.sample()
    assert predictor.predict(open_source(path)) == predictor.predict(path)


@pytest.mark.parametrize("block_samples", [997, 16_000, 64_000])
def test_where_blocks_are_cut_has_no_influence(
    predictor: Predictor, speech_like: Callable[..., np.ndarray], block_samples: int
) -> None:
    sound = speech_like(4.0)
    blocks = np.split(sound, range(block_samples, len(sound), block_samples))
    cut = Source("samples", 4.0, 1, lambda rate_hz, channel: iter(blocks))
    assert predictor.predict(cut) == predictor.predict((sound, RATE_HZ))


def heard(recording: Any) -> np.ndarray:
    return np.concatenate(list(open_source(recording).blocks(RATE_HZ, None)))


GIVEN: dict[str, Callable[[], Any]] = {
    "text": lambda: str(SAMPLE),
    "path": lambda: SAMPLE,
    "stream": lambda: io.BytesIO(SAMPLE.read_bytes()),
    "bytes": SAMPLE.read_bytes,
    "memoryview": lambda: memoryview(SAMPLE.read_bytes()),
    "samples": lambda: (SOUND, RATE_HZ),
    "rate first": lambda: (RATE_HZ, SOUND),
    "rate as text": lambda: (SOUND, "16000"),
    "rate of numpy": lambda: (SOUND, np.int64(RATE_HZ)),
    "array": lambda: {"array": SOUND, "sampling_rate": RATE_HZ},
    "bytes in a mapping": lambda: {"bytes": SAMPLE.read_bytes(), "path": None},
    "path in a mapping": lambda: {"bytes": None, "path": str(SAMPLE)},
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_recording_is_the_same_however_it_is_given(name: str) -> None:
    np.testing.assert_array_equal(heard(GIVEN[name]()), SOUND)


def test_a_file_that_is_open_is_read_under_its_name() -> None:
    with SAMPLE.open("rb") as file:
        source = open_source(file)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(RATE_HZ, None))), SOUND)
    assert source.name == str(SAMPLE)


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (SOUND, "give their rate too"),
        (None, "type NoneType"),
        (3.0, "type float"),
        ({}, "a mapping of nothing"),
        ({"array": SOUND}, "at None Hz"),
        ((SOUND, "fast"), "at 'fast' Hz"),
        ((SOUND, 16_000.5), "as a whole number"),
        ((SOUND, float("nan")), "as a whole number"),
        ((SOUND, SOUND), "as a whole number"),
        (([[1, 2], [3]], RATE_HZ), "no array of numbers"),
        ((["a"], RATE_HZ), "of type <U1"),
        ((SOUND, RATE_HZ, 1), "type tuple"),
        (([2**40], RATE_HZ), "at most"),
        (io.StringIO("words"), "open it with mode 'rb'"),
        ("https://example.org/a.wav", "is a URL"),
        (Path("https://example.org/a.wav"), "is a URL"),
        (b"", "cannot be decoded"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(recording: Any, reason: str) -> None:
    with pytest.raises(AudioError) as caught:
        open_source(recording)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [{"segments": []}, ["hello"], float("nan"), 3, b"words"], ids=str)
def test_a_transcript_of_another_kind_is_refused(predictor: Predictor, given: Any) -> None:
    with pytest.raises(TranscriptError, match="a transcript of type"):
        predictor.predict(SAMPLE, given)


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("kind", [list, np.int32, np.int64])
def test_whole_numbers_are_scaled_by_the_bits_that_hold_them(bits: int, kind: Any) -> None:
    samples = WHOLE.astype(np.int64) * 2 ** (bits - 16)
    given = samples.tolist() if kind is list else samples.astype(kind)
    source = open_source((given, RATE_HZ))
    np.testing.assert_allclose(np.concatenate(list(source.blocks(RATE_HZ, None))), SOUND, atol=1e-4)
    assert bool(source.warnings) == (bits < 32 or kind is not np.int32)


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_narrow_types_have_the_full_scale_of_their_type(kind: type) -> None:
    source = open_source((np.array([1, 2], kind), RATE_HZ))
    assert next(source.blocks(RATE_HZ, None)).tolist() == [1 / -np.iinfo(kind).min, 2 / -np.iinfo(kind).min]
    assert not source.warnings


def test_silence_in_one_of_several_channels_names_the_choice(predictor: Predictor) -> None:
    stereo = np.stack([SOUND, 0 * SOUND], axis=1)
    assert any("--channel" in told for told in predictor.predict((stereo, RATE_HZ), channel=2).warnings)
    assert not predictor.predict((stereo, RATE_HZ), channel=1).warnings
