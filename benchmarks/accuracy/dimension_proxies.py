"""What can be checked of dimensions on speech that nobody rated: proxies, and no accuracy.

A model can pass them all and still be wrong about valence; one that fails them is wrong. They ask whether a dimension
follows what is known of clips (`orders`), and whether it moves within a category or only repeats it. Clips of speakers
that were never heard in training, speech alone, one corpus at a time; where no clip can be compared, NaN.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emobridge.training.corpora.base import Utterance
from emobridge.training.data.rankings import (
    LADDERS,
    LEAST_STEP,
    heard_category,
    rank_by_category,
    rank_by_intensity,
    shares_below,
)
from emobridge.training.evaluation.bootstrap import Measured, speaker_units
from emobridge.training.evaluation.metrics import pearson_cc
from emobridge.training.evaluation.predictions import Predictions

Utterances = Mapping[tuple[str, str], Utterance]  # (corpus, id) -> utterance


def measured_proxies(predictions: Predictions, utterances: Utterances) -> Measured:
    """Return the proxies of the clips of one corpus and one variant, ready for intervals over speakers.

    For each dimension with a ladder:
    ``category_order_<dimension>``: share of pairs of clips in the order of their categories, ties by half; 0.5 is
    chance. ``intensity_order_<dimension>``: the same for pairs of one category by intensity; of two intensities it is
    the area under the ROC curve. ``intensity_rank_<dimension>``: Spearman's correlation with the intensity, with the
    sign in which it should move the category, mean over categories by their clips. ``within_category_<dimension>``:
    share of the variance that lies within true categories, 1 - eta squared. ``within_answer_<dimension>``: the same
    within the categories that the model answers.

    Args:
        predictions: any; rows without sound, or with words, are left out.
        utterances: those of the predictions.
    """
    heard = predictions.select(predictions.presence == "acoustic")
    said = [utterances[key] for key in zip(heard.corpora.tolist(), heard.ids.tolist(), strict=True)]
    ladder, strength = (rank(said, heard.dimensions) for rank in (rank_by_category, rank_by_intensity))
    true = np.array([heard_category(utterance) or "" for utterance in said], dtype=np.str_)
    answered = heard.probabilities.argmax(axis=1) if heard.categories else np.zeros(len(heard), np.int64)

    def measure(rows: NDArray[np.intp]) -> dict[str, float]:
        values: dict[str, float] = {}
        for column, name in enumerate(heard.dimensions):
            if name not in LADDERS:
                continue
            predicted = heard.predicted_dimensions[rows, column]
            rungs, places = ladder.places[rows, column], strength.places[rows, column]
            values |= {
                f"category_order_{name}": right_order_share(predicted, rungs, ladder.groups[rows]),
                f"intensity_order_{name}": right_order_share(predicted, places, strength.groups[rows]),
                f"intensity_rank_{name}": rank_correlation(predicted, places, strength.groups[rows]),
                f"within_category_{name}": within_share(predicted, true[rows]),
                f"within_answer_{name}": within_share(predicted, answered[rows]),
            }
        return values

    return Measured(measure, speaker_units(heard.corpora, heard.speakers, heard.ids))


def right_order_share(values: NDArray[np.floating], places: NDArray[np.floating], groups: NDArray[np.int64]) -> float:
    """Return the share of pairs of one group, at least `LEAST_STEP` apart in place, whose values are in that order.

    Equal values count by half. All are (N,); a place of NaN is in no pair; NaN without any pair.
    """
    right, pairs = 0.0, 0
    for group in np.unique(groups):
        mine = (groups == group) & np.isfinite(places)
        own_values, own_places = values[mine], places[mine]
        for place in np.unique(own_places):
            lower = np.sort(own_values[own_places <= place - LEAST_STEP])
            upper = own_values[own_places == place]
            if len(lower):
                right += float(shares_below(upper, lower).sum()) * len(lower)
                pairs += len(lower) * len(upper)
    return right / pairs if pairs else float("nan")


def rank_correlation(values: NDArray[np.floating], places: NDArray[np.floating], groups: NDArray[np.int64]) -> float:
    """Return Spearman's correlation of values and places (N,), the mean over groups by their items.

    A place of NaN does not count, nor a group in which either is constant; NaN where none is left.
    """
    found, items = [], []
    for group in np.unique(groups):
        mine = (groups == group) & np.isfinite(places)
        ranks = (shares_below(each, np.sort(each)) for each in (values[mine], places[mine]))
        correlation = pearson_cc(*ranks)
        if np.isfinite(correlation):
            found.append(correlation)
            items.append(int(mine.sum()))
    return float(np.average(found, weights=items)) if found else float("nan")


def within_share(values: NDArray[np.floating], groups: NDArray[np.generic]) -> float:
    """Return the share of the variance of values (N,) that lies within groups (N,): 1 - eta squared, 0 to 1.

    0 for a function of the group alone; NaN where the values are constant.
    """
    if not len(values) or np.ptp(values) == 0:
        return float("nan")
    deviations = values - values.mean(dtype=np.float64)
    rest = [deviations[groups == group] for group in np.unique(groups)]
    return float(sum(((one - one.mean()) ** 2).sum() for one in rest) / (deviations @ deviations))
