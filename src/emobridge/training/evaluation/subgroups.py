"""For whom a system works: its figures for each speaker and each gender, and how far apart these are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emobridge.training.evaluation.bootstrap import Interval, Measured, bootstrap_intervals
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import measured, says_how_right


@dataclass(frozen=True)
class Group:
    """Some speakers of a corpus, or one.

    Attributes:
        corpus, name: which; a speaker's or a gender's.
        utterances, speakers: how many different ones.
        metrics: name -> figure, of UAR, WAR and each CCC; of one speaker without interval.
        gender: of the speaker or of all; empty where the corpus does not say.
    """

    corpus: str
    name: str
    utterances: int
    speakers: int
    metrics: Mapping[str, Interval]
    gender: str = ""


@dataclass(frozen=True)
class Gap:
    """How much better a system works for one gender than for the other, in one corpus.

    Attributes:
        corpus: its name.
        first, second: the genders, those with most speakers, in alphabetical order.
        metrics: name -> the first one's figure minus the second one's, with its interval over speakers.
    """

    corpus: str
    first: str
    second: str
    metrics: Mapping[str, Interval]


def by_speaker(predictions: Predictions) -> tuple[Group, ...]:
    """Return the figures of each speaker of one variant, by corpus and name; utterances without one are left out."""
    system = measured(predictions, confidence=False)
    groups = []
    for corpus in dict.fromkeys(predictions.corpora.tolist()):
        mine = predictions.corpora == corpus
        for name in sorted(set(predictions.speakers[mine & (predictions.speakers != "")].tolist())):
            rows = np.flatnonzero(mine & (predictions.speakers == name))
            values = _shown(system.measure(rows))
            metrics = {metric: Interval(value, np.nan, np.nan) for metric, value in values.items()}
            count, gender = len(set(predictions.ids[rows].tolist())), str(predictions.genders[rows[0]])
            groups.append(Group(corpus, name, count, 1, metrics, gender))
    return tuple(groups)


def by_gender(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> tuple[Group, ...]:
    """Return the figures of each gender of one variant, in each corpus that knows it; none where it knows one alone.

    Args:
        predictions: of one variant.
        resamples, seed: of the bootstrap over speakers.
    """
    groups = []
    for corpus, genders in _genders(predictions).items():
        for gender in genders:
            part = predictions.select((predictions.corpora == corpus) & (predictions.genders == gender))
            system = _only_shown(measured(part, confidence=False))
            metrics = bootstrap_intervals(system, resamples, seed)
            counts = len(set(part.ids.tolist())), len(set(part.speakers.tolist()))
            groups.append(Group(corpus, gender, *counts, metrics, gender))
    return tuple(groups)


def gender_gaps(predictions: Predictions, resamples: int = 1000, seed: int = 0) -> tuple[Gap, ...]:
    """Return how far the two genders with most speakers are apart, in each corpus that knows them.

    Args:
        predictions, resamples, seed: as in `by_gender`. A resample that draws one gender alone does not count.
    """
    gaps = []
    for corpus, genders in _genders(predictions).items():
        mine = predictions.select(predictions.corpora == corpus)
        most = sorted(genders, key=lambda name: (-len(set(mine.speakers[mine.genders == name].tolist())), name))[:2]
        first, second = sorted(most)
        both = mine.select((mine.genders == first) | (mine.genders == second))
        system = measured(both, confidence=False)
        is_first = both.genders == first

        def gap(
            rows: NDArray[np.intp], system: Measured = system, is_first: NDArray[np.bool_] = is_first
        ) -> dict[str, float]:
            ones, others = rows[is_first[rows]], rows[~is_first[rows]]
            values, bases = _shown(system.measure(ones)), _shown(system.measure(others))
            return {name: value - bases[name] for name, value in values.items()}

        gaps.append(Gap(corpus, first, second, bootstrap_intervals(Measured(gap, system.units), resamples, seed)))
    return tuple(gaps)


def _genders(predictions: Predictions) -> dict[str, list[str]]:
    """Return corpus -> its genders, for corpora that know at least two."""
    found = {}
    for corpus in dict.fromkeys(predictions.corpora.tolist()):
        genders = sorted(set(predictions.genders[predictions.corpora == corpus].tolist()) - {""})
        if len(genders) > 1:
            found[corpus] = genders
    return found


def _only_shown(system: Measured) -> Measured:
    return Measured(lambda rows: _shown(system.measure(rows)), system.units)


def _shown(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if says_how_right(name)}
