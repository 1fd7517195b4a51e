"""Every variant of a recipe on every fold, with every seed; and what each says when it reads other transcripts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emobridge.encoders.hub.base import HubConfig
from emobridge.errors import RecipeError
from emobridge.training.data.alternative_transcripts import table_digest, with_transcripts
from emobridge.training.data.examples import add_perturbed_copies
from emobridge.training.evaluation.inference import Pairs, predict
from emobridge.training.evaluation.predictions import Predictions, read_metadata
from emobridge.training.evaluation.view_calibration import in_own_views
from emobridge.training.experiments.grid import Grid, Plan, plan
from emobridge.training.experiments.parallel import FoldTask, train_in_parallel
from emobridge.training.experiments.prepare import Parts, Prepared, encode_corpora, prepare
from emobridge.training.experiments.provenance import result_folder, write_experiment
from emobridge.training.experiments.recipe import Recipe, read_recipe
from emobridge.training.experiments.train_fold import (
    HELD_OUT,
    LEARNED,
    PREDICTIONS,
    Start,
    of_variant,
    run_fold,
    trained,
)
from emobridge.training.fit.distributed import processes
from emobridge.training.splits.leakage import SplitRecord
from emobridge.utils.files import make_folder
from emobridge.utils.progress import ProgressCallback, no_report


def crossvalidate(
    recipe: str | Path | Recipe,
    data: Path | None,
    out: Path,
    folds: Sequence[int] | None = None,
    report: ProgressCallback = no_report,
    *,
    leave_corpus_out: bool = False,
    allow_leaks: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    grid: Grid | None = None,
    jobs: int = 1,
) -> Predictions:
    """Run every variant of a recipe on every fold and return all predictions, which are also stored (`result_folder`).

    Confidence is that of the view of each corpus's categories, fitted on the held-out speakers of all these folds but
    the tested ones (`in_own_views`).

    Args:
        recipe, data, out, report, allow_leaks: as for `train`.
        folds: which folds, counted from 1; None: all.
        leave_corpus_out: instead of the folds of speakers take those of corpora (`Prepared.left_out`), named
            ``without-`` and the corpus: trained on the others, tested on all of this one.
        seeds: every training is done with each; None: with the recipe's own.
        grid: whose variants are run in the place of the recipe's own.
        jobs: how many folds are trained side by side, each in a process of one thread; the result is that of one after
            another with one thread.

    Raises:
        EmobridgeError: as for `train`; also a recipe without two corpora to leave one out of, and a grid that asks
            nothing of the recipe.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    _refuse_shared_training()
    planned = Plan(chosen) if grid is None else plan(grid, chosen)
    asked = list(dict.fromkeys(seeds or [chosen.seed]))
    result = result_folder(out, leave_corpus_out)
    runs: list[_Planned] = []
    known: dict[tuple[Any, ...], Prepared] = {}  # a variant may learn from other labels or inputs
    recipes = {name: planned.recipe.variant(name) for name in (chosen.name, *planned.recipe.variants)}
    for variant, varied in recipes.items():
        inputs = (varied.data, *map(_preparing, (varied.acoustic, varied.linguistic)))
        if inputs not in known:
            others = list(recipes.values())
            known[inputs] = prepare(varied, data, out, of_variant(report, variant), allow_leaks, others)
        prepared = known[inputs]
        parted = _chosen_folds(prepared, folds, leave_corpus_out)
        if variant == chosen.name:
            # Of folds that leave a corpus out there is nothing to audit: they test on what they never trained on.
            SplitRecord(() if leave_corpus_out else prepared.audits, tuple(allow_leaks)).write(make_folder(result))
            told = None if grid is None else {"name": grid.name, **planned.to_dict()}
            write_experiment(result, chosen, prepared, [parts.name for parts in parted], asked, told)
        start = Start.of(varied, data, out, report, allow_leaks)
        for seed in asked:
            runs.append((_Seeded.of(varied, variant, seed, chosen.seed, out), prepared, parted, start))
    whole = _all_done(runs, jobs, report)
    whole.write(result / PREDICTIONS, {"recipe": chosen.name})
    return whole


def _refuse_shared_training() -> None:
    count = processes().count
    if count > 1:
        given, valid = f"crossvalidation in {count} processes of torchrun", "these share one training"
        raise RecipeError(given, valid, "train fold by fold (emobridge train --fold), or start it alone with --jobs")


def _all_done(runs: "Sequence[_Planned]", jobs: int, report: ProgressCallback) -> Predictions:
    """Return the predictions of all runs, ``jobs`` folds at once."""
    if jobs > 1:
        train_in_parallel(_starts(runs), jobs, report)
        items = [
            item for seeded, prepared, folds, start in runs for item in seeded.items(prepared, folds, start, report)
        ]
        train_in_parallel(items, jobs, report)
    found: list[Predictions] = []
    for seeded, prepared, folds, start in runs:
        found += seeded.run(prepared, folds, start, report)
    return Predictions.concatenate(found)


def _starts(runs: "Sequence[_Planned]") -> list[FoldTask]:
    """Return what the folds of all runs start from, each once."""
    found: dict[Path, FoldTask] = {}
    for _, prepared, folds, start in runs:
        if start is None:
            continue
        for parts in folds:
            mine, name = start.fold_for(prepared.examples, parts), start.recipe.name
            folder = start.folder / mine.name
            found[folder] = FoldTask(name, start.recipe, name, start.prepared, mine, folder)
    return list(found.values())


def first_training(recipe: Recipe, predictions: Predictions, out: Path) -> Path:
    """Return the folder of the first fold of the recipe itself, not of a variant, among all that were run."""
    row = int(np.flatnonzero(predictions.variants == recipe.name)[0])
    seeded = _Seeded.of(recipe, recipe.name, int(predictions.seeds[row]), recipe.seed, out)
    return seeded.folder / str(predictions.folds[row])


def _preparing(section: Any) -> Any:
    """Return what of an encoder's section decides how corpora are prepared: all of a public one's, nothing of ours."""
    return section if isinstance(section, HubConfig) else section is None


def _chosen_folds(prepared: Prepared, folds: Sequence[int] | None, leave_corpus_out: bool) -> list[Parts]:
    there, choose = prepared.folds, prepared.fold
    if leave_corpus_out:
        there, choose = prepared.left_out, prepared.left_out_fold
    numbers = range(1, max(1, len(there)) + 1) if folds is None else sorted(set(folds))
    return [choose(number) for number in numbers]


@dataclass(frozen=True)
class _Seeded:
    """One variant with one seed.

    Attributes:
        recipe: its own, with the seed.
        variant: its name.
        told: the same for people, with the seed where it is not the recipe's own.
        folder: its folds have theirs below.
    """

    recipe: Recipe
    variant: str
    told: str
    folder: Path

    @classmethod
    def of(cls, recipe: Recipe, variant: str, seed: int, own: int, out: Path) -> "_Seeded":
        """Return it; the recipe's ``own`` seed has the variant's folder itself, so that a grid finds what is there."""
        if seed == own:
            return cls(recipe, variant, variant, out / variant)
        return cls(replace(recipe, seed=seed), variant, f"{variant}, seed {seed}", out / variant / f"seed-{seed}")

    def items(
        self, prepared: Prepared, folds: Sequence[Parts], start: Start | None, report: ProgressCallback
    ) -> Iterator[FoldTask]:
        """Yield its folds for processes of their own, whose clips are perturbed here."""
        copies = self.recipe.training.perturbed_copies
        for parts in folds:
            heard = np.concatenate((parts.train, parts.validation))
            add_perturbed_copies(prepared.examples, heard, copies, partial(report, f"perturb {parts.name}"))
        silent = start and replace(start, report=no_report)
        for parts in folds:
            folder = self.folder / parts.name
            yield FoldTask(self.told, self.recipe, self.variant, prepared, parts, folder, silent)

    def run(
        self, prepared: Prepared, folds: Sequence[Parts], start: Start | None, report: ProgressCallback
    ) -> list[Predictions]:
        """Return its predictions on all folds, and those from each further transcript."""
        tell = of_variant(report, self.told)
        tested = []
        for parts in folds:
            folder = self.folder / parts.name
            tested.append(run_fold(self.recipe, self.variant, prepared, parts, folder, start, tell))
        held_out, learned = (
            Predictions.concatenate([Predictions.read(self.folder / parts.name / name) for parts in folds])
            for name in (HELD_OUT, LEARNED)
        )
        found = [tested]
        for name, table in (self.recipe.transcripts or {}).items() if self.recipe.linguistic else ():
            found.append(self._read_again(name, Path(table), prepared, folds, tell))
        return [in_own_views(Predictions.concatenate(one), held_out, learned) for one in found]

    def _read_again(
        self, name: str, table: Path, prepared: Prepared, folds: Sequence[Parts], report: ProgressCallback
    ) -> list[Predictions]:
        """Return what the trained folds say when they read another transcript; what was asked before is only read."""
        digest, other = table_digest(table), None
        for parts in folds:
            folder = self.folder / parts.name
            stored = folder / _stored(name)
            if stored.exists() and read_metadata(stored).get("transcripts") == digest:
                continue
            if other is None:
                corpora = with_transcripts(prepared.corpora, table, heard=self.recipe.acoustic is not None)
                other = replace(encode_corpora(self.recipe, corpora, report), folds=prepared.folds)
            self._judge(name, other, parts, report).write(stored, {"transcripts": digest})
        return [Predictions.read(self.folder / parts.name / _stored(name)) for parts in folds]

    def _judge(self, name: str, prepared: Prepared, parts: Parts, report: ProgressCallback) -> Predictions:
        system, examples, calibration = trained(self.recipe, prepared, self.folder / parts.name, report)
        pairs = Pairs.natural(examples, list(parts.test))
        variant, seed = f"{self.variant}@{name}", self.recipe.seed
        return predict(system, examples, pairs, calibration, fold=parts.name, variant=variant, seed=seed)


def _stored(name: str) -> str:
    return f"predictions-{name}.parquet"


_Planned = tuple[_Seeded, Prepared, list[Parts], Start | None]
