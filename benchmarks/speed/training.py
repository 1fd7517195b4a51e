"""How long does training take at the width of the published recipe, beside the plain loop, and for ten folds at once?

    python -m benchmarks.speed.training [--cache FOLDER] [--rounds N] [--trial] [--out FOLDER]

Generates the vectors of a corpus as long as IEMOCAP's (training_memory.py), 2.8 GB, in the folder CACHE, or in one that
is deleted at the end. An epoch is extrapolated from some steps: its batches are ordered by size and cut into groups, of
which the middle one is measured. Both loops take turns. Then as many folds train side by side as there are cores, each
in a process of one thread, and so do variants that are other functions. `--trial` takes 200 utterances and fewer
groups: quicker, and no result. Needs the extra [train]; about six minutes on two cores, and 12 GB of memory. Exit
status 1: a bound is broken.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.listening import COMMITTED, write_results
from benchmarks.speed.machine import describe, sentence
from benchmarks.speed.peaks import FP32, peaks
from benchmarks.speed.plain_training import PlainLoop, random_batches
from benchmarks.speed.training_memory import UTTERANCES, VECTORS_HZ, WIDTH, generate, new_trainer
from emobridge.training.data.examples import Examples
from emobridge.training.evaluation.tables import markdown_table
from emobridge.training.experiments.recipe import read_recipe
from emobridge.training.fit.trainer import Trainer
from emobridge.training.models.modality_dropout import ModalityMasking
from emobridge.utils.memory import keep_freed_memory
from emobridge.utils.threads import cores

RECIPE, BATCH = "ispas2023", 32
EPOCHS, FOLDS, TRAINED_SHARE = 20, 10, 0.8  # 8 of 10 speakers train
POOLED = 4
GROUPS, PLAIN_GROUPS, TRIAL_GROUPS, TRIAL_UTTERANCES = 6, 4, 2, 200
SMALL = ("model.width=256", "model.heads=4")
VARIANTS: dict[str, tuple[tuple[str, ...], int]] = {  # name -> overrides, and how many vectors become one
    "the published width": ((), 1),
    f"mean of {POOLED} vectors": ((), POOLED),
    "width 256": (SMALL, 1),
    f"mean of {POOLED} vectors, width 256": (SMALL, POOLED),
}
LEAST_TIMES, MOST_MINUTES, MOST_GB, MOST_LOADING, LEAST_USEFUL, LARGEST_DIFFERENCE = 12.0, 45.0, 2.8, 0.02, 0.95, 1e-5
ALL_SHOWN = ModalityMasking(start=0.0)
SOUND_HIDDEN = ModalityMasking(start=1.0, linguistic_share=0.0)


@dataclass(frozen=True)
class Stratum:
    """Batches of like size, of which one is measured.

    Attributes:
        number: of the measured batch among all.
        share: of all batches, that are in it.
        scale: vectors of its mean batch, as a multiple of those of the measured one.
    """

    number: int
    share: float
    scale: float


def strata(batches: Sequence[NDArray[np.int64]], counts: NDArray[np.int64], groups: int) -> list[Stratum]:
    """Return the groups of an epoch's batches, the smallest first."""
    sizes = np.array([padded(rows, counts) for rows in batches])
    parts = np.array_split(np.argsort(sizes, kind="stable"), groups)
    middles = [int(part[len(part) // 2]) for part in parts]
    return [
        Stratum(middle, len(part) / len(batches), float(sizes[part].mean() / sizes[middle]))
        for part, middle in zip(parts, middles, strict=True)
    ]


def padded(rows: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    """Return how many acoustic vectors a batch has, padding included."""
    return int(len(rows) * counts[rows].max())


def useful(batches: Sequence[NDArray[np.int64]], counts: NDArray[np.int64]) -> float:
    """Return which share of the acoustic vectors in all batches is real."""
    return float(sum(counts[rows].sum() for rows in batches) / sum(padded(rows, counts) for rows in batches))


def mean_step_s(groups: Sequence[Stratum], taken_s: Sequence[Sequence[float]]) -> float:
    """Return the seconds of the mean step, from those of each group's batch, round by round."""
    medians = [statistics.median(each) for each in taken_s]
    return sum(group.share * group.scale * took_s for group, took_s in zip(groups, medians, strict=True))


@dataclass
class OwnLoop:
    """`Trainer` on chosen batches, every modality shown or all sound hidden.

    Attributes:
        trainer: of one stream, so that a step's number is its batch's.
        masking: the recipe's own.
    """

    trainer: Trainer
    masking: ModalityMasking

    @classmethod
    def of(cls, examples: Examples, overrides: Sequence[str], folder: Path) -> "OwnLoop":
        """Return that of the published recipe with overrides."""
        recipe = read_recipe(RECIPE, [f"training.streams.0.batch_size={BATCH}", *overrides])
        return cls(new_trainer(recipe, examples, folder), recipe.masking)

    @property
    def batches(self) -> list[NDArray[np.int64]]:
        """Two blocks of batches."""
        (stream,) = self.trainer.streams
        return [stream.chosen(number) for number in range(2 * stream.block)]

    def step(self, number: int, masking: ModalityMasking = ALL_SHOWN) -> None:
        """Learn from a batch."""
        self.trainer.masking = masking
        self.trainer.step(number)

    def loading_s(self, number: int) -> float:
        """Return the seconds that a batch takes to be made."""
        return seconds(partial(self.trainer.streams[0].batch, number))

    def hidden_share(self) -> float:
        """Return in which share of a training's steps all sound is hidden."""
        trainer, shown = self.trainer, torch.ones(BATCH, 2, dtype=torch.bool)
        hidden = 0
        for step in range(trainer.config.steps):
            generator = torch.Generator().manual_seed(trainer.setup.seed * 1_000_003 + step)
            hidden += not self.masking.hide(shown, step / trainer.config.steps, generator)[:, 0].any()
        return hidden / trainer.config.steps


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes; with one thread by the processor's clock, which others at work disturb less."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    work()
    return clock() - started


def operations(work: Callable[[], object]) -> int:
    """Return the floating-point operations of the products of matrices in some work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def apart(own: OwnLoop, plain: PlainLoop, number: int) -> float:
    """Return the largest difference of outputs between both networks, of the same weights, on a batch."""
    batch = own.trainer.streams[0].batch(number)
    own.trainer.system.eval()
    plain.network.eval()
    with torch.no_grad():
        pairs = zip(own.trainer.system(batch, batch.presence), plain.outputs(batch, batch.presence), strict=True)
        return max(float((one - other).abs().max()) for one, other in pairs)


def contest(examples: Examples, folder: Path, rounds: int, trial: bool) -> dict[str, Any]:
    """Return an epoch of both loops, with all threads."""
    own = OwnLoop.of(examples, (), folder)
    plain = PlainLoop(own.trainer)
    counts, batches = examples.frame_counts, own.batches
    random = random_batches(len(examples), BATCH)
    mine = strata(batches, counts, TRIAL_GROUPS if trial else GROUPS)
    theirs = strata(random, counts, TRIAL_GROUPS if trial else PLAIN_GROUPS)
    difference = apart(own, plain, mine[0].number)
    middle, other = mine[len(mine) // 2], theirs[len(theirs) // 2]
    done = operations(partial(own.step, middle.number)), operations(partial(plain.step, random[other.number]))
    own.step(mine[0].number, SOUND_HIDDEN)
    shown_s, hidden_s, plain_s = ([[] for _ in each] for each in (mine, mine, theirs))
    loading_s: list[list[float]] = [[] for _ in mine]
    for _ in range(rounds):
        for place in range(max(len(mine), len(theirs))):
            if place < len(theirs):
                plain_s[place].append(seconds(partial(plain.step, random[theirs[place].number])))
            if place < len(mine):
                number = mine[place].number
                shown_s[place].append(seconds(partial(own.step, number)))
                hidden_s[place].append(seconds(partial(own.step, number, SOUND_HIDDEN)))
                loading_s[place].append(own.loading_s(number))
    return {
        "threads": torch.get_num_threads(),
        "difference": difference,
        "steps": len(random),
        "plain_step_s": mean_step_s(theirs, plain_s),
        "shown_step_s": mean_step_s(mine, shown_s),
        "hidden_step_s": mean_step_s(mine, hidden_s),
        "loading_step_s": mean_step_s(mine, loading_s),
        "hidden_share": own.hidden_share(),
        "useful": {"plain": useful(random, counts), "own": useful(batches, counts)},
        "speed": {
            "plain": done[1] / statistics.median(plain_s[len(theirs) // 2]) / 1e9,
            "own": done[0] / statistics.median(shown_s[len(mine) // 2]) / 1e9,
        },
    }


def fold_step_s(cache: Path, count: int, overrides: tuple[str, ...], pooled: int, groups: int) -> float:
    """Return the seconds of the mean step of a fold with one thread, as the recipe hides modalities; in a process."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as `emobridge` itself does
    examples = corpus(cache, count, pooled)
    with tempfile.TemporaryDirectory() as folder:
        own = OwnLoop.of(examples, overrides, Path(folder))
        parts = strata(own.batches, examples.frame_counts, groups)
        own.step(parts[0].number)
        shown, hidden = (
            mean_step_s(parts, [[seconds(partial(own.step, part.number, masking))] for part in parts])
            for masking in (ALL_SHOWN, SOUND_HIDDEN)
        )
        share = own.hidden_share()
    return (1 - share) * shown + share * hidden


def folds(cache: Path, count: int, jobs: int, groups: int) -> dict[str, dict[str, float]]:
    """Return, for each variant, the mean step of so many folds at once, and how long ten take."""
    found = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for name, (overrides, pooled) in VARIANTS.items():
            told("folds side by side:", name)
            each = [pool.submit(fold_step_s, cache, count, overrides, pooled, groups) for _ in range(jobs)]
            step_s = statistics.mean(one.result() for one in each)
            steps = EPOCHS * TRAINED_SHARE * count / BATCH
            found[name] = {"step_s": step_s, "minutes": -(-FOLDS // jobs) * steps * step_s / 60}
    return found


def corpus(cache: Path, count: int, pooled: int = 1) -> Examples:
    """Return the generated examples, with so many vectors of sound in one."""
    return generate(cache / f"mean-of-{pooled}", count, WIDTH, VECTORS_HZ / pooled)


def figures(results: Mapping[str, Any]) -> dict[str, float]:
    """Return what is held against the bounds."""
    epoch = results["epoch"]
    step_s = (1 - epoch["hidden_share"]) * epoch["shown_step_s"] + epoch["hidden_share"] * epoch["hidden_step_s"]
    return {
        "step_s": step_s,
        "times": epoch["plain_step_s"] / step_s,
        "times_shown": epoch["plain_step_s"] / epoch["shown_step_s"],
        "minutes": results["folds"][next(iter(VARIANTS))]["minutes"],
        "loading": epoch["loading_step_s"] / epoch["shown_step_s"],
        "useful": epoch["useful"]["own"],
        "cache_gb": results["cache_gb"],
        "difference": epoch["difference"],
    }


def broken(results: Mapping[str, Any]) -> list[str]:
    """Return what does not keep the bounds, in words."""
    found = figures(results)
    kept = {
        f"an epoch takes 1/{found['times']:.1f} of the plain loop's time": found["times"] >= LEAST_TIMES,
        f"ten folds take {found['minutes']:.0f} minutes": found["minutes"] <= MOST_MINUTES,
        f"the cache takes {found['cache_gb']:.2f} GB": found["cache_gb"] <= MOST_GB,
        f"loading is {found['loading']:.1%} of a step": found["loading"] <= MOST_LOADING,
        f"{found['useful']:.3f} of the vectors are useful": found["useful"] >= LEAST_USEFUL,
        f"outputs are apart by {found['difference']:.1g}": found["difference"] <= LARGEST_DIFFERENCE,
    }
    return [told for told, holds in kept.items() if not holds]


def page(results: Mapping[str, Any]) -> str:
    """Return training.md."""
    epoch, found, peak = results["epoch"], figures(results), results["peak"]
    steps, outside = epoch["steps"], broken(results)
    rows = [
        ("plain loop", epoch["plain_step_s"], "1", epoch["useful"]["plain"], epoch["speed"]["plain"]),
        ("emobridge, nothing hidden", epoch["shown_step_s"], f"{found['times_shown']:.1f}", found["useful"], None),
        ("emobridge, as the recipe hides", found["step_s"], f"**{found['times']:.1f}**", found["useful"], None),
    ]
    rows[1] = (*rows[1][:4], epoch["speed"]["own"])
    loops = [
        [name, f"{step:.2f}", f"{steps * step:.0f}", times, f"{share:.2f}", f"{speed / peak:.0%}" if speed else ""]
        for name, step, times, share, speed in rows
    ]
    plain_minutes = FOLDS * EPOCHS * TRAINED_SHARE * steps * epoch["plain_step_s"] / 60
    variants = [
        [name, f"{each['step_s']:.2f}", f"{each['minutes']:.0f}", f"{plain_minutes / each['minutes']:.1f}"]
        for name, each in results["folds"].items()
    ]
    return "\n\n".join([
        "# Training",
        f"Made by `python -m benchmarks.speed.training`. {sentence(results['machine'])}",
        f"The recipe `{RECIPE}` (width {WIDTH}) in batches of {BATCH} on {results['utterances']:,} generated "
        f"utterances, whose vectors take {found['cache_gb']:.2f} GB. Bounds: at least {LEAST_TIMES:.0f} times the "
        f"plain loop's speed, ten folds in {MOST_MINUTES:.0f} minutes, a cache of {MOST_GB} GB, {MOST_LOADING:.0%} of "
        f"a step for loading ({found['loading']:.1%} here), {LEAST_USEFUL} of the vectors in a batch useful, outputs "
        f"within {LARGEST_DIFFERENCE:.0e} ({found['difference']:.0e} here). "
        + (f"Not kept here: {'; '.join(outside)}." if outside else "All are kept here."),
        f"## An epoch, {epoch['threads']} threads",
        markdown_table(["", "a step, s", "an epoch, s", "times", "useful", "share of peak"], loops),
        "The plain loop: random batches, padded to their longest; bridges with keys and values; torch's AdamW; the "
        "same network, loss and weights, float32. emobridge: batches of like length, bridges without keys and values, "
        f"and no work on sound in the {epoch['hidden_share']:.0%} of steps in which the recipe hides all of it. An "
        f"epoch is {steps} mean steps, extrapolated from some, in turns, medians of {results['rounds']}; with one "
        "thread by the processor's clock. Share of peak: operations of the products of matrices in a middle batch, of "
        f"what the fastest product does here ({peak:.0f} x 10^9 a second).",
        f"## {FOLDS} folds of {EPOCHS} epochs, {results['jobs']} at once, each in a process of one thread",
        markdown_table(["", "a step, s", "minutes", "times"], variants),
        f"Projected from measured steps on {TRAINED_SHARE:.0%} of the utterances, without evaluation. Times: the plain "
        f"loop, one fold after the other with all threads, would take {plain_minutes:.0f} minutes. All but the first "
        "are other networks.",
    ]) + "\n"  # fmt: skip


def told(*words: object) -> None:
    """Say on standard error what is going on."""
    print(*words, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write training.md and .json; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder for the generated vectors, kept; default: a temporary one")
    parser.add_argument("--rounds", type=int, default=1, help="how often each step is timed")
    parser.add_argument("--jobs", type=int, default=len(cores()), help="folds at once; default: a core each")
    parser.add_argument("--trial", action="store_true", help="a small corpus and few steps")
    parser.add_argument("--out", type=Path, default=COMMITTED, help="folder of the page and its figures")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    count = TRIAL_UTTERANCES if options.trial else UTTERANCES
    machine = describe()
    results: dict[str, Any] = {"machine": machine, "utterances": count, "rounds": options.rounds, "jobs": options.jobs}
    results["peak"] = peaks(torch.get_num_threads()).gops[FP32]
    with ExitStack() as stack:
        cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told("generating the vectors of", count, "utterances")
        examples = corpus(cache, count)
        corpus(cache, count, POOLED)
        assert examples.text_cache is not None, "the texts are read"
        results["cache_gb"] = (examples.cache.size_bytes + examples.text_cache.size_bytes) / 1e9
        told("both loops in turns")
        trained = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        results["epoch"] = contest(examples, trained, options.rounds, options.trial)
        results["folds"] = folds(cache, count, options.jobs, TRIAL_GROUPS if options.trial else PLAIN_GROUPS)
    write_results(options.out, "training", results, page(results))
    for each in broken(results):
        told("outside its bound:", each)
    return 1 if broken(results) else 0


if __name__ == "__main__":
    sys.exit(main())
