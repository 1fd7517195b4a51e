"""How well are speakers told apart by voice? Conversations of speakers that the voices were not made from: a table.

    python -m benchmarks.speed.speakers --data CORPORA --out FOLDER [--trials N]

Needs the extra [train].
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.conversation import RATE_HZ, Clip, converse
from benchmarks.listening import write_results
from emobridge.audio.source import open_source
from emobridge.diarization import Turn
from emobridge.inference.turns import Planner
from emobridge.segmentation.speech_detector import SpeechDetector
from emobridge.training.corpora import read_corpus
from emobridge.training.evaluation.tables import markdown_table

CORPORA = ("ravdess", "nemo")  # neither is in the space of voices
COUNTS = (2, 3, 4)
STEP_S = 0.02
WINDOW_S = 4.0
NOTE = (
    "Conversations of two minutes in one channel, pauses of 0.2 to 1.2 s, some of them longer, 8 % of the turns "
    "overlapping the one before; the number of speakers is given. Confusion = share of the time in which one speaker "
    "alone speaks and a segment lies, that is given to the wrong speaker, the names mapped in the best way (the "
    "confusion part of the diarisation error rate); half and half at random would be 0.5 for two. Purity = share of "
    "the time of each found speaker that belongs to the one who has most of it. Missed = share of the speech that lies "
    "in no segment; clips that have silence at their ends count it as speech."
)


def speaking(turns: Sequence[Turn | Clip], names: Sequence[str], duration_s: float) -> NDArray[np.bool_]:
    """Return (names, T): who speaks at every `STEP_S`."""
    found = np.zeros((len(names), round(duration_s / STEP_S) + 1), np.bool_)
    for turn in turns:
        start, end = (round(time_s / STEP_S) for time_s in (turn.start_s, turn.end_s))
        found[names.index(turn.speaker or ""), start:end] = True
    return found


def score(turns: Sequence[Turn], clips: Sequence[Clip], duration_s: float) -> dict[str, float]:
    """Return ``confusion``, ``purity`` and ``missed`` of turns against the clips."""
    truth = speaking(clips, sorted({clip.speaker for clip in clips}), duration_s)
    found = speaking(turns, sorted({turn.speaker or "" for turn in turns}), duration_s)
    alone = (truth.sum(axis=0) == 1) & found.any(axis=0)
    shared = (truth[:, None] & found[None] & alone).sum(axis=2)
    matched = linear_sum_assignment(-shared)
    return {
        "confusion": 1.0 - float(shared[matched].sum() / shared.sum()),
        "purity": float(shared.max(axis=0).sum() / shared.sum()),
        "missed": 1.0 - float((truth.any(axis=0) & found.any(axis=0)).sum() / truth.any(axis=0).sum()),
    }


def measure(data: Path, corpus: str, count: int, trials: int, detector: SpeechDetector) -> dict[str, Any]:
    """Return the scores of ``trials`` conversations of ``count`` speakers."""
    everybody = sorted({one.speaker for one in read_corpus(corpus, data).utterances if one.speaker is not None})
    scores = []
    for seed in range(trials):
        names = np.random.default_rng(seed).choice(everybody, count, replace=False).tolist()
        conversation = converse(data, corpus, names, 120.0, seed)
        source = open_source((conversation.mono, RATE_HZ))
        (part,) = Planner(source, None, detector, WINDOW_S, lambda share: None).plan(count, None).parts
        scores.append(score(part.turns, conversation.clips, conversation.duration_s))
    return {
        "corpus": corpus,
        "speakers": count,
        **{name: float(np.mean([one[name] for one in scores])) for name in scores[0]},
        "median_confusion": float(np.median([one["confusion"] for one in scores])),
        "worst_confusion": max(one["confusion"] for one in scores),
    }


def page(results: dict[str, Any]) -> str:
    """Return speakers.md."""
    names = ("confusion", "median_confusion", "worst_confusion", "purity", "missed")
    header = ["corpus", "speakers", *(name.replace("_", " ") for name in names)]
    cells = [[one["corpus"], str(one["speakers"]), *(f"{one[name]:.3f}" for name in names)] for one in results["rows"]]
    told = f"{results['trials']} conversations a row. Made by `python -m benchmarks.speed.speakers`."
    return "\n\n".join(["# Speakers told apart by voice", told, NOTE, markdown_table(header, cells)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write speakers.md and .json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--trials", type=int, default=20, help="conversations a row")
    options = parser.parse_args(arguments)
    detector = SpeechDetector()
    rows = [measure(options.data, corpus, count, options.trials, detector) for corpus in CORPORA for count in COUNTS]
    results = {"trials": options.trials, "rows": rows}
    write_results(options.out, "speakers", results, page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
