"""In how many bits an encoder or a training computes: what this machine can, and is fastest with, measured once.

What is measured is one layer of a large network in each precision, by the code that encoders and trainings run. The
figures lie in the cache's folder, under a name that stands for processor, libraries and number of threads.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
from torch import nn

from emobridge.encoders.hub.acceleration.onnx_graphs import KeptGraph, machine
from emobridge.encoders.hub.acceleration.optimize import streamline
from emobridge.encoders.hub.checkpoints import computes_in_half
from emobridge.errors import RecipeError, ResultError, nearest
from emobridge.utils.cache import cache_folder
from emobridge.utils.files import make_folder, read_json, write_json

Precision = Literal["auto", "float32", "bfloat16", "int8"]
TrainingPrecision = Literal["auto", "float32", "bfloat16"]
ROWS, INPUTS, OUTPUTS = 256, 1024, 4096  # five seconds of speech, the widest layer of the large encoders
REPEATS = 7

logger = logging.getLogger(__name__)


def check_precision(asked: Precision, device: torch.device, name: str) -> None:
    """Refuse a precision that is not known, or that the device has no units for.

    Raises:
        RecipeError: with the encoder's ``name``.
    """
    given = f"precision '{asked}' for encoder '{name}' on this {device.type}"
    known = get_args(Precision)
    if asked not in known:
        raise RecipeError(given, f"known: {', '.join(known)}", nearest(asked, known) or "use 'auto'")
    if asked == "bfloat16" and not computes_in_half(device):
        raise RecipeError(given, "it has no units for bfloat16, and emulating them is slow", "use 'auto'")
    if asked == "int8" and device.type != "cpu":
        raise RecipeError(given, "8 bits are for processors; a GPU has float32 and bfloat16", "use 'auto'")


def chosen_precision(asked: Precision, device: torch.device) -> str:
    """Return in which of ``float32``, ``bfloat16`` and ``int8`` an encoder computes.

    ``auto`` is the faster of the first two: their vectors differ so little that they share a cache. Those of ``int8``
    differ more, so that it is only ever asked for by name.
    """
    if asked != "auto":
        return asked
    if not computes_in_half(device):
        return "float32"
    if device.type != "cpu":
        return "bfloat16"
    speeds = measured_speeds()
    return max(("float32", "bfloat16"), key=speeds.__getitem__)


def training_precision(asked: TrainingPrecision, device: torch.device) -> str:
    """Return in which of ``float32`` and ``bfloat16`` a training takes its products; ``auto`` is the faster one.

    Raises:
        RecipeError: bfloat16 on a device without units for it.
    """
    halves = computes_in_half(device)
    if asked == "bfloat16" and not halves:
        given = f"training.precision 'bfloat16' on this {device.type}"
        raise RecipeError(given, "it has no units for bfloat16, and emulating them is slow", "use 'auto'")
    if asked != "auto":
        return asked
    if device.type != "cpu":
        return "bfloat16" if halves else "float32"
    speeds = kept_speeds("training", measure_training_speeds) if halves else {"float32": 1.0}
    return max(speeds, key=speeds.__getitem__)


def measured_speeds() -> dict[str, float]:
    """Return what `measure_speeds` found when it was first asked for."""
    return kept_speeds("encoders", measure_speeds)


def kept_speeds(of: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return what ``measure`` found, on this machine, when the speeds ``of`` something were first asked for."""
    content = json.dumps([machine(), torch.get_num_threads()])
    path = cache_folder() / f"speeds-{of}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    try:
        speeds: dict[str, float] = read_json(path)
    except ResultError:
        speeds = measure()
        write_json(make_folder(path.parent) / path.name, speeds)
        told = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
        logger.info("%s, measured once on this machine, in 10^9 operations a second: %s", of, told)
    return speeds


def measure_speeds(clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Return precision -> 10^9 operations a second of a linear layer; bfloat16 only where there are units for it.

    Args:
        clock: gives seconds; that of the processor, with one thread, where others are at work.
    """
    rows = torch.randn(1, ROWS, INPUTS)
    calls: dict[str, Callable[[], object]] = {}
    for name in ("float32", "int8"):
        graph = KeptGraph(f"speed of {name}", partial(_network, name), rows)
        calls[name] = partial(graph.run, rows.numpy())
    if computes_in_half(torch.device("cpu")):
        calls["bfloat16"] = partial(_network("bfloat16"), rows.bfloat16())
    operations = 2 * ROWS * INPUTS * OUTPUTS
    with torch.inference_mode():
        return {name: round(operations / _shortest_s(call, clock) / 1e9, 1) for name, call in calls.items()}


def measure_training_speeds() -> dict[str, float]:
    """Return precision -> 10^9 operations a second of a linear layer's forward and backward pass."""
    layer, rows = nn.Linear(INPUTS, OUTPUTS), torch.randn(4 * ROWS, INPUTS, requires_grad=True)

    def step(precision: str) -> None:
        with halved(precision):
            mapped = layer(rows)
        mapped.float().sum().backward()

    operations = 3 * 2 * rows.numel() * OUTPUTS
    return {
        name: round(operations / _shortest_s(partial(step, name), time.perf_counter) / 1e9, 1)
        for name in ("float32", "bfloat16")
    }


def halved(precision: str, device: str = "cpu") -> torch.autocast:
    """Return the context in which a training's forward pass takes its products in ``precision`` on a type of device."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")


def _network(precision: str) -> nn.Module:
    network = nn.Sequential(nn.Linear(INPUTS, OUTPUTS)).requires_grad_(False)
    streamline(network, precision)
    return network


def _shortest_s(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the shortest time of several, which other work on the machine has the least part in."""
    call()
    times_s = []
    for _ in range(REPEATS):
        begun = clock()
        call()
        times_s.append(clock() - begun)
    return min(times_s)
