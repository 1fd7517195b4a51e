"""Laws of prediction: a long file is its windows, a batch is its files, and silence has no emotion."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emobridge
from emobridge.bundle import load_bundle
from emobridge.errors import AudioError, LabelError, TranscriptError
from emobridge.predict import Predictor
from emobridge.results import Segment
from emobridge.transcripts import Span, Transcript

RATE_HZ = 16_000
WINDOW_S = 2.0


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(samples: np.ndarray, name: str = "speech.wav", sample_rate_hz: int = RATE_HZ) -> Path:
        soundfile.write(tmp_path / name, samples, sample_rate_hz, subtype="FLOAT")
        return tmp_path / name

    return save


def without_place(segment: Segment) -> Segment:
    return dataclasses.replace(segment, start_s=0.0, end_s=0.0)


@pytest.mark.parametrize("seconds", [8.0, 8.6, 9.4])
def test_a_long_file_gives_what_its_windows_give_alone(
    predictor: Predictor, speech_like: Callable, save: Callable, seconds: float
) -> None:
    sound = speech_like(seconds)
    spans = [Span(f"i am {word}", start_s, start_s + 2.0) for start_s, word in ((0.0, "happy"), (4.0, "angry"))]
    whole = predictor.predict(save(sound), Transcript(tuple(spans)))
    assert [segment.text for segment in whole.segments[:4]] == ["i am happy", None, "i am angry", None]
    for segment in whole.segments:
        piece = sound[round(segment.start_s * RATE_HZ) : round(segment.end_s * RATE_HZ)]
        (alone,) = predictor.predict((piece, RATE_HZ), segment.text).segments
        assert without_place(alone) == without_place(segment)


def test_segments_tile_the_recording(predictor: Predictor, speech_like: Callable, save: Callable) -> None:
    result = predictor.predict(save(speech_like(7.3)))
    starts_s = [segment.start_s for segment in result.segments]
    ends_s = [segment.end_s for segment in result.segments]
    assert starts_s == [0.0, *ends_s[:-1]]
    assert result.duration_s == ends_s[-1] == pytest.approx(7.3)
    assert result.summary.duration_s == pytest.approx(7.3)


def test_every_word_is_read_exactly_once(predictor: Predictor, speech_like: Callable, save: Callable) -> None:
    text = "the dog sit by the door today so sad so angry so happy"
    for seconds, sample_rate_hz in ((7.3, 16_000), (5.0001, 44_100), (3.33, 8_000)):
        sound = speech_like(seconds, sample_rate_hz=sample_rate_hz)
        timed = Transcript((Span(text, 0.0, seconds + 1.0),))
        for transcript in (text, timed):
            result = predictor.predict(save(sound, sample_rate_hz=sample_rate_hz), transcript)
            assert " ".join(segment.text or "" for segment in result.segments).split() == text.split()


def test_a_batch_gives_what_single_files_give(toy_bundle: Path, speech_like: Callable, save: Callable) -> None:
    files = [save(speech_like(seconds, seed=seed), f"{seed}.wav") for seed, seconds in enumerate((2.5, 6.1, 0.7))]
    one = emobridge.load(toy_bundle, threads=1)
    together = [one.predict(file, "so happy") for file in files]
    single = [emobridge.load(toy_bundle, threads=1).predict(file, "so happy") for file in reversed(files)]
    assert together == single[::-1]


def test_silence_yields_no_emotion(predictor: Predictor, save: Callable) -> None:
    result = predictor.predict(save(np.zeros(5 * RATE_HZ, np.float32)))
    for segment in result.segments:
        assert (segment.category, segment.probabilities, segment.modalities) == (None, {}, ())
        assert "silence" in segment.flags
    assert result.summary.category is None
    assert result.summary.duration_s == 0.0


def test_silence_in_a_recording_is_not_judged_and_the_rest_is_as_without_it(
    predictor: Predictor, speech_like: Callable
) -> None:
    sound = speech_like(WINDOW_S)
    quiet = np.zeros_like(sound)
    segments = predictor.predict((np.concatenate([sound, quiet, sound]), RATE_HZ)).segments
    assert [segment.modalities for segment in segments] == [("acoustic",), (), ("acoustic",)]
    assert without_place(segments[0]) == without_place(segments[2])


@pytest.mark.parametrize("samples", [1, 800])
def test_what_is_too_short_to_hear_is_judged_by_its_words_alone(
    predictor: Predictor, speech_like: Callable, samples: int
) -> None:
    sound = (speech_like(1.0)[1000 : 1000 + samples], RATE_HZ)
    (unheard,) = predictor.predict(sound).segments
    assert unheard.category is None
    (read,) = predictor.predict(sound, "so happy").segments
    assert read.modalities == ("linguistic",)
    assert unheard.flags[0] == read.flags[0] == "too_short"
    assert (unheard.abstain, read.abstain) == ("too_short", None)
    (alone,) = predictor.predict(None, "so happy").segments
    assert dataclasses.replace(without_place(read), flags=read.flags[1:]) == alone


def test_words_alone_are_one_segment_without_time(predictor: Predictor, tmp_path: Path) -> None:
    result = predictor.predict(None, transcript="i am  so\nhappy")
    (segment,) = result.segments
    assert (segment.start_s, segment.end_s, segment.text) == (0.0, 0.0, "i am so happy")
    assert segment.modalities == ("linguistic",)
    assert result.summary.shares == pytest.approx(segment.probabilities)
    (tmp_path / "words.txt").write_text("i am so happy", encoding="utf-8")
    from_file = predictor.predict(None, transcript=tmp_path / "words.txt")
    assert from_file.segments == result.segments
    assert from_file.file == str(tmp_path / "words.txt")


def test_blank_words_are_no_words(predictor: Predictor, speech_like: Callable) -> None:
    sound = (speech_like(2.0), RATE_HZ)
    assert predictor.predict(sound, " \n") == predictor.predict(sound)
    assert predictor.predict(None, "").segments[0].category is None


def test_words_and_sound_together_differ_from_either(predictor: Predictor, speech_like: Callable) -> None:
    sound = (speech_like(2.0), RATE_HZ)
    together, heard, read = (
        predictor.predict(sound, "so sad"),
        predictor.predict(sound),
        predictor.predict(None, "so sad"),
    )
    found = [tuple(result.segments[0].probabilities.values()) for result in (together, heard, read)]
    assert len(set(found)) == 3
    assert together.segments[0].modalities == ("acoustic", "linguistic")


@pytest.mark.parametrize("sample_rate_hz", [8_000, 16_000, 44_100])
def test_samples_give_what_their_file_gives(
    predictor: Predictor, speech_like: Callable, save: Callable, sample_rate_hz: int
) -> None:
    sound = speech_like(3.0, sample_rate_hz=sample_rate_hz)
    file = predictor.predict(save(sound, sample_rate_hz=sample_rate_hz)).segments
    samples = predictor.predict((sound, sample_rate_hz)).segments
    assert len(file) == len(samples)
    for one, other in zip(file, samples, strict=True):
        assert one.start_s == other.start_s
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_a_channel_is_heard_alone_counted_from_one(predictor: Predictor, speech_like: Callable, save: Callable) -> None:
    left, right = speech_like(2.0, seed=1), speech_like(2.0, seed=2)
    both = np.stack([left, right], axis=1)
    for recording in (save(both), (both, RATE_HZ)):
        for channel, sound in ((1, left), (2, right), (None, both.mean(axis=1, dtype=np.float64).astype(np.float32))):
            alone = predictor.predict((sound, RATE_HZ))
            assert predictor.predict(recording, channel=channel).segments == alone.segments


def test_whole_numbers_are_samples_of_full_scale(predictor: Predictor, speech_like: Callable) -> None:
    whole = np.round(speech_like(2.0) * 2**15).astype(np.int16)
    assert (
        predictor.predict((whole, RATE_HZ)).segments
        == predictor.predict(((whole / 2**15).astype(np.float32), RATE_HZ)).segments
    )


@pytest.mark.parametrize(
    ("recording", "channel", "told"),
    [
        ((np.zeros(0, np.float32), 16_000), None, r"shape \(0,\)"),
        ((np.zeros((2, 2, 2), np.float32), 16_000), None, r"shape \(2, 2, 2\)"),
        ((np.zeros((2, 9), np.float32), 16_000), None, "transpose"),
        ((np.zeros(9, np.float32), 0), None, "at 0 Hz"),
        ((np.zeros(9, np.float32), 3_999), None, "at 3999 Hz"),
        ((np.zeros(9, np.float32), float("nan")), None, "at nan Hz"),
        ((np.full(9, np.nan, np.float32), 16_000), None, "numbers"),
        ((np.zeros(9, np.uint8), 16_000), None, "uint8"),
        ((np.zeros(9, complex), 16_000), None, "complex"),
        ((np.zeros(9, np.float32), 16_000), 0, "channel 0.*1 to 1"),
        ((np.zeros((9, 2), np.float32), 16_000), 3, "channel 3.*1 to 2"),
        (None, None, "neither a recording nor a transcript"),
        (Path("nowhere.wav"), None, "nowhere.wav"),
    ],
)
def test_what_is_no_recording_is_refused(
    predictor: Predictor, recording: object, channel: int | None, told: str
) -> None:
    with pytest.raises(AudioError, match=told):
        predictor.predict(recording, channel=channel)


def test_a_transcript_that_is_not_there_is_refused(predictor: Predictor, speech_like: Callable) -> None:
    with pytest.raises(TranscriptError, match=r"nowhere\.txt"):
        predictor.predict((speech_like(1.0), RATE_HZ), Path("nowhere.txt"))


def test_a_view_has_its_categories_and_unknown_ones_are_refused(toy_bundle: Path, speech_like: Callable) -> None:
    (segment,) = emobridge.load(toy_bundle, view="four", threads=1).predict((speech_like(2.0), RATE_HZ)).segments
    assert list(segment.probabilities) == ["angry", "happy", "neutral", "sad"]
    assert sum(segment.probabilities.values()) == pytest.approx(1.0, abs=1e-6)
    assert set(segment.categories_90) <= set(segment.probabilities)
    with pytest.raises(LabelError, match="view 'five'; the model has the views four"):
        emobridge.load(toy_bundle, view="five")


def test_the_result_names_its_model(predictor: Predictor, toy_bundle: Path) -> None:
    sealed = load_bundle(toy_bundle)
    assert predictor.predict(None, "so sad").model == {"name": "toy", "version": "0.0.1", "sha256": sealed.sha256}


def test_sound_alone_never_loads_the_linguistic_graph(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], speech_like: Callable
) -> None:
    directory = build_toy_bundle(tmp_path / "model")
    predictor = emobridge.load(directory, threads=1)
    (directory / "linguistic.onnx").unlink()
    (directory / "tokenizer.json").unlink()
    assert predictor.predict((speech_like(2.0), RATE_HZ), "").segments[0].modalities == ("acoustic",)


def test_a_model_that_only_hears_says_that_words_were_not_used(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], speech_like: Callable
) -> None:
    predictor = emobridge.load(build_toy_bundle(tmp_path / "hears", ("acoustic",)), threads=1)
    result = predictor.predict((speech_like(2.0), RATE_HZ), "so sad")
    assert result.segments[0].text is None
    assert "only hears" in result.warnings[0]


def test_odd_words_are_warned_of(predictor: Predictor) -> None:
    assert "pathlib.Path" in predictor.predict(None, "call.txt").warnings[0]
    assert "longer than the model reads" in predictor.predict(None, "happy " * 300).warnings[0]
    assert predictor.predict(None, "so happy. so sad.").warnings == ()


def test_progress_ends_at_the_end(predictor: Predictor, speech_like: Callable) -> None:
    seen: list[tuple[float, float]] = []
    predictor.predict((speech_like(7.0), RATE_HZ), progress=lambda done_s, total_s: seen.append((done_s, total_s)))
    assert seen[-1] == (7.0, 7.0)
    assert [done_s for done_s, _ in seen] == sorted({done_s for done_s, _ in seen})


def test_segments_hold_plain_values(predictor: Predictor, speech_like: Callable) -> None:
    (segment,) = predictor.predict((speech_like(2.0), RATE_HZ), "so sad").segments
    values = [*segment.probabilities.values(), *segment.dimensions.values(), segment.start_s, segment.end_s]
    assert {type(value) for value in [*values, *(end for pair in segment.intervals.values() for end in pair)]} == {
        float
    }
