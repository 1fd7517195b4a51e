"""The commands of the learning wing; their work, and torch with it, is imported when one is called."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emobridge.errors import RecipeError
from emobridge.utils.extras import load_extra

if TYPE_CHECKING:
    from emobridge.training.evaluation.predictions import Predictions
    from emobridge.training.experiments.recipe import Recipe
    from emobridge.utils.progress import ProgressCallback

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a packaged recipe.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the corpora; left out: EMOBRIDGE_DATA.")]
Out = Annotated[Path, typer.Option(help="The run's folder; the same folder resumes an interrupted run.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe key.")]
Fold = Annotated[int, typer.Option(min=1, help="Which fold, counted from 1.")]
Resamples = Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap over speakers.")]
AllowLeaks = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-leak", metavar="NAME", help="Train although the split has this leak; the report says so. Repeatable."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads; left out: all.")]


def encode(
    recipe: RecipeName,
    *,
    data: Data = None,
    overrides: Overrides = None,
    pool_frames: Annotated[
        int | None,
        typer.Option(min=1, help="Keep the mean of so many acoustic vectors in a row, as acoustic.pool_frames does."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Encode clips with so many Ray workers of one thread each.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster, such as auto, whose machines have the same folders.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Cache what a recipe's frozen encoders give for its corpora, once for all trainings.

    The same command resumes an interrupted pass.
    """
    pooled = [] if pool_frames is None else [f"acoustic.pool_frames={pool_frames}"]
    chosen = _read(recipe, [*(overrides or []), *pooled], threads)
    preparation = load_extra("emobridge.training.experiments.prepare", "train")
    further = {}
    if workers is not None or address is not None:
        clip_encoder = load_extra("emobridge.batch.cluster.encode_corpora", "bulk").clip_encoder
        further["clip_encoder"] = clip_encoder(chosen.acoustic, workers, address)
    with _progress() as report:

        def tell(what: str, done: int, total: int) -> None:
            if done == 0:
                typer.echo(what)
            report(what, done, total)

        examples = preparation.encode(chosen, data, tell, **further).examples
    readable = load_extra("emobridge.training.data.front_ends", "train").readable_size
    for things, cache in (("clips", examples.cache), ("texts", examples.text_cache)):
        if cache is not None and len(cache):
            typer.echo(f"{cache.folder}: {len(cache):,} {things}, {readable(cache.size_bytes)}")
    for option in pooled:
        typer.echo(f"train with --set {option}")


def train(
    recipe: RecipeName,
    out: Out,
    *,
    data: Data = None,
    overrides: Overrides = None,
    fold: Fold = 1,
    allow_leaks: AllowLeaks = None,
    threads: Threads = None,
) -> None:
    """Train a recipe on one fold; the run can be exported.

    In several processes, which share the batches of a step: torchrun --nproc-per-node 2 --no-python emobridge train ...
    """
    chosen = _read(recipe, overrides, threads)
    experiment = load_extra("emobridge.training.experiments.train_fold", "train")
    if not load_extra("emobridge.training.fit.distributed", "train").processes().first:
        experiment.train(chosen, data, out, fold, allow_leaks=allow_leaks or ())
        return
    with _progress() as report:
        predictions = experiment.train(chosen, data, out, fold, report, allow_leaks=allow_leaks or ())
    _print_report(predictions, chosen, out)


def crossvalidate(
    recipe: RecipeName,
    out: Out,
    *,
    data: Data = None,
    overrides: Overrides = None,
    folds: Annotated[list[int] | None, typer.Option("--fold", min=1, help="Only this fold. Repeatable.")] = None,
    leave_corpus_out: Annotated[
        bool, typer.Option("--leave-corpus-out", help="One fold a corpus: train on the others, test on all of it.")
    ] = False,
    grid: Annotated[
        str | None, typer.Option(help="Run a grid's variants: 'ablations', or a TOML file of questions.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Train everything once with each; left out: the recipe's.")
    ] = None,
    export_to: Annotated[
        Path | None, typer.Option("--export", metavar="BUNDLE", help="Make a bundle of the recipe's own first fold.")
    ] = None,
    allow_leaks: AllowLeaks = None,
    jobs: Annotated[int, typer.Option(min=1, help="Train so many folds at once, each in a process of one thread.")] = 1,
    threads: Threads = None,
) -> None:
    """Train and evaluate every variant of a recipe on every fold; print the figures with intervals over speakers.

    The same command resumes an interrupted run. The report, a page and Markdown, is put into the folder. Corpora and
    encoders that are not on this machine are reported before any work.
    """
    chosen = _read(recipe, overrides, threads)
    if export_to is not None:  # before hours of training
        load_extra("emobridge.training.experiments.export", "train").check_bundle_folder(export_to)
    numbers = None if seeds is None else _seeds(seeds)
    asked = None if grid is None else load_extra("emobridge.training.experiments.grid", "train").read_grid(grid)
    crossvalidation = load_extra("emobridge.training.experiments.crossvalidation", "train")
    with _progress() as report:
        predictions = crossvalidation.crossvalidate(
            chosen,
            data,
            out,
            folds,
            report,
            leave_corpus_out=leave_corpus_out,
            allow_leaks=allow_leaks or (),
            seeds=numbers,
            grid=asked,
            jobs=jobs,
        )
    result = load_extra("emobridge.training.experiments.provenance", "train").result_folder(out, leave_corpus_out)
    _print_report(predictions, chosen, result)
    if export_to is not None:
        export(crossvalidation.first_training(chosen, predictions, out), export_to)


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) < 2**31 for part in parts):
        raise RecipeError(f"--seeds '{text}'", "whole numbers from 0 with commas between", "for example --seeds 1,2,3")
    return [int(part) for part in parts]


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN[:VARIANT]", help="Folder of a run; its recipe, or a variant.")],
    second: Annotated[str, typer.Argument(metavar="RUN[:VARIANT]", help="What it is compared with.")],
    *,
    shared: Annotated[bool, typer.Option("--shared", help="Compare the utterances that both predicted.")] = False,
    categories: Annotated[
        str | None, typer.Option(help="Compare both on a view of the categories, such as four.")
    ] = None,
    resamples: Resamples = 1000,
) -> None:
    """Test whether two systems differ on the same utterances: UAR, weighted F1, CCC and accuracy, by speakers."""
    comparison = load_extra("emobridge.training.evaluation.significance", "train")
    tables = load_extra("emobridge.training.evaluation.tables", "train")
    (name, one), (other_name, other) = (_side(text, categories) for text in (first, second))
    if shared:
        one, other = comparison.shared(one, other)
    tests = comparison.paired_tests(one, other, resamples)
    judged = len(set(zip(one.corpora.tolist(), one.ids.tolist(), strict=True)))
    typer.echo(f"{judged} utterances; a speaker is one observation, and all tests share one error rate of 5 %\n")
    typer.echo(tables.comparison_cells({name: tests}, other_name if other_name != name else second).markdown())


def _side(text: str, categories: str | None) -> "tuple[str, Predictions]":
    """Return a variant's name and its predictions; ``text`` is a run's folder or file, and maybe a variant."""
    pages = load_extra("emobridge.training.report.files", "train")
    stored = load_extra("emobridge.training.evaluation.predictions", "train").Predictions
    place, separator, variant = (text, "", "") if Path(text).exists() else text.rpartition(":")
    place = place if separator or Path(text).exists() else text
    path = Path(place) / pages.PREDICTIONS if Path(place).is_dir() else Path(place)
    predictions: Predictions = stored.read(path)
    name: str = pages.chosen_variant(path, predictions, variant or None)
    chosen = predictions.select(predictions.variants == name)
    return name, chosen if categories is None else chosen.in_view(categories)


def evaluate(
    bundle: Annotated[str, typer.Argument(help="A model directory, or 'default'.")],
    recipe: RecipeName,
    out: Annotated[Path, typer.Option(help="Folder for predictions, scores and report.")],
    *,
    data: Data = None,
    overrides: Overrides = None,
    fold: Fold = 1,
    allow_leaks: AllowLeaks = None,
) -> None:
    """Evaluate a bundle on a recipe's test part, with the graphs that predict for users."""
    chosen = _read(recipe, overrides, None)
    trial = load_extra("emobridge.training.experiments.evaluate", "train")
    with _progress() as report:
        predictions = trial.evaluate(
            None if bundle == "default" else bundle, chosen, data, out, fold, report, allow_leaks=allow_leaks or ()
        )
    _print_report(predictions, chosen, out)


def export(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote, or a fold's folder of crossvalidate.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
) -> None:
    """Turn a training into a bundle, which predicts without torch."""
    exporter = load_extra("emobridge.training.experiments.export", "train")
    bundle = exporter.export(run, out)
    size_mb = sum(path.stat().st_size for path in bundle.path.iterdir()) / 1e6
    typer.echo(f"{bundle.path}: {bundle.config.name} {bundle.config.version}, {size_mb:.1f} MB, sha256 {bundle.sha256}")


def _read(recipe: str, overrides: list[str] | None, threads: int | None) -> "Recipe":
    if threads is not None:
        load_extra("torch", "train").set_num_threads(threads)
    chosen: Recipe = load_extra("emobridge.training.experiments.recipe", "train").read_recipe(recipe, overrides or [])
    return chosen


def _print_report(predictions: "Predictions", recipe: "Recipe", out: Path) -> None:
    pages = load_extra("emobridge.training.report.files", "train")
    variants = set(predictions.variants.tolist())
    reference = recipe.name if recipe.name in variants else min(variants)
    typer.echo(pages.write_report(predictions, reference, out, recipe.evaluation.resamples))
    written = {"page": "report.html", "report": "report.md", "scores": "scores.json", "utterances": "utterances.csv"}
    typer.echo(json.dumps({name: str(out / file) for name, file in written.items()}))


@contextmanager
def _progress() -> Iterator["ProgressCallback"]:
    """Show a bar with the remaining time for each piece of work on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield report
