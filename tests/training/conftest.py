"""A small corpus of speech with its words, networks small enough to train in a second, and recipes over both.

The label can be heard (pitch and syllable rate) and read (one word of the sentence).
"""

import csv
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from transformers import BertConfig

from emobridge import cli
from emobridge.inference.bundle import Bundle
from emobridge.training.corpora import read_corpus
from emobridge.training.data.examples import CorpusConfig, DataConfig, Examples, build_examples
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.crossvalidation import crossvalidate
from emobridge.training.experiments.export import export
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.experiments.train_fold import train
from emobridge.training.models.acoustic_encoder import CompactConfig
from emobridge.training.models.emotion_model import EmotionSystem, SystemConfig
from emobridge.training.models.fusion import FusionConfig
from emobridge.training.models.text_encoder import MinilmConfig, MiniLmEncoder, load_tokenizer

SPEAKERS = ("anna", "ben", "cleo", "dan", "eva", "finn")
# label -> pitch and syllable rate in Hz, the word that tells it, valence, arousal
LABELS = {"angry": (230.0, 6.0, "angry", 0.2, 0.8), "neutral": (150.0, 4.0, "today", 0.5, 0.5)}
LABELS["sad"] = (100.0, 2.0, "sad", 0.2, 0.3)
CLIPS = 2  # of each speaker and label
TINY = CompactConfig(width=16, input_dropout=0.1, dropout=0.1)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_and_own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOBRIDGE_CACHE", os.fspath(tmp_path_factory.mktemp("cache")))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


def utter(label: str, seed: int) -> NDArray[np.float32]:
    """Return 0.5 to 1 s of speech-like sound at 16 kHz in which the label can be heard."""
    random = np.random.default_rng(seed)
    pitch_hz, syllables_hz, *_ = LABELS[label]
    time_s = np.arange(round(random.uniform(0.5, 1.0) * 16_000)) / 16_000
    pitch_hz *= random.uniform(0.93, 1.07) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.5, 2) * time_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16_000
    voice = sum(random.uniform(0.5, 1) * np.sin(harmonic * phase) / harmonic for harmonic in range(1, 9))
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * (syllables_hz * time_s + random.uniform()))
    return (0.1 * voice * syllables + 0.005 * random.standard_normal(len(time_s))).astype(np.float32)


@pytest.fixture(scope="session")
def write_toy_table() -> Callable[..., Path]:
    """A function (folder, change=row -> row) -> CSV table of 36 clips with their words, in ``folder``."""

    def write(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for number in range(len(SPEAKERS) * len(LABELS) * CLIPS):
            speaker, rest = divmod(number, len(LABELS) * CLIPS)
            label = list(LABELS)[rest % len(LABELS)]
            *_, word, valence, arousal = LABELS[label]
            jitter = np.random.default_rng(number).uniform(-0.1, 0.1, 2)
            file = f"{SPEAKERS[speaker]}-{label}-{rest // len(LABELS)}.wav"
            soundfile.write(folder / file, utter(label, number), 16_000)
            text = f"i am {'so ' * (number % 3)}{word} by the {('dog', 'door')[number % 2]}"
            values = {"valence": round(valence + jitter[0], 3), "arousal": round(arousal + jitter[1], 3)}
            row = {"file": file, "text": text, "speaker": SPEAKERS[speaker], "label": label, **values}
            rows.append(change({**row, "gender": ("female", "male")[speaker % 2]}))
        with (folder / "toy.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder / "toy.csv"

    return write


@pytest.fixture(scope="session")
def toy_table(tmp_path_factory: pytest.TempPathFactory, write_toy_table: Callable[..., Path]) -> Path:
    """The table: 6 speakers x 3 labels x 2 clips. Do not change it."""
    return write_toy_table(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def toy_values(toy_table: Path) -> Callable[..., dict[str, Any]]:
    """A function (modalities=("acoustic",), **sections) -> the plain values of a recipe over the table."""

    def make(modalities: tuple[str, ...] = ("acoustic",), **sections: Any) -> dict[str, Any]:
        acoustic = {"width": 16, "input_dropout": 0.1, "dropout": 0.1}
        encoders = {"acoustic": acoustic, "linguistic": {"trainable_layers": 1}}
        corpus = {"name": f"table:{toy_table}", "modalities": list(modalities)}
        return {
            "name": "toy",
            "data": {"dimensions": ["valence", "arousal"], "corpora": [corpus]},
            **{name: encoders[name] for name in modalities},
            "model": {"width": 16, "refinement_layers": 0},
            "training": {"steps": 6, "checkpoint_steps": 2, "learning_rate": 1e-2, "streams": [{"batch_size": 8}]},
            "evaluation": {"folds": 3, "resamples": 20},
            **sections,
        }

    return make


@pytest.fixture(scope="session")
def toy_recipe(toy_values: Callable[..., dict[str, Any]]) -> Callable[..., Recipe]:
    """A function (modalities=("acoustic",), **sections) -> a recipe over the table: 3 folds, 6 steps."""
    return lambda *arguments, **sections: parse_recipe(toy_values(*arguments, **sections))


@pytest.fixture(scope="session")
def toy_examples(
    toy_table: Path, toy_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Examples]:
    """A function (modalities=both, weak=False, **fields of `DataConfig`) -> examples of the table."""
    cache = tmp_path_factory.mktemp("frames")
    tokenizer = load_tokenizer(toy_bundle)

    def make(modalities: tuple[Any, ...] = ("acoustic", "linguistic"), weak: bool = False, **fields: Any) -> Examples:
        name = f"table:{toy_table}"
        config = DataConfig(
            **{"corpora": (CorpusConfig(name, modalities, weak_dimensions=weak),), "dimensions": ("valence",), **fields}
        )
        return build_examples(config, [read_corpus(name)], cache, tokenizer)

    return make


@pytest.fixture(scope="session")
def toy_system() -> Callable[..., EmotionSystem]:
    """A function (examples, modalities, seed=0, **fields of `FusionConfig`) -> a small untrained system."""

    def make(
        examples: Examples, modalities: tuple[str, ...] = ("acoustic", "linguistic"), seed: int = 0, **fields: Any
    ) -> EmotionSystem:
        torch.manual_seed(seed)
        heads = {"categories": examples.categories, "dimensions": examples.dimension_names}
        widths = {f"{name}_dimension": 16 if name in modalities else None for name in ("acoustic", "linguistic")}
        fusion = FusionConfig.sized(16, **{"refinement_layers": 0, **heads, **widths, **fields})
        system = EmotionSystem(SystemConfig(fusion, TINY if "acoustic" in modalities else None))
        if "linguistic" in modalities:
            sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
            bert = BertConfig(vocab_size=32, max_position_embeddings=128, **sizes)
            system.linguistic = MiniLmEncoder(MinilmConfig(trainable_layers=1), bert)
        return system

    return make


@dataclass(frozen=True)
class Run:
    """A finished crossvalidation: do not change its folder."""

    recipe: Recipe
    folder: Path
    predictions: Predictions


@pytest.fixture(scope="session")
def toy_run(toy_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two folds of a recipe that hears, and of a variant without dimensions."""
    recipe = toy_recipe(variants={"categories-alone": {"loss.dimension_weight": 0.0}})
    folder = tmp_path_factory.mktemp("runs") / "toy"
    return Run(recipe, folder, crossvalidate(recipe, None, folder, [1, 2]))


@dataclass(frozen=True)
class Exported:
    """A trained recipe and its bundle: do not change them."""

    recipe: Recipe
    run: Path
    predictions: Predictions
    bundle: Bundle


@pytest.fixture(scope="session")
def exported(toy_values: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A recipe that hears and reads, with rated valence and arousal and weak dominance; three steps."""
    values = toy_values(("acoustic", "linguistic"), description="A toy.", licence="CC0 1.0")
    values["data"]["dimensions"] = ["valence", "arousal", "dominance"]
    values["data"]["corpora"][0]["weak_dimensions"] = True
    values["training"] |= {"steps": 3, "checkpoint_steps": 3}
    recipe, folder = parse_recipe(values), tmp_path_factory.mktemp("exported")
    predictions = train(recipe, None, folder / "run")
    return Exported(recipe, folder / "run", predictions, export(folder / "run", folder / "bundle"))


@dataclass(frozen=True)
class Turn:
    """A turn of an invented release in IEMOCAP's layout; `name` says session, scene and speaker."""

    name: str
    label: str
    values: tuple[float, float, float]
    text: str
    votes: tuple[str, ...] = ("Neutral", "Sadness")


@pytest.fixture(scope="session")
def write_iemocap() -> Callable[..., Path]:
    """A function (root, turns) -> root, in IEMOCAP's layout, with a sound of its own for each turn."""

    def write(root: Path, turns: list[Turn]) -> Path:
        for place, turn in enumerate(turns):
            session, dialogue = root / f"Session{int(turn.name[3:5])}", turn.name.rpartition("_")[0]
            labels = session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
            words = session / "dialog" / "transcriptions" / f"{dialogue}.txt"
            sound = session / "sentences" / "wav" / dialogue / f"{turn.name}.wav"
            for path in (labels, words, sound):
                path.parent.mkdir(parents=True, exist_ok=True)
            if not labels.exists():
                labels.write_text("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n", encoding="utf-8")
            valence, activation, dominance = turn.values
            raters = "".join(f"C-E{number}:\t{word};\t()\n" for number, word in enumerate(turn.votes, start=1))
            with labels.open("a", encoding="utf-8") as stream:
                stream.write(f"[{place}.2500 - {place}.7500]\t{turn.name}\t{turn.label}\t")
                stream.write(f"[{valence:.4f}, {activation:.4f}, {dominance:.4f}]\n{raters}")
                stream.write(f"C-{turn.name[5]}1:\tAnger; Fear;\t()\nA-E1:\tval 2; act 3; dom  4;\t(calm)\n\n")
            with words.open("a", encoding="utf-8") as stream:
                stream.write(f"{turn.name} [{place:08.4f}-{place + 0.5:08.4f}]: {turn.text}\n")
            soundfile.write(sound, utter(list(LABELS)[place % 3], place), 16_000)
        return root

    return write


def invented_sentence(seed: str) -> str:
    """Return five words of their own for each seed."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return " ".join(digest[place : place + 6] for place in range(0, 30, 6))


@pytest.fixture(scope="session")
def iemocap_turns() -> Callable[..., list[Turn]]:
    """A function (sessions=5, turns=2) -> invented turns: each speaker in an improvised and a scripted dialogue.

    What is scripted is said in every session, by the same role; the labels go round.
    """
    labels = ("ang", "hap", "exc", "sad", "neu", "fru", "xxx")

    def make(sessions: int = 5, turns: int = 2) -> list[Turn]:
        made = []
        for session in range(1, sessions + 1):
            for scene in ("impro01", "script01_1"):
                for place in range(turns):
                    for role in "FM":
                        name = f"Ses{session:02d}F_{scene}_{role}{place:03d}"
                        told = f"{scene} {role} {place}" if scene.startswith("script") else name
                        text = invented_sentence(told)
                        number = len(made)
                        values = (1 + number % 5, 1 + number % 4, 2.5)
                        made.append(Turn(name, labels[number % len(labels)], values, text))
        return made

    return make


@pytest.fixture(scope="session")
def iemocap(
    tmp_path_factory: pytest.TempPathFactory, write_iemocap: Callable[..., Path], iemocap_turns: Callable[..., Any]
) -> Path:
    """An invented release in IEMOCAP's layout: 5 sessions, 10 speakers, 40 turns. Do not change it."""
    return write_iemocap(tmp_path_factory.mktemp("release"), iemocap_turns())


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """A function (*arguments) -> (exit status, standard output, standard error), run in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emobridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output, errors = capfd.readouterr()
        assert not list((tmp_path / "here").iterdir()), "a command left files in the working directory"
        assert isinstance(ended.value.code, int | None)
        return ended.value.code or 0, output, errors

    return run
