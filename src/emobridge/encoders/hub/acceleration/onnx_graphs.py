"""Public encoders as graphs of onnxruntime, optimised for this machine and kept on disk beside the cached vectors.

A graph has a folder under a name that stands for all that it depends on: checkpoint, layers, precision, versions and
processor. The folder appears whole or not at all; one that does not hold what it should is made again.
"""

import hashlib
import json
import logging
import platform
import shutil
import time
import uuid
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emobridge.errors import BundleError, OutputError
from emobridge.utils.cache import cache_folder
from emobridge.utils.files import make_folder, write_json
from emobridge.utils.onnx import Graph, optimise

FORMAT = 1  # raised whenever another graph comes out of the same network
LIBRARIES = ("onnxruntime", "torch", "transformers")
GRAPH, SIZES = "graph.onnx", "sizes.json"
OPERATORS = 20  # version of ONNX's set
ABANDONED_S = 3600.0
PACKED_BYTES = 2**29  # larger weights are packed when they are loaded, within a second or two, to save the disk

logger = logging.getLogger(__name__)


class KeptGraph:
    """A frozen network as a graph on disk, made when it is not there.

    Args:
        depends: all that the graph depends on, beside this machine.
        network: makes the network, which takes a batch of one and gives (1, T, dimension) in 32 bits.
        example: of its input; every axis after the first may have another length.
    """

    def __init__(self, depends: str, network: Callable[[], nn.Module], example: Tensor) -> None:
        content = json.dumps([depends, FORMAT, machine(), example.dim()])
        self.folder = cache_folder() / "graphs" / hashlib.sha256(content.encode()).hexdigest()[:32]
        self._network = network
        self._example = example
        self._graph: Graph | None = None

    def run(self, value: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return what the network gives for ``value``, a batch of one.

        Raises:
            BundleError: the network cannot be loaded or exported, or gives a number that is not finite.
            OutputError: the cache's folder cannot be made, or its disk has no room for the graph.
        """
        if self._graph is None:
            self._graph = self._opened()
        vectors: NDArray[np.float32] = self._graph.run({"value": value})["vectors"]
        return vectors

    def _opened(self) -> Graph:
        graph = Graph(self.folder / GRAPH, ("vectors",), torch.get_num_threads(), optimised=True)
        if _is_whole(self.folder):
            try:
                graph.load()
            except BundleError as error:
                logger.warning("a stored graph is made again: %s", error)
            else:
                return graph
        shutil.rmtree(self.folder, ignore_errors=True)
        self._make()
        graph.load()
        return graph

    def _make(self) -> None:
        parent = make_folder(self.folder.parent)
        for left in parent.glob(f".{self.folder.name}.*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)
        partial = make_folder(parent / f".{self.folder.name}.{uuid.uuid4().hex}")
        try:
            exported = make_folder(partial / "exported")
            _export(_with_room(self._network(), parent), self._example, exported / GRAPH)
            size = sum(path.stat().st_size for path in exported.iterdir())
            optimise(exported / GRAPH, partial / GRAPH, packed=size < PACKED_BYTES)
            shutil.rmtree(exported)
            write_json(partial / SIZES, {path.name: path.stat().st_size for path in partial.iterdir()})
            try:
                partial.rename(self.folder)
            except OSError:  # another process was faster
                if not _is_whole(self.folder):
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def machine() -> list[str]:
    """Return what stored graphs and measured speeds depend on: the processor and the libraries' versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    about = {line.partition(":")[0].strip(): line for line in lines}
    processor = [about.get(name, "") for name in ("model name", "flags", "Features")]
    return [platform.machine(), platform.processor(), *processor, *(f"{name} {version(name)}" for name in LIBRARIES)]


def _is_whole(folder: Path) -> bool:
    if not (folder / SIZES).is_file():
        return False
    try:
        sizes = json.loads((folder / SIZES).read_bytes())
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _with_room(network: nn.Module, folder: Path) -> nn.Module:
    """Return the network, after checking that the disk has room for its weights as exported and as optimised."""
    tensors = [*network.parameters(), *network.buffers()]
    needed = 3 * sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"a graph that takes {needed / 1e9:.2f} GB in '{folder}' while it is made",
            f"its disk has {free / 1e9:.2f} GB left",
            "set EMOBRIDGE_CACHE to a folder on a larger disk",
        )
    return network


def _export(network: nn.Module, example: Tensor, path: Path) -> None:
    axes = {axis: f"length_{axis}" for axis in range(1, example.dim())}
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing tells of every shape that becomes a constant
            torch.onnx.export(
                network, (example,), str(path), dynamo=False, opset_version=OPERATORS, input_names=["value"],
                output_names=["vectors"], dynamic_axes={"value": axes, "vectors": {1: "steps"}},
            )  # fmt: skip
    except Exception as error:  # what traces a network raises whatever it likes
        given = f"a '{type(network).__name__}' cannot be made a graph: {' '.join(str(error).split())[:300]}"
        raise BundleError(given, "'float32' needs no graph of a text encoder", "use another precision") from error
