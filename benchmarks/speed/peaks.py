"""The most that a machine can do: products of matrices at each precision, and copying memory.

    python -m benchmarks.speed.peaks THREADS

Several libraries are asked, for none is the fastest on every processor; the best of all of them is the peak. Those
that are not installed are left out.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.speed.machine import version_of
from emobridge.utils.extras import load_extra
from emobridge.utils.threads import cores

FP32, BF16, INT8 = "fp32", "bf16", "int8"
PRECISIONS = (FP32, BF16, INT8)
SIDE = 1024  # of the matrices: 2 G operations a product
REPEATS, LONGEST_S = 20, 0.5  # so many products, or until it has taken so long
SLOW_S = 1.0  # what is this slow the first time is no peak, and not asked twice
COPY_BYTES = 2**27
# Element types and operations of ONNX's format (onnx.proto).
_FLOAT, _UINT8, _INT8, _INT32 = 1, 2, 3, 6


@dataclass(frozen=True)
class Peaks:
    """What a machine can do with so many threads.

    Attributes:
        threads: that worked.
        gops: precision -> 10^9 operations a second; a multiplication and an addition are two. A precision that no
            installed library can measure is absent.
        kernels: precision -> whose product it was.
        copy_gb_per_s: memory copied, each byte counted as read and as written.
    """

    threads: int
    gops: dict[str, float]
    kernels: dict[str, str]
    copy_gb_per_s: float


def peaks(threads: int) -> Peaks:
    """Return the peaks, measured in a process of its own with ``threads`` threads, on as many cores."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(threads)],
        check=True, stdout=subprocess.PIPE, env=os.environ | thread_limits(threads),
    )  # fmt: skip
    return Peaks(**json.loads(done.stdout))


def thread_limits(threads: int) -> dict[str, str]:
    """Return the environment in which numpy, torch and OpenMP use so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return dict.fromkeys(names, str(threads))


def stay_on(threads: int) -> None:
    """Keep this process on as many cores as it has threads, the last ones, where the system allows that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores()[-threads:])


def measure(threads: int) -> Peaks:
    """Return the peaks of this process, whose libraries must have been told the number of threads before."""
    gops: dict[str, float] = {}
    kernels: dict[str, str] = {}
    for precision, kernel, product in _products(threads):
        found = 2 * SIDE**3 / _fastest_s(product) / 1e9
        if found > gops.get(precision, 0.0):
            gops[precision], kernels[precision] = round(found, 1), kernel
    return Peaks(threads, gops, kernels, round(_copy_gb_per_s(threads), 1))


def _fastest_s(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    first_s = time.perf_counter() - started
    if first_s > SLOW_S:
        return first_s
    taken: list[float] = []
    while len(taken) < REPEATS and sum(taken) < LONGEST_S:
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def _products(threads: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield precision, library and product of two square matrices, for every library that is installed."""
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    yield FP32, "numpy", lambda: left @ right
    yield from _onnxruntime_products(left, right, threads)
    if version_of("torch") is not None:
        yield from _torch_products(left, right, threads)


def _onnxruntime_products(left: Any, right: Any, threads: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    quantised = {"a": (left * 20 + 128).clip(0, 255).astype(np.uint8), "b": (right * 20).astype(np.int8)}
    for precision, graph, feeds in (
        (FP32, _graph("MatMul", _FLOAT, _FLOAT, _FLOAT), {"a": left, "b": right}),
        (INT8, _graph("MatMulInteger", _UINT8, _INT8, _INT32), quantised),
    ):
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        yield precision, "onnxruntime", lambda session=session, feeds=feeds: session.run(None, feeds)  # type: ignore[misc]


def _torch_products(left: Any, right: Any, threads: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    torch: Any = load_extra("torch", "train")
    torch.set_num_threads(threads)
    first, second = torch.from_numpy(left), torch.from_numpy(right)
    yield FP32, "torch", lambda: first @ second
    if _has_onednn(torch):
        packed = torch.ops.mkldnn._reorder_linear_weight(second, SIDE)
        linear = torch.ops.mkldnn._linear_pointwise
        yield FP32, "oneDNN, packed", lambda: linear(first, packed, None, "none", [], "")
    small, other = first.bfloat16(), second.bfloat16()
    yield BF16, "torch", lambda: torch.nn.functional.linear(small, other)
    integers = [(each * 20).clamp(-127, 127).to(torch.int8) for each in (first, second)]
    yield INT8, "torch", lambda: torch._int_mm(*integers)


def _has_onednn(torch: Any) -> bool:
    return bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _graph(operation: str, first: int, second: int, output: int) -> bytes:
    """Return an ONNX model of one operation on two matrices, as bytes: the package onnx is no part of the runtime."""

    def field(number: int, content: bytes | int) -> bytes:
        if isinstance(content, int):
            return bytes([number << 3, content])
        assert len(content) < 128, "a length of one byte"
        return bytes([number << 3 | 2, len(content)]) + content

    def value(name: str, element: int) -> bytes:
        return field(1, name.encode()) + field(2, field(1, field(1, element)))

    node = field(1, b"a") + field(1, b"b") + field(2, b"c") + field(4, operation.encode())
    graph = field(1, node) + field(2, b"product")
    graph += field(11, value("a", first)) + field(11, value("b", second)) + field(12, value("c", output))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def _copy_gb_per_s(threads: int) -> float:
    shares = [np.ones(COPY_BYTES // threads, np.uint8) for _ in range(threads)]
    targets = [np.empty_like(share) for share in shares]
    with ThreadPoolExecutor(threads) as pool:
        taken_s = _fastest_s(lambda: list(pool.map(np.copyto, targets, shares)))
    return 2 * sum(share.nbytes for share in shares) / taken_s / 1e9


def told(found: Mapping[str, Any]) -> str:
    """Return stored peaks (`asdict` of `Peaks`) in words."""
    each = [
        f"{name} {found['gops'][name]:.0f} ({found['kernels'][name]})" for name in PRECISIONS if name in found["gops"]
    ]
    return f"{', '.join(each)} G operations/s, memory copy {found['copy_gb_per_s']:.0f} GB/s"


if __name__ == "__main__":
    stay_on(int(sys.argv[1]))
    print(json.dumps(asdict(measure(int(sys.argv[1])))))
