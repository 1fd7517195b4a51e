"""How much speech does a model need? Recall and confidence against the length that it hears: a table and a plot.

    python -m benchmarks.robustness.durations --data CORPORA [--clips N]

Short: the middle of each held-out clip. Long: clips of the same speaker and emotion, one after the other. Needs the
extras [train] and [report].
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.listening import (
    ALL,
    CATEGORIES,
    Clips,
    Condition,
    Samples,
    about,
    draw,
    figures,
    interval,
    listen,
    opened,
    parser,
    sentence,
    write_results,
)
from emobridge.training.data.augmentation import SAMPLE_RATE_HZ
from emobridge.training.evaluation.tables import markdown_table

SHORT_S = (0.3, 0.5, 1.0, 2.0, 3.0)
LONG_S = (10.0, 20.0, 30.0)
WHOLE = "the whole clip"
ENOUGH, AS_GOOD = 0.5, 0.9  # shares of what the whole clip gives above chance
NOTE = (
    "Short: cut around the middle of the clip's energy, so that it is speech; a shorter clip is used whole. "
    "Long: test clips of the same speaker and emotion joined, and repeated where there are too few. Gain = UAR above "
    "chance, as a share of the whole clip's. Confidence = mean probability of the category that is said; where it "
    "follows accuracy, it is honest. Answered = share of clips that the model does not abstain from."
)


def middle(samples: Samples, length_s: float) -> Samples:
    """Return ``length_s`` of ``samples`` (N,) around the centre of their energy; all of them where they are shorter."""
    count = round(length_s * SAMPLE_RATE_HZ)
    if len(samples) <= count:
        return samples
    energy = np.square(samples, dtype=np.float64)
    centre = float(np.arange(len(samples)) @ energy) / energy.sum() if energy.any() else len(samples) / 2
    start = int(np.clip(round(centre - count / 2), 0, len(samples) - count))
    return samples[start : start + count]


def joined(clips: Clips, index: int, samples: Samples, length_s: float, generator: Generator) -> Samples:
    """Return ``length_s`` of a clip, then others of its speaker and category in random order, over and over."""
    same = (clips.corpora == clips.corpora[index]) & (clips.speakers == clips.speakers[index])
    same &= clips.truth == clips.truth[index]
    same[index] = False
    count, parts, held = round(length_s * SAMPLE_RATE_HZ), [samples], len(samples)
    for other in generator.permutation(np.flatnonzero(same)):
        if held >= count:
            break
        parts.append(clips.sound(int(other)))
        held += len(parts[-1])
    return np.resize(np.concatenate(parts), count)


def conditions(clips: Clips) -> list[Condition]:
    """Return the lengths that are heard, shortest first."""
    return [
        *(Condition(f"{length_s:g} s", "short", _cut(length_s)) for length_s in SHORT_S),
        Condition(WHOLE, "whole", lambda _, samples, __: samples),
        *(Condition(f"{length_s:g} s", "long", _joined(clips, length_s)) for length_s in LONG_S),
    ]


def _cut(length_s: float) -> Any:
    return lambda _, samples, __: middle(samples, length_s)


def _joined(clips: Clips, length_s: float) -> Any:
    return lambda index, samples, generator: joined(clips, index, samples, length_s, generator)


def chance(clips: Clips) -> float:
    """Return the mean over the corpora of the recall of a guess: one over the categories that its clips have."""
    names = dict.fromkeys(clips.corpora.tolist())
    known = [len(set(clips.truth[clips.corpora == name].tolist()) - {-1}) for name in names]
    return float(np.mean([1 / count for count in known if count]))


def shortest(results: Mapping[str, Any], share: float) -> str:
    """Return the name of the shortest length from which on every short one gives ``share`` of the whole clip's gain."""
    names = [row["name"] for row in results["conditions"] if row["group"] == "short"]
    gains = [row["gain"] for row in results["conditions"] if row["group"] == "short"]
    enough = [gain is not None and gain >= share for gain in gains]
    reached = [name for place, name in enumerate(names) if all(enough[place:])]
    return reached[0] if reached else WHOLE


def measure(predictor: Any, recipe: Any, clips: Clips, resamples: int) -> dict[str, Any]:
    """Return everything that durations.json holds."""
    everything = conditions(clips)
    found = listen(predictor, clips, everything)
    rows = figures(clips, found, everything, WHOLE, predictor.runtime.dimensions, resamples)
    guess = chance(clips)
    recall = {row["name"]: row["metrics"][f"{CATEGORIES}_{ALL}"]["value"] for row in rows}
    for row in rows:
        above = recall[WHOLE] is not None and recall[WHOLE] > guess
        row["gain"] = round((recall[row["name"]] - guess) / (recall[WHOLE] - guess), 3) if above else None
    results = {**about(predictor, recipe, clips, resamples), "chance": round(guess, 4), "conditions": rows}
    return {**results, "enough": shortest(results, ENOUGH), "as_good": shortest(results, AS_GOOD)}


def page(results: Mapping[str, Any]) -> str:
    """Return durations.md."""
    dimensions = results["dimensions"]
    header = ["length", "UAR, all", "minus whole clip", "gain", "accuracy", "confidence", "answered"]
    header += [f"{name}, CCC with whole clip" for name in dimensions]
    cells = []
    for row in results["conditions"]:
        metrics, itself = row["metrics"], row["name"] == WHOLE
        cells.append(
            [
                row["name"],
                interval(metrics[f"{CATEGORIES}_{ALL}"]),
                "" if itself else interval(row["differences"][f"{CATEGORIES}_{ALL}"], signed=True),
                "" if row["gain"] is None else f"{row['gain']:.0%}",
                *(f"{metrics[name]['value']:.3f}" for name in ("accuracy", "confidence", "judged")),
                *("" if itself else interval(metrics[f"concordance_cc_{name}"]) for name in dimensions),
            ]
        )
    told = (
        f"Chance is {results['chance']:.3f}. From {results['enough']} on, the model gives at least {ENOUGH:.0%} of "
        f"what the whole clip gives above chance; from {results['as_good']} on, at least {AS_GOOD:.0%}."
    )
    parts = ["# Short and long", sentence(results, "durations"), NOTE, told, "![UAR by length](durations.svg)"]
    return "\n\n".join([*parts, markdown_table(header, cells)]) + "\n"


def paint(results: Mapping[str, Any], axes: Sequence[Any]) -> None:
    """Fill two axes with recall, and with accuracy and confidence, by the length heard."""
    rows = results["conditions"]
    places = range(len(rows))
    recalls = [row["metrics"][f"{CATEGORIES}_{ALL}"] for row in rows]
    axes[0].plot(
        places, [one["value"] for one in recalls], marker="o", color="#1f5fa8", label="UAR, mean over the corpora"
    )
    for place, one in enumerate(recalls):
        if one["low"] is not None:
            axes[0].vlines(place, one["low"], one["high"], color="#1f5fa8")
    axes[0].axhline(results["chance"], color="#6a6a6a", linestyle="--", label="chance")
    for name, color in (("accuracy", "#1f5fa8"), ("confidence", "#d1772e")):
        axes[1].plot(places, [row["metrics"][name]["value"] for row in rows], marker="o", color=color, label=name)
    for one in axes:
        one.set_xticks(places, [row["name"] for row in rows], rotation=45, ha="right")
        one.set_ylim(bottom=0.0)
        one.legend(frameon=False, loc="lower right")


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear every length of the clips, and write durations.md, .json and .svg."""
    options = parser(__doc__).parse_args(arguments)
    predictor, recipe, clips = opened(options)
    results = measure(predictor, recipe, clips, options.resamples)
    out = write_results(options.out, "durations", results, page(results))
    draw(out / "durations.svg", 2, lambda axes: paint(results, axes), (10.0, 4.0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
