"""Held-out clips, heard by a model under conditions: what robustness.py, durations.py and relative.py share.

A clip goes through `Predictor.predict`, as a user's recording does; its estimate is the mean over its windows. A clip
of which the model says nothing counts as an even guess, so that declining gains nothing; beside the recall over all
clips stands the recall over those that the model does not abstain from.
"""

import argparse
import dataclasses
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import emobridge
from emobridge.audio.load import load_audio
from emobridge.inference.predictor import Predictor
from emobridge.results import Result
from emobridge.training.data.augmentation import SAMPLE_RATE_HZ
from emobridge.training.evaluation.bootstrap import Measured, bootstrap_intervals, paired_differences, speaker_units
from emobridge.training.evaluation.metrics import (
    concordance_cc,
    restrict_to_allowed,
    unweighted_average_recall,
    vote_majority,
    weighted_average_recall,
)
from emobridge.training.experiments.prepare import prepare
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.utils.extras import load_extra
from emobridge.utils.files import make_folder, replacing, write_json

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "docs" / "benchmarks"
CATEGORIES = "unweighted_average_recall"
ALL, JUDGED = "all", "judged"
log = logging.getLogger("listening")

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clips:
    """N held-out clips and what is true of them.

    Attributes:
        categories: names of the C categories.
        audio: N sound files.
        ids, corpora, speakers: (N,) str.
        truth: (N,) index of the true category (that of most votes), -1 where missing or tied.
        allowed: (N, C) the categories that the clip's corpus has.
        others: sound files of speakers who are neither trained nor tested on.
    """

    categories: tuple[str, ...]
    audio: tuple[Path, ...]
    ids: NDArray[np.str_]
    corpora: NDArray[np.str_]
    speakers: NDArray[np.str_]
    truth: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    others: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.audio)

    def sound(self, index: int) -> Samples:
        """Return the samples (T,) of a clip at 16 kHz."""
        return load_audio(self.audio[index], sample_rate_hz=SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Condition:
    """One way in which clips are heard.

    Attributes:
        name, group: what it is; conditions of one group share a part of the plot.
        change: (index of the clip, its samples, a generator) -> what is heard, at 16 kHz.
    """

    name: str
    group: str
    change: Callable[[int, Samples, Generator], Samples]


@dataclass(frozen=True)
class Heard:
    """What the model said of N clips under one condition.

    Attributes:
        probabilities: (N, C), even where nothing was said.
        dimensions: (N, K) on [0, 1], NaN where nothing was said.
        judged: (N,) bool, whether the model did not abstain throughout.
    """

    probabilities: NDArray[np.float64]
    dimensions: NDArray[np.float64]
    judged: NDArray[np.bool_]


def held_out(recipe: Recipe, data: Path | None, count: int | None, seed: int = 0) -> Clips:
    """Return clips with sound from the test part of a recipe's first fold.

    Args:
        recipe: its corpora, label set and folds.
        data: where the corpora are; None: EMOBRIDGE_DATA.
        count: at most so many of each corpus, drawn by ``seed``; None: all.
        seed: the same seed draws the same clips.
    """
    heard = tuple(entry for entry in recipe.data.corpora if "acoustic" in entry.modalities)
    inputs = tuple(dataclasses.replace(entry, modalities=("acoustic",)) for entry in heard)
    speech = dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, corpora=inputs, dimensions=()), linguistic=None, variants={}
    )
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(speech, data, Path(folder))
    parts, examples = prepared.fold(1), prepared.examples
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(len(examples.corpus_names)):
        mine = parts.test[examples.corpora[parts.test] == number]
        rows += sorted(mine if count is None else generator.permutation(mine)[:count])
    utterances = [examples.utterances[row] for row in rows]
    others = [examples.utterances[row].audio for row in parts.validation]
    return Clips(
        categories=examples.categories,
        audio=tuple(one.audio for one in utterances if one.audio is not None),
        ids=np.array([one.id for one in utterances], np.str_),
        corpora=np.array([one.corpus for one in utterances], np.str_),
        speakers=np.array([one.speaker or "" for one in utterances], np.str_),
        truth=vote_majority(examples.targets[rows]),
        allowed=examples.allowed[rows],
        others=tuple(path for path in others if path is not None),
    )


def listen(predictor: Predictor, clips: Clips, conditions: Sequence[Condition], seed: int = 0) -> dict[str, Heard]:
    """Return what a model says of the clips under each condition, by the condition's name; the same seed, the same."""
    found: dict[str, list[Result]] = {condition.name: [] for condition in conditions}
    for index in range(len(clips)):
        samples = clips.sound(index)
        for number, condition in enumerate(conditions):
            changed = condition.change(index, samples, np.random.default_rng([seed, index, number]))
            found[condition.name].append(predictor.predict((changed, SAMPLE_RATE_HZ)))
        if (index + 1) % 50 == 0 or index + 1 == len(clips):
            log.info("%d of %d clips under %d conditions", index + 1, len(clips), len(conditions))
    return {name: heard_in(results, clips.categories, predictor) for name, results in found.items()}


def heard_in(results: Sequence[Result], categories: tuple[str, ...], predictor: Predictor) -> Heard:
    """Return what the results, one a clip, say of the clips."""
    rows, values, judged = [], [], []
    for result in results:
        segments = [segment for segment in result.segments if segment.probabilities]
        weights = [segment.end_s - segment.start_s for segment in segments]
        judged.append(any(segment.abstain is None for segment in segments))
        even, nothing = [1.0 / len(categories)] * len(categories), [np.nan] * len(predictor.runtime.dimensions)
        shares = [[segment.probabilities.get(name, 0.0) for name in categories] for segment in segments]
        rows.append(np.average(shares, axis=0, weights=weights) if segments else even)
        guesses = [[segment.dimensions[name] for name in predictor.runtime.dimensions] for segment in segments]
        values.append(np.average(guesses, axis=0, weights=weights) if segments else nothing)
    return Heard(np.array(rows), np.array(values), np.array(judged))


def measured(clips: Clips, heard: Heard, reference: Heard, dimensions: Sequence[str]) -> Measured:
    """Return what can be resampled over speakers.

    Metrics: ``unweighted_average_recall_<corpus>`` and, as their mean, ``..._all``; ``..._judged``, the same mean over
    the clips that are judged; ``accuracy`` and ``confidence`` (the mean probability of the category that is said) over
    all clips with a label; ``judged``, the share of clips that are; ``concordance_cc_<dimension>`` between the
    dimensions here and those of ``reference``.
    """
    probabilities = restrict_to_allowed(heard.probabilities, clips.allowed)
    said, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    names = list(dict.fromkeys(clips.corpora.tolist()))

    def measure(rows: NDArray[np.intp]) -> dict[str, float]:
        truth, labelled = clips.truth[rows], rows[clips.truth[rows] >= 0]
        recalls = _recalls(names, clips, said, rows)
        recalls[ALL] = float(np.mean(list(recalls.values())))
        recalls[JUDGED] = float(np.mean(list(_recalls(names, clips, said, rows[heard.judged[rows]]).values())))
        return {
            **{f"{CATEGORIES}_{name}": recall for name, recall in recalls.items()},
            "accuracy": weighted_average_recall(truth, said[rows]),
            "confidence": float(surest[labelled].mean()) if len(labelled) else np.nan,
            "judged": float(heard.judged[rows].mean()) if len(rows) else np.nan,
            **{
                f"concordance_cc_{name}": concordance_cc(
                    reference.dimensions[rows, place], heard.dimensions[rows, place]
                )
                for place, name in enumerate(dimensions)
            },
        }

    return Measured(measure, speaker_units(clips.corpora, clips.speakers, clips.ids))


def _recalls(names: Sequence[str], clips: Clips, said: NDArray[np.int64], rows: NDArray[np.intp]) -> dict[str, float]:
    corpora = clips.corpora[rows]
    return {
        name: unweighted_average_recall(clips.truth[rows[corpora == name]], said[rows[corpora == name]])
        for name in names
    }


def figures(
    clips: Clips,
    found: Mapping[str, Heard],
    conditions: Sequence[Condition],
    reference: str,
    dimensions: Sequence[str],
    resamples: int,
) -> list[dict[str, Any]]:
    """Return, for each condition, its metrics with 95 % intervals over speakers and their difference to ``reference``.

    An interval is ``{value, low, high}``; a difference also has ``share_not_positive``; what is not defined is None.
    """
    systems = {name: measured(clips, heard, found[reference], dimensions) for name, heard in found.items()}
    return [
        {
            "name": condition.name,
            "group": condition.group,
            "metrics": stored(bootstrap_intervals(systems[condition.name], resamples)),
            "differences": stored(paired_differences(systems[condition.name], systems[reference], resamples)),
        }
        for condition in conditions
    ]


def stored(metrics: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return metrics as plain values: the fields of an `Interval` or a `Difference` by name, None where undefined."""
    return {
        name: {key: None if np.isnan(value) else round(float(value), 4) for key, value in vars(metric).items()}
        for name, metric in metrics.items()
    }


def about(predictor: Predictor, recipe: Recipe, clips: Clips, resamples: int) -> dict[str, Any]:
    """Return what was measured, as plain values."""
    names, counts = np.unique(clips.corpora, return_counts=True)
    config = predictor.bundle.config
    return {
        "emobridge": emobridge.__version__,
        "model": {"name": config.name, "version": config.version, "sha256": predictor.bundle.sha256},
        "recipe": recipe.name,
        "dimensions": list(predictor.runtime.dimensions),
        "clips": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "resamples": resamples,
    }


def sentence(results: Mapping[str, Any], script: str) -> str:
    """Return where a page's figures come from."""
    clips = ", ".join(f"{name} {count}" for name, count in results["clips"].items())
    return (
        f"Made by `python -m benchmarks.robustness.{script}` from emobridge {results['emobridge']}: the model "
        f"`{results['model']['name']}` {results['model']['version']} on the test part of fold 1 of the recipe "
        f"`{results['recipe']}`, speakers that it was not trained on ({clips} clips), by sound alone. A category is "
        f"chosen among those of the clip's corpus. UAR = mean of per-class recall; *all* = its mean over the corpora. "
        f"[95 % interval over speakers, {results['resamples']} resamples]."
    )


def interval(figure: Mapping[str, float | None] | None, signed: bool = False) -> str:
    """Return ``0.512 [0.480, 0.551]``; empty without a figure, the value alone without an interval."""
    if figure is None or figure["value"] is None:
        return ""
    value, low, high = (
        None if figure[key] is None else f"{figure[key]:{'+' if signed else ''}.3f}" for key in ("value", "low", "high")
    )
    return str(value) if low is None else f"{value} [{low}, {high}]"


def progress(what: str, done: int, total: int) -> None:
    """Tell of a tenth of what is being done."""
    if done == total or done % max(1, total // 10) == 0:
        log.info("%s: %d of %d", what, done, total)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the options that both benchmarks take."""
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument("--model", type=Path, help="a model directory; default: the model that comes with emobridge")
    options.add_argument("--recipe", default="default", help="whose corpora, labels and first fold are heard")
    options.add_argument("--data", type=Path, help="where the corpora are; default: EMOBRIDGE_DATA")
    options.add_argument("--clips", type=int, help="at most so many clips of each corpus; default: all")
    options.add_argument("--out", type=Path, default=COMMITTED, help="folder for the table, the JSON and the plot")
    options.add_argument("--resamples", type=int, default=1000, help="of the bootstrap over speakers")
    return options


def opened(options: argparse.Namespace) -> tuple[Predictor, Recipe, Clips]:
    """Return the model, the recipe and the clips that the options name."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    predictor = emobridge.load(options.model, threads=1)
    recipe = read_recipe(options.recipe)
    return predictor, recipe, held_out(recipe, options.data, options.clips)


def write_results(folder: Path, name: str, results: Mapping[str, Any], page: str) -> Path:
    """Write ``NAME.json`` and ``NAME.md`` to the folder, which is made where it is not there; return it."""
    out = make_folder(folder)
    write_json(out / f"{name}.json", results, indent=1)
    with replacing(out / f"{name}.md") as partial:
        partial.write_text(page, encoding="utf-8")
    return out


def draw(path: Path, panels: int, paint: Callable[[Sequence[Any]], None], inches: tuple[float, float]) -> None:
    """Write a plot of ``panels`` axes side by side that ``paint`` fills; the same figures give the same file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    library: Any = load_extra("matplotlib.figure", "report")
    matplotlib: Any = load_extra("matplotlib", "report")
    with matplotlib.rc_context({"svg.hashsalt": "emobridge", "font.size": 9.0}):
        figure = library.Figure(figsize=inches, layout="constrained")
        axes = list(figure.subplots(1, panels, squeeze=False, sharey=True)[0])
        paint(axes)
        for one in axes:
            one.grid(axis="y", color="#e5e5e5")
            one.set_axisbelow(True)
            one.spines[["top", "right"]].set_visible(False)
        kind = path.suffix.removeprefix(".")
        with replacing(path) as partial:
            figure.savefig(partial, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {})
