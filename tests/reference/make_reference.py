"""Compute what other implementations make of seeded random inputs, and store both; see README.md beside this file.

Run: python tests/reference/make_reference.py
"""

import json
from pathlib import Path
from typing import Any

import audmetric
import numpy as np
import sklearn.metrics
from scipy import spatial, stats

STORED = Path(__file__).with_name("metrics.json")
CATEGORIES = 6
ITEMS = 90
BINS = 15


def make_inputs(seed: int) -> dict[str, Any]:
    """Return the inputs as plain lists; category 5 is predicted but never true."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(CATEGORIES - 1, ITEMS, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    logits = generator.normal(size=(ITEMS, CATEGORIES)) * 2
    logits[np.arange(ITEMS), truth] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    votes = generator.multinomial(10, [1 / CATEGORIES] * CATEGORIES, ITEMS) / 10
    values = generator.uniform(size=ITEMS)
    return {
        "truth": truth.tolist(),
        "probabilities": probabilities.tolist(),
        "votes": votes.tolist(),
        "true_values": values.round(6).tolist(),
        "predicted_values": (0.3 + 0.5 * values + 0.1 * generator.normal(size=ITEMS)).round(6).tolist(),
    }


def category_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of one category an item, by scikit-learn and audmetric."""
    truth, predicted = np.array(inputs["truth"]), np.array(inputs["probabilities"]).argmax(axis=1)
    held, every = sorted(set(inputs["truth"])), list(range(CATEGORIES))
    f1 = sklearn.metrics.f1_score
    return {
        "confusion_matrix": sklearn.metrics.confusion_matrix(truth, predicted, labels=every).tolist(),
        # With labels=held audmetric would also drop the items that are predicted as another category.
        "per_class_recall": [audmetric.recall_per_class(truth, predicted, every)[label] for label in held],
        "unweighted_average_recall": sklearn.metrics.recall_score(truth, predicted, labels=held, average="macro"),
        "weighted_average_recall": sklearn.metrics.accuracy_score(truth, predicted),
        "macro_f1": f1(truth, predicted, labels=held, average="macro"),
        "weighted_f1": f1(truth, predicted, labels=held, average="weighted"),
    }


def probability_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of distributions, by scikit-learn and scipy."""
    truth, probabilities, votes = (np.array(inputs[name]) for name in ("truth", "probabilities", "votes"))
    confidence = probabilities.max(axis=1)
    top = probabilities.argmax(axis=1)
    gaps = {"label": (top == truth) - confidence, "votes": votes[np.arange(ITEMS), top] - confidence}
    sums = {
        name: stats.binned_statistic(confidence, gap, "sum", bins=BINS, range=(0, 1)).statistic
        for name, gap in gaps.items()
    }
    equal = np.array_split(gaps["votes"][np.argsort(confidence)], BINS)
    squared = np.mean([gap.mean() ** 2 - stats.sem(gap) ** 2 for gap in equal])  # ITEMS is a multiple of BINS
    pairs = list(zip(votes, probabilities, strict=True))
    return {
        "expected_calibration_error": float(np.abs(sums["label"]).sum() / ITEMS),
        "expected_calibration_error_votes": float(np.abs(sums["votes"]).sum() / ITEMS),
        "debiased_calibration_error_votes": float(np.sqrt(max(squared, 0))),
        "negative_log_likelihood": sklearn.metrics.log_loss(truth, probabilities, labels=list(range(CATEGORIES))),
        "cross_entropy_votes": float(np.mean([stats.entropy(vote) + stats.entropy(vote, row) for vote, row in pairs])),
        "brier_votes": float(np.mean([spatial.distance.sqeuclidean(vote, row) for vote, row in pairs])),
    }


def dimension_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a dimension, by audmetric, scipy and scikit-learn."""
    truth, predicted = np.array(inputs["true_values"]), np.array(inputs["predicted_values"])
    return {
        "concordance_cc": audmetric.concordance_cc(truth, predicted),
        "pearson_cc": float(stats.pearsonr(truth, predicted).statistic),
        "mean_absolute_error": float(sklearn.metrics.mean_absolute_error(truth, predicted)),
        "root_mean_square_error": float(sklearn.metrics.root_mean_squared_error(truth, predicted)),
    }


def make_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return every reference value for ``inputs``."""
    return {**category_values(inputs), **probability_values(inputs), **dimension_values(inputs)}


def main() -> None:
    """Write the stored file."""
    cases = [{"inputs": inputs, "values": make_values(inputs)} for inputs in map(make_inputs, range(3))]
    STORED.write_text(json.dumps(cases) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
