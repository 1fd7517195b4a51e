"""What is judged: a corpus on its own folds, or a corpus that was left out of training, over a set of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emobridge.labels import MODALITIES, label_map
from emobridge.training.corpora import read_corpus
from emobridge.training.corpora.base import is_speech
from emobridge.training.data.examples import Examples
from emobridge.training.experiments.prepare import LEFT_OUT, Parts, prepare
from emobridge.training.experiments.recipe import Recipe, parse_recipe

SPEECH = ("ravdess", "emodb", "nemo", "crema_d")
TEXT = ("emobank", "fb_valence_arousal", "meld", "emorynlp")
CORPORA = (*SPEECH, *TEXT)


@dataclass(frozen=True)
class Task:
    """One corpus, judged in one way.

    Attributes:
        corpus: whose utterances are tested on.
        target: the label set, see `label_map`; ``four`` where the corpus was left out of training.
        left_out: trained on the other corpora of its modality, tested on all of this one.
        examples: of the corpora that are trained and tested on.
        splits: indices into the examples; every fold of the corpus, or the one that leaves it out.
    """

    corpus: str
    target: str
    left_out: bool
    examples: Examples
    splits: tuple[Parts, ...]

    @property
    def name(self) -> str:
        """The name under which results are stored."""
        return f"{LEFT_OUT}{self.corpus}" if self.left_out else f"{self.corpus}-{self.target}"

    @property
    def modality(self) -> str:
        """Which of `MODALITIES` the corpora have."""
        return MODALITIES[0] if self.examples.presence[:, 0].any() else MODALITIES[1]

    @property
    def learned(self) -> NDArray[np.float32]:
        """(N, C) what a peer learns: the examples' targets, or where corpora are mixed their labels among the four."""
        if not self.left_out:
            return self.examples.targets
        categories = self.examples.categories
        one_hot = np.zeros_like(self.examples.targets)
        for row, utterance in enumerate(self.examples.utterances):
            if utterance.label is not None:
                name = label_map(utterance.corpus, self.target).translate(utterance.label)
                if name is not None:
                    one_hot[row, categories.index(name)] = 1.0
        return one_hot


def within(name: str, target: str, data: Path | None, run: Path, folds: Sequence[int] | None = None) -> Task:
    """Return the task of a corpus on its own folds.

    Args:
        name: of the corpus, as ``emobridge corpus`` knows it.
        target: the label set, see `label_map`.
        data, run: as for `prepare`.
        folds: which, counted from 1, where the corpus has so many; None: all.

    Raises:
        EmobridgeError: as for `prepare`.
    """
    prepared = prepare(_reading((name,), target, data), data, run)
    numbers = range(1, len(prepared.folds) + 1)
    splits = tuple(prepared.fold(number) for number in numbers if folds is None or number in folds)
    return Task(prepared.corpora[0].name, target, False, prepared.examples, splits)


def left_out(names: Sequence[str], data: Path | None, run: Path) -> list[Task]:
    """Return, for each of several corpora of one modality, the task of judging it after training on the others.

    Args:
        names, data, run: as for `within`.

    Raises:
        EmobridgeError: as for `prepare`.
    """
    prepared = prepare(_reading(names, "seven", data), data, run)
    return [
        Task(corpus.name, "four", True, prepared.examples, (prepared.left_out_fold(number),))
        for number, corpus in enumerate(prepared.corpora, start=1)
    ]


def _reading(names: Sequence[str], target: str, data: Path | None) -> Recipe:
    """Return a recipe that reads corpora of one modality with everything that their authors say of them."""
    corpora = [read_corpus(name, data) for name in names]
    speech = is_speech(corpora[0].utterances)
    dimensions = dict.fromkeys(name for corpus in corpora for name in corpus.scales)
    values: dict[str, Any] = {
        "name": "peers",
        "data": {
            "corpora": [{"name": name, "modalities": [MODALITIES[0 if speech else 1]]} for name in names],
            "categories": target,
            "dimensions": list(dimensions),
        },
        MODALITIES[0 if speech else 1]: {},
    }
    return parse_recipe(values)
