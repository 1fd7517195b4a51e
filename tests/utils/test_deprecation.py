"""Laws of old names: each works for one release, warns its caller with the new name, and gives the same result."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import emobridge
from emobridge import cli
from emobridge.inference.predictor import Predictor
from emobridge.utils.deprecation import renamed_keywords

RATE_HZ = 16_000


@renamed_keywords(old="new")
def given(first: int, new: int = 0) -> tuple[int, int]:
    return first, new


def test_an_old_keyword_warns_whoever_calls_and_sets_the_new_one() -> None:
    with pytest.warns(DeprecationWarning, match=r"given\(old=\) is deprecated .* use new=") as told:
        assert given(1, old=2) == (1, 2)
    assert told[0].filename == __file__
    assert given(1, new=2) == given(1, 2) == (1, 2)


def test_both_names_of_one_keyword_are_refused() -> None:
    with pytest.raises(TypeError, match="both 'new' and its old name 'old'"):
        given(1, new=2, old=2)


@pytest.fixture(scope="module")
def predictor(toy_bundle: Path) -> Predictor:
    return emobridge.load(toy_bundle, threads=1)


@pytest.fixture(scope="module")
def sound(speech_like: Callable[..., np.ndarray]) -> tuple[np.ndarray, int]:
    return speech_like(6.0), RATE_HZ


def test_the_old_keywords_of_predict(predictor: Predictor, sound: tuple) -> None:
    told: list[Any] = []
    with pytest.warns(DeprecationWarning, match="on_segment="):
        result = predictor.predict(sound, heard=told.extend)
    assert tuple(told) == result.segments
    with pytest.warns(DeprecationWarning, match="normalize_speakers="):
        assert predictor.predict(sound, relative=True) == predictor.predict(sound, normalize_speakers=True)


@pytest.mark.parametrize(
    ("old", "new"), [("every_s", "update_every_s"), ("keep", "max_segments"), ("relative", "normalize_speakers")]
)
def test_the_old_keywords_of_stream(predictor: Predictor, old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"stream\({old}=\).* use {new}="):
        predictor.stream(**{old: 1})


def test_views_are_sets_of_categories(toy_bundle: Path, predictor: Predictor, sound: tuple) -> None:
    expected = predictor.with_categories("four").predict(sound)
    with pytest.warns(DeprecationWarning, match="use categories="):
        old = emobridge.load(toy_bundle, view="four", threads=1)
    assert old.predict(sound) == expected
    with pytest.warns(DeprecationWarning, match=r"with_categories\(\)"):
        assert predictor.in_view("four").predict(sound) == expected


def test_the_old_option_of_the_command_line(
    toy_bundle: Path, tmp_path: Path, sound: tuple, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "talk.wav", *sound)
    found = []
    for option in ("--relative", "--normalize-speakers"):
        arguments = ["predict", tmp_path / "talk.wav", option, "--format", "json", "--model", toy_bundle]
        monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        found.append(capsys.readouterr())
    old, new = found
    assert json.loads(old.out) == json.loads(new.out)
    assert [line for line in old.err.splitlines() if "deprecated" in line] == [
        "emobridge: --relative is deprecated and goes with the next release; use --normalize-speakers"
    ]
    assert "deprecated" not in new.err
