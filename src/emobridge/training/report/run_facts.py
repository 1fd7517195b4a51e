"""What was run, on what, at what cost: read from the folder of a run, whichever command wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emobridge.training.experiments.grid import Asked
from emobridge.training.experiments.provenance import CORPORA_LEFT_OUT, EXPERIMENT
from emobridge.training.splits.leakage import SplitRecord
from emobridge.utils.files import read_json

RUN = "run.json"


@dataclass(frozen=True)
class Facts:
    """The circumstances of a result.

    Attributes:
        recipe: as plain values; empty where the run's folder does not say.
        digest: of the recipe.
        corpora: name, licence, citation, source and numbers of each.
        folds, seeds: that were run.
        grid: name of the grid, empty without one.
        questions: of the grid, with the systems that answer them.
        left_out: question -> why it does not apply.
        split: how the corpora were split, and what two parts share; None where the folder does not say.
        versions: package -> version.
        costs: a training (its folder below the run's) -> seconds, peak memory, threads.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    corpora: Sequence[Mapping[str, Any]] = ()
    folds: Sequence[str] = ()
    seeds: Sequence[int] = ()
    grid: str = ""
    questions: Sequence[Asked] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    split: SplitRecord | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def published(self) -> list[tuple[str, Mapping[str, float]]]:
        """Figures that the recipe names, by source."""
        return [(one["source"], one["figures"]) for one in self.recipe.get("published", ())]


def read_facts(folder: Path) -> Facts:
    """Return what the folder of a run says of it.

    A crossvalidation of an older version, and a single training, say less: their trainings' own records.

    Raises:
        ResultError: a record cannot be read.
    """
    trainings = folder.parent if folder.name == CORPORA_LEFT_OUT else folder
    paths = sorted(path for path in trainings.rglob(RUN) if "start" not in path.relative_to(trainings).parts)
    records = {path.parent.relative_to(trainings).as_posix(): read_json(path) for path in paths}
    split = SplitRecord.read(folder)
    costs = {
        record["recipe"]["name"] if name == "." else name: record["cost"]
        for name, record in records.items()
        if "cost" in record
    }
    if (folder / EXPERIMENT).exists():
        told = read_json(folder / EXPERIMENT)
        grid = told["grid"] or {"name": "", "questions": [], "left_out": {}}
        return Facts(
            recipe=told["recipe"],
            digest=told["digest"],
            corpora=told["corpora"],
            folds=told["folds"],
            seeds=told["seeds"],
            grid=grid["name"],
            questions=[Asked(**one) for one in grid["questions"]],
            left_out=grid["left_out"],
            split=split,
            versions=told["versions"],
            costs={name: cost for name, cost in costs.items() if name.split("/")[-1] in told["folds"]},
        )
    if not records:
        return Facts(split=split)
    first = next((one for name, one in records.items() if name.startswith(f"{one['recipe']['name']}/")), None)
    record = first or next(iter(records.values()))
    return Facts(
        recipe=record["recipe"],
        corpora=record["corpora"],
        folds=sorted({one["fold"] for one in records.values()}),
        seeds=sorted({one["recipe"]["seed"] for one in records.values()}),
        split=split,
        versions={"emobridge": record["emobridge"]},
        costs=costs,
    )
