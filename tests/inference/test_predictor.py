"""Laws of prediction: a long file is its utterances, a batch is its files, and silence has no emotion."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emobridge
from emobridge.diarization import Turn
from emobridge.errors import AudioError, LabelError, TranscriptError
from emobridge.inference.bundle import load_bundle
from emobridge.inference.predictor import Predictor
from emobridge.results import Segment
from emobridge.transcripts import Span, Transcript

RATE_HZ = 16_000


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
    return dataclasses.replace(segment, start_s=0.0, end_s=0.0, speaker=None)


def spoken(speech_like: Callable, pauses_s: tuple[float, ...] = (1.0, 0.8, 1.5, 1.0)) -> np.ndarray:
    """Utterances of 2 s with pauses of faint noise between them."""
    rng = np.random.default_rng(5)
    pauses = [0.0005 * rng.standard_normal(round(pause_s * RATE_HZ)).astype(np.float32) for pause_s in pauses_s]
    return np.concatenate([part for seed, pause in enumerate(pauses) for part in (pause, speech_like(2.0, seed))])


def test_turns_that_are_known_give_what_their_pieces_give_alone(
    predictor: Predictor, speech_like: Callable, save: Callable, tmp_path: Path
) -> None:
    sound = speech_like(12.0)
    turns = (Turn(0.0, 2.5, "A"), Turn(2.5, 5.3, "B"), Turn(5.0, 6.25, "A"), Turn(8.125, 11.0, "B"))
    lines = [f"SPEAKER speech 1 {t.start_s} {t.end_s - t.start_s} <NA> <NA> {t.speaker} <NA> <NA>" for t in turns]
    (tmp_path / "turns.rttm").write_text("\n".join(lines), encoding="utf-8")
    words = Transcript((Span("i am happy", 0.0, 2.0, "A"), Span("so angry", 8.5, 10.0, "B")))
    result = predictor.predict(save(sound), words, speakers=tmp_path / "turns.rttm")
    assert [(s.start_s, s.end_s, s.speaker) for s in result.segments] == [
        (t.start_s, t.end_s, t.speaker) for t in turns
    ]
    assert [segment.text for segment in result.segments] == ["i am happy", None, None, "so angry"]
    for segment in result.segments:
        piece = sound[round(segment.start_s * RATE_HZ) : round(segment.end_s * RATE_HZ)]
        (alone,) = predictor.predict((piece, RATE_HZ), text=segment.text).segments
        assert without_place(alone) == without_place(segment)
    assert predictor.predict((sound, RATE_HZ), words, speakers=turns).segments == result.segments
    assert list(result.speakers) == ["A", "B"]


def test_a_transcript_with_speakers_and_times_gives_the_turns(predictor: Predictor, speech_like: Callable) -> None:
    spans = (Span("so", 0.0, 1.0, "A"), Span("happy", 1.1, 2.0, "A"), Span("so sad", 2.2, 4.0, "B"))
    found = predictor.predict((speech_like(5.0), RATE_HZ), Transcript(spans)).segments
    assert [(s.start_s, s.end_s, s.speaker, s.text) for s in found] == [
        (0.0, 2.0, "A", "so happy"),
        (2.2, 4.0, "B", "so sad"),
    ]


def test_utterances_are_found_and_pauses_hold_no_segment(predictor: Predictor, speech_like: Callable) -> None:
    sound = spoken(speech_like)
    result = predictor.predict((sound, RATE_HZ))
    assert len(result.segments) == 4
    assert result.duration_s == len(sound) / RATE_HZ
    for index, segment in enumerate(result.segments):
        start_s = sum((1.0, 0.8, 1.5, 1.0)[: index + 1]) + 2.0 * index
        assert segment.start_s == pytest.approx(start_s, abs=0.4)
        assert segment.end_s == pytest.approx(start_s + 2.0, abs=0.5)
    assert result.summary.duration_s == pytest.approx(sum(s.end_s - s.start_s for s in result.segments))


def test_gain_alone_moves_no_segment(predictor: Predictor, speech_like: Callable) -> None:
    sound = spoken(speech_like)
    plain = predictor.predict((sound, RATE_HZ)).segments
    for gain in (0.05, 3.0):
        changed = predictor.predict((sound * np.float32(gain), RATE_HZ)).segments
        assert [(s.start_s, s.end_s) for s in changed] == [(s.start_s, s.end_s) for s in plain]
        for one, other in zip(changed, plain, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=0.01)


def test_a_channel_each_gives_what_the_channels_give_alone(
    predictor: Predictor, speech_like: Callable, save: Callable
) -> None:
    rng = np.random.default_rng(0)
    sides = []
    for seed in (1, 2):
        side = 0.0003 * rng.standard_normal(20 * RATE_HZ).astype(np.float32)
        for start_s in (1, 9):
            start = round((start_s + 4.0 * (seed - 1)) * RATE_HZ)
            side[start : start + 2 * RATE_HZ] += speech_like(2.0, seed + start_s)
        sides.append(side)
    both = np.stack(sides, axis=1)
    result = predictor.predict(save(both), speakers="channels")
    for number in (1, 2):
        alone = predictor.predict((both, RATE_HZ), channel=number).segments
        own = [dataclasses.replace(s, speaker=None) for s in result.segments if s.speaker == f"channel {number}"]
        assert own == list(alone)
        assert len(own) == 2
    starts_s = [segment.start_s for segment in result.segments]
    assert starts_s == sorted(starts_s)


def test_channels_that_hold_the_same_sound_tell_nobody_apart(predictor: Predictor, speech_like: Callable) -> None:
    sound = spoken(speech_like)
    result = predictor.predict((np.stack([sound, sound], axis=1), RATE_HZ), speakers="channels")
    assert "same sound" in result.warnings[0]
    assert result.segments == predictor.predict((sound, RATE_HZ)).segments


def test_voices_are_grouped_and_said_to_be_approximate(predictor: Predictor, speech_like: Callable) -> None:
    recording = (spoken(speech_like), RATE_HZ)
    result = predictor.predict(recording, speakers=2)
    assert {segment.speaker for segment in result.segments} == {"speaker 1", "speaker 2"}
    assert "approximate" in result.warnings[0]
    one = predictor.predict(recording, speakers=1)
    assert {segment.speaker for segment in one.segments} == {"speaker 1"}
    assert one.warnings == ()


def test_a_long_utterance_is_a_time_line_of_its_windows(predictor: Predictor, speech_like: Callable) -> None:
    sound = speech_like(9.0)
    segments = predictor.predict((sound, RATE_HZ), speakers=[Turn(0.0, 9.0, "A")]).segments
    edges_s = [0.0, *(segment.end_s for segment in segments)]
    assert [segment.start_s for segment in segments] == edges_s[:-1]
    assert edges_s[-1] == 9.0
    assert len(segments) == 8  # windows of 2 s every second
    for segment in segments:
        assert sum(segment.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    window = predictor.predict((sound[: 2 * RATE_HZ], RATE_HZ)).segments[0]
    later = predictor.predict((sound[RATE_HZ : 3 * RATE_HZ], RATE_HZ)).segments[0]
    # The first piece goes from 0 to 1.5 s: all of it in the first window, its last half second in the second as well.
    for name, value in segments[0].dimensions.items():
        assert value == pytest.approx(0.75 * window.dimensions[name] + 0.25 * later.dimensions[name], abs=1e-5)


def test_words_in_a_language_that_the_model_does_not_read_are_kept_and_not_judged(
    predictor: Predictor, speech_like: Callable
) -> None:
    sound = (speech_like(2.0), RATE_HZ)
    result = predictor.predict(sound, Transcript((Span("so happy"),), "de"))
    (segment,) = result.segments
    assert (segment.text, segment.modalities) == ("so happy", ("acoustic",))
    assert "it is in 'de', and this model reads en" in result.warnings[0]
    assert segment.probabilities == predictor.predict(sound).segments[0].probabilities
    assert predictor.predict(sound, Transcript((Span("so happy"),), "en-GB")).warnings == ()


def test_words_that_lie_in_no_turn_are_read_with_the_nearest_and_told_of(
    predictor: Predictor, speech_like: Callable
) -> None:
    words = Transcript((Span("so happy", 3.0, 4.0),))
    result = predictor.predict((speech_like(5.0), RATE_HZ), words, speakers=[Turn(0.0, 1.5, "A")])
    assert result.segments[0].text == "so happy"
    assert "2 words of the transcript lie in no turn" in result.warnings[0]


def test_turns_beyond_the_end_are_left_out_and_told_of(predictor: Predictor, speech_like: Callable) -> None:
    turns = [Turn(0.5, 2.0, "A"), Turn(1.0, 9.0, "B"), Turn(5.0, 6.0, "A")]
    result = predictor.predict((speech_like(3.0), RATE_HZ), speakers=turns)
    assert [(s.start_s, s.end_s) for s in result.segments] == [(0.5, 2.0), (1.0, 3.0)]
    assert "1 of 3 turns" in result.warnings[0]
    assert "several speak at once" in result.warnings[1]


@pytest.mark.parametrize("speakers", [0, -1, "two", "turns.rttm", [1, 2]])
def test_speakers_that_are_nothing_known_are_refused(
    predictor: Predictor, speech_like: Callable, speakers: object
) -> None:
    with pytest.raises(TranscriptError, match="a number from 1, 'channels', an RTTM file"):
        predictor.predict((speech_like(1.0), RATE_HZ), speakers=speakers)


def test_one_channel_cannot_hold_one_speaker_each(predictor: Predictor, speech_like: Callable) -> None:
    with pytest.raises(AudioError, match="has 1 channel; one speaker a channel needs two"):
        predictor.predict((speech_like(1.0), RATE_HZ), speakers="channels")
    with pytest.raises(AudioError, match="leave one of the two out"):
        predictor.predict((np.zeros((9, 2)), RATE_HZ), speakers="channels", channel=1)


def test_words_with_times_alone_are_judged_stretch_by_stretch(predictor: Predictor) -> None:
    words = Transcript((Span("so happy", 1.0, 2.0, "A"), Span("so sad", 5.0, 6.0, "B")))
    result = predictor.predict(None, words)
    assert [(s.start_s, s.end_s, s.speaker, s.text) for s in result.segments] == [
        (1.0, 2.0, "A", "so happy"),
        (5.0, 6.0, "B", "so sad"),
    ]
    assert result.duration_s == 6.0
    (alone,) = predictor.predict(None, text="so sad").segments
    assert result.segments[1].probabilities == alone.probabilities


def test_every_word_is_read_exactly_once(predictor: Predictor, speech_like: Callable, save: Callable) -> None:
    text = "the dog sit by the door today so sad so angry so happy"
    for seconds, sample_rate_hz in ((7.3, 16_000), (5.0001, 44_100), (3.33, 8_000)):
        sound = speech_like(seconds, sample_rate_hz=sample_rate_hz)
        timed = Transcript((Span(text, 0.0, seconds + 1.0),))
        for transcript in (Transcript.from_text(text), timed):
            result = predictor.predict(save(sound, sample_rate_hz=sample_rate_hz), transcript)
            assert " ".join(segment.text or "" for segment in result.segments).split() == text.split()


def test_a_batch_gives_what_single_files_give(toy_bundle: Path, speech_like: Callable, save: Callable) -> None:
    files = [save(speech_like(seconds, seed=seed), f"{seed}.wav") for seed, seconds in enumerate((2.5, 6.1, 0.7))]
    one = emobridge.load(toy_bundle, threads=1)
    together = [one.predict(file, text="so happy") for file in files]
    single = [emobridge.load(toy_bundle, threads=1).predict(file, text="so happy") for file in reversed(files)]
    assert together == single[::-1]


def test_silence_yields_no_emotion(predictor: Predictor, save: Callable) -> None:
    result = predictor.predict(save(np.zeros(5 * RATE_HZ, np.float32)))
    for segment in result.segments:
        assert (segment.category, segment.probabilities, segment.modalities) == (None, {}, ())
        assert "silence" in segment.flags
    assert result.summary.category is None
    assert result.summary.duration_s == 0.0


@pytest.mark.parametrize("samples", [1, 800])
def test_what_is_too_short_to_hear_is_judged_by_its_words_alone(
    predictor: Predictor, speech_like: Callable, samples: int
) -> None:
    sound = (speech_like(1.0)[1000 : 1000 + samples], RATE_HZ)
    (unheard,) = predictor.predict(sound).segments
    assert unheard.category is None
    (read,) = predictor.predict(sound, text="so happy").segments
    assert read.modalities == ("linguistic",)
    assert unheard.flags[0] == read.flags[0] == "too_short"
    assert (unheard.abstain, read.abstain) == ("too_short", None)
    (alone,) = predictor.predict(None, text="so happy").segments
    assert dataclasses.replace(without_place(read), flags=read.flags[1:]) == alone


def test_words_alone_are_one_segment_without_time(predictor: Predictor, tmp_path: Path) -> None:
    result = predictor.predict(None, text="i am  so\nhappy")
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
    assert predictor.predict(sound, text=" \n") == predictor.predict(sound)
    assert predictor.predict(None, text="").segments[0].category is None


def test_words_and_sound_together_differ_from_either(predictor: Predictor, speech_like: Callable) -> None:
    sound = (speech_like(2.0), RATE_HZ)
    together, heard, read = (
        predictor.predict(sound, text="so sad"),
        predictor.predict(sound),
        predictor.predict(None, text="so sad"),
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
    (segment,) = emobridge.load(toy_bundle, categories="four", threads=1).predict((speech_like(2.0), RATE_HZ)).segments
    assert list(segment.probabilities) == ["angry", "happy", "neutral", "sad"]
    assert sum(segment.probabilities.values()) == pytest.approx(1.0, abs=1e-6)
    assert set(segment.categories_90) <= set(segment.probabilities)
    with pytest.raises(LabelError, match="view 'five'; the model has the views four"):
        emobridge.load(toy_bundle, categories="five")


def test_the_result_names_its_model(predictor: Predictor, toy_bundle: Path) -> None:
    sealed = load_bundle(toy_bundle)
    assert predictor.predict(None, text="so sad").model == {"name": "toy", "version": "0.0.1", "sha256": sealed.sha256}


def test_sound_alone_never_loads_the_linguistic_graph(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], speech_like: Callable
) -> None:
    directory = build_toy_bundle(tmp_path / "model")
    predictor = emobridge.load(directory, threads=1)
    (directory / "linguistic.onnx").unlink()
    (directory / "tokenizer.json").unlink()
    assert predictor.predict((speech_like(2.0), RATE_HZ), text="").segments[0].modalities == ("acoustic",)


def test_a_model_that_only_hears_says_that_words_were_not_used(
    tmp_path: Path, build_toy_bundle: Callable[..., Path], speech_like: Callable
) -> None:
    predictor = emobridge.load(build_toy_bundle(tmp_path / "hears", ("acoustic",)), threads=1)
    result = predictor.predict((speech_like(2.0), RATE_HZ), text="so sad")
    assert (result.segments[0].text, result.segments[0].modalities) == ("so sad", ("acoustic",))
    assert "no encoder of text" in result.warnings[0]


def test_a_string_is_the_path_of_a_transcript(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "so happy.txt"
    path.write_text("so sad")
    expected = predictor.predict(None, text="so sad")
    for given in (str(path), path, Transcript.from_text("so sad")):
        assert predictor.predict(None, given).segments == expected.segments
    for given in ("nowhere.txt", " nowhere.srt"):
        with pytest.raises(TranscriptError, match="nowhere"):
            predictor.predict(None, given)


@pytest.mark.parametrize("words", ["so sad", "", "so sad " * 999, "so happy.txt no"])
def test_a_string_that_names_no_file_is_words_and_warns(predictor: Predictor, words: str) -> None:
    with pytest.warns(DeprecationWarning, match="text=") as told:
        assert predictor.predict(None, words) == predictor.predict(None, text=words)
    assert told[0].filename == __file__


def test_a_transcript_and_text_together_are_refused(predictor: Predictor) -> None:
    with pytest.raises(TranscriptError, match=r"transcript and text were given; .*; leave one of them out"):
        predictor.predict(None, Transcript.from_text("so sad"), text="so sad")


def test_a_list_of_recordings_gives_a_list_of_results(predictor: Predictor, speech_like: Callable) -> None:
    recordings = [(speech_like(2.0, seed), RATE_HZ) for seed in range(3)]
    words, speakers = ["so sad", None, ""], [1, None, [Turn(0.0, 1.0, "A")]]
    found = predictor.predict(recordings, text=words, speakers=speakers)
    each = zip(recordings, words, speakers, strict=True)
    assert found == [predictor.predict(one, text=text, speakers=who) for one, text, who in each]
    assert predictor.predict(recordings, speakers=1) == [predictor.predict(one, speakers=1) for one in recordings]
    assert predictor.predict([]) == []


def test_an_error_says_which_recording_of_a_list_it_is(predictor: Predictor, speech_like: Callable) -> None:
    good = (speech_like(2.0), RATE_HZ)
    with pytest.raises(AudioError, match=r"^recording 2 of 3: there is no file 'nowhere\.wav'; .*; check the path$"):
        predictor.predict([good, "nowhere.wav", good])
    for wrong in (["so"], "so", ["so", "sad", "dog"]):
        with pytest.raises(ValueError, match="text of 2 recordings; valid: a list of 2"):
            predictor.predict([good, good], text=wrong)


def test_odd_words_are_warned_of(predictor: Predictor) -> None:
    assert "longer than the model reads" in predictor.predict(None, text="happy " * 300).warnings[0]
    assert predictor.predict(None, text="so happy. so sad.").warnings == ()


def test_progress_ends_at_the_end(predictor: Predictor, speech_like: Callable) -> None:
    seen: list[tuple[float, float]] = []
    predictor.predict((speech_like(7.0), RATE_HZ), progress=lambda done_s, total_s: seen.append((done_s, total_s)))
    assert seen[-1] == (7.0, 7.0)
    assert [done_s for done_s, _ in seen] == sorted({done_s for done_s, _ in seen})


def test_segments_are_told_once_each_as_they_are_made(predictor: Predictor, speech_like: Callable) -> None:
    for recording, words in (((spoken(speech_like), RATE_HZ), None), (None, "so sad")):
        told: list[Segment] = []
        assert predictor.predict(recording, text=words, on_segment=told.extend).segments == tuple(told)


def test_segments_hold_plain_values(predictor: Predictor, speech_like: Callable) -> None:
    (segment,) = predictor.predict((speech_like(2.0), RATE_HZ), text="so sad").segments
    values = [*segment.probabilities.values(), *segment.dimensions.values(), segment.start_s, segment.end_s]
    assert {type(value) for value in [*values, *(end for pair in segment.intervals.values() for end in pair)]} == {
        float
    }
