"""A trained fold to a bundle: graphs that need no torch, the weights for further training, and the model card."""

import hashlib
import json
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from emobridge.encoders.config import AcousticConfig, EncoderConfigs, LinguisticConfig, NamedEncoderConfig
from emobridge.encoders.hub.checkpoints import VectorShape
from emobridge.errors import OutputError
from emobridge.features.functionals import FunctionalsSettings
from emobridge.inference.bundle import (
    Bundle,
    BundleConfig,
    ConformalConfig,
    DimensionConfig,
    TrainingCorpus,
    ViewConfig,
    load_bundle,
    seal_bundle,
)
from emobridge.labels import MODALITIES, views_of
from emobridge.training.evaluation.out_of_domain import DOMAIN, Domain, FusionWithDistance, load_domain
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.evaluation.scores import Scores, score, score_four
from emobridge.training.evaluation.subgroups import gender_gaps
from emobridge.training.evaluation.view_calibration import corpus_categories, fit_view, untested
from emobridge.training.experiments.model_card import SpokenCorpus, model_card
from emobridge.training.experiments.prepare import LEFT_OUT
from emobridge.training.experiments.recipe import Recipe, parse_recipe
from emobridge.training.experiments.train_fold import HELD_OUT, LEARNED, PREDICTIONS, RUN, system_config
from emobridge.training.fit.checkpoint import load_average
from emobridge.training.fit.trainer import CHECKPOINT
from emobridge.training.models.acoustic_encoder import AgainstVoice, CompactEncoder
from emobridge.training.models.emotion_model import EmotionSystem, GivenVectors
from emobridge.training.models.text_encoder import MiniLmEncoder, load_tokenizer, starting_weights
from emobridge.utils.extras import load_extra
from emobridge.utils.files import make_folder, read_json
from emobridge.version import __version__

OPSET = 17
SPOKEN = ("speech", "language")  # of the record of a corpus: for the card alone
LARGE_WEIGHTS = 65_536
LARGE_IN_FUSION = 16_384  # its layers are smaller, and several members have many
WINDOW_S = 4.0  # recordings are cut into windows of about the length of the training clips


def export(run: Path, out: Path) -> Bundle:
    """Write the bundle of one trained fold.

    The card tells of corpora left out where the run stands beside folds of the same recipe that leave one out.

    Args:
        run: the folder of a fold: checkpoint, ``run.json`` and stored predictions.
        out: the bundle's folder; made or, if it holds a bundle, replaced as a whole.

    Raises:
        ResultError: ``run`` is not the folder of a finished fold.
        OutputError: ``out`` holds something that is not a bundle.
    """
    record = read_json(run / RUN)
    recipe = parse_recipe(record["recipe"])
    system = load_system(run, record, recipe)
    domain = load_domain(run / DOMAIN) if (run / DOMAIN).exists() else None
    predictions, resamples = Predictions.read(run / PREDICTIONS), recipe.evaluation.resamples
    scores, gaps = score(predictions, resamples), gender_gaps(predictions, resamples)
    check_bundle_folder(out)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        encoders = _write_graphs(system, _named(record), domain, folder)
        _write_weights(system, folder)
        config = _config(recipe, record, system, encoders, domain)
        config = replace(config, views=_views(run, recipe, config))
        (folder / "README.md").write_text(
            model_card(config, scores, _left_out(run, recipe), _spoken(record), gaps), encoding="utf-8"
        )
        seal_bundle(folder, config)
        _replace_folder(folder, out)
    return load_bundle(out)


def _spoken(record: Mapping[str, Any]) -> list[SpokenCorpus]:
    """Return the corpora whose speech was learned from; a record of an older version does not know its kind."""
    return [
        SpokenCorpus(corpus["corpus"], *(corpus.get(key, "") for key in SPOKEN))
        for corpus in record["corpora"]
        if "from speech" in corpus["used_for"]
    ]


def check_bundle_folder(out: Path) -> None:
    """Make the folder of a bundle that is to be written, and refuse one that holds something else.

    Raises:
        OutputError: ``out`` cannot be made, or holds something that is not a bundle.
    """
    if any(make_folder(out).iterdir()) and not (out / "config.json").exists():
        raise OutputError(f"{out} is not empty and holds no bundle", "an empty or new folder", "choose another one")


def _left_out(run: Path, recipe: Recipe) -> dict[str, Scores]:
    """Return the scores of each corpus that a fold beside ``run`` left out, and of its four-class view."""
    found: dict[str, Scores] = {}
    for folder in _beside(run, recipe, left_out=True):
        predictions, resamples = Predictions.read(folder / PREDICTIONS), recipe.evaluation.resamples
        found[folder.name.removeprefix(LEFT_OUT)] = score(predictions, resamples)
        found |= {f"{name}, four": one for name, one in score_four(predictions, resamples).items()}
    return found


def _beside(run: Path, recipe: Recipe, left_out: bool) -> list[Path]:
    """Return the folds of the same recipe in the folder of ``run``, by name: those that leave a corpus out, or others.

    They hold what is read of them: what was said of the corpus, or of the speakers held out.
    """
    needed = (RUN, PREDICTIONS if left_out else HELD_OUT)
    return [
        folder
        for folder in sorted(run.absolute().parent.glob("*/"))
        if folder.name.startswith(LEFT_OUT) == left_out
        and all((folder / name).exists() for name in needed)
        and parse_recipe(read_json(folder / RUN)["recipe"]).digest == recipe.digest
    ]


def _views(run: Path, recipe: Recipe, config: BundleConfig) -> dict[str, ViewConfig]:
    """Return the common sets of categories, and each corpus's own under its name, with what was measured within them.

    It was measured on the speakers that the fold, or a fold of the same recipe beside it, held out of its training;
    without those that this fold tests, so that they stay unseen. A corpus's own view weighs its categories as well.
    """
    folders = [run, *(folder for folder in _beside(run, recipe, left_out=False) if not folder.samefile(run))]
    held_out = Predictions.concatenate([Predictions.read(folder / HELD_OUT) for folder in folders])
    held_out = untested(held_out, Predictions.read(run / PREDICTIONS))
    learned = Predictions.read(run / LEARNED)
    common = views_of(config.categories)
    views = {name: fit_view(held_out, view, config.presences) for name, view in common.items()}
    for corpus, categories in corpus_categories(held_out).items():
        if set(categories) < set(config.categories):
            mine = held_out.select(held_out.corpora == corpus)
            texts = learned.select(learned.corpora == corpus)
            views[corpus] = fit_view(mine, categories, config.presences, texts)
    return views


def load_system(run: Path, record: dict[str, Any], recipe: Recipe) -> EmotionSystem:
    """Return the trained system of a fold, with averaged weights, in evaluation mode."""
    public = {
        modality: VectorShape(one.dimension // one.layers, one.layers) for modality, one in _named(record).items()
    }
    config = system_config(recipe, tuple(record["categories"]), tuple(record["dimensions"]), public)
    system = EmotionSystem(config)
    system.load_state_dict(load_average(run / CHECKPOINT), strict=True)
    return system.eval()


def _named(record: dict[str, Any]) -> dict[str, NamedEncoderConfig]:
    """Return the public encoders of a trained fold, by modality."""
    return {modality: NamedEncoderConfig(**values) for modality, values in record.get("encoders", {}).items()}


def _write_graphs(
    system: EmotionSystem, named: dict[str, NamedEncoderConfig], domain: Domain | None, folder: Path
) -> EncoderConfigs:
    """Write the graphs of all that was trained; a public encoder is left where it is, and named."""
    acoustic: AcousticConfig | NamedEncoderConfig | None = named.get("acoustic")
    linguistic: LinguisticConfig | NamedEncoderConfig | None = named.get("linguistic")
    if isinstance(system.acoustic, CompactEncoder):
        settings = FunctionalsSettings()
        frames, mask = torch.randn(2, 3, settings.width), torch.ones(2, 3, dtype=torch.bool)
        given = (frames, mask, torch.zeros(2, system.acoustic.dimension))
        export_graph(AgainstVoice(system.acoustic), given, folder / "acoustic.onnx", ACOUSTIC_AXES)
        halve(folder / "acoustic.onnx")
        fingerprint = _fingerprint(folder / "acoustic.onnx", settings.to_dict())
        acoustic = AcousticConfig("compact", "acoustic.onnx", system.acoustic.dimension, fingerprint, settings)
    if isinstance(system.linguistic, MiniLmEncoder):
        ids = torch.ones(2, 9, dtype=torch.int64)
        full = folder / "linguistic-float.onnx"
        export_graph(system.linguistic, (ids, torch.ones_like(ids)), full, LINGUISTIC_AXES)
        quantise(full, folder / "linguistic.onnx")
        full.unlink()
        load_tokenizer(starting_weights()).save(str(folder / "tokenizer.json"))
        fingerprint = _fingerprint(folder / "linguistic.onnx", {})
        linguistic = LinguisticConfig(
            "minilm", "linguistic.onnx", "tokenizer.json", system.linguistic.dimension, fingerprint
        )
    export_fusion(system, folder / "fusion.onnx", domain)
    halve(folder / "fusion.onnx", LARGE_IN_FUSION)
    return EncoderConfigs(acoustic, linguistic)


Axes = dict[str, dict[int, str]]
ACOUSTIC_AXES: tuple[Axes, Axes] = (
    {"frames": {0: "B", 1: "T"}, "mask": {0: "B", 1: "T"}, "voice": {0: "B"}},
    {"vectors": {0: "B", 1: "T_a"}, "vector_mask": {0: "B", 1: "T_a"}, "projected": {0: "B", 1: "T_a"}},
)
LINGUISTIC_AXES: tuple[Axes, Axes] = (
    {"input_ids": {0: "B", 1: "T"}, "attention_mask": {0: "B", 1: "T"}},
    {"vectors": {0: "B", 1: "T"}},
)


def export_graph(module: nn.Module, example: tuple[Tensor | None, ...], path: Path, axes: tuple[Axes, Axes]) -> None:
    """Write a module as an ONNX graph with the named, variable axes of its inputs and outputs."""
    inputs, outputs = axes
    with warnings.catch_warnings():
        # The graph-tracing exporter is marked as legacy; its successor fixes sizes of these modules that must vary.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
        )


def flat_layers(system: EmotionSystem) -> tuple[int, int]:
    """Return how many vectors of an acoustic and of a linguistic encoder stand side by side at one moment."""
    config = system.config.fusion
    own = system.acoustic.members if isinstance(system.acoustic, CompactEncoder) else config.acoustic_layers
    return own, config.linguistic_layers


class FromFlatLayers(nn.Module):
    """A fusion network that takes several layers of an encoder side by side, as encoders give them.

    Args:
        fusion: takes each layer by itself.
        system: whose encoders' layers are told apart.
    """

    def __init__(self, fusion: nn.Module, system: EmotionSystem) -> None:
        super().__init__()
        self.fusion = fusion
        acoustic, linguistic = flat_layers(system)
        config = system.config.fusion
        self.acoustic = GivenVectors(VectorShape(config.acoustic_dimension or 1, acoustic))
        self.linguistic = GivenVectors(VectorShape(config.linguistic_dimension or 1, linguistic))

    def forward(
        self,
        acoustic: Tensor | None,
        acoustic_mask: Tensor | None,
        linguistic: Tensor | None,
        linguistic_mask: Tensor | None,
        *others: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Return what the fusion network gives for vectors (B, T, layers x D)."""
        if acoustic is not None:
            acoustic, acoustic_mask = self.acoustic(acoustic, acoustic_mask)
        if linguistic is not None:
            linguistic, linguistic_mask = self.linguistic(linguistic, linguistic_mask)
        outputs: tuple[Tensor, ...] = self.fusion(acoustic, acoustic_mask, linguistic, linguistic_mask, *others)
        return outputs


def export_fusion(system: EmotionSystem, path: Path, domain: Domain | None = None) -> None:
    """Write the fusion network; a modality that the system lacks has no inputs, an empty head no output.

    With the ``domain`` of a system that hears, the graph also has the output ``distance`` (B,).
    """
    config = system.config.fusion
    inputs: Axes = {}
    example: list[Tensor | None] = []
    sizes = (config.acoustic_dimension, config.linguistic_dimension)
    for name, dimension, layers in zip(MODALITIES, sizes, flat_layers(system), strict=True):
        if dimension is None:
            example += [None, None]
            continue
        example += [torch.randn(2, 5, dimension * layers), torch.ones(2, 5, dtype=torch.bool)]
        length = f"T_{name[0]}"
        inputs |= {name: {0: "B", 1: length}, f"{name}_mask": {0: "B", 1: length}}
    if config.linguistic_dimension is None:
        example.append(None)
    else:
        example.append(torch.rand(2, 5))
        inputs["token_positions"] = {0: "B", 1: "T_l"}
    inputs["presence"] = {0: "B"}
    outputs: Axes = {"logits": {0: "B"}, "dimensions": {0: "B"}}
    fusion: nn.Module = system.fusion
    if domain is not None:
        fusion = FusionWithDistance(system.fusion, domain)
        outputs["distance"] = {0: "B"}
    given = (*example, torch.ones(2, 2, dtype=torch.bool))
    export_graph(FromFlatLayers(fusion, system), given, path, (inputs, outputs))


def halve(path: Path, large: int = LARGE_WEIGHTS) -> None:
    """Store weights of ``large`` numbers and more of a graph in 16 bits, in place; it still computes in 32."""
    onnx = load_extra("onnx", "train")
    model = onnx.load(path)
    for weights in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.size >= large:
            model.graph.initializer.remove(weights)
            model.graph.initializer.append(
                onnx.numpy_helper.from_array(values.astype(np.float16), f"{weights.name}.half")
            )
            cast = onnx.helper.make_node("Cast", [f"{weights.name}.half"], [weights.name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def quantise(source: Path, target: Path) -> None:
    """Write a graph with 8-bit weights, quantised by channel.

    Weights use 7 of the 8 bits, because processors without VNNI add pairs of products in 16 bits and would overflow.
    """
    quantization = load_extra("onnxruntime.quantization", "train")
    quantization.quantize_dynamic(
        str(source),
        str(target),
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        reduce_range=True,
        weight_type=quantization.QuantType.QInt8,
    )


def _fingerprint(graph: Path, settings: dict[str, float]) -> str:
    whole = hashlib.sha256(graph.read_bytes())
    whole.update(json.dumps(settings, sort_keys=True).encode())
    return whole.hexdigest()


def _write_weights(system: EmotionSystem, folder: Path) -> None:
    """Write, in 16 bits, what further training starts from; the linguistic encoder starts from its released weights."""
    kept = {
        name: value.half() if value.is_floating_point() else value.clone()
        for name, value in system.state_dict().items()
        if not name.startswith("linguistic.")
    }
    path = folder / "fusion.safetensors"
    save_file(kept, path)
    path.chmod((folder / "fusion.onnx").stat().st_mode)  # safetensors makes files that their owner alone can read


def _config(
    recipe: Recipe, record: dict[str, Any], system: EmotionSystem, encoders: EncoderConfigs, domain: Domain | None
) -> BundleConfig:
    fusion = system.config.fusion
    calibration = record["calibration"]
    return BundleConfig(
        name=recipe.name,
        version=__version__,
        licence=recipe.licence,
        description=recipe.description,
        architecture={"fusion": fusion.to_dict(), "recipe": record["recipe"]},
        encoders=encoders,
        categories=fusion.categories,
        views={},
        dimensions=tuple(
            DimensionConfig(name, (0.0, 1.0), record["supervision"].get(name, {})) for name in fusion.dimensions
        ),
        sample_rate_hz=record.get("sample_rate_hz", FunctionalsSettings().sample_rate_hz),
        window_s=WINDOW_S,
        temperature={name: one["temperature"] for name, one in calibration.items()},
        conformal={
            name: ConformalConfig(one["category_threshold"], one["half_width"]) for name, one in calibration.items()
        },
        training_data=tuple(
            TrainingCorpus(**{key: value for key, value in corpus.items() if key not in SPOKEN})
            for corpus in record["corpora"]
        ),
        distance_threshold=None if domain is None else float(domain.threshold),
    )


def _replace_folder(folder: Path, out: Path) -> None:
    """Put ``folder`` where ``out`` is; a folder cannot be swapped in one step, so the old one is moved aside first."""
    aside = folder.parent / "replaced"
    out.rename(aside)
    folder.rename(out)
