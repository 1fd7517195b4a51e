"""Laws of hearing speakers against their own mean, on the toy model: each for themselves, and from what came before."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import emobridge
from emobridge import cli
from emobridge.diarization import Turn
from emobridge.errors import BundleError
from emobridge.inference.predictor import Predictor
from emobridge.inference.segments import NORMALIZED
from emobridge.results import Result

RATE_HZ = 16_000
Sound = NDArray[np.float32]
TURNS = [Turn(float(place), place + 0.9, "anna" if place % 3 else "ben") for place in range(9)]


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=2)


@pytest.fixture(scope="module")
def sound(speech_like: Callable[..., Sound]) -> Sound:
    return np.concatenate([speech_like(1.0, seed) for seed in range(9)])


def shares(result: Result) -> list[list[float]]:
    return [list((segment.probabilities or {}).values()) for segment in result.segments]


@pytest.fixture(scope="module")
def alone(predictor: Predictor, sound: Sound) -> list[list[float]]:
    return shares(predictor.predict((sound, RATE_HZ), speakers=TURNS))


@pytest.fixture(scope="module")
def against(predictor: Predictor, sound: Sound) -> list[list[float]]:
    return shares(predictor.predict((sound, RATE_HZ), speakers=TURNS, normalize_speakers=True))


def test_what_is_heard_first_of_a_speaker_is_heard_as_it_is(alone: list, against: list) -> None:
    first = [0, 1]  # of ben, and of anna
    for place in range(9):
        assert (against[place] == alone[place]) == (place in first)


def test_a_speaker_has_no_part_in_another(predictor: Predictor, sound: Sound, against: list) -> None:
    annas = [place for place, turn in enumerate(TURNS) if turn.speaker == "anna"]
    found = predictor.predict((sound, RATE_HZ), speakers=[TURNS[place] for place in annas], normalize_speakers=True)
    assert shares(found) == [against[place] for place in annas]


def test_what_follows_has_no_part_in_what_is_heard(predictor: Predictor, sound: Sound, against: list) -> None:
    found = predictor.predict((sound[: 5 * RATE_HZ], RATE_HZ), speakers=TURNS[:5], normalize_speakers=True)
    assert shares(found) == against[:5]


def test_each_recording_begins_anew_and_threads_have_no_influence(
    predictor: Predictor, toy_bundle: Path, sound: Sound, against: list
) -> None:
    for one in (predictor, emobridge.load(toy_bundle, threads=1)):
        assert shares(one.predict((sound, RATE_HZ), speakers=TURNS, normalize_speakers=True)) == against


def test_the_result_says_so(predictor: Predictor, sound: Sound) -> None:
    assert NORMALIZED in predictor.predict((sound, RATE_HZ), normalize_speakers=True).warnings
    assert NORMALIZED not in predictor.predict((sound, RATE_HZ)).warnings


def test_a_model_that_hears_nothing_refuses(
    build_toy_bundle: Callable[..., Path], tmp_path: Path, sound: Sound
) -> None:
    reader = emobridge.load(build_toy_bundle(tmp_path / "reader", modalities=("linguistic",)))
    with pytest.raises(BundleError, match=r"^normalize_speakers with the model 'toy'; .*'compact'; leave it out"):
        reader.predict((sound, RATE_HZ), normalize_speakers=True)
    with pytest.raises(BundleError, match="normalize_speakers with the model"):
        reader.stream(normalize_speakers=True)


def test_the_command_line_asks_for_it(
    toy_bundle: Path,
    tmp_path: Path,
    sound: Sound,
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    soundfile.write(tmp_path / "talk.wav", sound, RATE_HZ, "FLOAT")
    arguments = ["predict", tmp_path / "talk.wav", "--normalize-speakers", "--format", "json", "--model", toy_bundle]
    monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    result = Result.from_dict(json.loads(capsys.readouterr().out))
    assert shares(result) == shares(predictor.predict(tmp_path / "talk.wav", normalize_speakers=True))
    assert NORMALIZED in result.warnings
