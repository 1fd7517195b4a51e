"""A confidence for each view: whoever knows which categories can occur gets one that was measured within them.

One temperature for whatever may be said serves corpora that err in opposite directions, some too sure and some not sure
enough. Within the categories of one of them, as where new sound is like it, a temperature of its own is right. Every
fold's model predicts speakers that it did not learn from; together these held-out speakers are many more than one fold
has. Nobody is tested where a view fitted on them is judged, unless the split itself has the same people in all parts.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from emobridge.bundle import ViewConfig
from emobridge.labels import LEAST, sharpened
from emobridge.learning.evaluation.calibration import (
    FEWEST_ITEMS,
    category_threshold,
    fit_temperature,
)
from emobridge.learning.evaluation.predictions import Predictions


def fit_view(held_out: Predictions, categories: tuple[str, ...], presences: Iterable[str]) -> ViewConfig:
    """Return a view whose temperature and threshold, for each presence, fit held-out speakers.

    Args:
        held_out: calibrated predictions; rows whose truth lies outside of the view do not count.
        categories: of the view, some of the predictions'.
        presences: where fewer than 20 rows count, the temperature is 1 and every set holds all of the view.
    """
    columns = np.array([held_out.categories.index(name) for name in categories])
    votes = held_out.truth[:, columns]
    inside = votes.sum(axis=1) > 0
    temperatures, thresholds = {}, {}
    for presence in presences:
        rows = np.flatnonzero(inside & (held_out.presence == presence))
        temperature, threshold = 1.0, 1.0
        if len(rows) >= FEWEST_ITEMS:
            truth = votes[rows] / votes[rows].sum(axis=1, keepdims=True)
            shares = held_out.probabilities[np.ix_(rows, columns)]
            logits = np.log(np.maximum(shares, LEAST))
            temperature = fit_temperature(logits, truth, held_out.allowed[np.ix_(rows, columns)])
            threshold = category_threshold(sharpened(shares, temperature), truth)
        temperatures[presence], thresholds[presence] = temperature, threshold
    return ViewConfig(categories, temperatures, thresholds)


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


def in_own_views(predictions: Predictions, held_out: Predictions) -> Predictions:
    """Return the predictions of one variant, each in the view of its corpus's categories; no order of them changes.

    The view is fitted, for each fold and corpus, on the held-out rows of this corpus that are `untested` there. Rows
    of a corpus for which there are none stay as they are.

    Args:
        predictions: test parts of any number of folds.
        held_out: what the same folds' models said of their validation parts.
    """
    probabilities, thresholds = predictions.probabilities.copy(), predictions.category_threshold.copy()
    for corpus, categories in corpus_categories(predictions).items():
        columns = np.array([predictions.categories.index(name) for name in categories])
        for fold in np.unique(predictions.folds):
            tested = (predictions.corpora == corpus) & (predictions.folds == fold)
            pool = untested(held_out.select(held_out.corpora == corpus), predictions.select(tested))
            view = fit_view(pool, categories, np.unique(predictions.presence[tested]).tolist())
            for presence, temperature in view.temperature.items():
                mine = np.flatnonzero(tested & (predictions.presence == presence))
                if not (pool.presence == presence).any():
                    continue
                within = np.zeros((len(mine), len(predictions.categories)), np.float32)
                shares = predictions.probabilities[np.ix_(mine, columns)]
                within[:, columns] = sharpened(shares, temperature)
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
