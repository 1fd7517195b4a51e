"""What is gained, and lost, by hearing speakers against their own mean? By what was heard of them before: a table.

    python -m benchmarks.robustness.relative --data CORPORA [--clips N]

Each held-out clip is the last of a recording of its speaker; what comes before is drawn at random from the speaker's
other clips: of all moods, mostly neutral, or of the mood of the clip itself, which is what a mean cannot stand. Needs
the extra [train].
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.listening import (
    ALL,
    CATEGORIES,
    Clips,
    about,
    figures,
    heard_in,
    interval,
    opened,
    parser,
    sentence,
    write_results,
)
from emobridge.diarization import Turn
from emobridge.inference.predictor import Predictor
from emobridge.results import Result
from emobridge.training.data.augmentation import SAMPLE_RATE_HZ
from emobridge.training.evaluation.tables import markdown_table

PAUSE_S = 0.3
FEW, MANY = 7, 30
NEUTRAL, NEUTRAL_SHARE = "neutral", 0.75
NOTE = (
    "Before each clip come other clips of its speaker, as known turns; only the clip itself is scored. "
    "*Of its own mood*: a speaker who has been in the mood of the clip all along, whose mean is that mood. Difference: "
    "to the clip alone, which `--normalize-speakers` does not change. Confidence = mean probability of the category "
    "that is said; where it follows accuracy, it is honest."
)


@dataclass(frozen=True)
class Past:
    """What was heard of a speaker before a clip.

    Attributes:
        name: for people.
        count: how many clips.
        moods: ``all``, ``neutral`` (`NEUTRAL_SHARE` of them) or ``same``.
    """

    name: str
    count: int
    moods: str = "all"
    group: str = ""


ALONE = Past("nothing", 0)
PASTS = (
    ALONE,
    Past(f"{FEW} clips of all moods", FEW),
    Past(f"{MANY} clips of all moods", MANY),
    Past(f"{FEW} clips, mostly neutral", FEW, "neutral"),
    Past(f"{FEW} clips of its own mood", FEW, "same"),
)


def before(clips: Clips, index: int, past: Past, generator: Generator) -> NDArray[np.intp]:
    """Return the clips that are heard before a clip, fewer where its speaker has no more of them."""
    mine = (clips.corpora == clips.corpora[index]) & (clips.speakers == clips.speakers[index])
    mine[index] = False
    if past.moods == "same":
        mine &= clips.truth == clips.truth[index]
    others = generator.permutation(np.flatnonzero(mine))
    if past.moods == "neutral" and NEUTRAL in clips.categories:
        is_neutral = clips.truth[others] == clips.categories.index(NEUTRAL)
        most = round(NEUTRAL_SHARE * past.count)
        chosen = np.concatenate((others[is_neutral][:most], others[~is_neutral]))[: past.count]
        return generator.permutation(chosen)
    return others[: past.count]


def hear(predictor: Predictor, clips: Clips, index: int, past: Past, generator: Generator) -> Result:
    """Return what is said of a clip after its past."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.float32)
    pieces, turns, start_s = [], [], 0.0
    for one in (*before(clips, index, past, generator), index):
        sound = clips.sound(int(one))
        turns.append(Turn(start_s, start_s + len(sound) / SAMPLE_RATE_HZ, "speaker"))
        pieces += [sound, pause]
        start_s += (len(sound) + len(pause)) / SAMPLE_RATE_HZ
    result = predictor.predict((np.concatenate(pieces), SAMPLE_RATE_HZ), speakers=turns, normalize_speakers=True)
    return replace(
        result, segments=tuple(segment for segment in result.segments if segment.start_s >= turns[-1].start_s - 1e-6)
    )


def measure(predictor: Predictor, recipe: Any, clips: Clips, resamples: int, seed: int = 0) -> dict[str, Any]:
    """Return everything that relative.json holds."""
    found = {
        past.name: heard_in(
            [
                hear(predictor, clips, index, past, np.random.default_rng([seed, index, number]))
                for index in range(len(clips))
            ],
            clips.categories,
            predictor,
        )
        for number, past in enumerate(PASTS)
    }
    rows = figures(clips, found, PASTS, ALONE.name, (), resamples)
    return {**about(predictor, recipe, clips, resamples), "conditions": rows}


def page(results: Mapping[str, Any]) -> str:
    """Return relative.md."""
    corpora = list(results["clips"])
    header = ["before the clip", "UAR, all", "difference", *corpora, "accuracy", "confidence"]
    cells = [
        [
            row["name"],
            interval(row["metrics"][f"{CATEGORIES}_{ALL}"]),
            "" if row["name"] == ALONE.name else interval(row["differences"][f"{CATEGORIES}_{ALL}"], signed=True),
            *(f"{row['metrics'][f'{CATEGORIES}_{name}']['value']:.3f}" for name in corpora),
            *(f"{row['metrics'][name]['value']:.3f}" for name in ("accuracy", "confidence")),
        ]
        for row in results["conditions"]
    ]
    parts = ["# Speakers against their own mean", sentence(results, "relative"), NOTE]
    return "\n\n".join([*parts, markdown_table(header, cells)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear every clip after every past, and write relative.md and .json."""
    options = parser(__doc__).parse_args(arguments)
    predictor, recipe, clips = opened(options)
    results = measure(predictor, recipe, clips, options.resamples)
    write_results(options.out, "relative", results, page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
