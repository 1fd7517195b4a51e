"""Laws of graphs that are kept: what the network gives, made once, whole or made again."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emobridge.encoders.hub.acceleration import onnx_graphs
from emobridge.encoders.hub.acceleration.layers import QuantisedLinear
from emobridge.encoders.hub.acceleration.onnx_graphs import KeptGraph
from emobridge.errors import BundleError, OutputError

EXAMPLE = torch.zeros(1, 4, 32)


class Network(nn.Module):
    """Two layers whose weights are the same every time."""

    def __init__(self, kind: type[nn.Module] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Linear(32, 64), nn.Linear(64, 48)]
        self.layers = nn.Sequential(*(kind(layer) if kind else layer for layer in layers)).requires_grad_(False)

    def forward(self, value: Tensor) -> Tensor:
        found: Tensor = self.layers(value)
        return found


def rows(length: int) -> np.ndarray:
    return np.random.default_rng(length).standard_normal((1, length, 32), dtype=np.float32)


@pytest.fixture
def made() -> list[int]:
    return []


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[int]) -> Callable[..., KeptGraph]:
    """A function (depends) -> a graph of `Network` in a cache of the test's own; ``made`` counts the networks."""
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path))

    def network() -> Network:
        made.append(1)
        return Network()

    return lambda depends="this": KeptGraph(depends, network, EXAMPLE)


@pytest.mark.parametrize("length", [1, 4, 300])
def test_a_graph_gives_what_the_network_gives_at_any_length(keep: Callable[..., KeptGraph], length: int) -> None:
    expected = Network()(torch.from_numpy(rows(length))).numpy()
    np.testing.assert_allclose(keep().run(rows(length)), expected, atol=1e-5)


def test_eight_bits_come_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(tmp_path))
    expected = Network()(torch.from_numpy(rows(50))).numpy()
    found = KeptGraph("8 bits", lambda: Network(QuantisedLinear), EXAMPLE).run(rows(50))
    assert 0 < np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_graph_is_made_once_and_another_for_whatever_it_depends_on(
    keep: Callable[..., KeptGraph], made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = keep(), keep()
    np.testing.assert_array_equal(first.run(rows(3)), again.run(rows(3)))
    assert len(made) == 1
    assert first.folder == again.folder != keep("that").folder
    monkeypatch.setattr(onnx_graphs, "machine", lambda: ["another processor"])
    assert keep().folder != first.folder


@pytest.mark.parametrize("name", ["graph.onnx", "graph.onnx.weights", "sizes.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_damaged_graph_is_made_again(keep: Callable[..., KeptGraph], made: list[int], name: str, damage: str) -> None:
    first = keep()
    expected = first.run(rows(3))
    path = first.folder / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\xff" * len(content))
    if (name, damage) == ("graph.onnx.weights", "changed"):
        return  # weights are as the disk gives them: their bytes are not read before they are used
    np.testing.assert_array_equal(keep().run(rows(3)), expected)
    assert len(made) == 2


def test_what_a_kill_leaves_behind_is_not_used_and_goes_with_time(
    keep: Callable[..., KeptGraph], made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    graph = keep()
    monkeypatch.setattr(onnx_graphs, "optimise", killed)
    monkeypatch.setattr(onnx_graphs.shutil, "rmtree", lambda *_, **__: None)  # a kill cleans nothing up
    with pytest.raises(KeyboardInterrupt):
        graph.run(rows(3))
    monkeypatch.undo()
    monkeypatch.setenv("EMOBRIDGE_CACHE", str(graph.folder.parents[1]))
    (left,) = graph.folder.parent.iterdir()
    assert left.name.startswith(".")
    keep().run(rows(3))
    assert left.exists()  # another process may be at it
    os.utime(left, (time.time() - 4000,) * 2)
    keep("that").run(rows(3))
    assert left.exists()  # nor does it belong to that graph
    (graph.folder / "sizes.json").unlink()
    keep().run(rows(3))
    assert not left.exists()
    assert len(made) == 4


def test_a_disk_without_room_is_told_in_one_line(
    keep: Callable[..., KeptGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = keep()
    usage = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: usage)
    with pytest.raises(OutputError, match=r"a graph that takes 0\.00 GB .* left; set EMOBRIDGE_CACHE to") as caught:
        graph.run(rows(2))
    assert "\n" not in str(caught.value)
    assert not list(graph.folder.parent.iterdir())


def test_a_network_that_cannot_be_exported_is_told_in_one_line(keep: Callable[..., KeptGraph]) -> None:
    class Strange(nn.Module):
        def forward(self, value: Tensor) -> Tensor:
            return torch.special.bessel_j0(value)

    with pytest.raises(BundleError, match=r"a 'Strange' cannot be made a graph: .*; use another precision") as caught:
        KeptGraph("strange", Strange, EXAMPLE).run(rows(2))
    assert "\n" not in str(caught.value)
    assert not list(keep().folder.parent.iterdir())
