"""Tensors inside an ONNX model made outputs of it, in memory; the file stays as it is.

onnxruntime returns declared outputs alone, and the package onnx is too large a dependency for prediction. Two facts of
the format suffice: a model is a protocol buffer, and a message that is written in parts is merged when it is read.
"""

from collections.abc import Iterable, Iterator

# Numbers of fields in onnx.proto.
GRAPH, NODE, GRAPH_OUTPUT, NODE_INPUT, NODE_KIND, VALUE_NAME = 7, 1, 12, 1, 4, 1
VARINT, BYTES = 0, 2  # kinds of fields; the others have a fixed length
FIXED_LENGTHS = {1: 8, 5: 4}


def inputs_of(model: bytes, kind: str) -> Iterator[list[str]]:
    """Yield the names of the inputs of each node of a ``kind``, such as ``Gemm``, in the order of the graph."""
    for graph in _fields(memoryview(model), GRAPH):
        for node in _fields(graph, NODE):
            if [bytes(name).decode() for name in _fields(node, NODE_KIND)] == [kind]:
                yield [bytes(name).decode() for name in _fields(node, NODE_INPUT)]


def with_outputs(model: bytes, names: Iterable[str]) -> bytes:
    """Return the model with the tensors ``names`` as further outputs: a second part of its graph holds these alone."""
    return model + _field(GRAPH, b"".join(_field(GRAPH_OUTPUT, _field(VALUE_NAME, name.encode())) for name in names))


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the contents of the fields of a number, all of which hold bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == VARINT:
            _, place = _varint(message, place)
        elif kind == BYTES:
            length, place = _varint(message, place)
            if key >> 3 == wanted:
                yield message[place : place + length]
            place += length
        else:
            place += FIXED_LENGTHS[kind]


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number at ``place``, 7 bits a byte, lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
