"""Every prediction is stored, so that every figure can be computed again: arrays in memory, one Parquet file on disk.

The file has one row a (variant, fold, seed, utterance, presence), readable by any Parquet reader, and carries the
categories, the dimensions, the version that wrote it, and what the caller adds (recipe digest, package versions).
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import CorpusError, OutputError
from emobridge.labels import CATEGORY_SETS, label_map
from emobridge.training.evaluation.metrics import vote_majority
from emobridge.utils.extras import load_extra
from emobridge.utils.files import replacing
from emobridge.version import __version__

if TYPE_CHECKING:
    import pyarrow

FORMAT_VERSION = 1
_METADATA_KEY = b"emobridge"
_WORDS = {
    "corpora": "corpus", "ids": "utterance", "speakers": "speaker", "folds": "fold", "variants": "variant",
    "presence": "presence", "labels": "label", "genders": "gender",
}  # fmt: skip
_LATER = {"gender"}  # columns that files of this format version may lack: they were written before there was one
_LISTS = {"truth": "truth_distribution", "allowed": "allowed", "probabilities": "probabilities"}
_VALUES = {"truth_dimensions": "truth", "predicted_dimensions": "predicted", "half_width": "half_width"}
_FIELDS = (*_WORDS, "seeds", "category_threshold", *_LISTS, *_VALUES)


@dataclass(frozen=True)
class Predictions:
    """What models said of utterances, and what was true; N rows, C categories, K dimensions.

    Attributes:
        categories, dimensions: names of the C categories and K dimensions, either may be empty.
        ids, corpora: (N,) str; an utterance's id is unique within its corpus.
        speakers: (N,) str, unique within the corpus; ``""`` where the corpus does not say.
        genders: (N,) str, of the speakers, as the corpus writes them; ``""`` where it does not say.
        folds, variants: (N,) str, which test fold and which system (its recipe and what it was given).
        seeds: (N,) int64.
        presence: (N,) str, ``acoustic``, ``linguistic`` or ``both``: what the model was given.
        labels: (N,) str, the corpus's raw label; ``""`` where unlabelled.
        truth: (N, C) float32, one-hot or rater votes; all zero where missing.
        allowed: (N, C) bool, True for the categories that the item's corpus can hold.
        probabilities: (N, C) float32 over all categories, before restriction to the allowed ones.
        truth_dimensions, predicted_dimensions: (N, K) float32 on [0, 1], NaN where missing.
        category_threshold: (N,) float32, the probability that a row's 90 % set must reach (`category_sets`), over all
            categories; NaN where no set was promised.
        half_width: (N, K) float32, half of a row's 90 % interval; NaN where none was promised.
    """

    categories: tuple[str, ...]
    dimensions: tuple[str, ...]
    ids: NDArray[np.str_]
    corpora: NDArray[np.str_]
    speakers: NDArray[np.str_]
    genders: NDArray[np.str_]
    folds: NDArray[np.str_]
    variants: NDArray[np.str_]
    seeds: NDArray[np.int64]
    presence: NDArray[np.str_]
    labels: NDArray[np.str_]
    truth: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    truth_dimensions: NDArray[np.float32]
    predicted_dimensions: NDArray[np.float32]
    category_threshold: NDArray[np.float32]
    half_width: NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = len(self.ids)
        for name in _WORDS:
            column = getattr(self, name)
            assert column.shape == (rows,), f"{name} {column.shape}"
            assert column.dtype.kind == "U", f"{name} {column.dtype}"
        for name in ("seeds", "category_threshold"):
            assert getattr(self, name).shape == (rows,), f"{name} {getattr(self, name).shape}"
        widths = dict.fromkeys(_LISTS, len(self.categories)) | dict.fromkeys(_VALUES, len(self.dimensions))
        for name, width in widths.items():
            matrix = getattr(self, name)
            assert matrix.shape == (rows, width), f"{name} {matrix.shape}"
            assert matrix.dtype == (np.bool_ if name == "allowed" else np.float32), f"{name} {matrix.dtype}"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def truth_indices(self) -> NDArray[np.int64]:
        """(N,) the true category, or that of most votes; -1 where missing or tied."""
        return vote_majority(self.truth)

    def select(self, mask: NDArray[np.bool_]) -> "Predictions":
        """Return the rows for which ``mask`` (N,) is True."""
        return dataclasses.replace(self, **{name: getattr(self, name)[mask] for name in _FIELDS})

    def in_view(self, name: str) -> "Predictions":
        """Return the rows whose true category has a place in the label set ``name``, over that set alone.

        Probabilities and votes are summed where categories merge, dropped where the set has no place for them, and
        renormalised; a category is allowed where one that became it was. Rows without a majority are left out.

        Args:
            name: ``four`` or ``seven``, see `label_map`.

        Raises:
            LabelError: there is no such set, or no map knows a category.
        """
        target = label_map("common", name, self.categories).target
        moved = {field: np.zeros((len(self), len(target)), np.float32) for field in _LISTS}
        kept = np.zeros(len(self), bool)
        for corpus in np.unique(self.corpora):
            mine = self.corpora == corpus
            known = label_map("common" if _target(self.categories) != "own" else corpus, name, self.categories)
            places = np.array([known.distribution({category: 1.0}) for category in self.categories], np.float32)
            places = places.reshape(-1, len(target))
            for field, columns in moved.items():
                columns[mine] = getattr(self, field)[mine] @ places
            kept[mine] = np.append(places.any(axis=1), False)[self.truth_indices[mine]]  # -1, no majority, is the last
        allowed = moved.pop("allowed") > 0
        shares = {
            field: values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12) for field, values in moved.items()
        }
        return dataclasses.replace(self, categories=target, allowed=allowed, **shares).select(kept)

    def by_label(self) -> "Predictions":
        """Return the same rows with the corpus's own label, such as the intended emotion, as truth instead of votes.

        A row without truth (nothing was labelled, or categories were not judged) stays without; a label that the
        categories have no place for is missing.

        Raises:
            LabelError: a label that no map knows.
        """
        truth = np.zeros_like(self.truth)
        maps = {corpus: label_map(corpus, _target(self.categories), self.categories) for corpus in set(self.corpora)}
        for row in np.flatnonzero(self.truth.any(axis=1) & (self.labels != "")):
            truth[row] = maps[self.corpora[row]].distribution({str(self.labels[row]): 1.0})
        return dataclasses.replace(self, truth=truth)

    @classmethod
    def concatenate(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Return the rows of all ``parts`` (at least one), in order.

        Raises:
            CorpusError: the parts do not share their categories and dimensions.
        """
        first = parts[0]
        for part in parts:
            if (part.categories, part.dimensions) != (first.categories, first.dimensions):
                given = f"predictions over {', '.join(part.categories + part.dimensions)}"
                valid = f"the first part is over {', '.join(first.categories + first.dimensions)}"
                raise CorpusError(given, valid, "concatenate only predictions with the same label set")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS}
        return cls(first.categories, first.dimensions, **columns)

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the rows to a Parquet file, whole or not at all; a missing value is null there.

        Args:
            path: the file; its folder must exist.
            metadata: what to remember beside the rows (recipe digest, versions); `read_metadata` returns it.

        Raises:
            CorpusError: a row occurs twice.
            OutputError: the file cannot be written.
        """
        _check_unique(self)
        table = _to_table(self, metadata)
        try:
            with replacing(path) as partial:
                load_extra("pyarrow.parquet", "train").write_table(table, partial, compression="zstd")
        except OSError as error:
            given = f"predictions file '{path}': {error.strerror or 'the disk refused it'}"
            raise OutputError(given, "valid: a file in a folder that can be written", "give another path") from error

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Return the predictions that `write` stored.

        Raises:
            CorpusError: the file is missing, damaged, or no predictions file of this format version.
        """
        table, header = _read_table(path)
        categories, dimensions = tuple(header["categories"]), tuple(header["dimensions"])
        missing = [name for name in _columns(dimensions) if name not in table.column_names and name not in _LATER]
        if missing:
            raise _wrong_file(path, f"lacks the columns {', '.join(missing)}")
        try:
            columns = _from_table(table, categories, dimensions)
        except ValueError as error:
            raise _wrong_file(path, f"has a row that is not over its {len(categories)} categories") from error
        predictions = cls(categories, dimensions, **columns)
        _check_unique(predictions)
        return predictions


def _target(categories: tuple[str, ...]) -> str:
    """Return which target of `label_map` the categories are."""
    return next((name for name, names in CATEGORY_SETS.items() if names == categories), "own")


def read_metadata(path: Path) -> dict[str, str]:
    """Return what was given to `Predictions.write` beside the rows.

    Raises:
        CorpusError: as `Predictions.read`.
    """
    given: dict[str, str] = _read_table(path)[1]["metadata"]
    return given


def _columns(dimensions: tuple[str, ...]) -> tuple[str, ...]:
    values = [f"{prefix}_{name}" for prefix in _VALUES.values() for name in dimensions]
    return (*_WORDS.values(), "seed", "truth_category", "category_threshold", *_LISTS.values(), *values)


def _to_table(predictions: Predictions, metadata: Mapping[str, str]) -> "pyarrow.Table":
    arrow = load_extra("pyarrow", "train")
    columns = {
        name: arrow.array([word or None for word in getattr(predictions, field).tolist()], arrow.string())
        for field, name in _WORDS.items()
    }
    columns["seed"] = arrow.array(predictions.seeds)
    indices = predictions.truth_indices
    columns["truth_category"] = arrow.array(indices, mask=indices < 0)
    columns["category_threshold"] = arrow.array(
        predictions.category_threshold, mask=np.isnan(predictions.category_threshold)
    )
    for field, name in _LISTS.items():
        item = arrow.bool_() if field == "allowed" else arrow.float32()
        columns[name] = arrow.array(getattr(predictions, field).tolist(), arrow.list_(item))
    for field, prefix in _VALUES.items():
        for dimension, values in zip(predictions.dimensions, getattr(predictions, field).T, strict=True):
            columns[f"{prefix}_{dimension}"] = arrow.array(values, mask=np.isnan(values))
    header = {
        "format_version": FORMAT_VERSION,
        "emobridge": __version__,
        "categories": predictions.categories,
        "dimensions": predictions.dimensions,
        "metadata": dict(metadata),
    }
    return arrow.table(columns).replace_schema_metadata({_METADATA_KEY: json.dumps(header)})


def _from_table(
    table: "pyarrow.Table", categories: tuple[str, ...], dimensions: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    rows = len(table)
    columns: dict[str, NDArray[Any]] = {"seeds": np.array(table["seed"].to_pylist(), dtype=np.int64)}
    columns["category_threshold"] = table["category_threshold"].to_numpy().astype(np.float32)
    for field, name in _WORDS.items():
        words = table[name].to_pylist() if name in table.column_names else [None] * rows
        columns[field] = np.array([word or "" for word in words], dtype=np.str_)
    for field, name in _LISTS.items():
        kind = np.bool_ if field == "allowed" else np.float32
        columns[field] = np.array(table[name].to_pylist(), dtype=kind).reshape(rows, len(categories))
    for field, prefix in _VALUES.items():
        values = [table[f"{prefix}_{name}"].to_numpy() for name in dimensions]
        columns[field] = np.array(values, dtype=np.float32).reshape(len(dimensions), rows).T
    return columns


def _read_table(path: Path) -> tuple["pyarrow.Table", dict[str, Any]]:
    if not path.is_file():
        raise _wrong_file(path, "is a folder" if path.is_dir() else "does not exist")
    arrow, parquet = load_extra("pyarrow", "train"), load_extra("pyarrow.parquet", "train")
    try:
        # One file, so no file system is asked to guess a partition from the folder's name.
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (arrow.ArrowException, OSError) as error:
        raise _wrong_file(path, "is damaged or no Parquet file") from error
    stored = (table.schema.metadata or {}).get(_METADATA_KEY)
    if stored is None:
        raise _wrong_file(path, "is a Parquet file without emobridge's header")
    header: dict[str, Any] = json.loads(stored)
    if header.get("format_version") != FORMAT_VERSION:
        raise _wrong_file(path, f"has format version {header.get('format_version')}")
    return table, header


def _wrong_file(path: Path, fault: str) -> CorpusError:
    valid = f"valid: a Parquet file of predictions, format version {FORMAT_VERSION}"
    return CorpusError(f"predictions file '{path}' {fault}", valid, "write it anew with 'emobridge crossvalidate'")


def _check_unique(predictions: Predictions) -> None:
    columns = [
        getattr(predictions, name).tolist() for name in ("variants", "folds", "seeds", "corpora", "ids", "presence")
    ]
    seen: set[tuple[str | int, ...]] = set()
    for row in zip(*columns, strict=True):
        if row in seen:
            variant, fold, seed, corpus, utterance, presence = row
            where = f"variant {variant}, fold {fold}, seed {seed}, {presence}"
            given = f"utterance '{utterance}' of {corpus} occurs twice in {where}"
            raise CorpusError(given, "valid: once each", "concatenate each fold's predictions once")
        seen.add(row)
