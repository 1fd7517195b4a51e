"""Everything that a table or a plot says, as plain values: what accuracy.json holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.accuracy.peers import LINEAR, MAJORITY, headline
from benchmarks.accuracy.tasks import Task
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import compare, score

FORMAT_VERSION = 1
WITHIN, LEFT_OUT = "within", "left out"
LABEL, VOTES = "label", "votes"


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval; None: not defined.

    Attributes:
        value, low, high: the figure and the ends of its interval.
        share_not_positive: of a difference, the share of resamples in which it is 0 or less.
        standard_error, units: of a difference, see `Difference`.
    """

    value: float | None
    low: float | None
    high: float | None
    share_not_positive: float | None = None
    standard_error: float | None = None
    units: float | None = None


def of_corpus(predictions: Predictions, task: Task) -> Predictions:
    """Return a recipe's rows of the task's corpus and splits."""
    folds = [split.name for split in task.splits]
    return predictions.select((predictions.corpora == task.corpus) & np.isin(predictions.folds, folds))


def variants(predictions: Predictions) -> list[Predictions]:
    """Return the rows of each variant, in the order in which they first occur."""
    names = dict.fromkeys(predictions.variants.tolist())
    return [predictions.select(predictions.variants == name) for name in names]


def entries(
    task: Task,
    peers: Sequence[Predictions],
    recipes: Sequence[Predictions],
    penalties: Mapping[str, Mapping[str, float]],
    resamples: int,
) -> list[dict[str, Any]]:
    """Return what is stored of a task: one entry, or, where raters and authors disagree, one for each truth.

    Args:
        task: what was judged.
        peers: one variant each.
        recipes: each a recipe's predictions of the task's utterances, its own variant first, then its ablations.
        penalties: what the linear peer was tuned to.
        resamples: of the bootstrap over speakers.
    """
    voted = any(utterance.votes for utterance in task.examples.utterances if utterance.corpus == task.corpus)
    truths = (VOTES, LABEL) if voted and task.left_out else (VOTES,) if voted else (LABEL,)
    found = []
    for truth in truths:
        guessed = [_as_judged(one, task, truth) for one in peers]
        learned = [[_as_judged(one, task, truth) for one in variants(recipe)] for recipe in recipes]
        systems = [*guessed, *(one for recipe in learned for one in recipe)]
        found.append(
            {
                "corpus": task.corpus,
                "protocol": LEFT_OUT if task.left_out else WITHIN,
                "labels": task.target,
                "truth": truth,
                "modality": task.modality,
                **_counts(systems[0]),
                "folds": [split.name for split in task.splits],
                "systems": {str(one.variants[0]): _figures(score(one, resamples).metrics, "pooled") for one in systems},
                "differences": _differences(guessed, learned, resamples),
                "penalties": penalties,
            }
        )
    return found


def _as_judged(predictions: Predictions, task: Task, truth: str) -> Predictions:
    chosen = predictions.by_label() if truth == LABEL else predictions
    chosen = chosen.in_view(task.target) if task.left_out else chosen
    return _of_what_is_there(chosen) if chosen.variants[0] == MAJORITY else chosen


def _of_what_is_there(guess: Predictions) -> Predictions:
    """Return a majority guess that names no category which a corpus does not have.

    Of K categories that are there it recalls one, so that its mean recall is 1 / K: chance.
    """
    shares = guess.probabilities * np.asarray(guess.truth).any(axis=0)
    sums = shares.sum(axis=1, keepdims=True)
    return replace(guess, probabilities=np.where(sums > 0, shares / np.where(sums > 0, sums, 1.0), guess.probabilities))


def _counts(predictions: Predictions) -> dict[str, Any]:
    possible = np.any(predictions.allowed[predictions.truth.any(axis=1)], axis=0).tolist()
    return {
        "utterances": len(set(predictions.ids.tolist())),
        "speakers": len(set(predictions.speakers.tolist()) - {""}),
        "categories": [name for name, there in zip(predictions.categories, possible, strict=True) if there],
    }


def _differences(
    peers: Sequence[Predictions], recipes: Sequence[Sequence[Predictions]], resamples: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return recipe -> reference -> metric -> recipe minus reference, on the same resampled speakers."""
    return {
        str(recipe[0].variants[0]): {
            str(other.variants[0]): _figures(compare(recipe[0], other, resamples)) for other in (*peers, *recipe[1:])
        }
        for recipe in recipes
    }


def _figures(metrics: Mapping[str, Any], part: str | None = None) -> dict[str, Any]:
    """Return metric -> the fields of an interval or a difference; NaN is None."""
    stored = {}
    for name, metric in metrics.items():
        fields = vars(getattr(metric, part) if part else metric)
        stored[name] = {key: None if np.isnan(value) else round(float(value), 6) for key, value in fields.items()}
    return stored


@dataclass(frozen=True)
class Row:
    """One measure of one corpus, as a reader wants to see it.

    Attributes:
        entry: where it comes from.
        metric: name, see `score`.
        recipe: of the entry, the first one that defines the measure; None where none does.
    """

    entry: Mapping[str, Any]
    metric: str
    recipe: str | None

    def figure(self, system: str | None) -> Figure | None:
        """Return a system's figure; None where it has none."""
        stored = self.entry["systems"].get(system, {}).get(self.metric)
        return None if stored is None else Figure(**stored)

    @property
    def is_dimension(self) -> bool:
        """Whether it is a rated dimension that is judged, not categories."""
        return self.metric.startswith("concordance_cc_")

    @property
    def majority(self) -> Figure | None:
        """The majority guess's."""
        return self.figure(MAJORITY)

    @property
    def linear(self) -> Figure | None:
        """That of the linear model over classical features."""
        return self.figure(LINEAR[self.entry["modality"]])

    def difference(self, reference: str) -> Figure | None:
        """Return the recipe's figure minus that of ``reference``; None where either has none."""
        stored = self.entry["differences"].get(self.recipe, {}).get(reference, {}).get(self.metric)
        return None if stored is None else Figure(**stored)


def headlines(entry: Mapping[str, Any]) -> list[str]:
    """Return the measures by which an entry is judged: one of categories, a concordance a rated dimension."""
    linear = entry["systems"][LINEAR[entry["modality"]]]
    categories = headline(entry["modality"])[0]
    return [name for name in linear if name == categories or name.startswith("concordance_cc_")]


def rows(results: Mapping[str, Any], protocol: str) -> list[Row]:
    """Return the rows of a protocol: of the label sets of a corpus, the one that the first recipe is judged on."""
    chosen: dict[tuple[str, str], list[Row]] = {}
    for entry in results["entries"]:
        if entry["protocol"] != protocol:
            continue
        for metric in headlines(entry):
            judged = [name for name in results["recipes"] if metric in entry["systems"].get(name, {})]
            row = Row(entry, metric, judged[0] if judged else None)
            chosen.setdefault((entry["corpus"], f"{metric} {entry['truth']}"), []).append(row)
    order = [*results["recipes"], None]
    return [min(same, key=lambda row: order.index(row.recipe)) for same in chosen.values()]
