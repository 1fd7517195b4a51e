"""Laws of graphs: loaded when first run, the same bits every time, refused when damaged or not finite."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from emobridge.errors import BundleError
from emobridge.utils.onnx import Graph


@pytest.fixture
def reciprocal(tmp_path: Path) -> Path:
    """y = 1 / x for x (N,)."""
    graph = helper.make_graph(
        [helper.make_node("Reciprocal", ["x"], ["y"])],
        "reciprocal",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])],
    )
    path = tmp_path / "reciprocal.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def x(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.array(values, dtype=np.float32)}


def test_outputs_come_by_name_and_other_arrays_are_left_out(reciprocal: Path) -> None:
    outputs = Graph(reciprocal, ("y",), threads=1).run({**x(2, 4), "unknown": np.zeros(1)})
    assert {name: value.tolist() for name, value in outputs.items()} == {"y": [0.5, 0.25]}


def test_nothing_is_read_before_the_first_run(tmp_path: Path) -> None:
    graph = Graph(tmp_path / "absent.onnx", ("y",))
    with pytest.raises(BundleError, match=r"absent\.onnx' cannot be loaded"):
        graph.run(x(1))


@pytest.mark.parametrize("keep", [0, 20, -1])
def test_a_damaged_graph_is_refused_in_one_quiet_line(reciprocal: Path, keep: int, capfd: object) -> None:
    content = reciprocal.read_bytes()
    reciprocal.write_bytes(content[:keep] if keep >= 0 else b"not a graph" + content)
    with pytest.raises(BundleError, match=r"reciprocal\.onnx'.*restore") as caught:
        Graph(reciprocal, ("y",)).run(x(1))
    assert str(caught.value).isprintable()
    assert isinstance(capfd, pytest.CaptureFixture)
    assert capfd.readouterr() == ("", "")


def test_a_graph_without_the_output_is_refused(reciprocal: Path) -> None:
    with pytest.raises(BundleError, match="lacks the output z; it has y"):
        Graph(reciprocal, ("z",)).run(x(1))


@pytest.mark.parametrize("feeds", [{}, {"x": np.zeros((2, 2), np.float32)}, {"x": np.zeros(2, np.int64)}])
def test_arrays_that_do_not_fit_are_refused(reciprocal: Path, feeds: dict[str, np.ndarray]) -> None:
    with pytest.raises(BundleError, match=r"cannot be run: .*; it takes x"):
        Graph(reciprocal, ("y",)).run(feeds)


def test_a_number_that_is_not_finite_is_never_passed_on(reciprocal: Path) -> None:
    with pytest.raises(BundleError, match="not finite in 'y'"):
        Graph(reciprocal, ("y",)).run(x(1, 0))
