"""A model on disk: one directory that explains itself, sealed with a digest of every file; never a pickle.

Design: `BundleConfig` is ``config.json``, key by key, read strictly: an unknown, missing or wrongly typed key is an
error that names its place. A directory is refused unless it holds exactly the files that were sealed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from emobridge.encoders.config import AcousticConfig, EncoderConfigs, LinguisticConfig
from emobridge.errors import BundleError
from emobridge.labels import MODALITIES, PRESENCES
from emobridge.utils.files import write_file
from emobridge.utils.typed import ShapeError, plain, read_dataclass

FORMAT_VERSION = 1
CONFIG = "config.json"
FUSION_GRAPH = "fusion.onnx"
DEFAULT = Path(__file__).parents[1] / "default"
RESTORE = "restore the directory from its source, or export the model again"


@dataclass(frozen=True)
class DimensionConfig:
    """A dimension that the model gives.

    Attributes:
        scale: (low, high), the range of its values.
        supervision: modality -> what taught it, ``rated`` (people's ratings), ``weak`` (derived from other labels)
            or ``rated and weak``.
    """

    name: str
    scale: tuple[float, float]
    supervision: Mapping[str, str]


@dataclass(frozen=True)
class ConformalConfig:
    """What makes a statement hold nine times in ten.

    Attributes:
        category_threshold: the share of probability that a set of categories must reach.
        half_width: dimension -> half the width of its interval; a dimension that nobody measured is absent.
    """

    category_threshold: float
    half_width: Mapping[str, float]


@dataclass(frozen=True)
class ViewConfig:
    """Some of the categories, for whoever knows that there are no others, with a confidence of their own.

    Attributes:
        categories: a subset of the model's; probabilities are renormalised over them.
        temperature: presence -> the renormalised probabilities are raised to 1 / temperature and renormalised again;
            1 for a presence in which nothing was measured.
        category_weights: presence -> what each of these probabilities is multiplied by before they are renormalised
            again, so that each category is as frequent as the view's annotators found it; absent: 1 for each.
        category_threshold: presence -> as in `ConformalConfig`, of those probabilities; 1 where nothing was measured.
    """

    categories: tuple[str, ...]
    temperature: Mapping[str, float]
    category_threshold: Mapping[str, float]
    category_weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingCorpus:
    """A corpus that the model learned from; ``speakers`` is None where they are not known."""

    corpus: str
    licence: str
    citation: str
    source: str
    utterances: int
    speakers: int | None
    used_for: str


@dataclass(frozen=True)
class BundleConfig:
    """``config.json``, key by key.

    Attributes:
        architecture: the network's configuration, for further training.
        views: name -> a subset of the categories, such as ``four``, or those of a corpus, under its name.
        window_s: length of the windows that a recording is cut into.
        temperature, conformal: for each presence (``acoustic``, ``linguistic``, ``both``) that the encoders allow.
        distance_threshold: sound that lies further than this from what the model learned from is out of its domain;
            None where the fusion graph measures no distance.
        files: name -> sha256 of every other file in the directory; `seal_bundle` fills it.
    """

    name: str
    version: str
    licence: str
    description: str
    architecture: Mapping[str, Any]
    encoders: EncoderConfigs
    categories: tuple[str, ...]
    views: Mapping[str, ViewConfig]
    dimensions: tuple[DimensionConfig, ...]
    sample_rate_hz: int
    window_s: float
    temperature: Mapping[str, float]
    conformal: Mapping[str, ConformalConfig]
    training_data: tuple[TrainingCorpus, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    distance_threshold: float | None = None
    format_version: int = FORMAT_VERSION

    @property
    def presences(self) -> tuple[str, ...]:
        """What a segment's estimate can rest on with these encoders."""
        there = [name for name in MODALITIES if getattr(self.encoders, name) is not None]
        return PRESENCES if len(there) == 2 else tuple(there)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that `to_dict` wrote.

        Raises:
            BundleError: another format version, or a key that is unknown, missing, of another type or contradictory.
        """
        version = values.get("format_version") if isinstance(values, Mapping) else None
        if version != FORMAT_VERSION:
            given = f"the bundle has format_version {version!r}"
            raise BundleError(given, f"this emobridge reads {FORMAT_VERSION}", "install the emobridge that wrote it")
        try:
            config = read_dataclass(cls, values, CONFIG)
        except ShapeError as error:
            raise BundleError(error.given, error.valid, error.remedy or RESTORE) from error
        _check(config)
        return config

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON-ready values."""
        values: dict[str, Any] = plain(asdict(self))
        values["encoders"] = {name: encoder for name, encoder in values["encoders"].items() if encoder is not None}
        if self.distance_threshold is None:
            del values["distance_threshold"]
        return {"format_version": values.pop("format_version"), **values}


@dataclass(frozen=True)
class Bundle:
    """A model directory whose every file has the digest that it was sealed with.

    Attributes:
        sha256: digest of ``config.json``, and through it of everything in the directory.
    """

    path: Path
    config: BundleConfig
    sha256: str


def load_bundle(path: str | Path | None = None) -> Bundle:
    """Return the bundle in the directory ``path``; None is the model that comes with emobridge.

    Raises:
        BundleError: no such directory, a damaged, missing or unexpected file, or another format version.
    """
    directory = DEFAULT if path is None else Path(path)
    if not directory.is_dir():
        raise BundleError(f"model '{directory}'", "a model is a directory with a config.json", "give the path of one")
    try:
        content = (directory / CONFIG).read_bytes()
        config = BundleConfig.from_dict(json.loads(content, parse_constant=_refuse_constant))
    except (OSError, ValueError) as error:
        raise BundleError(f"'{directory / CONFIG}' cannot be read: {error}", remedy=RESTORE) from error
    except BundleError as error:
        raise BundleError(f"model '{directory}': {error.given}", error.valid, error.remedy) from error
    _check_files(directory, config.files)
    return Bundle(directory, config, hashlib.sha256(content).hexdigest())


def seal_bundle(directory: Path, config: BundleConfig) -> Bundle:
    """Write ``config.json`` with the digest of every other file in ``directory``, and return the bundle as it loads.

    Raises:
        BundleError: the configuration contradicts itself, or names a file that is not there.
    """
    names = sorted(path.name for path in directory.iterdir() if path.name != CONFIG)
    sealed = replace(config, files={name: _digest(directory / name) for name in names})
    text = json.dumps(BundleConfig.from_dict(sealed.to_dict()).to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    write_file(directory / CONFIG, f"{text}\n".encode())
    return load_bundle(directory)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_files(directory: Path, files: Mapping[str, str]) -> None:
    found = {path.name for path in directory.iterdir()} - {CONFIG}
    for name in sorted(files.keys() - found):
        raise BundleError(f"model '{directory}' lacks the file '{name}'", f"it was sealed with {_list(files)}", RESTORE)
    for name in sorted(found - files.keys()):
        given = f"model '{directory}' holds the unexpected file '{name}'"
        raise BundleError(given, f"it was sealed with {_list(files)}", f"move '{name}' elsewhere")
    for name, sealed in files.items():
        digest = _digest(directory / name) if (directory / name).is_file() else "no file"
        if digest != sealed:
            raise BundleError(f"'{directory / name}' has sha256 {digest}", f"it was sealed with {sealed}", RESTORE)


def _check(config: BundleConfig) -> None:
    """Refuse what has the right keys and types and still makes no model."""
    encoders = (config.encoders.acoustic, config.encoders.linguistic)
    held = [encoder for encoder in encoders if isinstance(encoder, AcousticConfig | LinguisticConfig)]
    graphs = [FUSION_GRAPH, *(encoder.graph for encoder in held)]
    if isinstance(config.encoders.linguistic, LinguisticConfig):
        graphs.append(config.encoders.linguistic.tokenizer)
    names = [dimension.name for dimension in config.dimensions]
    ranges = [dimension.scale for dimension in config.dimensions]
    views = config.views.values()
    strangers = {name for view in views for name in view.categories} - set(config.categories)
    parts = [part for view in views for part in (view.temperature, view.category_threshold)]
    weights = [(presence, one, view) for view in views for presence, one in view.category_weights.items()]
    scales = (config.temperature, *(view.temperature for view in views))
    widths = {name for part in config.conformal.values() for name in part.half_width} - set(names)
    problems = {
        "encoders is empty": not config.presences,
        "neither categories nor dimensions": not (config.categories or names),
        "a category or dimension is there twice": len(set(config.categories)) + len(set(names))
        < len(config.categories) + len(names),
        f"views hold the unknown categories {_list(strangers)}": strangers,
        f"conformal holds the unknown dimensions {_list(widths)}": widths,
        f"temperature is given for {_list(config.temperature)}": set(config.temperature) != set(config.presences),
        f"conformal is given for {_list(config.conformal)}": set(config.conformal) != set(config.presences),
        "a scale is not a lower and an upper end": any(len(ends) != 2 or ends[0] >= ends[1] for ends in ranges),
        "a view's temperature or threshold lacks a presence": any(set(part) != set(config.presences) for part in parts),
        "a view's weights are not one above 0 for each of its categories, or of another presence": any(
            presence not in config.presences or len(one) != len(view.categories) or min(one) <= 0
            for presence, one, view in weights
        ),
        "a temperature is not above 0": any(min(scale.values(), default=1) <= 0 for scale in scales),
        "distance_threshold is not above 0": config.distance_threshold is not None and config.distance_threshold <= 0,
        "distance_threshold needs an acoustic encoder": config.distance_threshold is not None
        and config.encoders.acoustic is None,
        "window_s or sample_rate_hz is not above 0": min(config.window_s, config.sample_rate_hz) <= 0,
        f"files lacks one of {_list(graphs)}": not set(graphs) <= set(config.files),
    }
    for problem, holds in problems.items():
        if holds:
            valid = f"presences: {_list(config.presences)}; categories: {_list(config.categories)}"
            raise BundleError(f"{CONFIG}: {problem}", f"{valid}; dimensions: {_list(names)}", RESTORE)


def _list(names: Any) -> str:
    return ", ".join(names) or "none"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
