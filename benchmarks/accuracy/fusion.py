"""What do words add to a voice? Held-out clips under matching, contradicting and irrelevant text: a table and a plot.

    python -m benchmarks.accuracy.fusion --data CORPORA [--model MODEL] [--clips N]

No corpus here holds natural speech with its text. So every emotional clip of the test speakers meets held-out written
sentences: one of its category, one of another emotion, an emotionless one, and none. Needs the extras [train] and
[report]. Exit status 1: empty text changed an answer.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.listening import Clips, about, draw, interval, opened, parser, stored, write_results
from emobridge.inference.predictor import Predictor
from emobridge.labels import NEUTRAL
from emobridge.results import Result
from emobridge.training.data.augmentation import SAMPLE_RATE_HZ
from emobridge.training.data.text_pairing import Partners
from emobridge.training.evaluation.bootstrap import Measured, bootstrap_intervals, speaker_units
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.prepare import prepare
from emobridge.training.experiments.recipe import Recipe

SPEECH, TEXT, EMPTY = "speech alone", "text alone", "speech, empty text"
MATCHING, CONTRADICTING, IRRELEVANT = "speech, matching", "speech, contradicting", "speech, irrelevant"
OPPOSITE = "contradicting text alone"
CONDITIONS = (SPEECH, TEXT, MATCHING, CONTRADICTING, IRRELEVANT, EMPTY)
NEUTRAL_CONDITIONS = (SPEECH, MATCHING, CONTRADICTING)
NOTE = (
    "Emotional clips of unseen speakers, each with unseen written sentences. *Matching*: "
    "a sentence of the clip's category; *contradicting*: of another emotion; *irrelevant*: a neutral one. Accuracy = "
    "share of clips whose answer is the clip's category, among all categories; of text alone, that of the matching "
    "sentence. Confidence = mean probability of the answer. Neutral clips stand apart: neutral sentences match them. "
    "Clips and sentences were never one utterance: this shows what fusion does with agreement and conflict, not how "
    "well it understands people."
)
FIGURES = {
    "matching_gain": "accuracy, matching text minus speech alone",
    "irrelevant_gain": "accuracy, irrelevant text minus speech alone",
    "irrelevant_changed": "share of answers that irrelevant text changes",
    "doubt": "confidence, contradicting minus matching text",
    "doubt_against_speech": "confidence, contradicting text minus speech alone",
    "stays": "where speech and contradicting text disagree: the answer stays with speech",
    "follows": "the answer follows the text",
    "third": "the answer is neither's",
}
NEUTRAL_FIGURES = {
    "neutral_accuracy": "neutral clips: accuracy of speech alone",
    "neutral_matching_gain": "neutral clips: accuracy, neutral text minus speech alone",
    "neutral_contradicting_gain": "neutral clips: accuracy, emotional text minus speech alone",
}


@dataclass(frozen=True)
class Sentences:
    """Held-out sentences.

    Attributes:
        emotional: category -> texts; without neutral.
        emotionless: texts that say nothing about feelings.
    """

    emotional: Mapping[str, Sequence[str]]
    emotionless: Sequence[str]


def held_out_sentences(recipe: Recipe, data: Path | None) -> Sentences:
    """Return the sentences of the test part of a recipe's first fold.

    Raises:
        EmobridgeError: as for `prepare`.
    """
    read = [entry for entry in recipe.data.corpora if "linguistic" in entry.modalities]
    inputs = tuple(dataclasses.replace(entry, modalities=("linguistic",)) for entry in read)
    text = dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, corpora=inputs), acoustic=None, variants={}
    )
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(text, data, Path(folder))
    examples = prepared.examples
    partners = Partners(examples, prepared.fold(1).test)
    texts = {
        name: [examples.utterances[row].text or "" for row in partners.by_category[label]]
        for label, name in enumerate(examples.categories)
        if name != NEUTRAL and label in partners.by_category
    }
    return Sentences(texts, [examples.utterances[row].text or "" for row in partners.emotionless])


def emotional_clips(clips: Clips, sentences: Sentences) -> NDArray[np.int64]:
    """Return the indices of the clips whose category has sentences."""
    return _labelled(clips, sentences.emotional)


def neutral_clips(clips: Clips) -> NDArray[np.int64]:
    """Return the indices of the clips labelled neutral."""
    return _labelled(clips, (NEUTRAL,))


def _labelled(clips: Clips, categories: Collection[str]) -> NDArray[np.int64]:
    return np.flatnonzero([truth >= 0 and clips.categories[truth] in categories for truth in clips.truth])


def ask(
    predictor: Predictor,
    clips: Clips,
    chosen: NDArray[np.int64],
    sentences: Sentences,
    conditions: Sequence[str] = (*CONDITIONS, OPPOSITE),
    seed: int = 0,
) -> dict[str, NDArray[np.float64]]:
    """Return the probabilities (N, C) of the chosen clips under each of the ``conditions``.

    Args:
        predictor: hears and reads.
        clips, chosen: N of them, neutral or of categories that have sentences.
        sentences: from which one of each kind is drawn for each clip.
        conditions: out of `CONDITIONS` and ``OPPOSITE``.
        seed: the same seed draws the same sentences, whatever the conditions.
    """
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in conditions}
    for index in chosen.tolist():
        generator = np.random.default_rng([seed, index])
        own = clips.categories[clips.truth[index]]
        other = str(generator.choice(sorted(sentences.emotional.keys() - {own})))
        kinds = (sentences.emotional.get(own, sentences.emotionless), sentences.emotional[other], sentences.emotionless)
        texts = [str(generator.choice(kind)) for kind in kinds]
        recording = (clips.sound(index), SAMPLE_RATE_HZ)
        given: dict[str, tuple[Any, str | None]] = {
            SPEECH: (recording, None),
            TEXT: (None, texts[0]),
            MATCHING: (recording, texts[0]),
            CONTRADICTING: (recording, texts[1]),
            IRRELEVANT: (recording, texts[2]),
            EMPTY: (recording, ""),
            OPPOSITE: (None, texts[1]),
        }
        for name in conditions:
            heard, read = given[name]
            found[name].append(_shares(predictor.predict(heard, text=read), clips.categories))
    return {name: np.array(rows).reshape(len(chosen), len(clips.categories)) for name, rows in found.items()}


def _shares(result: Result, categories: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the probabilities (C,) of the whole recording; even where nothing was judged."""
    even = 1.0 / len(categories)
    return np.array([result.summary.shares.get(name, even) for name in categories])


def measured(clips: Clips, chosen: NDArray[np.int64], found: Mapping[str, NDArray[np.float64]]) -> Measured:
    """Return what can be resampled over speakers: ``accuracy_<condition>``, ``confidence_<condition>``, `FIGURES`."""
    truth = clips.truth[chosen]
    answers = {name: rows.argmax(axis=1) for name, rows in found.items()}
    surest = {name: rows.max(axis=1) for name, rows in found.items()}
    right = {name: answer == truth for name, answer in answers.items()}
    after, speech, text = (answers[name] for name in (CONTRADICTING, SPEECH, OPPOSITE))

    def measure(rows: NDArray[np.intp]) -> dict[str, float]:
        conflict = rows[speech[rows] != text[rows]]
        stays, follows = (after[conflict] == side[conflict] for side in (speech, text))
        values = {f"accuracy_{name}": _mean(right[name][rows]) for name in CONDITIONS}
        values |= {f"confidence_{name}": _mean(surest[name][rows]) for name in CONDITIONS}
        return values | {
            "matching_gain": values[f"accuracy_{MATCHING}"] - values[f"accuracy_{SPEECH}"],
            "irrelevant_gain": values[f"accuracy_{IRRELEVANT}"] - values[f"accuracy_{SPEECH}"],
            "irrelevant_changed": _mean(answers[IRRELEVANT][rows] != speech[rows]),
            "doubt": values[f"confidence_{CONTRADICTING}"] - values[f"confidence_{MATCHING}"],
            "doubt_against_speech": values[f"confidence_{CONTRADICTING}"] - values[f"confidence_{SPEECH}"],
            "stays": _mean(stays),
            "follows": _mean(follows),
            "third": _mean(~stays & ~follows),
        }

    return Measured(measure, speaker_units(clips.corpora[chosen], clips.speakers[chosen], clips.ids[chosen]))


def measured_neutral(clips: Clips, chosen: NDArray[np.int64], found: Mapping[str, NDArray[np.float64]]) -> Measured:
    """Return what can be resampled over speakers of neutral clips: `NEUTRAL_FIGURES`."""
    right = {name: rows.argmax(axis=1) == clips.truth[chosen] for name, rows in found.items()}

    def measure(rows: NDArray[np.intp]) -> dict[str, float]:
        alone, matching, contradicting = (_mean(right[name][rows]) for name in NEUTRAL_CONDITIONS)
        gains = (alone, matching - alone, contradicting - alone)
        return dict(zip(NEUTRAL_FIGURES, gains, strict=True))

    return Measured(measure, speaker_units(clips.corpora[chosen], clips.speakers[chosen], clips.ids[chosen]))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def measure(predictor: Predictor, recipe: Recipe, clips: Clips, sentences: Sentences, resamples: int) -> dict[str, Any]:
    """Return everything that fusion.json holds."""
    chosen = emotional_clips(clips, sentences)
    found = ask(predictor, clips, chosen, sentences)
    neutral = neutral_clips(clips)
    unmoved = measured_neutral(clips, neutral, ask(predictor, clips, neutral, sentences, NEUTRAL_CONDITIONS))
    corpora = clips.corpora[chosen]
    accuracy = {
        name: {
            condition: round(_mean(rows.argmax(axis=1)[corpora == name] == clips.truth[chosen][corpora == name]), 4)
            for condition, rows in found.items()
            if condition in CONDITIONS
        }
        for name in dict.fromkeys(corpora.tolist())
    }
    return {
        **about(predictor, recipe, clips, resamples),
        "clips": {name: int((corpora == name).sum()) for name in accuracy},
        "sentences": {name: len(texts) for name, texts in sentences.emotional.items()}
        | {"emotionless": len(sentences.emotionless)},
        "empty_text_changes_nothing": bool(np.array_equal(found[SPEECH], found[EMPTY])),
        "neutral_clips": len(neutral),
        "metrics": stored(bootstrap_intervals(measured(clips, chosen, found), resamples))
        | stored(bootstrap_intervals(unmoved, resamples)),
        "accuracy": accuracy,
    }


def page(results: Mapping[str, Any]) -> str:
    """Return fusion.md."""
    metrics, model = results["metrics"], results["model"]
    counts = (", ".join(f"{name} {count}" for name, count in results[kind].items()) for kind in ("clips", "sentences"))
    source = (
        f"Made by `python -m benchmarks.accuracy.fusion` from emobridge {results['emobridge']}: the model "
        f"`{model['name']}` {model['version']} on the test part of fold 1 of the recipe `{results['recipe']}` (clips: "
        f"{next(counts)}, neutral {results['neutral_clips']}; sentences: {next(counts)}). "
        f"[95 % interval over speakers, {results['resamples']} resamples]."
    )
    header = ["given", "accuracy", "confidence", *(f"accuracy, {name}" for name in results["accuracy"])]
    table = [
        [
            name,
            *(interval(metrics[f"{figure}_{name}"]) for figure in ("accuracy", "confidence")),
            *(f"{by_condition[name]:.3f}" for by_condition in results["accuracy"].values()),
        ]
        for name in CONDITIONS
    ]
    told = [[words, interval(metrics[name])] for name, words in (FIGURES | NEUTRAL_FIGURES).items()]
    same = "gives exactly" if results["empty_text_changes_nothing"] else "does NOT give"
    parts = ["# Speech and text together", source, NOTE, "![accuracy and confidence](fusion.svg)"]
    parts += [markdown_table(header, table), markdown_table(["figure", "value"], told)]
    return "\n\n".join([*parts, f"Empty text {same} what speech alone gives."]) + "\n"


def paint(results: Mapping[str, Any], axes: Sequence[Any]) -> None:
    """Fill two axes: accuracy and confidence under each condition."""
    for axis, figure in zip(axes, ("accuracy", "confidence"), strict=True):
        for place, name in enumerate(CONDITIONS):
            one = results["metrics"][f"{figure}_{name}"]
            axis.plot(place, one["value"], marker="o", color="#1f5fa8")
            if one["low"] is not None:
                axis.vlines(place, one["low"], one["high"], color="#1f5fa8")
        axis.set_xticks(range(len(CONDITIONS)), CONDITIONS, rotation=45, ha="right")
        axis.set_ylim(0.0, 1.0)
        axis.set_title(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask the model, and write fusion.md, .json and .svg; 1 where empty text changed an answer."""
    options = parser(__doc__).parse_args(arguments)
    predictor, recipe, clips = opened(options)
    results = measure(predictor, recipe, clips, held_out_sentences(recipe, options.data), options.resamples)
    out = write_results(options.out, "fusion", results, page(results))
    draw(out / "fusion.svg", 2, lambda axes: paint(results, axes), (9.0, 4.0))
    return 0 if results["empty_text_changes_nothing"] else 1


if __name__ == "__main__":
    sys.exit(main())
