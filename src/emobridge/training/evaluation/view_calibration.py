"""A confidence for each view: whoever knows which categories can occur gets one that was measured within them.

One temperature for whatever may be said serves corpora that err in opposite directions, some too sure and some not sure
enough. Within the categories of one of them, as where new sound is like it, a temperature of its own is right. Every
fold's model predicts speakers that it did not learn from; together these held-out speakers are many more than one fold
has. Nobody is tested where a view fitted on them is judged, unless the split itself has the same people in all parts.

What a corpus's annotators call things, and how often, differs as well; a model that reads several corpora at once is
not told whose answer is asked for. So where words alone were learned from, the view of their corpus weighs its
categories. Acted clips have no such weights: how often an actor was to be angry says nothing about anyone.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emobridge.inference.bundle import ViewConfig
from emobridge.labels import sharpened
from emobridge.training.evaluation.calibration import (
    FEWEST_ITEMS,
    category_threshold,
    fit_temperature,
    fit_weights,
)
from emobridge.training.evaluation.predictions import Predictions


def fit_view(
    held_out: Predictions, categories: tuple[str, ...], presences: Iterable[str], learned: Predictions | None = None
) -> ViewConfig:
    """Return a view whose temperature and threshold, for each presence, fit held-out speakers.

    Args:
        held_out: calibrated predictions; rows whose truth lies outside of the view do not count.
        categories: of the view, some of the predictions'.
        presences: where fewer than 20 rows count, the temperature is 1 and every set holds all of the view.
        learned: what is said of training rows; the weights of the categories make it as frequent as their labels.
    """
    temperatures, thresholds, weights = {}, {}, {}
    for presence in presences:
        temperatures[presence], thresholds[presence] = 1.0, 1.0
        shares, truth, allowed = _within(held_out, categories, presence)
        if len(truth) < FEWEST_ITEMS:
            continue
        factors = np.ones(len(categories))
        if learned is not None:
            known, labels, _ = _within(learned, categories, presence)
            if len(labels) >= FEWEST_ITEMS:
                factors = fit_weights(known, labels)
                weights[presence] = tuple(factors.tolist())
        temperatures[presence] = fit_temperature(np.log(shares), truth, allowed, factors)
        thresholds[presence] = category_threshold(sharpened(shares, temperatures[presence], factors), truth)
    return ViewConfig(categories, temperatures, thresholds, weights)


def _within(
    predictions: Predictions, categories: tuple[str, ...], presence: str
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return shares, truth and what is allowed, each (N, C), of the rows of a presence whose truth is in the view."""
    columns = np.array([predictions.categories.index(name) for name in categories])
    votes = predictions.truth[:, columns]
    rows = np.flatnonzero((votes.sum(axis=1) > 0) & (predictions.presence == presence))
    shares = sharpened(predictions.probabilities[np.ix_(rows, columns)], 1.0)
    return shares, votes[rows] / votes[rows].sum(axis=1, keepdims=True), predictions.allowed[np.ix_(rows, columns)]


def corpus_categories(predictions: Predictions) -> dict[str, tuple[str, ...]]:
    """Return, for each corpus with a labelled row, the categories that it can hold."""
    labelled = predictions.truth.sum(axis=1) > 0
    found = {}
    for corpus in dict.fromkeys(predictions.corpora[labelled].tolist()):
        allowed = predictions.allowed[labelled & (predictions.corpora == corpus)].any(axis=0)
        found[corpus] = tuple(
            name for name, there in zip(predictions.categories, allowed.tolist(), strict=True) if there
        )
    return found


def in_own_views(predictions: Predictions, held_out: Predictions, learned: Predictions | None = None) -> Predictions:
    """Return the predictions of one variant, each in the view of its corpus's categories.

    The view is fitted, for each fold and corpus, on the held-out rows of this corpus that are `untested` there. Rows
    of a corpus for which there are none stay as they are.

    Args:
        predictions: test parts of any number of folds.
        held_out: what the same folds' models said of their validation parts.
        learned: what they said of texts that they trained on; None: no category has a weight, and none changes place.
    """
    probabilities, thresholds = predictions.probabilities.copy(), predictions.category_threshold.copy()
    for corpus, categories in corpus_categories(predictions).items():
        columns = np.array([predictions.categories.index(name) for name in categories])
        for fold in np.unique(predictions.folds):
            tested = (predictions.corpora == corpus) & (predictions.folds == fold)
            pool = untested(held_out.select(held_out.corpora == corpus), predictions.select(tested))
            trained = learned and learned.select((learned.corpora == corpus) & (learned.folds == fold))
            view = fit_view(pool, categories, np.unique(predictions.presence[tested]).tolist(), trained)
            for presence, temperature in view.temperature.items():
                mine = np.flatnonzero(tested & (predictions.presence == presence))
                if not (pool.presence == presence).any():
                    continue
                within = np.zeros((len(mine), len(predictions.categories)), np.float32)
                shares = predictions.probabilities[np.ix_(mine, columns)]
                within[:, columns] = sharpened(shares, temperature, view.category_weights.get(presence))
                probabilities[mine], thresholds[mine] = within, view.category_threshold[presence]
    return dataclasses.replace(predictions, probabilities=probabilities, category_threshold=thresholds)


def untested(held_out: Predictions, tested: Predictions) -> Predictions:
    """Return the held-out rows that may measure confidence where ``tested`` is judged.

    They are of people who are not tested (where a corpus names no speakers: utterances). Where the same people speak
    in all parts of a split, as in an authors' split of dialogues, they are what the tested folds themselves held out.
    """
    there = set(_persons(tested))
    heard = np.array([person in there for person in _persons(held_out)], bool)
    folds = {*zip(tested.corpora.tolist(), tested.folds.tolist(), strict=True)}
    places = zip(held_out.corpora.tolist(), held_out.folds.tolist(), strict=True)
    own = np.array([place in folds for place in places], bool)
    by_dialogue = np.isin(held_out.corpora, np.unique(held_out.corpora[own & heard]))
    return held_out.select(np.where(by_dialogue, own, ~heard))


def _persons(predictions: Predictions) -> list[tuple[str, str, bool]]:
    columns = (predictions.corpora.tolist(), predictions.speakers.tolist(), predictions.ids.tolist())
    return [(corpus, speaker or name, bool(speaker)) for corpus, speaker, name in zip(*columns, strict=True)]
