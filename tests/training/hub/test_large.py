"""Laws of the recipe `large`: every open corpus goes into one network, and comes out as a bundle that predicts."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emobridge.inference.bundle import load_bundle
from emobridge.training.corpora import CORPORA
from emobridge.training.experiments.recipe import read_recipe

SPOKEN = {
    "crema_d": ("angry", "happy", "sad", "neutral"),
    "ravdess": ("angry", "happy", "calm", "neutral"),
    "emodb": ("anger", "happiness", "sadness", "boredom"),
    "nemo": ("anger", "happiness", "sadness", "neutral"),
}
WRITTEN = {
    "meld": ("anger", "joy", "sadness", "neutral"),
    "emorynlp": ("mad", "joyful", "sad", "neutral"),
    "emobank": (),
    "fb_valence_arousal": (),
}
SPEAKERS = ("anna", "ben", "cleo")
LICENSED = {"iemocap", "msp_podcast"}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """The eight open corpora in the collection's layout, a dozen utterances each, with invented content."""
    random = np.random.default_rng(0)
    root = tmp_path / "corpora"
    for name, labels in SPOKEN.items():
        (root / "audio" / name).mkdir(parents=True)
        rows = []
        for speaker in SPEAKERS:
            for label in labels:
                file = f"audio/{name}/{speaker}-{label}.wav"
                soundfile.write(root / file, 0.1 * random.standard_normal(8000), 16_000)
                row = {"file": file, "speaker": speaker, "gender": "female", "emotion": label}
                rows.append({**row, "transcript": "", "duration_s": 0.5, "intensity": "unspecified"})
        write_rows(root / "manifests" / f"{name}.csv", rows)
    for name, labels in WRITTEN.items():
        rows = []
        for number in range(24):
            text = " ".join(random.choice(["angry", "happy", "sad", "door", "dog", "cats", "mat", "hello"], 9))
            rated = {"emobank": ("valence", "arousal", "dominance"), "fb_valence_arousal": ("valence", "arousal")}
            values = dict.fromkeys(("valence", "arousal", "dominance"), "")
            values |= dict.fromkeys(rated.get(name, ()), 1 + number % 4)
            row = {"text": text, "emotion": labels[number % len(labels)] if labels else "", **values}
            split = ("train", "dev", "test")[number % 3]
            numbers = {"utterance_id": number, "id": f"{name}{number}"}
            rows.append({**row, "split": split, "speaker": "", "dialogue_id": f"{split}_{number}", **numbers})
        write_rows(root / "text" / f"{name}.csv", rows)
    return root


def test_it_learns_from_every_corpus_that_needs_no_licence() -> None:
    assert {entry.name for entry in read_recipe("large").data.corpora} == set(CORPORA) - LICENSED


def test_one_command_makes_a_bundle_of_all_corpora(
    run: Callable[..., tuple[int, str, str]],
    collection: Path,
    checkpoint: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path / "cache"))
    encoders = (f"acoustic.encoder={checkpoint('wavlm')}", f"linguistic.encoder={checkpoint('deberta-v2')}")
    small = ("acoustic.layers=[0, 2]", "model.width=16", "training.steps=4", "evaluation.resamples=5")
    folds = ("data.corpora.*.protocol=speakers", "evaluation.folds=3")
    options = [text for value in (*encoders, *small, *folds) for text in ("--set", value)]
    command = ("crossvalidate", "large", "--data", collection, "--out", tmp_path / "run", "--fold", 1)
    status, _, errors = run(*command, *options, "--export", tmp_path / "bundle")
    assert status == 0, errors
    bundle = load_bundle(tmp_path / "bundle")
    assert {corpus.corpus for corpus in bundle.config.training_data} == {*SPOKEN, *WRITTEN}
    sound = next((collection / "audio").glob("*/*.wav"))
    status, output, errors = run("predict", sound, "--model", bundle.path, "--format", "json")
    assert status == 0, errors
    assert json.loads(output)["model"]["name"] == "large"
