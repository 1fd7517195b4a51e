"""A recipe: one TOML file that decides a result. Sections are the dataclasses of the code that they drive."""

import dataclasses
import hashlib
import json
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag

from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.encoders.hub.speech import HubAcousticConfig
from emobridge.encoders.hub.text import HubLinguisticConfig
from emobridge.errors import RecipeError, nearest
from emobridge.labels import MODALITIES, NEUTRAL
from emobridge.training.data.examples import CorpusConfig, DataConfig
from emobridge.training.evaluation.scores import CATEGORY_METRICS, PREFIXES
from emobridge.training.experiments.distillation import TeachingConfig
from emobridge.training.experiments.overrides import override, toml_value
from emobridge.training.fit.trainer import LossConfig, TrainingConfig
from emobridge.training.models.acoustic_encoder import CompactConfig
from emobridge.training.models.alignment import TimeLine
from emobridge.training.models.fusion import Fusion, FusionConfig, Pooling
from emobridge.training.models.modality_dropout import ModalityMasking
from emobridge.training.models.text_encoder import DIMENSION, MinilmConfig

_NOT_DECIDING = frozenset({"name", "description", "variants", "published", "transcripts"})


def _kind_of_encoder(section: Any) -> str:
    """Return which of the two an encoder's section describes; a public encoder is named, one of our own is not."""
    named = "encoder" in section if isinstance(section, Mapping) else hasattr(section, "encoder")
    return PUBLIC if named else OWN


OWN, PUBLIC = "<own>", "<public>"  # no key of a recipe looks like these
AcousticSection = Annotated[
    Annotated[CompactConfig, Tag(OWN)] | Annotated[HubAcousticConfig, Tag(PUBLIC)], Discriminator(_kind_of_encoder)
]
LinguisticSection = Annotated[
    Annotated[MinilmConfig, Tag(OWN)] | Annotated[HubLinguisticConfig, Tag(PUBLIC)], Discriminator(_kind_of_encoder)
]


@dataclass(frozen=True)
class ModelConfig:
    """The fusion network; what is left out follows from ``width`` (`FusionConfig.sized`).

    Attributes:
        fusion: how sound and words meet; ``bridge_crossed`` is that of the paper.
        width: size of every inner vector, from which other sizes follow.
        heads: attention heads; left out: they follow from ``width``.
        bridge_tokens: learnable bridge tokens in each group; left out: they follow from ``width``.
        feed_forward: inner size of a feed-forward layer, in widths; left out: it follows from ``width``.
        refinement_layers: self-attention layers of each modality before the fusion.
        dropout: share of each inner vector that is hidden in training, 0 to below 1.
        pooling: how bridge tokens or frames become one vector: their ``mean`` (the paper), or under learned weights
            (``attention``), or mean and deviation under learned weights (``statistics``).
        timeline: ``common`` (both modalities at the same moments) or ``padded`` (frame j beside token j).
        members: networks in an ensemble, which learn from different items of a batch; left out: 1.
        discount_neutral_words: beside sound, words move the categories as far as they speak of feelings; left out: not.
    """

    fusion: Fusion = "bridge"
    width: int = 128
    heads: int | None = None
    bridge_tokens: int | None = None
    feed_forward: int | None = None
    refinement_layers: int = 1
    dropout: float = 0.2
    pooling: Pooling = "mean"
    timeline: TimeLine = "common"
    members: PositiveInt | None = None
    discount_neutral_words: bool | None = None

    def __post_init__(self) -> None:
        for name, default in (("members", 1), ("discount_neutral_words", False)):
            if getattr(self, name) == default:  # said or left out: the same recipe, of the same digest
                object.__setattr__(self, name, None)


@dataclass(frozen=True)
class EvaluationConfig:
    """How results are judged.

    Attributes:
        resamples: resamples of the bootstrap over speakers, from which the intervals come.
        folds: number of folds for a corpus that has neither a fold file nor a split of its authors.
    """

    resamples: NonNegativeInt = 1000
    folds: PositiveInt = 5


@dataclass(frozen=True)
class Published:
    """What a publication states for the protocol of a recipe, to stand beside what is measured.

    Attributes:
        source: whose figures these are, in a few words.
        figures: metric -> value, with the names and ranges of the report.
    """

    source: str
    figures: dict[str, float]

    def __post_init__(self) -> None:
        for name in self.figures:
            if name not in CATEGORY_METRICS and not name.startswith(PREFIXES):
                valid = f"valid: {', '.join((*CATEGORY_METRICS, *(f'{prefix}NAME' for prefix in PREFIXES)))}"
                raise RecipeError(f"published figure '{name}'", valid, nearest(name, CATEGORY_METRICS))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a result, beside the corpora themselves.

    Attributes:
        name, description: what it is called, and what it is for in a sentence.
        data: what it learns from.
        acoustic, linguistic: the encoders of sound and text; left out: the modality is not used. With the key
            ``encoder`` it is a public encoder, else the one of emobridge.
        variants: name -> overrides (``"section.key" = value``): further systems to compare on the same folds.
        teaching: other trainings of this recipe, that it learns from.
        licence: licence of the trained weights, the strictest of those of the corpora.
        seed: seed of everything random.
        published: published figures, which the report shows beside those of the run.
        transcripts: name -> table (``.csv``, ``.jsonl``, ...) of other transcripts of the same utterances, such as
            recognised ones; a training on the corpus's own text is evaluated on each too, as ``VARIANT@NAME``.
    """

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(allow_inf_nan=False)

    name: str
    data: DataConfig
    description: str = ""
    licence: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    acoustic: AcousticSection | None = None
    linguistic: LinguisticSection | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    masking: ModalityMasking = field(default_factory=ModalityMasking)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    teaching: TeachingConfig | None = None
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: tuple[Published, ...] | None = None
    transcripts: dict[str, str] | None = None

    def __post_init__(self) -> None:
        for name in (self.name, *self.variants, *(self.transcripts or {})):
            if name in {"", ".", ".."} or set(name) & set("/\\@"):
                valid = "a name is that of a folder, without '/' and '@'"
                raise RecipeError(f"the name '{name}'", valid, "choose another")
        if self.name in self.variants:
            raise RecipeError(f"variant '{self.name}'", "its name is that of the recipe itself", "choose another")
        for modality in self.modalities:
            if getattr(self, modality) is None:
                raise RecipeError(
                    f"recipe '{self.name}' uses {modality} input",
                    f"its encoder is described by a section [{modality}]",
                    f"add [{modality}], or leave '{modality}' out of data.corpora.modalities",
                )
        for stream in self.training.streams:
            if isinstance(self.acoustic, HubAcousticConfig) and (stream.mixup or stream.voices):
                raise RecipeError(
                    f"a stream with mixup or voices beside the encoder '{self.acoustic.encoder}'",
                    "they change clips that are one vector of functionals each",
                    "leave them out",
                )
        # The network's own checks, before hours of decoding; how many names there are does not matter to them.
        self.fusion_config((NEUTRAL, "other"), ("dimension",))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that its corpora use."""
        return tuple(name for name in MODALITIES if any(name in corpus.modalities for corpus in self.data.corpora))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values; `parse_recipe` reads them back."""
        plain: dict[str, Any] = _without_none(dataclasses.asdict(self))
        return plain

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything that decides the training (not of its name, nor of what it is judged beside)."""
        deciding = {key: value for key, value in self.to_dict().items() if key not in _NOT_DECIDING}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    def variant(self, name: str) -> "Recipe":
        """Return the recipe with a variant's overrides; its own name is the recipe itself.

        The encoder of a modality that the variant no longer uses is left out.
        """
        if name == self.name:
            return self
        varied = self._with(self.variants[name], without=("variants",))
        acoustic = varied.acoustic if "acoustic" in varied.modalities else None
        linguistic = varied.linguistic if "linguistic" in varied.modalities else None
        return replace(varied, acoustic=acoustic, linguistic=linguistic)

    @property
    def teachers(self) -> tuple["Recipe", ...]:
        """The recipes that are trained first, for this one to learn from (`TeachingConfig`); often none."""
        own = () if self.teaching is None else self.teaching.teachers
        return tuple(self._with(overrides, without=("variants", "teaching")) for overrides in own)

    def _with(self, overrides: Mapping[str, Any], without: Sequence[str]) -> "Recipe":
        values = {key: value for key, value in self.to_dict().items() if key not in without}
        for key, value in overrides.items():
            override(values, key, value)
        return _validated(values)

    def shapes(self, public: Mapping[str, VectorShape]) -> dict[str, VectorShape]:
        """Return what each encoder gives, by modality; ``public`` tells it of the public ones."""
        found = dict(public)
        if isinstance(self.acoustic, CompactConfig):
            found["acoustic"] = VectorShape(self.acoustic.width)
        if isinstance(self.linguistic, MinilmConfig):
            found["linguistic"] = VectorShape(DIMENSION)
        return found

    def fusion_config(
        self, categories: tuple[str, ...], dimensions: tuple[str, ...], public: Mapping[str, VectorShape] | None = None
    ) -> FusionConfig:
        """Return the network's configuration for a label set.

        Args:
            categories, dimensions: what it is to give.
            public: modality -> what its public encoder gives; one that is left out counts as a single number.
        """
        shapes = self.shapes(public or {})
        acoustic, linguistic = (shapes.get(modality, VectorShape(1)) for modality in MODALITIES)
        given = {key: value for key, value in dataclasses.asdict(self.model).items() if value is not None}
        return FusionConfig.sized(
            given.pop("width"),
            categories=categories if self.loss.category_weight > 0 else (),
            dimensions=dimensions if self.loss.dimension_weight > 0 else (),
            acoustic_dimension=acoustic.dimension if self.acoustic else None,
            linguistic_dimension=linguistic.dimension if self.linguistic else None,
            acoustic_layers=acoustic.layers,
            linguistic_layers=linguistic.layers,
            **given,
        )


def read_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe: a file, or by its name one that comes with emobridge.

    Args:
        name_or_path: for example ``my.toml`` or ``ravdess``.
        overrides: ``a.b=value`` with a TOML value (text needs no quotes).

    Raises:
        RecipeError: no such recipe, no TOML, an unknown key, a value of another type or out of range.
    """
    packaged = resources.files("emobridge") / "recipes"
    path = Path(name_or_path)
    if path.is_file():
        content = path.read_bytes()
    elif "/" not in str(name_or_path) and (packaged / f"{path.stem}.toml").is_file():
        content = (packaged / f"{path.stem}.toml").read_bytes()
    else:
        names = sorted(entry.name.removesuffix(".toml") for entry in packaged.iterdir() if entry.name.endswith(".toml"))
        valid = f"a TOML file, or one of {', '.join(names)}"
        raise RecipeError(f"there is no recipe '{name_or_path}'", valid, nearest(path.stem, names))
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe '{name_or_path}' is not TOML: {error}", "see the packaged recipes") from error
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator:
            raise RecipeError(f"--set '{text}'", "valid: key.key=value", "for example --set training.steps=500")
        override(values, key.strip(), toml_value(value.strip()))
    return parse_recipe(values)


def parse_recipe(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe in plain ``values``.

    Raises:
        RecipeError: an unknown key (the message names the nearest), a missing one, or a value that does not fit; also
            in a variant.
    """
    recipe = _validated(values)
    for modality in MODALITIES:
        if modality not in recipe.modalities and getattr(recipe, modality) is not None:
            raise RecipeError(
                f"recipe '{recipe.name}' has a section [{modality}]",
                f"no corpus of it uses {modality} input",
                f"drop [{modality}], or add '{modality}' to data.corpora.modalities",
            )
    _check_variants(recipe)
    _check_teachers(recipe)
    return recipe


def _validated(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe in ``values``: every key known, every value of its type and in its range."""
    _refuse_unknown_keys(Recipe, values, "")
    try:
        return pydantic.TypeAdapter(Recipe).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not set("<[") & set(str(part)))
        if first["type"] == "missing":
            raise RecipeError(f"the recipe lacks the key '{place}'", "it has no default", "add it") from error
        raise RecipeError(f"recipe key '{place}' is {first['input']!r}", first["msg"], "correct the recipe") from error


def _check_variants(recipe: Recipe) -> None:
    """Refuse a variant now that would fail, or could not be compared, after hours of training the others."""
    for name in recipe.variants:
        try:
            varied = recipe.variant(name)
        except RecipeError as error:
            raise RecipeError(f"variant '{name}': {error.given}", error.valid, error.remedy) from error
        for key in ("categories", "dimensions"):
            ours, theirs = getattr(recipe.data, key), getattr(varied.data, key)
            if ours != theirs:
                given = f"variant '{name}' sets data.{key} to {theirs!r}"
                raise RecipeError(given, f"the recipe itself has {ours!r}", "variants share what they are judged on")
        ours, theirs = (", ".join(_judged_on(entry) for entry in one.data.corpora) for one in (recipe, varied))
        if ours != theirs:
            given = f"variant '{name}' has the corpora {theirs}"
            raise RecipeError(given, f"the recipe itself has {ours}", "variants share what they are judged on")


def _check_teachers(recipe: Recipe) -> None:
    """Refuse a teacher now that says other things than the recipe, or is none."""
    try:
        teachers = recipe.teachers
    except RecipeError as error:
        raise RecipeError(f"teaching.teachers: {error.given}", error.valid, error.remedy) from error
    for number, teacher in enumerate(teachers, start=1):
        if _network(teacher) != _network(recipe):
            given = f"teacher {number} overrides the labels, the corpora or the network"
            raise RecipeError(given, "a teacher says what the recipe says", "override how it is trained alone")


def _network(recipe: Recipe) -> tuple[Any, ...]:
    """Return what a recipe's network is and what it says; not how it is trained."""
    corpora = tuple(replace(entry, weight=1.0) for entry in recipe.data.corpora)
    own = {"dropout", "input_dropout", "trainable_layers", "train_embeddings"}
    encoders = tuple(
        section and {key: value for key, value in dataclasses.asdict(section).items() if key not in own}
        for section in (recipe.acoustic, recipe.linguistic)
    )
    shape = replace(recipe.fusion_config(("one", "other"), ("dimension",)), dropout=0.0)
    return replace(recipe.data, corpora=corpora), encoders, shape


def _judged_on(entry: CorpusConfig) -> str:
    conditions = "".join(f" only {condition}" for condition in entry.only or ())
    return f"{entry.name}{conditions}{f' by {entry.protocol}' if entry.protocol else ''}"


def _refuse_unknown_keys(kind: Any, values: Any, place: str) -> None:
    """Walk ``values`` along the dataclasses of the recipe and refuse a key that none of them has."""
    inner = _dataclasses_in(kind)
    if not inner:
        return
    if isinstance(values, list | tuple):
        for number, value in enumerate(values):
            _refuse_unknown_keys(inner[0], value, f"{place}{number}.")
        return
    if not isinstance(values, Mapping):
        return
    # Of the two that an encoder's section can be, the last is the public one.
    known = typing.get_type_hints(inner[-1] if _kind_of_encoder(values) == PUBLIC else inner[0])
    names = [*known, *(["encoder"] if len(inner) > 1 and "encoder" not in known else [])]
    for key, value in values.items():
        if key not in known:
            valid = f"valid here: {', '.join(names)}"
            raise RecipeError(f"unknown recipe key '{place}{key}'", valid, nearest(key, names))
        _refuse_unknown_keys(known[key], value, f"{place}{key}.")


def _dataclasses_in(kind: Any) -> list[Any]:
    """Return the dataclasses of a type: itself, or what lies in it, as in ``tuple[Kind, ...] | None``."""
    if dataclasses.is_dataclass(kind):
        return [kind]
    return [found for part in typing.get_args(kind) for found in _dataclasses_in(part)]


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
