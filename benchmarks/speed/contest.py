"""The default model beside its peers: the same clips in the same process, in turn, round after round.

    python -m benchmarks.speed.contest FOLDER THREADS ROUNDS

The peer is a HuBERT of about as many parameters with random weights, which are as fast as trained ones. It gets sound
that is decoded already; emobridge gets files, and words beside them.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import emobridge
from benchmarks.speed.machine import version_of
from benchmarks.speed.peaks import stay_on
from benchmarks.speed.rounds import in_turn
from emobridge.audio.load import load_audio
from emobridge.segmentation.speech_detector import SAMPLE_RATE_HZ
from emobridge.utils.extras import load_extra
from emobridge.utils.memory import keep_freed_memory

CLIPS = 8
WORDS = "I did not expect to hear that from you today."
OURS, PIPELINE, PIPELINE_8 = "emobridge", "transformers pipeline, per file", "transformers pipeline, batches of 8"
TORCH, ONNXRUNTIME = "PyTorch, plain loop", "onnxruntime as shipped"
PEERS = (PIPELINE, PIPELINE_8, TORCH, ONNXRUNTIME)
MODEL, GRAPH = "hubert", "hubert.onnx"
# No peer may ask the network for anything: what is not here is not measured.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
# What each peer needs, and how to install it.
NEEDED = {
    PIPELINE: ("torch", "transformers"),
    PIPELINE_8: ("torch", "transformers"),
    TORCH: ("torch", "transformers"),
    ONNXRUNTIME: ("torch", "transformers", "onnx"),
}
SHAPE = {
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "intermediate_size": 1536,
    "conv_dim": [256] * 7,
    "num_labels": 7,
}


def missing() -> dict[str, str]:
    """Return the peers that cannot be measured here, each with what to do about it."""
    return {
        peer: f"needs {' and '.join(absent)}: pip install 'emobridge[train]'"
        for peer, packages in NEEDED.items()
        if (absent := [name for name in packages if version_of(name) is None])
    }


def clips() -> list[Any]:
    """Return the packaged sample in `CLIPS` clips (N,) of equal length at 16 kHz."""
    samples = load_audio(emobridge.sample(), sample_rate_hz=SAMPLE_RATE_HZ)
    length = len(samples) // CLIPS
    return [samples[start : start + length] for start in range(0, length * CLIPS, length)]


def prepare(folder: Path) -> None:
    """Write the clips, and the peer where it is installed: ``clip-N.wav``, the folder `MODEL`, `GRAPH`."""
    import soundfile

    sounds = clips()
    for number, sound in enumerate(sounds):
        soundfile.write(folder / f"clip-{number}.wav", sound, SAMPLE_RATE_HZ)
    absent = missing()
    if PIPELINE in absent:
        return
    torch: Any = load_extra("torch", "train")
    transformers: Any = load_extra("transformers", "train")
    torch.manual_seed(0)
    model = transformers.HubertForSequenceClassification(transformers.HubertConfig(**SHAPE)).eval()
    model.save_pretrained(folder / MODEL)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder / MODEL)
    if ONNXRUNTIME not in absent:
        _export(torch, model, sounds[0], folder / GRAPH)


def _export(torch: Any, model: Any, sound: Any, path: Path) -> None:
    import warnings

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of tracing: the clips all have the length that is traced
        torch.onnx.export(
            model, (torch.from_numpy(sound)[None],), str(path), input_names=["sound"], output_names=["logits"],
            dynamo=False,
        )  # fmt: skip


def measure(folder: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Return the seconds that each took for all clips in each round, and the operations of the peer for all clips."""
    sounds = clips()
    files = [folder / f"clip-{number}.wav" for number in range(CLIPS)]
    predictor = emobridge.load(threads=threads)
    tasks: dict[str, Callable[[], object]] = {OURS: lambda: [predictor.predict(file, text=WORDS) for file in files]}
    operations = 0.0
    if (folder / MODEL).exists():
        torch: Any = load_extra("torch", "train")
        torch.set_num_threads(threads)
        model = load_extra("transformers", "train").HubertForSequenceClassification.from_pretrained(folder / MODEL)
        operations = sum(_operations(torch, model.eval(), sound) for sound in sounds)
        tasks |= _transformers(torch, model, folder, sounds)
    if (folder / GRAPH).exists():
        tasks[ONNXRUNTIME] = _onnxruntime(folder / GRAPH, threads, sounds)
    duration_s = sum(len(sound) for sound in sounds) / SAMPLE_RATE_HZ
    return {"duration_s": duration_s, "operations": operations, "seconds": in_turn(tasks, rounds)}


def _transformers(torch: Any, model: Any, folder: Path, sounds: Sequence[Any]) -> dict[str, Callable[[], object]]:
    pipeline = load_extra("transformers", "train").pipeline("audio-classification", model=str(folder / MODEL))

    def asked() -> list[dict[str, Any]]:
        return [{"raw": sound, "sampling_rate": SAMPLE_RATE_HZ} for sound in sounds]

    def plain() -> None:
        with torch.no_grad():
            for sound in sounds:
                model(torch.from_numpy(sound)[None]).logits.softmax(-1)

    return {
        PIPELINE: lambda: [pipeline(one) for one in asked()],
        PIPELINE_8: lambda: pipeline(asked(), batch_size=8),
        TORCH: plain,
    }


def _onnxruntime(path: Path, threads: int, sounds: Sequence[Any]) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: [session.run(None, {"sound": sound[None]}) for sound in sounds]


def _operations(torch: Any, model: Any, sound: Any) -> float:
    """Return multiplications and additions of the linear and convolution layers for one clip."""
    counted = 0.0

    def count(layer: Any, _: Any, output: Any) -> None:
        nonlocal counted
        width = layer.weight.shape[0]
        counted += 2.0 * layer.weight.numel() * output.numel() / width

    layers = [each for each in model.modules() if isinstance(each, torch.nn.Linear | torch.nn.Conv1d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(torch.from_numpy(sound)[None])
    for hook in hooks:
        hook.remove()
    return counted


if __name__ == "__main__":
    stay_on(int(sys.argv[2]))
    keep_freed_memory()
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
