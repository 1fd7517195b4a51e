"""How does a model hear sound as it is? Noise, rooms, telephones, lossy codecs, overload and gain: a table and a plot.

    python -m benchmarks.robustness.conditions --data CORPORA [--clips N]

Every held-out clip is heard as it is and under every condition; what a condition costs is measured on the same
speakers. Loudness must not read as emotion: the largest change of a probability under gain alone is reported, and the
command fails where it is above 0.02. Needs the extras [train], [media] and [report].
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from benchmarks.listening import (
    ALL,
    CATEGORIES,
    JUDGED,
    Clips,
    Condition,
    Heard,
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
from emobridge.audio.load import load_audio
from emobridge.training.data.augmentation import (
    NOISES,
    SAMPLE_RATE_HZ,
    add_noise,
    change_gain,
    clip_peaks,
    crowd,
    mu_law,
    reverberate,
    room_response,
    telephone_band,
    through_codec,
)
from emobridge.training.evaluation.tables import markdown_table

CLEAN = "clean"
RATIOS_DB = (20, 10, 5, 0)
GAINS_DB = (20, -20)
GAIN_LIMIT = 0.02  # the most that a probability may change under gain alone
VOICES, CHOSEN_VOICES = 40, 6
NOTE = (
    "Signal-to-noise ratio over the whole clip, pauses included; babble = six other people at once, neither trained "
    "nor tested on. Rooms: invented responses, direct sound as strong as all reflections together. Telephone = "
    "300 to 3 400 Hz at 8 kHz; mu-law = 8 kHz in 8 bits. Codec rates in kbit/s. Clipped at a share of the clip's peak. "
    "Answered = share of clips that the model does not abstain from; the figures count the others too. "
    "The corpora here have no rated dimensions on speech, so the last columns compare the model with itself: the "
    "concordance (CCC) of each dimension under the condition with that of the clean clip, 1 = unmoved."
)
Change = Callable[[Samples, Generator], Samples]


def conditions(voices: Sequence[Samples]) -> list[Condition]:
    """Return everything that a clip goes through, clean first; ``voices`` are those of the babble."""
    changes: list[tuple[str, str, Change]] = [(CLEAN, CLEAN, lambda samples, _: samples)]
    for kind in ("white", "pink", "babble"):
        for ratio_db in RATIOS_DB:
            changes.append((f"{kind} noise, {ratio_db} dB", f"{kind} noise", _noisy(kind, ratio_db, voices)))
    for time_s in (0.3, 0.6, 1.0):
        changes.append((f"room, {time_s} s", "reverberation", _in_room(time_s)))
    changes.append(("telephone, 8 kHz", "line", lambda samples, _: telephone_band(samples)))
    changes.append(("mu-law, 8 kHz", "line", lambda samples, _: mu_law(samples)))
    for codec, kbit_s in (("mp3", 32), ("mp3", 16), ("opus", 12), ("opus", 6)):
        changes.append((f"{codec}, {kbit_s}", "line", _coded(codec, 1_000 * kbit_s)))
    for share in (0.5, 0.1):
        changes.append((f"clipped at {share}", "level", _clipped(share)))
    for gain_db in GAINS_DB:
        changes.append((f"gain {gain_db:+d} dB", "level", _amplified(gain_db)))
    return [Condition(name, group, _of_any_clip(change)) for name, group, change in changes]


def _of_any_clip(change: Change) -> Callable[[int, Samples, Generator], Samples]:
    return lambda _, samples, generator: change(samples, generator)


def _noisy(kind: str, ratio_db: float, voices: Sequence[Samples]) -> Change:
    def change(samples: Samples, generator: Generator) -> Samples:
        if kind == "babble":
            chosen = [voices[place] for place in generator.permutation(len(voices))[:CHOSEN_VOICES]]
            return add_noise(samples, crowd(chosen, len(samples), generator), ratio_db)
        return add_noise(samples, NOISES[kind](len(samples), generator), ratio_db)

    return change


def _in_room(time_s: float) -> Change:
    return lambda samples, generator: reverberate(samples, room_response(time_s, 0.0, generator))


def _coded(codec: Any, bit_rate: int) -> Change:
    return lambda samples, _: through_codec(samples, codec, bit_rate)


def _clipped(share: float) -> Change:
    return lambda samples, _: clip_peaks(samples, share)


def _amplified(gain_db: float) -> Change:
    return lambda samples, _: change_gain(samples, gain_db)


def gain_law(found: Mapping[str, Heard]) -> dict[str, Any]:
    """Return the largest change of any probability under gain alone, over the clips that are judged either way.

    Quiet clips may fall under the level below which nothing is judged; how many do is told as well.
    """
    changes, lost = [0.0], 0
    for gain_db in GAINS_DB:
        heard, clean = found[f"gain {gain_db:+d} dB"], found[CLEAN]
        both = heard.judged & clean.judged
        changes.append(float(np.abs(heard.probabilities - clean.probabilities)[both].max(initial=0.0)))
        lost += int((clean.judged & ~heard.judged).sum())
    largest = max(changes)
    return {
        "largest_change": round(largest, 6),
        "limit": GAIN_LIMIT,
        "kept": largest <= GAIN_LIMIT,
        "now_unjudged": lost,
    }


def page(results: Mapping[str, Any]) -> str:
    """Return robustness.md."""
    corpora, dimensions, law = list(results["clips"]), results["dimensions"], results["gain_law"]
    header = ["condition", "UAR, all", "minus clean", "answered", "UAR, answered", *corpora]
    header += [f"{name}, CCC with clean" for name in dimensions]
    cells = []
    for row in results["conditions"]:
        metrics, itself = row["metrics"], row["name"] == CLEAN
        values = [metrics[name]["value"] for name in (JUDGED, *(f"{CATEGORIES}_{one}" for one in (JUDGED, *corpora)))]
        cells.append(
            [
                row["name"],
                interval(metrics[f"{CATEGORIES}_{ALL}"]),
                "" if itself else interval(row["differences"][f"{CATEGORIES}_{ALL}"], signed=True),
                *("" if value is None else f"{value:.3f}" for value in values),
                *("" if itself else interval(metrics[f"concordance_cc_{name}"]) for name in dimensions),
            ]
        )
    gains = " or ".join(f"{gain_db:+d} dB" for gain_db in GAINS_DB)
    told = (
        f"Gain alone ({gains}) changes no probability by more than {law['largest_change']:.4f} (the limit is "
        f"{law['limit']}); {law['now_unjudged']} answers are lost."
    )
    parts = ["# Sound as it is", sentence(results, "conditions"), NOTE, told, "![UAR by condition](robustness.svg)"]
    return "\n\n".join([*parts, markdown_table(header, cells)]) + "\n"


def paint(results: Mapping[str, Any], axes: Sequence[Any]) -> None:
    """Fill two axes: recall against the signal-to-noise ratio, and under everything else."""
    rows = {row["name"]: row["metrics"][f"{CATEGORIES}_{ALL}"] for row in results["conditions"]}
    groups = {row["name"]: row["group"] for row in results["conditions"]}
    kinds = list(dict.fromkeys(group for group in groups.values() if group.endswith(" noise")))
    for kind, color in zip(kinds, ("#1f5fa8", "#b4538c", "#d1772e"), strict=True):
        values = [rows[f"{kind}, {ratio_db} dB"]["value"] for ratio_db in RATIOS_DB]
        axes[0].plot(RATIOS_DB, values, marker="o", color=color, label=kind)
    axes[0].invert_xaxis()
    axes[0].set_xticks(RATIOS_DB)
    axes[0].set_xlabel("signal-to-noise ratio, dB")
    axes[0].set_ylabel("UAR, mean over the corpora")
    others = [name for name, group in groups.items() if group not in (*kinds, CLEAN)]
    known = [(place, rows[name]) for place, name in enumerate(others) if rows[name]["value"] is not None]
    for place, row in known:
        axes[1].plot(place, row["value"], marker="o", color="#1f5fa8")
        if row["low"] is not None:
            axes[1].vlines(place, row["low"], row["high"], color="#1f5fa8")
    axes[1].set_xticks(range(len(others)), others, rotation=45, ha="right")
    for one in axes:
        one.axhline(rows[CLEAN]["value"], color="#6a6a6a", linestyle="--", label=CLEAN)
    axes[0].legend(frameon=False)


def measure(predictor: Any, recipe: Any, clips: Clips, resamples: int) -> dict[str, Any]:
    """Return everything that robustness.json holds."""
    voices = _voices(clips.others)
    everything = conditions(voices)
    found = listen(predictor, clips, everything)
    rows = figures(clips, found, everything, CLEAN, predictor.runtime.dimensions, resamples)
    return {**about(predictor, recipe, clips, resamples), "gain_law": gain_law(found), "conditions": rows}


def _voices(others: Sequence[Path]) -> list[Samples]:
    chosen = np.random.default_rng(0).permutation(len(others))[:VOICES]
    return [load_audio(others[place], sample_rate_hz=SAMPLE_RATE_HZ) for place in chosen]


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear the clips under every condition, and write robustness.md, .json and .svg."""
    options = parser(__doc__).parse_args(arguments)
    predictor, recipe, clips = opened(options)
    results = measure(predictor, recipe, clips, options.resamples)
    out = write_results(options.out, "robustness", results, page(results))
    draw(out / "robustness.svg", 2, lambda axes: paint(results, axes), (10.0, 4.5))
    law = results["gain_law"]
    print(f"gain alone changes a probability by at most {law['largest_change']}; the limit is {law['limit']}")
    return 0 if law["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
