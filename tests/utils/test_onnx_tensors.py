"""Laws of inner tensors: they become outputs with the values that they have inside, and the rest stays as it is."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from emobridge.utils.onnx import Graph
from emobridge.utils.onnx_tensors import inputs_of, with_outputs


def model() -> onnx.ModelProto:
    """Return (2 x + x) as a graph whose long name takes a length of two bytes."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    nodes = [
        helper.make_node("Add", ["x", "x"], ["doubled" * 40]),
        helper.make_node("Add", ["doubled" * 40, "x"], ["y"]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph(nodes, "toy", [value], [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_inputs_of_a_kind_of_node() -> None:
    assert list(inputs_of(model().SerializeToString(), "Add")) == [["x", "x"], ["doubled" * 40, "x"]]
    assert list(inputs_of(model().SerializeToString(), "Mul")) == []


def test_an_inner_tensor_becomes_an_output(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(model().SerializeToString())
    graph = Graph(tmp_path / "toy.onnx", ("doubled" * 40,), inner=True)
    (found,) = graph.run({"x": np.array([1, 2], np.float32)}).values()
    assert found.tolist() == [2.0, 4.0]


def test_outputs_are_added_and_nothing_else_changes() -> None:
    merged = onnx.load_from_string(with_outputs(model().SerializeToString(), ["doubled" * 40]))
    assert [output.name for output in merged.graph.output] == ["y", "doubled" * 40]
    del merged.graph.output[1]
    assert merged == model()
