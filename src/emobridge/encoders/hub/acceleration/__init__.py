"""How frozen public encoders run fast on a processor: precision, ONNX graphs, optimised layers."""
